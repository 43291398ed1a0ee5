"""The record of measured data, its axes, and arrays of a file that are not read yet."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ferro_jax.printing import described


class Axis(NamedTuple):
    """One axis of measured data: ``name`` and ``unit`` ("" where unknown), and its ``values`` [size].

    Without known values they are the numbers 0, 1, 2, … of the samples.
    """

    name: str
    unit: str
    values: np.ndarray


class Measured(NamedTuple):
    """Measured data of any number of axes: frames, stacks, movies, cubes of spectra, loops, curves.

    ``values`` float32 (float64 where the file has more digits), NaN where a value is missing. ``axes`` has one entry
    for each axis of ``values``, in their order. ``mask`` bool of the same shape, True where measured; None where
    nothing is missing. ``source`` says where the data come from, ``notes`` in words what a user should know.
    ``quantity`` and ``unit`` are those of the values, "" where unknown.
    """

    values: np.ndarray
    axes: tuple[Axis, ...]
    mask: np.ndarray | None
    source: str
    notes: tuple[str, ...] = ()
    quantity: str = ""
    unit: str = ""

    __repr__ = described


class Stored(NamedTuple):
    """One array of a file: what is known without reading it, and ``load`` that reads it.

    ``axes`` as in ``Measured``, or () where nothing is known of them. ``scale`` is True for an array that is only the
    axis of another one. ``load`` returns NaN where the file marks a value as missing. ``identity`` is the same for
    several names of one array.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    load: Callable[[], np.ndarray]
    axes: tuple[Axis, ...] = ()
    quantity: str = ""
    unit: str = ""
    scale: bool = False
    notes: tuple[str, ...] = ()
    identity: Any = None


def of_array(values: Any, **known: Any) -> Stored:
    """Return an array in memory as an entry of a file."""
    values = np.asarray(values)
    return Stored(values.shape, values.dtype, lambda: values, **known)


def plain_axes(shape: tuple[int, ...]) -> tuple[Axis, ...]:
    """Return axes of which nothing is known but their sizes."""
    return tuple(Axis("", "", np.arange(size, dtype=float)) for size in shape)


def words(value: Any) -> tuple[str, ...]:
    """Return an attribute as words, one or several, from text or bytes; () where there is none."""
    if value is None:
        return ()
    entries = np.atleast_1d(np.asarray(value, dtype=object)).ravel().tolist()
    return tuple(text(entry) for entry in entries)


def text(entry: Any) -> str:
    """Return an entry as text; bytes are UTF-8 or, where they are not, of Windows' alphabet."""
    if not isinstance(entry, bytes):
        return str(entry)
    try:
        return entry.decode()
    except UnicodeDecodeError:
        return entry.decode("cp1252", errors="replace")


def word(value: Any) -> str:
    """Return an attribute as one word, "" where there is none."""
    return next(iter(words(value)), "")


def step(axis: Axis) -> float | None:
    """Return the distance of neighbouring samples of an evenly spaced axis, positive; None where it is uneven."""
    if len(axis.values) < 2:
        return None
    steps = np.diff(axis.values)
    mean = float(steps.mean())
    even = mean != 0 and np.isfinite(mean) and bool((np.abs(steps - mean) <= 1e-3 * abs(mean)).all())
    return abs(mean) if even else None
