"""Read a user's own image and spectrum image of one field of view: npy dictionary, npz, HDF5, vendors' formats.

Vendors' formats are read by rosettasciio.

The community's layout (im2spec, atomai): ``image`` (h, w), ``spectrum image`` (h, w, e), ``energy axis`` (e,) and
``scale``. Names may be given otherwise; spaces may be underscores in the file.
"""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experiments.datasets.files import hdf5
from experiments.datasets.files.records import Axis, Stored, of_array, step
from experiments.datasets.files.stored import arrays_of, existing, pick
from experiments.datasets.files.vendors import named
from experiments.datasets.plasmonics.scan import Scan

_HOW_TO_PICKLE = (
    "it holds pickled Python objects, which may run any code when they are read. If you trust the file, set "
    "allow_pickle=True (--allow-pickle); else save it as npz: "
    "numpy.savez(file, **numpy.load(old, allow_pickle=True)[()])"
)


@dataclass(frozen=True)
class OwnScan:
    """Names of a file and of the arrays in it.

    ``path`` ends in .npy (a pickled dictionary: needs ``allow_pickle``), .npz, .h5, .hdf5 or .nc; other endings go to
    rosettasciio, where it is installed (the ``microscopes`` extra). A name is the full one in the file, or its end
    where that is not ambiguous. ``scale`` is the distance of points, if the file does not contain it. Where a file has
    no array of energies, those of the last axis of the spectrum image are taken. ``format`` is the ending that says how
    to read the file where its own does not.
    """

    path: str = ""
    image: str = "image"
    spectra: str = "spectrum image"
    energy: str = "energy axis"
    scale_name: str = "scale"
    scale: float = 0.0
    scale_units: str = "nm"
    allow_pickle: bool = False
    format: str = ""


def read(config: OwnScan) -> Scan:
    """Read a scan, with its image mapped to 0 … 1; ValueError says what to change in the file."""
    path = existing(config.path)
    with ExitStack() as stack:
        suffix = f".{config.format.strip('.')}" if config.format else path.suffix.lower()
        if suffix == ".npy":
            arrays = _dictionary(path, config.allow_pickle)
        else:
            arrays = arrays_of(stack, path, config.format)
            if suffix not in (".npz", *hdf5.SUFFIXES) and config.spectra == OwnScan.spectra:
                return _largest(arrays, path.name, config)
        image, cube = (pick(arrays, name, what, option)[1] for name, what, option in (
            (config.image, "image", "image"), (config.spectra, "spectrum image", "spectra")))  # fmt: skip
        energy = _energy(arrays, cube, config)
        scale, scale_units = _scale(arrays, cube, config)
        return checked(image.load(), cube.load(), energy.values, scale, path.name, cube.unit or "1",
                       energy.unit or "eV", scale_units)  # fmt: skip


def _energy(arrays: dict[str, Stored], cube: Stored, config: OwnScan) -> Axis:
    """Return the energies: the array of that name, or else the last axis of the spectrum image."""
    try:
        energy = pick(arrays, config.energy, "energy axis", "energy")[1]
    except ValueError:
        if config.energy == OwnScan.energy and cube.axes and cube.axes[-1].unit:
            return cube.axes[-1]
        raise
    return Axis(config.energy, energy.unit, energy.load())


def _scale(arrays: dict[str, Stored], cube: Stored, config: OwnScan) -> tuple[float, str]:
    """Return the distance of points and its unit: as given, as the file has it, or 1 point."""
    if config.scale:
        return config.scale, config.scale_units
    if config.scale_name in {name.rpartition("/")[2] for name in arrays}:
        return float(np.ravel(pick(arrays, config.scale_name, "scale", "scale")[1].load())[0]), config.scale_units
    if cube.axes and cube.axes[0].unit:
        return step(cube.axes[0]) or 1.0, cube.axes[0].unit
    return 1.0, "points"


def checked(
    image: Any, cube: Any, energy: Any, scale: float, name: str, units: str, energy_units: str, scale_units: str
) -> Scan:
    """Return a Scan of arrays that fit each other; ValueError names those that do not."""
    image, cube, energy = (np.asarray(values) for values in (image, cube, energy))
    for what, values, ndim in (("image", image, 2), ("spectrum image", cube, 3), ("energy axis", energy, 1)):
        if values.ndim != ndim or values.dtype.kind not in "fiub":
            raise ValueError(
                f"{name}: {what} of shape {values.shape} and type {values.dtype}; expected real numbers of {ndim} "
                "dimensions: image (h, w), spectrum image (h, w, e), energy axis (e,)"
            )
    if image.shape != cube.shape[:2]:
        hint = " The energies seem to come first: numpy.moveaxis(cube, 0, -1)." if cube.shape[1:] == image.shape else ""
        raise ValueError(
            f"{name}: an image of {image.shape} and a spectrum image of {cube.shape}: both must have the same points, "
            f"(h, w) and (h, w, e); crop or resample one of them.{hint}"
        )
    if energy.shape != (cube.shape[2],):
        raise ValueError(
            f"{name}: an energy axis of {len(energy)} entries for spectra of {cube.shape[2]} channels: give one energy "
            "for each channel"
        )
    energy, cube, image = energy.astype(np.float64), cube.astype(np.float32), image.astype(np.float64)
    if not np.isfinite(energy).all() or not ((np.diff(energy) > 0).all() or (np.diff(energy) < 0).all()):
        raise ValueError(
            f"{name}: the energy axis is not monotone; its values must rise (or fall) from channel to channel"
        )
    for what, values in (("image", image), ("spectrum image", cube)):
        bad = ~np.isfinite(values)
        if bad.any():
            raise ValueError(
                f"{name}: the {what} holds {bad.sum()} NaN or infinite values: repair them or crop the scan"
            )
    if (cube < 0).any():
        raise ValueError(
            f"{name}: {(cube < 0).mean():.2%} of the spectra's values are negative (smallest {cube.min():.4g}): "
            "intensities cannot be; after a subtraction of background use numpy.clip(cube, 0, None)"
        )
    if not (np.isfinite(scale) and scale > 0):
        raise ValueError(f"{name}: scale={scale}: the distance of points must be positive")
    if energy[0] > energy[-1]:
        energy, cube = energy[::-1].copy(), cube[..., ::-1].copy()
    low, high = float(image.min()), float(image.max())
    if low == high:
        raise ValueError(f"{name}: all pixels of the image are {low:g}: is this the right array?")
    source = (
        f"{name}: {image.shape[0]} × {image.shape[1]} points, {len(energy)} channels, image {low:.4g} to {high:.4g}"
    )
    image = ((image - low) / (high - low)).astype(np.float32)
    return Scan(image, cube, energy, float(scale), units, energy_units, scale_units, source)


def _dictionary(path: Path, allow_pickle: bool) -> dict[str, Stored]:
    """Return the arrays of a pickled dictionary."""
    try:
        arrays = np.load(path, allow_pickle=allow_pickle)[()]
    except (ValueError, OSError, EOFError) as error:
        if "allow_pickle" in str(error):
            raise ValueError(f"{path}: {_HOW_TO_PICKLE}") from error
        raise ValueError(f"{path} cannot be read: {error}") from error
    if not isinstance(arrays, dict):
        raise ValueError(
            f"{path} holds one array of shape {np.shape(arrays)}; expected a dictionary of arrays, or an npz"
        )
    return {str(name): of_array(values) for name, values in arrays.items()}


def from_signals(signals: list[dict[str, Any]], name: str, config: OwnScan) -> Scan:
    """Return a Scan of signals that rosettasciio has read, the largest of three axes and the largest of two.

    A signal is a dictionary with ``data`` and ``axes``, each with size, scale, offset and units.
    """
    return _largest(named(signals), name, config)


def _largest(arrays: dict[str, Stored], name: str, config: OwnScan) -> Scan:
    """Return a Scan of the largest array of three axes and the largest of two."""
    parts = {}
    for ndim, what in ((2, "image"), (3, "spectrum image")):
        fitting = [array for array in arrays.values() if len(array.shape) == ndim]
        if not fitting:
            shapes = ", ".join(str(array.shape) for array in arrays.values()) or "nothing"
            raise ValueError(f"{name} has no {what} (an array of {ndim} axes); it holds {shapes}")
        parts[ndim] = max(fitting, key=lambda array: int(np.prod(array.shape)))
    cube = parts[3]
    scale, units = _scale({}, cube, config)
    energy = cube.axes[-1]
    return checked(parts[2].load(), cube.load(), energy.values, scale, name, "counts", energy.unit, units)
