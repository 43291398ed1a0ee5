"""Data sets of images with known factors: generated, shipped with a library, or read from your own files.

    import jax
    from experiments import datasets

    print(datasets.NAMES)
    images = datasets.load(jax.random.key(0), "cards_full", size=12, per_suit=50)
    print(images.source)
    print(images.x.shape, images.classes, sorted(images.factors))     # NumPy arrays with what is known of them
    few = datasets.hide_labels(jax.random.key(1), images, share=0.1)  # labels for one card in ten
    batch = datasets.to_batch(few, labels=True)                       # what models are trained on
    print(batch.x.shape, datasets.labels_per_class(few))

``load`` gives any set by its name, ``own`` among them: a stack of images from npy, npz or HDF5. ``read`` reads frames,
scans and curves of many formats, ``find_columns`` and ``cut`` go from a frame to windows; ``lattice.frame`` simulates
one, ``loops.simulate`` a scan of switching loops. ``plasmonics`` holds pairs of images and spectra. Importing this
package imports neither JAX nor a data set, so
that listings stay quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from experiments.datasets.types import Images, angle_errors, labels_per_class, take

if TYPE_CHECKING:
    from experiments.datasets import lattice, loops, plasmonics
    from experiments.datasets.batches import hide_labels, to_batch, true_pose
    from experiments.datasets.files.reading import read
    from experiments.datasets.files.records import Axis, Measured
    from experiments.datasets.frames.columns import Columns, find_columns
    from experiments.datasets.frames.windows import Windows, angle_modulo, cut
    from experiments.datasets.sets import load

NAMES = ("cards_full", "cards_mild", "cards_rotated", "cards_deep_kernel", "digits", "lattice", "plasmonics", "own")
__all__ = [
    "NAMES",
    "Axis",
    "Columns",
    "Images",
    "Measured",
    "Windows",
    "angle_errors",
    "angle_modulo",
    "cut",
    "find_columns",
    "hide_labels",
    "labels_per_class",
    "lattice",
    "load",
    "loops",
    "plasmonics",
    "read",
    "take",
    "to_batch",
    "true_pose",
]
# Where the names are defined that need JAX: imported on first use.
_HOMES = {
    "Axis": "files.records",
    "Columns": "frames.columns",
    "Measured": "files.records",
    "Windows": "frames.windows",
    "angle_modulo": "frames.windows",
    "cut": "frames.windows",
    "find_columns": "frames.columns",
    "hide_labels": "batches",
    "load": "sets",
    "read": "files.reading",
    "to_batch": "batches",
    "true_pose": "batches",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its home on first use."""
    if name in ("lattice", "loops", "plasmonics"):
        return import_module(f"experiments.datasets.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'experiments.datasets' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(f"experiments.datasets.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
