"""Digits with known classes, upright and turned: one latent space per digit, which then is left with style.

    python -m experiments.conditional_digits            # scikit-learn's digits, five seeds: two CPU-minutes
    python -m experiments.conditional_digits --smoke    # a small one
    python -m experiments.conditional_digits --mnist DIRECTORY --count 10000    # from your own files

Upright: a plain VAE and one that is told the digit. Told it, the latents need not spend themselves on telling digits
apart: the digit is hard to see in them (majority of the ten nearest neighbours, to be compared with guessing), and
style is seen better: slant and amount of ink, the mean of each digit taken off. The same images turned by known
angles within ±60°: the two again, where the latents now hold the turn, and a conditional model whose pose has an
angle (its prior has the spread of the true angles). The angle that it recovers is compared with the true one, an
offset per digit taken off; a digit's own slant, which differs from writer to writer, counts as an error there.
Sources: arXiv 2303.18236 (conditional and invariant VAEs), the lecture's digits. Expected numbers: see the README's
table.
"""

from experiments.conditional_digits.config import SMOKE, STAGES, Config
from experiments.lab.harness import Experiment

__all__ = ["EXPERIMENT", "SMOKE", "STAGES", "Config", "run"]

EXPERIMENT = Experiment(__name__, __doc__ or "", Config, SMOKE, STAGES)
run = EXPERIMENT.run
