"""Local structure from local spectra: an energy-loss spectrum predicts the patch of the image around it.

    python -m experiments.spectrum_to_image            # a simulated scan, five seeds: eleven CPU-minutes
    python -m experiments.spectrum_to_image --smoke    # a small one
    python -m experiments.spectrum_to_image --path SCAN.npz    # your own, from 48 columns up

The way back of image_to_spectrum (spec2im): a single spectrum cannot know on which side a particle lies, so that a
prediction is the mean over all that look alike to it. Patches have 16 × 16 points, or fewer in a small scan. Trained on
one region of a scan, scored on another (``--split``), beside the nearest training spectrum and PCA with ridge
regression; and on the random split of overlapping patches.

Expected normalised error: .927 on another region and on the random split; nearest spectrum 1.86, PCA + ridge .942.
"""

from experiments.lab.harness import Experiment
from experiments.spectrum_to_image.config import SMOKE, STAGES, Config

__all__ = ["EXPERIMENT", "SMOKE", "STAGES", "Config", "run"]

EXPERIMENT = Experiment(__name__, __doc__ or "", Config, SMOKE, STAGES, picture="pictures")
run = EXPERIMENT.run
