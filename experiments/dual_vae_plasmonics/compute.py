"""TODO docstring of experiments.dual_vae_plasmonics.compute.compute"""

from experiments.dual_vae_plasmonics import particles
from experiments.dual_vae_plasmonics.config import Config
from experiments.lab.run import Run


def compute(run: "Run", config: Config) -> None:
    """Data, baselines, the dual VAE, its predictions and their scores."""

    particles.compute(run, config)
