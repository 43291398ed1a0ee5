"""Charge a lithium-ion cell in 15 minutes: the current history that brings most without heat and plating.

    python -m experiments.battery            # about six minutes of processor time, most of it PyBaMM's
    python -m experiments.battery --smoke    # a small one
    python -m experiments.battery --python PATH/bin/python    # where PyBaMM has an environment of its own

PyBaMM (pip install 'ferro-jax[battery]') charges a 5 Ah cell with each history: 1,000 generated ones, and those decoded
from a latent space learned from them. Value: charge less penalties for temperatures above 45 °C and for potentials at
which lithium plates; a cell that reaches 4.2 V is cut off, and its history has failed. Gaussian-process campaigns
search the latent space, beside random orders at the same budget. Expected: campaigns of 60 evaluations find
the best candidate, 2.09 Ah, in the median (half of them to within 1 % after about 20), random candidates and random
generated histories reach 2.01; 39 % of the candidates are cut off.
"""

from experiments.battery.config import SMOKE, STAGES, Config
from experiments.lab.harness import Experiment

__all__ = ["EXPERIMENT", "SMOKE", "STAGES", "Config", "run"]

EXPERIMENT = Experiment(__name__, __doc__ or "", Config, SMOKE, STAGES, picture="best")
run = EXPERIMENT.run
