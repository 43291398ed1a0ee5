"""Deep kernels on playing cards: static fits and campaigns for one suit against the rest, all suits, shear, rotation.

    python -m experiments.dkl_cards            # twelve minutes of CPU time
    python -m experiments.dkl_cards --smoke    # a small one
    python -m experiments.dkl_cards --size 30 --per-suit 2000    # the paper's images: estimated at an hour

After arXiv 2303.14554: unlabelled images, of which a campaign evaluates 100 + 500 (μ + 10σ), here 2,000 of 12 × 12
pixels. The published deep kernel is a 64-64-2 network trained with the likelihood; its 2-D layer is shown for static
fits. Campaigns use ``bo.deep_kernel`` (kernels on pixels, components, diffusion coordinates and random
convolutions, whose weights follow the labels), shown by two principal components of its kernel's embedding, against a
Gaussian process in a VAE's 2-D latent, one on pixels, and random. Recall is of all cards of the suit, of the last suit
where the number of the suit is the target, and of the best 2 % for shear and rotation.

Expected recall of the block deep kernel (pixels): 1.00 (.54) for one suit, 1.00 (.62) for the number of the suit, .93
(.80) for shear, .78 (.58) for rotation.
"""

from experiments.dkl_cards.config import SMOKE, STAGES, Config
from experiments.lab.harness import Experiment

__all__ = ["EXPERIMENT", "SMOKE", "STAGES", "Config", "run"]

EXPERIMENT = Experiment(__name__, __doc__ or "", Config, SMOKE, STAGES, picture="spaces")
run = EXPERIMENT.run
