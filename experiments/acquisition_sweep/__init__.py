"""Which exploration weight, when nobody knows the truth? A sweep of κ, and rules that choose without it.

    python -m experiments.acquisition_sweep            # fourteen minutes of CPU time
    python -m experiments.acquisition_sweep --smoke    # a small one

Campaigns with μ + κσ (κ multiplies the standard deviation), κ from 0.1 to 30 with many seeds each, on three landscapes:
the FerroSIM map of ``latent_bo`` (every second row and column of its 100 × 100 latent grid), Branin on a grid,
Hartmann-6 on a random pool. On each landscape all weights, seeds and rules are lanes of one vmapped program: κ and the
choice of rule are traced. The best κ of each landscape, known only in hindsight, is the envelope; against it stand
rules that need no ground truth, and random and Sobol orders. Judged by evaluations until one of the best 0.5 % of the
candidates is found, the initial design included; seeds that do not get there are censored, not dropped.

The rules' own settings are the library's defaults, and the portfolio's weights were set before anything was run:
nothing was tuned on these landscapes (``--landscapes levy ackley`` and ``--map-seed`` are there to tune on others).

Expected (32 seeds): best κ 1 on the map, 0.3 on Branin, 0.1 on Hartmann-6, at a median of 22.5, 20 and 18.5
evaluations; the largest κ costs two to five times as many. No rule is within 10 % of that on all three: the worst
ratios are 1.19 (log PI), 1.22 (portfolio), 1.24 (log EI), 1.65 (calibrated), all on Hartmann-6; a single κ = 0.3 would
have had 1.14.
"""

from experiments.acquisition_sweep.config import SMOKE, STAGES, Config
from experiments.lab.harness import Experiment

__all__ = ["EXPERIMENT", "SMOKE", "STAGES", "Config", "run"]

EXPERIMENT = Experiment(__name__, __doc__ or "", Config, SMOKE, STAGES, picture="weights")
run = EXPERIMENT.run
