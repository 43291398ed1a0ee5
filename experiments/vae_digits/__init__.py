"""Handwritten digits in two latents: where a VAE puts them, what a grid there looks like, and the same by PCA.

    python -m experiments.vae_digits            # scikit-learn's 8 × 8 digits, five seeds: about a minute
    python -m experiments.vae_digits --smoke    # a small one
    python -m experiments.vae_digits --digits mnist    # 5,000 of 28 × 28, or a path to all of MNIST

The VAE is trained on the images alone, without labels. The figures show its latents in the colours of the digits, and
the decoded latent grid. Scores on held-out digits: −ELBO (Gaussian of σ = 0.2, nats per image), the error of the
reconstruction, and how well the digit is known from the latents: by the majority of an image's ten nearest
neighbours, and by k-means into ten clusters named to fit best. PCA to the same two dimensions, and the pixels
themselves, get the same scores. Source: arXiv 1312.6114.

Expected: error of the reconstruction .182 [.177, .183] (PCA .230); digit from ten neighbours .85 [.785, .86] (PCA .61).
"""

# To make an experiment of your own, copy this folder and put your name in place of ``vae_digits`` in its files; nothing
# outside of the folder has to change. Then go through the files in this order:
#
#   __init__.py      the docstring above: question, command with its time, what is done, the numbers to expect.
#                    ``--help`` prints it, and the list of experiments shows its first line.
#   config.py        the options, the small job of ``--smoke``, the names of the stages
#   compute.py       the computation, and what is recorded of it
#   figures.py       the figures of the report, drawn from what was recorded
#   summary.html.j2  the tables that open the report

from experiments.lab.harness import Experiment
from experiments.vae_digits.config import SMOKE, STAGES, Config

__all__ = ["EXPERIMENT", "SMOKE", "STAGES", "Config", "run"]

EXPERIMENT = Experiment(__name__, __doc__ or "", Config, SMOKE, STAGES, picture="latents")
run = EXPERIMENT.run  # from Python: run(Config(epochs=20)) returns arrays, numbers and the folder
