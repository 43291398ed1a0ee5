"""Does the gradient find the best field history sooner? Ascent through decoder and rollout, beside campaigns.

    python -m experiments.gradient_latent            # ten minutes of processor time
    python -m experiments.gradient_latent --smoke    # a small one

Σ|curl P| is climbed from many starts in one compiled program, through the decoder of a VAE and the rollout of the
lattice, every step projected to the training support. Beside it, at equal cost (a value with its gradient counts as
three rollouts): campaigns over cells of the support with log EI and with μ + 10σ, ascents from the best cells that log
EI or a random order has met, CMA-ES (where the library ``cma`` is installed), Sobol and random orders; ten seeds on
each of three maps, both presets. What a map does to an ascent is shown by ascents from random cells, lines through the
best cell, and the same with the kinks of |curl| rounded.

Expected: log EI arrives first, at medians of 88 and 72 rollouts on two maps of the lecture preset (μ + 10σ 205 and 190)
and 118, 225 and 51 on those of the physical one; on the second map of the lecture preset no search arrives within 300
in half of the seeds. Handing over from log EI to the gradient costs as much as μ + 10σ or more, so it does not pay:
what counts are narrow ridges, a twentieth of a standard deviation wide, and 3 to 19 % of ascents from random cells find
one. Rounded kinks change nothing. Ascents find up to 1.2 more than the best of 4,000 cells. After 1,000 more steps
everything is 10 under the lecture preset.
"""

from experiments.gradient_latent.config import SMOKE, STAGES, Config
from experiments.lab.harness import Experiment

__all__ = ["EXPERIMENT", "SMOKE", "STAGES", "Config", "run"]

EXPERIMENT = Experiment(__name__, __doc__ or "", Config, SMOKE, STAGES, picture="arrivals")
run = EXPERIMENT.run
