"""A hyperspectral scan of nanoparticles in a few non-negative components: their spectra, and where each is found.

    python -m experiments.nmf_maps            # a simulated scan: about two minutes of processor time
    python -m experiments.nmf_maps --smoke    # a small one
    python -m experiments.nmf_maps --path SCAN.npz    # your own: image, spectrum image, energy axis, scale

Non-negative matrix factorisation by scikit-learn. How many components the data carry is decided by blocks of spectra
and channels that no factorisation used (bi-cross-validation, Owen & Perry 2009). Expected: losses inside the metal
(3.8 eV) and plasmons of discs, triangles and rods in components of their own.
"""

from experiments.lab.harness import Experiment
from experiments.nmf_maps.config import SMOKE, STAGES, Config

__all__ = ["EXPERIMENT", "SMOKE", "STAGES", "Config", "run"]

EXPERIMENT = Experiment(__name__, __doc__ or "", Config, SMOKE, STAGES, picture="components")
run = EXPERIMENT.run
