"""Read a user's own stack of images from npy, npz or HDF5."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from experiments.datasets.types import Images

NORMALISATIONS = ("none", "stack", "image")
_HDF5 = (".h5", ".hdf5", ".nc")
_MOST_CHANNELS = 4


@dataclass(frozen=True)
class Own:
    """Options of a user's stack: the file, the names of the arrays in it, and how values are normalised.

    ``path`` ends in .npy, .npz, .h5, .hdf5 or .nc (netCDF 4). ``dataset`` names the array of images; it may be empty
    where the file holds a single array. ``label`` names an array [n] of class names or integers (−1: unknown),
    ``factors`` names arrays [n] of numbers (NaN: unknown). ``normalise``: "none" keeps the values; "stack" maps the
    smallest and the largest value of the whole stack to 0 and 1; "image" does so for each image, and maps a constant
    image to 0. NaN pixels count as missing.
    """

    path: str = ""
    dataset: str = ""
    label: str = ""
    factors: tuple[str, ...] = ()
    normalise: str = "stack"

    def __post_init__(self) -> None:
        if self.normalise not in NORMALISATIONS:
            raise ValueError(f"normalise must be one of {', '.join(NORMALISATIONS)}, got {self.normalise!r}")


def _open(stack: ExitStack, path: Path) -> dict[str, Any]:
    """Return every array of a file by its name: arrays, or HDF5 datasets that are not read yet."""
    if not path.is_file():
        raise ValueError(f"there is no file {path}: give the path of an npy, npz or HDF5 file")
    try:
        if path.suffix == ".npy":
            return {"": np.load(path, allow_pickle=False)}
        if path.suffix == ".npz":
            archive = stack.enter_context(np.load(path, allow_pickle=False))
            return {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(
            f"{path} cannot be read ({error}). Arrays of Python objects (pickled) are refused, since reading them may "
            "run any code: save plain numbers with numpy.save(file, numpy.asarray(stack, dtype='float32'))"
        ) from error
    if path.suffix in _HDF5:
        try:
            file = stack.enter_context(h5py.File(path))
        except OSError as error:
            raise ValueError(f"{path} is no HDF5 file ({error})") from error
        datasets: dict[str, Any] = {}
        file.visititems(lambda name, item: datasets.update({name: item} if isinstance(item, h5py.Dataset) else {}))
        return datasets
    raise ValueError(f"{path} must end in .npy, .npz, {', '.join(_HDF5)}: save the stack in one of these formats")


def _pick(arrays: dict[str, Any], name: str, what: str, option: str) -> Any:
    """Return the array of this name (or the single one); ValueError lists the arrays and names the option to set."""
    name = name.strip("/")
    if not name and len(arrays) == 1:
        return next(iter(arrays.values()))
    if name not in arrays:
        listed = ", ".join(f"{key or '(the array)'} {value.shape}" for key, value in arrays.items()) or "nothing"
        raise ValueError(f"no array {name!r} for the {what}; the file holds {listed}: set {option}")
    return arrays[name]


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


def _normalise(x: np.ndarray, normalise: str) -> tuple[np.ndarray, str]:
    """Normalise images (NaN where a pixel is missing); returns them and a sentence on what was done."""
    if normalise == "none":
        return x, f"values as they are ({np.nanmin(x):.4g} to {np.nanmax(x):.4g})"
    axes = None if normalise == "stack" else tuple(range(1, x.ndim))
    low, high = np.nanmin(x, axis=axes, keepdims=True), np.nanmax(x, axis=axes, keepdims=True)
    if normalise == "stack":
        if low.item() == high.item():
            raise ValueError(f"all pixels are {low.item():g}: there is nothing to normalise; is this the right array?")
        words = f"{low.item():.4g} to {high.item():.4g} mapped to 0 to 1"
    else:
        words = "each image from its smallest and largest value to 0 and 1"
    return (x - low) / np.where(high > low, high - low, 1), words


def _labels(values: np.ndarray, count: int, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return indices [n] into the sorted classes, −1 where unknown, and the classes."""
    if values.shape != (count,):
        raise ValueError(f"labels {name!r} of shape {values.shape}: expected one for each of {count} images")
    if values.dtype.kind in "SO":  # HDF5 keeps text as bytes
        values = np.asarray([v.decode() if isinstance(v, bytes) else str(v) for v in values])
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
    path = Path(config.path).expanduser()
    with ExitStack() as stack:
        arrays = _open(stack, path)
        chosen = _pick(arrays, config.dataset, "images", "dataset")
        raw = np.asarray(chosen)
        _check_stack(raw)
        x = raw.astype(np.float64)
        if np.isinf(x).any():
            raise ValueError(f"{np.isinf(x).sum()} pixels are infinite: replace them, or mark them as missing with NaN")
        mask = ~np.isnan(x)
        empty = np.flatnonzero(~mask.reshape(len(x), -1).any(1))
        if len(empty):
            raise ValueError(f"{len(empty)} images have no valid pixel (first: {empty[:5].tolist()}): remove them")
        x, words = _normalise(x, config.normalise)
        label, classes = None, ()
        if config.label:
            values = np.asarray(_pick(arrays, config.label, "labels", "label"))
            label, classes = _labels(values, len(x), config.label)
        factors, units = {}, {}
        for name in config.factors:
            values = _pick(arrays, name, "factor", "factors")
            if values.shape != (len(x),) or values.dtype.kind not in "fiub":
                raise ValueError(
                    f"factor {name!r} of shape {values.shape} and type {values.dtype}: expected one number for each of "
                    f"{len(x)} images"
                )
            factors[name] = np.asarray(values, np.float32)
            units[name] = str(getattr(values, "attrs", {}).get("units", ""))
    missing = "" if mask.all() else f", {100 * (~mask).mean():.2g} % of the pixels missing"
    source = f"{path.name}: {' × '.join(map(str, x.shape))}, {words}{missing}"
    x = np.where(mask, x, 0).astype(np.float32)
    return Images(x, label, factors, units, classes, source, mask=None if mask.all() else mask)
