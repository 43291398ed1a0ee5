"""Local spectra from local structure: a patch of an electron image predicts the energy losses at its middle.

    python -m experiments.image_to_spectrum            # a simulated scan, five seeds: eleven CPU-minutes
    python -m experiments.image_to_spectrum --smoke    # a small one
    python -m experiments.image_to_spectrum --path SCAN.npz    # your own, from 48 columns up

Patches have 16 × 16 points, or fewer in a small scan. Trained on one region of a scan, scored on another (``--split``;
im2spec, arXiv 2002.04257). Beside the ensemble's error stand the nearest training patch and PCA with ridge regression,
and what all score on the random split of overlapping patches that published numbers used. Maps of error and spread,
spectra at the best, the median and the worst patch, and clusters of the codes against what the points are: particle,
edge, gap, background.

Expected normalised error on another region: .095 [.093, .100], ensemble .089; nearest patch .484, PCA + ridge .205.
"""

from experiments.image_to_spectrum.config import SMOKE, STAGES, Config
from experiments.lab.harness import Experiment

__all__ = ["EXPERIMENT", "SMOKE", "STAGES", "Config", "run"]

EXPERIMENT = Experiment(__name__, __doc__ or "", Config, SMOKE, STAGES, picture="spectra")
run = EXPERIMENT.run
