"""Read a user's own image and spectrum image of one field of view: npy dictionary, npz, HDF5, vendors' formats.

Vendors' formats are read by rosettasciio.

The community's layout (im2spec, atomai): ``image`` (h, w), ``spectrum image`` (h, w, e), ``energy axis`` (e,) and
``scale``. Names may be given otherwise; spaces may be underscores in the file.
"""

import re
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np

from experiments.datasets.files import hdf5, pickled
from experiments.datasets.files.records import Axis, Stored, step, text
from experiments.datasets.files.stored import arrays_of, existing, pick
from experiments.datasets.files.vendors import named
from experiments.datasets.plasmonics.scan import Scan
from ferro_jax import files


@dataclass(frozen=True)
class OwnScan:
    """Names of a file and of the arrays in it.

    ``path`` ends in .npy (a pickled dictionary, of which no code is run), .npz, .h5, .hdf5 or .nc; other endings go to
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
    format: str = ""


def read(config: OwnScan) -> Scan:
    """Read a scan, with its image mapped to 0 … 1; ValueError says what to change in the file."""
    path = existing(config.path)
    with files.named(path), ExitStack() as stack:
        suffix = f".{config.format.strip('.')}" if config.format else path.suffix.lower()
        if suffix == ".npy":
            arrays = pickled.arrays_of(path)
        else:
            arrays = arrays_of(stack, path, config.format)
            if suffix not in (".npz", *hdf5.SUFFIXES) and config.spectra == OwnScan.spectra:
                return _largest(arrays, path.name, config)
        place, cube = pick(arrays, config.spectra, "spectrum image", "spectra")
        image = beside(place, arrays, config.image, "image", "image")
        energy = _energy(place, arrays, cube, config)
        scale, scale_units = _scale(place, arrays, cube, config)
        return checked(image.load(), cube.load(), energy.values, scale, path.name, cube.unit or "1",
                       energy.unit or "eV", scale_units)  # fmt: skip


def beside(place: str, arrays: dict[str, Stored], name: str, what: str, option: str) -> Stored:
    """Return the array of a name in the group of the spectra, whose full name is ``place``.

    An array of another group is taken where it is named in full. ValueError else, because it may be of another scan.
    """
    group = place.rpartition("/")[0]
    same = {key: array for key, array in arrays.items() if key.rpartition("/")[0] == group}
    if name.strip("/") in arrays:
        return arrays[name.strip("/")]
    try:
        return pick(same, name, what, option)[1]
    except ValueError:
        full, _ = pick(arrays, name, what, option)
    raise ValueError(
        f"the spectra are {place} and the {what} is {full}, of another group: where they belong together, give the "
        f"full name, {option}={full!r}"
    )


def _energy(place: str, arrays: dict[str, Stored], cube: Stored, config: OwnScan) -> Axis:
    """Return the energies: the array of that name, or else the last axis of the spectrum image."""
    try:
        energy = beside(place, arrays, config.energy, "energy axis", "energy")
    except ValueError:
        if config.energy == OwnScan.energy and cube.axes and cube.axes[-1].unit:
            return cube.axes[-1]
        raise
    return Axis(config.energy, energy.unit, energy.load())


def _scale(place: str, arrays: dict[str, Stored], cube: Stored, config: OwnScan) -> tuple[float, str]:
    """Return the distance of points and its unit: as given, as the file has it, or 1 point.

    ValueError for a number that is none, and for points whose distances differ.
    """
    if config.scale:
        return _with_unit(config.scale, config.scale_units)
    groups = (place.rpartition("/")[0], "")
    named = [key for key in arrays if key.rpartition("/")[2] == config.scale_name and key.rpartition("/")[0] in groups]
    if named:
        stored = arrays[named[-1]]
        return _with_unit(stored.load(), stored.unit or config.scale_units)
    axes = [axis for axis in cube.axes[:2] if axis.unit and len(axis.values) > 1]
    if not axes:
        return 1.0, "points"
    steps = [step(axis) or 0.0 for axis in axes]  # 0: uneven
    if min(steps) == 0 or max(steps) > 1.01 * min(steps) or len({axis.unit for axis in axes}) > 1:
        words = (
            f"{axis.name or 'axis'} {each or 'uneven'} {axis.unit}" for axis, each in zip(axes, steps, strict=True)
        )
        raise ValueError(
            f"{place}: points are not equally far apart along both axes ({', '.join(words)}): resample the scan, or "
            "give the distance that is to be taken, scale="
        )
    return steps[0], axes[0].unit


def _with_unit(scale: Any, unit: str) -> tuple[float, str]:
    """Return a distance and its unit, from a number or from text such as "2 nm". ValueError for anything else."""
    entry = np.ravel(np.asarray(scale))[0] if np.size(scale) == 1 else scale
    found = re.fullmatch(r"\s*([-+.\deE]+)\s*(\S*)\s*", text(entry))
    try:
        number = float(found[1]) if found else float(entry)
    except (TypeError, ValueError):
        raise ValueError(f"scale={text(entry)!r}: give the distance of points, such as 2.0 or '2 nm'") from None
    return number, (found[2] if found and found[2] else unit)


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


def from_signals(signals: list[dict[str, Any]], name: str, config: OwnScan) -> Scan:
    """Return a Scan of signals that rosettasciio has read, the largest of three axes and the largest of two.

    A signal is a dictionary with ``data`` and ``axes``, each with size, scale, offset and units.
    """
    return _largest(named(signals), name, config)


def _largest(arrays: dict[str, Stored], name: str, config: OwnScan) -> Scan:
    """Return a Scan of the largest array of three axes and the first of two axes that has its points."""
    cubes = [array for array in arrays.values() if len(array.shape) == 3]
    images = {title: array for title, array in arrays.items() if len(array.shape) == 2}
    held = ", ".join(f"{title} {array.shape}" for title, array in arrays.items()) or "nothing"
    if not cubes:
        raise ValueError(f"{name} has no spectrum image (an array of 3 axes); it holds {held}")
    cube = max(cubes, key=lambda array: int(np.prod(array.shape)))
    fitting = [title for title, array in images.items() if array.shape == cube.shape[:2]]
    if not fitting:
        raise ValueError(
            f"{name} has no image of the {cube.shape[:2]} points of its spectrum image; it holds {held}: export both "
            "with the same points"
        )
    scale, units = _scale(name, {}, cube, config)
    energy = cube.axes[-1]
    scan = checked(images[fitting[0]].load(), cube.load(), energy.values, scale, name, "counts", energy.unit, units)
    chosen = f"; of the images {', '.join(fitting)} the first" if len(fitting) > 1 else ""
    return scan._replace(source=scan.source + chosen)
