"""Read a user's own image and spectrum image of one field of view: npy dictionary, npz, HDF5, vendors' formats.

Vendors' formats are read by rosettasciio.

The community's layout (im2spec, atomai): ``image`` (h, w), ``spectrum image`` (h, w, e), ``energy axis`` (e,) and
``scale``. Names may be given otherwise; spaces may be underscores in the file.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from experiments.datasets.plasmonics.scan import Scan

_HDF5 = (".h5", ".hdf5", ".nc")
_HOW_TO_PICKLE = (
    "it holds pickled Python objects, which may run any code when they are read. If you trust the file, set "
    "allow_pickle=True (--allow-pickle); else save it as npz: "
    "numpy.savez(file, **numpy.load(old, allow_pickle=True)[()])"
)


@dataclass(frozen=True)
class OwnScan:
    """Names of a file and of the arrays in it.

    ``path`` ends in .npy (a pickled dictionary: needs ``allow_pickle``), .npz, .h5, .hdf5 or .nc; other endings go to
    rosettasciio, where it is installed (the ``microscopes`` extra). ``scale`` is the distance of points, if the file
    does not contain it.
    """

    path: str = ""
    image: str = "image"
    spectra: str = "spectrum image"
    energy: str = "energy axis"
    scale_name: str = "scale"
    scale: float = 0.0
    scale_units: str = "nm"
    allow_pickle: bool = False


def read(config: OwnScan) -> Scan:
    """Read a scan, with its image mapped to 0 … 1; ValueError says what to change in the file."""
    path = Path(config.path).expanduser()
    if not path.is_file():
        raise ValueError(
            f"there is no file {path}: give the path of an npy, npz or HDF5 file, or of a microscope's file"
        )
    if path.suffix in (".npy", ".npz"):
        arrays, units = _numpy(path, config.allow_pickle), {}
    elif path.suffix in _HDF5:
        arrays, units = _hdf5(path)
    else:
        return _rosettasciio(path, config)
    image, cube, energy = (_pick(arrays, name, path) for name in (config.image, config.spectra, config.energy))
    scale = config.scale
    if not scale and _look_up(arrays, config.scale_name) is not None:
        scale = float(np.ravel(np.asarray(_look_up(arrays, config.scale_name)))[0])
    return checked(image, cube, energy, scale or 1.0, path.name, units.get(config.spectra, "1"),
                   units.get(config.energy, "eV"), config.scale_units if scale else "points")  # fmt: skip


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


def _look_up(arrays: dict[str, Any], name: str) -> Any:
    """Return the array of that name, with spaces or underscores, or None."""
    plain = name.replace(" ", "_")
    return next((arrays[key] for key in arrays if key.replace(" ", "_") == plain), None)


def _pick(arrays: dict[str, Any], name: str, path: Path) -> Any:
    values = _look_up(arrays, name)
    if values is None:
        listed = ", ".join(f"{key!r} {np.shape(value)}" for key, value in arrays.items()) or "nothing"
        raise ValueError(f"{path} has no array {name!r}; it holds {listed}: name it with image, spectra or energy")
    return values


def _numpy(path: Path, allow_pickle: bool) -> dict[str, Any]:
    try:
        loaded = np.load(path, allow_pickle=allow_pickle)
        arrays = {name: loaded[name] for name in loaded.files} if path.suffix == ".npz" else loaded[()]
    except ValueError as error:
        if "allow_pickle" in str(error):
            raise ValueError(f"{path}: {_HOW_TO_PICKLE}") from error
        raise ValueError(f"{path} cannot be read: {error}") from error
    except (OSError, EOFError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    if not isinstance(arrays, dict):
        raise ValueError(
            f"{path} holds one array of shape {np.shape(arrays)}; expected a dictionary of arrays, or an npz"
        )
    return arrays


def _hdf5(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Return every dataset by the last part of its name, and the attributes "units"."""
    arrays, units = {}, {}
    try:
        with h5py.File(path) as file:

            def visit(name: str, item: Any) -> None:
                if isinstance(item, h5py.Dataset):
                    key = name.rsplit("/", 1)[-1]
                    arrays[key] = item[()]
                    units[key.replace("_", " ")] = str(item.attrs.get("units", "1"))

            file.visititems(visit)
    except OSError as error:
        raise ValueError(f"{path} is no HDF5 file ({error})") from error
    return arrays, {name: value for name, value in units.items() if value != "1"}


def _rosettasciio(path: Path, config: OwnScan) -> Scan:
    """Read the largest image and the largest spectrum image of a microscope vendor's file."""
    if find_spec("rsciio") is None:
        raise ValueError(
            f"{path} must end in .npy, .npz, {', '.join(_HDF5)}; other formats are read by rosettasciio, which is not "
            'installed: pip install "ferro-jax[microscopes]"'
        )
    from rsciio import IO_PLUGINS  # pyright: ignore[reportMissingImports]

    reader = next((plugin for plugin in IO_PLUGINS if path.suffix[1:].lower() in plugin["file_extensions"]), None)
    if reader is None:
        raise ValueError(f"{path}: neither this project nor rosettasciio reads files that end in {path.suffix}")
    from importlib import import_module

    signals = import_module(reader["api"]).file_reader(str(path))
    return from_signals(signals, path.name, config)


def from_signals(signals: list[dict[str, Any]], name: str, config: OwnScan) -> Scan:
    """Return a Scan of signals that rosettasciio has read, the largest of three axes and the largest of two.

    A signal is a dictionary with ``data`` and ``axes``, each with size, scale, offset and units.
    """
    parts = {}
    for ndim, what in ((2, "image"), (3, "spectrum image")):
        fitting = [signal for signal in signals if np.ndim(signal["data"]) == ndim]
        if not fitting:
            shapes = ", ".join(str(np.shape(signal["data"])) for signal in signals) or "nothing"
            raise ValueError(f"{name} has no {what} (an array of {ndim} axes); it holds {shapes}")
        parts[ndim] = max(fitting, key=lambda signal: np.size(signal["data"]))
    cube, axes = np.asarray(parts[3]["data"]), parts[3]["axes"]
    last = axes[-1]
    energy = last["offset"] + last["scale"] * np.arange(cube.shape[-1])
    scale, units = (
        (config.scale, config.scale_units) if config.scale else (abs(axes[0]["scale"]), str(axes[0]["units"]))
    )
    return checked(parts[2]["data"], cube, energy, scale, name, "counts", str(last["units"]), units)
