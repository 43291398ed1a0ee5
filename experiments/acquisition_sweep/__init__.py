"""Which exploration weight, when nobody knows the truth? A sweep of κ, and rules that choose without it.

    python -m experiments.acquisition_sweep            # 25 minutes of CPU time
    python -m experiments.acquisition_sweep --smoke    # a small one
    python -m experiments.acquisition_sweep --loops BEPS_PTO_50x50.h5  # measured loops as well: half an hour

Campaigns with μ + κσ (κ multiplies the standard deviation), κ from 0.1 to 30 with many seeds each, on six landscapes:
the FerroSIM map of ``latent_bo`` (every second row and column of its 100 × 100 latent grid), Branin on a grid,
Hartmann-6 and Ackley-4 on random pools, a draw of a Matérn-1/2 process on a grid, and the battery's table of charging
histories; with ``--loops`` a seventh, the areas of measured switching loops by their place in the scan. On each
landscape all weights, seeds and rules are lanes of one vmapped program: κ and the choice of rule are traced. Rules on
a mixture over hyperparameters are lanes of a second one. The best κ of each landscape, known only in hindsight, is the
envelope; against it stand rules that need no ground truth, and random and Sobol orders. Judged by evaluations until one
of the best 0.5 % of the candidates is found, the initial design included; seeds that do not get there are censored, not
dropped.

The rules' own settings are the library's defaults, and the portfolio's weights were set before anything was run:
nothing was tuned on these landscapes (``--landscapes levy ackley`` and ``--map-seed`` are there to tune on others).

Expected (32 seeds, seven landscapes): the best κ lies between 0.1 and 3. No rule is within 10 % of it on all: the worst
ratios of medians are 1.26 (top two by EI), 1.38 (log PI), 1.40 (portfolio, randomised UCB), 1.57 (log EI), 1.78 (log EI
with a calibrated σ) and 2.26 (log EI of a mixture). The best single κ in hindsight, 2, has 1.43. By restricted means
log PI is at 1.10, log EI at 1.27.
"""

from experiments.acquisition_sweep.config import SMOKE, STAGES, Config
from experiments.lab.harness import Experiment

__all__ = ["EXPERIMENT", "SMOKE", "STAGES", "Config", "run"]

EXPERIMENT = Experiment(__name__, __doc__ or "", Config, SMOKE, STAGES, picture="landscapes")
run = EXPERIMENT.run
