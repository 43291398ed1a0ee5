"""Measure how time step, hold, update rule, edges, subsets and precision change the target, against its own spread.

    python -m experiments.convergence            # 128 histories, three random fields: one to two minutes
    python -m experiments.convergence --smoke    # a small one

The target is Σ|curl| of the final state, as published. The same field histories and random fields are simulated again
with one choice changed at a time; the change is compared with the standard deviation of the target over the histories,
since that spread is what an optimiser works with, and with what happens to the histories' ranking.

Expected, in standard deviations over the histories: with the synchronous update the published time step errs by 0.014
(order 1.0) and its 50 held steps by 0.35; with the random subset by 0.7 and 0.8, and a third of the best tenth of the
histories stays when all sites move. After 4000 held steps the two updates agree to 0.007. float32 errs by 1e-6.
"""

from experiments.convergence.config import SMOKE, STAGES, Config
from experiments.lab.harness import Experiment

__all__ = ["EXPERIMENT", "SMOKE", "STAGES", "Config", "run"]

EXPERIMENT = Experiment(__name__, __doc__ or "", Config, SMOKE, STAGES, picture="time_step")
run = EXPERIMENT.run
