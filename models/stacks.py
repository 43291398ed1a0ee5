"""What a user gives as a stack of images or curves: an array of any kind, with what is missing in it."""

from os import PathLike
from typing import Any, NamedTuple

import numpy as np

from ferro_jax import values as door

LAGS = 4  # rows and columns over which the likeness of neighbours is compared
TAIL = 0.005  # share of the values at each end that are cut for that, because one spike would decide
SATURATED = 0.01  # share of the values that are the largest one, from which on a detector of counts was saturated
LEVELS = 32  # fewer different values are drawings, masks or sums of a few bits
LEAST_SIDE = 24  # pixels of the shorter side from which a table may be one image
LONG = 4  # times the other side, from which the longer side of few examples seems to count them


class Stack(NamedTuple):
    """A stack as it was given, not yet converted: values [n *shape] of any number type, where they were measured.

    ``known`` is True where a value was measured, None where the user has not said; NaN is missing in any case.
    ``pixel`` is the size of a pixel in ``unit``, () where unknown; ``axis`` is that of curves, where there is one.
    ``notes`` are those of the record that the stack came in, in words.
    """

    values: np.ndarray
    known: np.ndarray | None
    pixel: tuple[float, ...] = ()
    unit: str = ""
    axis: Any = None
    notes: tuple[str, ...] = ()


def stack_of(stack: Any, mask: Any = None, *, curves: bool = False) -> Stack:
    """Return a stack [n *shape] from an array, a masked array or a record with ``x`` (or ``values``) and ``mask``.

    ``mask`` is true (or 1) where a value was measured. A table [n samples] is taken for ONE image where it looks like
    one, unless it is known to hold ``curves``. ValueError for anything that is not a stack of images
    [n ny nx], colour images [n ny nx channels] or curves [n samples] of real numbers.
    """
    given = given_of(stack, mask)
    _check_form(given.values.shape)
    if given.values.ndim > 2:
        return given._replace(axis=None)
    if not curves and seems_one_image(given.values):
        raise ValueError(
            f"an array of shape {given.values.shape} would be {len(given.values)} curves of {given.values.shape[1]} "
            "samples, but its rows and columns are alike, as those of ONE image: cut windows from it first "
            "(experiments.datasets.cut). If these are curves, say so with stack[..., None]."
        )
    return given


def given_of(data: Any, mask: Any = None) -> Stack:
    """Return an array, a masked array or a record with ``x`` (or ``values``) and ``mask``, of any shape.

    ValueError for anything but real numbers, the name of a file for instance, and for a mask of another shape.
    """
    if isinstance(data, str | PathLike):
        raise ValueError(f"{str(data)!r} is a name: read the file first, for instance by experiments.datasets.read.")
    if hasattr(data, "dtype") or not (hasattr(data, "x") or hasattr(data, "values")):
        return _checked(data, mask)
    own = getattr(data, "mask", None)
    values = data.x if hasattr(data, "x") else data.values
    given = _checked(values, own if mask is None and hasattr(own, "shape") else mask)
    pixel, unit, axes = (getattr(data, name, None) for name in ("pixel", "unit", "axes"))
    pixel = () if pixel is None else tuple(np.atleast_1d(np.asarray(pixel, float)).tolist())
    axis = axes[-1] if axes is not None and hasattr(axes[-1], "unit") else None
    notes = getattr(data, "notes", ())
    notes = tuple(str(note) for note in ((notes,) if isinstance(notes, str) else notes or ()))
    return given._replace(pixel=pixel, unit=str(unit or "") if pixel else "", axis=axis, notes=notes)


def examples_of(data: Any, shape: tuple[int, ...]) -> Stack:
    """Return examples [n *shape] from an array, a masked array or a record with ``x`` (or ``values``) and ``mask``.

    ValueError for anything but real numbers, and for examples of another shape.
    """
    given, shape = given_of(data), tuple(shape)
    if given.values.shape[1:] != shape:
        hint = ""
        if given.values.shape[:-1] == shape:
            hint = " The examples seem to come last: np.moveaxis(data, -1, 0)."
        elif given.values.shape == shape:
            hint = " One example needs a leading axis, data[None]."
        raise ValueError(
            f"data of shape {given.values.shape}: expected examples [n {' '.join(map(str, shape))}].{hint}"
        )
    return given


def check_order(shape: tuple[int, ...]) -> None:
    """Raise a ValueError for a stack [n ny nx] of which another axis than the first seems to count the examples.

    It does where examples are no more than either of their sides, and one side is ``LONG`` times the other.
    """
    if len(shape) != 3 or shape[0] > min(shape[1:]) or max(shape[1:]) < LONG * min(shape[1:]):
        return
    axis, place = (-1, "last") if shape[2] > shape[1] else (1, "second")
    raise ValueError(
        f"an array of shape {shape} would be {shape[0]} images of {shape[1]} × {shape[2]}, but the examples seem to "
        f"come {place}: np.moveaxis(stack, {axis}, 0). If they are such images, say so with stack[..., None]."
    )


def _checked(values: Any, mask: Any) -> Stack:
    """Return the values and the mask as NumPy arrays."""
    known = None if mask is None else np.asarray(door.mask(mask, "mask"))
    if isinstance(values, np.ma.MaskedArray):
        given = ~np.ma.getmaskarray(values)
        values, known = values.data, given if known is None else known & given
    if isinstance(values, list | tuple) and len({np.shape(value) for value in values}) > 1:
        raise ValueError("the examples differ in shape: cut or pad them to one shape first.")
    values = np.asarray(values)
    if values.dtype.name == "bfloat16":  # of JAX, which NumPy takes for no number
        values = values.astype(np.float32)
    if values.dtype.kind not in "fiub":
        raise ValueError(
            f"the stack holds values of type {values.dtype}: give real numbers, np.abs(stack) for instance."
        )
    if known is not None and known.shape != values.shape:
        raise ValueError(f"mask of shape {known.shape} for a stack of shape {values.shape}: give one entry per value.")
    return Stack(values, known)


def _check_form(shape: tuple[int, ...]) -> None:
    """Raise a ValueError for an array that cannot be a stack."""
    forms = "images [n ny nx], images with channels [n ny nx channels] or curves [n samples]"
    if not 2 <= len(shape) <= 4 or 0 in shape:
        hint = " One curve needs a leading axis, stack[None]." if len(shape) == 1 and shape[0] else ""
        raise ValueError(f"an array of shape {shape} is no stack: give {forms}.{hint}")
    if len(shape) == 3 and 2 <= shape[2] <= 4 and min(shape[:2]) >= LEAST_SIDE:
        raise ValueError(
            f"an array of shape {shape} seems to be ONE image with {shape[2]} channels: cut windows from it, or give a "
            f"stack {forms}. Curves with channels: join the channels to one curve, stack.reshape(len(stack), -1)."
        )
    if len(shape) == 4 and shape[1] <= 4 < min(shape[2:]):
        raise ValueError(
            f"an array of shape {shape} seems to have its channels first: move them last, np.moveaxis(stack, 1, -1)."
        )


def seems_one_image(values: np.ndarray) -> bool:
    """Return whether a table [rows columns] is as alike from row to row as from column to column.

    Images are, because a pixel has no preferred direction; curves are not, unless they come in the order of a scan and
    are as smooth over it as along themselves. Compared are the correlations at up to ``LAGS`` steps.
    """
    if min(values.shape) < LEAST_SIDE:
        return False
    table = values[:1024, :1024].astype(float)
    table = np.clip(table, *np.nanquantile(table, [TAIL, 1 - TAIL])) if np.isfinite(table).any() else table
    table = np.nan_to_num(table - np.nanmean(table))
    power = float((table**2).mean()) or 1.0
    down = np.array([(table[lag:] * table[:-lag]).mean() for lag in range(1, LAGS + 1)]) / power
    across = np.array([(table[:, lag:] * table[:, :-lag]).mean() for lag in range(1, LAGS + 1)]) / power
    alike = np.abs(down - across).max() < 0.1
    return bool(alike and down[0] > 0.2 and down[-1] < 0.8)


def model_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of one example for the model: an image of one channel or a curve has no axis for it."""
    return shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape


def saturation_in_words(values: np.ndarray) -> str:
    """Return in words that counts are saturated, "" where they are not, or where values are no whole numbers.

    They are where 1 % of them or more are the largest one, and five times as many as are the next one.
    """
    known = values[np.isfinite(values)]
    if not known.size or (known != np.round(known)).any():
        return ""
    levels, counts = np.unique(known, return_counts=True)
    if len(levels) < LEVELS or counts[-1] < max(SATURATED * known.size, 5 * counts[-2]):
        return ""
    return (
        f"{100 * counts[-1] / known.size:.1f} % of the values are the largest one, {levels[-1]:g}: the detector was "
        "saturated, and what lies above is lost. Measure with less gain, or have these values count as missing: "
        f"mask=stack < {levels[-1]:g}."
    )


def floats(stack: Stack, rows: slice | np.ndarray) -> np.ndarray:
    """Return the values of some rows [n *shape] as float64, NaN where missing. ValueError for infinite values."""
    values = stack.values[rows].astype(np.float64)
    if stack.known is not None:
        values[~stack.known[rows]] = np.nan
    if np.isinf(values).any():
        raise ValueError("the stack holds infinite values: put NaN where a value is missing, or give a mask.")
    return values
