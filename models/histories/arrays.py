"""Histories in npy, npz and HDF5 files: which array they are, with times, durations and names beside it."""

from pathlib import Path

import h5py
import numpy as np

from ferro_jax import hdf5
from ferro_jax.files import UNREADABLE, arrays_of
from models.histories.resampling import Course, Found

SUFFIXES = (".npy", ".npz", ".h5", ".hdf5", ".nc")


def read_arrays(path: Path, dataset: str, step: float) -> Found:
    """Return the histories of an npy, npz or HDF5 file."""
    arrays, names, units, time_unit = _load(path, dataset)
    values = numeric(arrays["values"], str(path))
    count, points = values.shape[:2]
    values = values.reshape(count, points, -1)
    time = arrays.get("time")
    if time is None:
        time = step * np.arange(points)
    if time.shape not in ((points,), (count, points)):
        raise ValueError(f"{path}: time of shape {time.shape}, expected ({points},) or ({count}, {points}).")
    times = np.array(np.broadcast_to(time, (count, points)), float)
    if (duration := arrays.get("duration")) is not None:
        if duration.shape != (count,) or not (np.isfinite(duration) & (duration > 0)).all():
            raise ValueError(f"{path}: duration needs a positive number for each of the {count} histories.")
        times = times[:, :1] + (times - times[:, :1]) * (duration / (times[:, -1] - times[:, 0]))[:, None]
    courses = [Course(str(row), times[row], values[row]) for row in range(count)]
    channels = values.shape[2]
    for what, given in (("names", names), ("units", units)):
        if given and len(given) != channels:
            raise ValueError(f"{path}: {len(given)} {what} for {channels} channel(s): give one for each.")
    return Found(courses, names or ("",) * channels, units or ("",) * channels, time_unit, ())


def _load(path: Path, dataset: str) -> tuple[dict[str, np.ndarray], tuple[str, ...], tuple[str, ...], str]:
    """Return the arrays "values", "time" and "duration" of a file, with the names and units of the channels."""
    names, units, time_unit = (), (), ""
    try:
        if path.suffix.lower() == ".npy":
            return {"values": arrays_of(path)[""]}, names, units, time_unit
        if path.suffix.lower() == ".npz":
            arrays = arrays_of(path)
            chosen = _chosen(path, {name: array.shape for name, array in arrays.items()}, dataset)
        else:
            hdf5.check(path)
            with h5py.File(path) as file:
                sets: dict[str, h5py.Dataset] = {}
                file.visititems(lambda name, item: sets.update({name: item} if isinstance(item, h5py.Dataset) else {}))
                chosen = _chosen(path, {name: item.shape for name, item in sets.items()}, dataset)
                names, units = (_words(sets[chosen].attrs.get(name)) for name in ("names", "units"))
                group = chosen.rpartition("/")[0]
                beside = {key.rpartition("/")[2]: item for key, item in sets.items() if key.rpartition("/")[0] == group}
                timed = beside.get("time", beside.get("duration"))
                time_unit = next(iter(_words(timed.attrs.get("units"))), "") if timed is not None else ""
                arrays = {name: np.asarray(item) for name, item in beside.items() if name in ("time", "duration")}
                arrays[chosen] = np.asarray(sets[chosen])
    except UNREADABLE as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    beside = {name: arrays[name] for name in ("time", "duration") if name in arrays and name != chosen}
    return {"values": arrays[chosen]} | beside, names, units, time_unit


def _chosen(path: Path, shapes: dict[str, tuple[int, ...]], dataset: str) -> str:
    """Return the name of the array of histories; ValueError lists what the file holds."""
    name = dataset.strip("/")
    likely = [key for key, shape in shapes.items() if len(shape) in (2, 3) and key.rpartition("/")[2] != "time"]
    if name in shapes:
        return name
    if not name and len(likely) == 1:
        return likely[0]
    held = ", ".join(f"{key} {shape}" for key, shape in shapes.items()) or "nothing"
    raise ValueError(f"no array {name!r}; the file holds {held}. Name the one with the histories: dataset=….")


def _words(value: object) -> tuple[str, ...]:
    """Return an HDF5 attribute as words: one or several, () where there is none."""
    if value is None:
        return ()
    entries = np.atleast_1d(np.asarray(value, dtype=object)).tolist()
    return tuple(entry.decode(errors="replace") if isinstance(entry, bytes) else str(entry) for entry in entries)


def numeric(values: np.ndarray, what: str) -> np.ndarray:
    """Return an array of histories as float64. ValueError for another number of axes, text and infinite values."""
    if values.dtype.kind not in "fiub":
        raise ValueError(f"{what}: values of type {values.dtype}, expected real numbers.")
    if values.ndim not in (2, 3) or 0 in values.shape:
        hint = " One history? A latent space needs many." if values.ndim == 1 else ""
        raise ValueError(f"{what}: shape {values.shape}, expected [n samples] or [n samples channels].{hint}")
    if values.ndim == 3 and values.shape[1] <= 8 < values.shape[2]:
        raise ValueError(
            f"{what}: shape {values.shape}, expected [n samples channels]; the channels seem to come first. Move them "
            "last: numpy.moveaxis(values, 1, -1)."
        )
    values = values.astype(float)
    if np.isinf(values).any():
        raise ValueError(f"{what}: infinite values; put NaN where a value is missing.")
    return values
