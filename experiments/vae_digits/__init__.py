"""Handwritten digits in two latents: where a VAE puts them, what a grid there looks like, and the same by PCA.

    python -m experiments.vae_digits            # scikit-learn's 8 × 8 digits, five seeds: about a minute
    python -m experiments.vae_digits --smoke    # a small one
    python -m experiments.vae_digits --mnist DIRECTORY --epochs 20 --width 128    # 28 × 28, from your own files

A VAE that knows nothing but the images; the figures show its latents in the digits' colours and the decoded latent
grid. Held out are −ELBO (Gaussian of σ = 0.2, nats per image), the error of the reconstruction, and how well the
digit is known from the latents: by the majority of an image's ten nearest neighbours, and by k-means into ten
clusters named to fit best. PCA to the same two dimensions, and the pixels themselves, are scored alike.
Source: arXiv 1312.6114.

Expected: error of the reconstruction .182 [.177, .183] (PCA .230); digit from ten neighbours .85 [.785, .86] (PCA .61).
"""

from experiments.lab.harness import Experiment
from experiments.vae_digits.config import SMOKE, STAGES, Config

__all__ = ["EXPERIMENT", "SMOKE", "STAGES", "Config", "run"]

EXPERIMENT = Experiment(__name__, __doc__ or "", Config, SMOKE, STAGES)
run = EXPERIMENT.run
