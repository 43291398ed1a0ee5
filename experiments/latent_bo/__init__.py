"""Find the field history that maximises the curl of a ferroelectric's polarization, in a VAE's latent space.

    python -m experiments.latent_bo            # the published scale: about four minutes on two cores
    python -m experiments.latent_bo --smoke    # a small one

7,500 oscillating field histories are learned by a VAE with two latents; a 100 × 100 grid of its latent space is decoded
and simulated with FerroSIM (the truth, which is hidden from the campaigns); Gaussian-process campaigns of 100 + 500
evaluations with μ + κσ search that grid with the simulation computed live, several seeds in one compiled program,
beside random and Sobol orders. What is found is then simulated again under other subset seeds, longer holds and the
synchronous update. Sources: arXiv 2206.12435 and 2303.14554.

Expected: held-out −ELBO below −1171.6 nats a curve, map maximum near 15; in three of five seeds the best cells fall
below middling ones after a hold of 1,000 steps.
"""

from experiments.lab.harness import Experiment
from experiments.latent_bo.config import SMOKE, STAGES, Config

__all__ = ["EXPERIMENT", "SMOKE", "STAGES", "Config", "run"]

EXPERIMENT = Experiment(__name__, __doc__ or "", Config, SMOKE, STAGES, picture="exploration")
run = EXPERIMENT.run
