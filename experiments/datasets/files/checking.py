"""Arrays of any kind brought to the form of ``Measured``, refused in words where they cannot be used."""

from os import PathLike
from typing import Any

import numpy as np

from experiments.datasets.files.records import Axis, Measured, plain_axes
from ferro_jax import values as doors

_OF_CURVES = ("curve", "spectrum", "loop", "temperature", "bias", "voltage", "energy", "frequency", "time")
_OF_NO_LENGTH = ("K", "°C", "V", "mV", "kV", "eV", "meV", "keV", "Hz", "kHz", "MHz", "s", "ms", "µs")  # units
_FEW_LEVELS = 16  # data of fewer values are drawings or masks, in which a frequent largest value is no saturation


def measured(
    values: Any,
    axes: tuple[Axis, ...] = (),
    source: str = "an array",
    notes: tuple[str, ...] = (),
    quantity: str = "",
    unit: str = "",
) -> Measured:
    """Return an array as ``Measured``: real numbers in the machine's byte order, NaN and a mask where missing.

    Masked arrays keep their mask. Values that many pixels share as their largest are noted as saturated. ValueError for
    text, complex and infinite values, and where no value is there at all.
    """
    hidden = np.ma.getmaskarray(values) if isinstance(values, np.ma.MaskedArray) else None
    given = np.ma.getdata(values) if hidden is not None else values
    doors.floats(given, source)
    array = np.asarray(given)
    if array.size == 0:
        raise ValueError(f"{source}: an array of shape {array.shape} holds no value: is it the right one?")
    single = array.dtype.kind == "b" or array.dtype.itemsize <= (4 if array.dtype.kind == "f" else 2)
    notes = (*notes, *_saturation(array, hidden))
    array = array.astype(np.float32 if single else np.float64)
    if hidden is not None:
        array[hidden] = np.nan
    if np.isinf(array).any():
        raise ValueError(
            f"{source}: {np.isinf(array).sum()} values are infinite: replace them, or mark them as missing with NaN."
        )
    mask = ~np.isnan(array)
    if not mask.any():
        raise ValueError(f"{source}: every value is missing (NaN): is this the right array?")
    if not mask.all():
        notes = (*notes, f"{(~mask).sum()} values ({(~mask).mean():.2%}) are missing (NaN)")
    axes = axes or plain_axes(array.shape)
    return Measured(array, axes, None if mask.all() else mask, source, notes, quantity, unit)


def as_measured(data: Any, what: str = "the frame") -> Measured:
    """Return a ``Measured`` as it is, and any array as one. ValueError for the name of a file."""
    if isinstance(data, str | PathLike):
        raise ValueError(f"{what} is a name, {str(data)!r}: read the file first, datasets.read({str(data)!r}).")
    return data if isinstance(data, Measured) else measured(data, source=what)


def _saturation(array: np.ndarray, hidden: np.ndarray | None) -> tuple[str, ...]:
    """Return a note where the largest value is many times as frequent as the next one."""
    known = array.ravel() if hidden is None else array[~hidden]
    if array.dtype.kind == "b" or known.size < 1000:
        return ()
    levels, counts = np.unique(known, return_counts=True)
    if array.dtype.kind == "f":
        finite = np.isfinite(levels)
        levels, counts = levels[finite], counts[finite]
    if len(levels) < _FEW_LEVELS or counts[-1] < max(10, 1e-4 * known.size) or counts[-1] < 5 * counts[-2]:
        return ()
    return (f"{counts[-1]} values ({counts[-1] / known.size:.2%}) are the largest one, {levels[-1]:g}: saturated",)


def check_frame(frame: Measured) -> None:
    """Raise ValueError unless the data are one frame [y x], with a hint at what else they may be."""
    shape = frame.values.shape
    other = [axis for axis in frame.axes if axis.name.lower() in _OF_CURVES or axis.unit in _OF_NO_LENGTH]
    if len(shape) == 2 and other:
        named = ", ".join(f"{axis.name or 'no name'}{f' ({axis.unit})' if axis.unit else ''}" for axis in other)
        raise ValueError(
            f"{frame.source}: these are curves and no frame, by their axes: {named}. Curves go to models.fit_vae as "
            "they are; if this is a frame all the same, give its array, .values (a frame in a text file is read by "
            "datasets.read(path, x='none'))."
        )
    if len(shape) == 2 and min(shape) >= 8:
        return
    hint = "a frame has two axes [y x], of 8 pixels or more."
    if len(shape) == 3 and shape[2] in (3, 4) and min(shape[:2]) > 4:
        hint = "colours? Give one channel, values[..., 0], or their mean, values[..., :3].mean(-1)."
    elif len(shape) == 3 and shape[0] == 1:
        hint = "a stack of one frame: give values[0]."
    elif len(shape) >= 3:
        hint = (
            f"a stack or a movie of {shape[0]} frames? Give one frame, values[0], or their mean, values.mean(0), or "
            "call this for each frame in turn."
        )
    raise ValueError(f"{frame.source}: shape {shape}: {hint}")


def frame_of(data: Any, what: str = "the frame") -> Measured:
    """Return one frame [y x] as ``Measured``. ValueError says what else the data may be, or that all is constant."""
    frame = as_measured(data, what)
    check_frame(frame)
    low, high = np.nanmin(frame.values), np.nanmax(frame.values)
    if low == high:
        raise ValueError(f"{frame.source}: all pixels are {low:g}: is this the right array?")
    return frame
