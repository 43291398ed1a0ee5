"""Deep kernels on field histories: static fits and campaigns for Σ|curl P|, the curl of directions, and Σ|P|.

    python -m experiments.dkl_trajectories            # seven minutes of CPU time
    python -m experiments.dkl_trajectories --smoke    # a small one
    python -m experiments.dkl_trajectories --pool 7500 --samples 900 --steps 500    # every curve a candidate

After arXiv 2303.14554: 7,500 histories A exp(αt) cos(ωt) + B drive the lattice of the main job (``lecture`` preset),
and a campaign evaluates 100 + 500 of its candidates (μ + 10σ), here 2,000 of the histories. All 7,500 are simulated,
and VAEs learn from all of them. The published deep kernel is a 64-64-2 network trained with the likelihood; its 2-D
layer is shown for static fits. Campaigns use ``bo.deep_kernel`` (kernels on the curves, components and diffusion
coordinates, whose weights follow the labels), shown by two principal components of its kernel's embedding; beside it,
at equal budget, a Gaussian process in a VAE's 2-D latent, one on the curves, and random. Recall is of the best 2 %.

Expected recall of block deep kernel / VAE latent / curves / random: Σ|curl| 1.00 / .95 / 1.00 / .30, curl of directions
.95 / .80 / 1.00 / .30, Σ|P| 1.00 / 1.00 / 1.00 / .33.
"""

from experiments.dkl_trajectories.config import SMOKE, STAGES, Config
from experiments.lab.harness import Experiment

__all__ = ["EXPERIMENT", "SMOKE", "STAGES", "Config", "run"]

EXPERIMENT = Experiment(__name__, __doc__ or "", Config, SMOKE, STAGES, picture="spaces")
run = EXPERIMENT.run
