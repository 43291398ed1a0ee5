"""Anneal a perovskite film: the temperature history that makes large grains and decomposes little.

    python -m experiments.annealing            # about three minutes of processor time
    python -m experiments.annealing --smoke    # a small one

A wet film dries, nucleates, grows, coarsens and decomposes (an equation in JAX, its gradient known). A latent space is
learned from 1,000 generated histories of 1 to 60 minutes, and Gaussian-process campaigns search it, beside random
orders at the same budget; the best of the campaigns is then improved along the gradient. Expected: campaigns of 60
evaluations reach a quality of 0.65 in the median, random candidates and random generated histories 0.60, the gradient
0.68 in the latent space and 0.76 sample by sample.
"""

from experiments.annealing.config import SMOKE, STAGES, Config
from experiments.lab.harness import Experiment

__all__ = ["EXPERIMENT", "SMOKE", "STAGES", "Config", "run"]

EXPERIMENT = Experiment(__name__, __doc__ or "", Config, SMOKE, STAGES, picture="best")
run = EXPERIMENT.run
