"""A Gaussian process in one dimension: prior, posterior, acquisitions, a campaign, and is it calibrated?

    python -m experiments.gp_tutorial            # half a minute; a minute and a half with compilation
    python -m experiments.gp_tutorial --smoke    # fewer draws in the check

Shown with the parts that campaigns use: draws from the prior of several kernels and length scales; the posterior given
a few values of Forrester's function, mean ± 2 standard deviations, with fixed and with fitted hyperparameters; what
noise does; acquisition functions along the line; the first steps of a campaign, as panels and as a film.
Checked: functions drawn from the prior are predicted from noisy values at random places; the share of them inside the
central intervals must be the nominal one when the model is the one they were drawn from, and is compared with models
of wrong length scale and with a fitted one. Mean and standard deviation are held against GPJax's own.
Expected: coverage of the 95 % interval 0.95 to within two standard errors for the true model, below it for a length
scale three times too long (0.46) and above it for one three times too short (0.99); 0.85 when the hyperparameters are
fitted to twelve noisy values, because MAP ignores that they are uncertain; difference from GPJax below 1e-9.
"""

from experiments.gp_tutorial.config import SMOKE, STAGES, Config
from experiments.lab.harness import Experiment

__all__ = ["EXPERIMENT", "SMOKE", "STAGES", "Config", "run"]

EXPERIMENT = Experiment(__name__, __doc__ or "", Config, SMOKE, (*STAGES, "figures"), picture="campaign")
run = EXPERIMENT.run
