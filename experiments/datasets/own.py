"""Read a user's own stack of images from any file that ``datasets.read`` knows."""

from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from experiments.datasets.files.checking import measured
from experiments.datasets.files.records import text
from experiments.datasets.files.scaling import check_normalise, scale
from experiments.datasets.files.stored import arrays_of, existing, pick
from experiments.datasets.types import Images
from ferro_jax.files import named

_MOST_CHANNELS = 4


@dataclass(frozen=True)
class Own:
    """Options of a user's stack: the file, the names of the arrays in it, and how values are normalised.

    ``path``: npy, npz, HDF5, netCDF, tif with pages, or a microscope's file. ``dataset`` names the array of images; it
    may be empty where the file holds a single array. ``label`` names an array [n] of class names or integers
    (−1: unknown), ``factors`` names arrays [n] of numbers (NaN: unknown). ``normalise``: "none" keeps the values;
    "stack" maps the smallest and the largest value of the whole stack to 0 and 1; "robust" maps its quantiles 0.1 %
    and 99.9 %; "image" maps each image's own extremes, and a constant image to 0. NaN pixels count as missing.
    ``format`` is the ending that says how to read the file where its own does not.
    """

    path: str = ""
    dataset: str = ""
    label: str = ""
    factors: tuple[str, ...] = ()
    normalise: str = "stack"
    format: str = ""

    def __post_init__(self) -> None:
        check_normalise(self.normalise)


def _check_stack(x: np.ndarray) -> None:
    """Raise ValueError for an array that is not a stack of images, with a hint at what it may be."""
    expected = "expected a stack [n ny nx], or [n ny nx channel]"
    if x.dtype.kind not in "fiub":
        raise ValueError(f"images of type {x.dtype}: expected real numbers (of complex ones give the modulus)")
    if x.ndim not in (3, 4):
        hint = {2: " One image? Add an axis: image[None]."}.get(x.ndim, "")
        raise ValueError(f"images of shape {x.shape}: {expected}.{hint}")
    hint = ""
    if x.ndim == 4 and x.shape[1] <= _MOST_CHANNELS < min(x.shape[2:]):
        hint = "The channels seem to come first: numpy.moveaxis(stack, 1, -1) puts them last."
    elif x.ndim == 3 and x.shape[2] <= _MOST_CHANNELS < min(x.shape[:2]):
        hint = "One image with channels? Add an axis: image[None]."
    elif min(x.shape) == 0 or min(x.shape[1:3]) < 2:
        hint = "There must be at least one image of at least 2 × 2 pixels."
    if hint:
        raise ValueError(f"images of shape {x.shape}: {expected}. {hint}")


def _labels(values: np.ndarray, count: int, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return indices [n] into the sorted classes, −1 where unknown, and the classes."""
    if values.shape != (count,):
        raise ValueError(f"labels {name!r} of shape {values.shape}: expected one for each of {count} images")
    if values.dtype.kind in "SO":  # HDF5 keeps text as bytes
        values = np.asarray([text(value) for value in values])
    if values.dtype.kind not in "iubU":
        raise ValueError(f"labels {name!r} of type {values.dtype}: expected integers (−1: unknown) or text")
    known = np.ones(count, bool) if values.dtype.kind in "Uub" else values >= 0
    classes = np.unique(values[known])
    if not len(classes):
        raise ValueError(f"labels {name!r} are all unknown: leave the option empty")
    label = np.where(known, np.searchsorted(classes, np.where(known, values, classes[0])), -1)
    return label.astype(np.int32), tuple(str(value) for value in classes)


def read(config: Own) -> Images:
    """Read the stack with its mask (False where a pixel is NaN), labels and factors.

    Units of factors are the HDF5 attribute "units", empty where there is none. ValueError says what to change in the
    file.
    """
    path = existing(config.path)
    with named(path), ExitStack() as stack:
        arrays = arrays_of(stack, path, config.format)
        raw = pick(arrays, config.dataset, "images", "dataset")[1].load()
        _check_stack(raw)
        found = measured(raw, source=path.name)
        mask = ~np.isnan(found.values)
        empty = np.flatnonzero(~mask.reshape(len(mask), -1).any(1))
        if len(empty):
            raise ValueError(f"{len(empty)} images have no valid pixel (first: {empty[:5].tolist()}): remove them")
        x, _, _, words = scale(found.values.astype(np.float64), config.normalise)
        label, classes = None, ()
        if config.label:
            values = pick(arrays, config.label, "labels", "label")[1].load()
            label, classes = _labels(values, len(x), config.label)
        factors, units = {}, {}
        for name in config.factors:
            stored = pick(arrays, name, "factor", "factors")[1]
            values = stored.load()
            if values.shape != (len(x),) or values.dtype.kind not in "fiub":
                raise ValueError(
                    f"factor {name!r} of shape {values.shape} and type {values.dtype}: expected one number for each of "
                    f"{len(x)} images"
                )
            factors[name] = np.asarray(values, np.float64)  # times since 1970 would be one in single precision
            units[name] = stored.unit
    source = "; ".join((f"{path.name}: {' × '.join(map(str, x.shape))}, {words}", *found.notes))
    x = np.where(mask, x, 0).astype(np.float32)
    return Images(x, label, factors, units, classes, source, mask=found.mask)
