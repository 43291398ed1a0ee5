"""Histories brought from their own times to a common grid of unit time."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

DEFAULT_SAMPLES = 200


class Course(NamedTuple):
    """One history as it was measured: times [points], which rise, and values [points channels], NaN where missing."""

    name: str
    time: Float[np.ndarray, " points"]
    values: Float[np.ndarray, "points channels"]


class Found(NamedTuple):
    """Histories as a file holds them, with names and units of their channels; ``notes`` on what was decided."""

    courses: list[Course]
    names: tuple[str, ...]
    units: tuple[str, ...]
    time_unit: str
    notes: tuple[str, ...]


def resample(courses: list[Course], samples: int | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (values [n samples channels], measured, duration [n]) of histories on a common grid of unit time.

    The grid runs from the first time of a history to its last in equal steps; ``samples=None`` takes the number of
    points that all histories have in common, else DEFAULT_SAMPLES. Values between two measured ones are interpolated
    linearly. They are missing where a missing value lies between, and before the first and after the last measured
    one, because a guess would be learned as if it had been measured.

    ValueError for histories without a value in a channel, shorter than two points or with times that do not rise.
    """
    for course in courses:
        _check(course)
    lengths = {len(course.time) for course in courses}
    points = samples or (lengths.pop() if len(lengths) == 1 else DEFAULT_SAMPLES)
    values = np.zeros((len(courses), points, courses[0].values.shape[1]))
    measured = np.zeros(values.shape, bool)
    for row, course in enumerate(courses):
        for channel in range(values.shape[2]):
            at = np.s_[row, :, channel]
            values[at], measured[at] = _on_grid(course.time, course.values[:, channel], points)
    return values, measured, np.array([course.time[-1] - course.time[0] for course in courses])


def _on_grid(time: np.ndarray, values: np.ndarray, points: int) -> tuple[np.ndarray, Bool[np.ndarray, " points"]]:
    """Return one channel on the grid, and where it was measured or lies between two measured neighbours."""
    known = ~np.isnan(values)
    grid = np.linspace(time[0], time[-1], points)
    if points == len(time) and np.allclose(grid, time, rtol=0, atol=1e-6 * (time[-1] - time[0])):
        return np.where(known, values, 0.0), known  # on its own grid already: not a bit is changed
    after = np.clip(np.searchsorted(time, grid, side="left"), 0, len(time) - 1)
    on_time = np.isclose(time[after], grid, rtol=0, atol=1e-9 * (time[-1] - time[0]))
    before = np.where(on_time, after, np.maximum(after - 1, 0))
    measured = known[before] & known[after]
    filled = np.interp(grid, time[known], values[known])
    return np.where(measured, filled, 0.0), measured


def _check(course: Course) -> None:
    """Raise ValueError for a history that has no duration or lacks a channel."""
    if len(course.time) < 2:
        raise ValueError(f"history {course.name} has {len(course.time)} value(s): it needs two or more. Remove it.")
    if not np.isfinite(course.time).all():
        raise ValueError(f"history {course.name} has a missing time: give a time in each of its rows.")
    steps = np.diff(course.time)
    if not (steps > 0).all():
        at = int(np.argmin(steps > 0))
        raise ValueError(
            f"history {course.name}: its times do not rise, {course.time[at]:g} is followed by "
            f"{course.time[at + 1]:g}. Sort its rows by time, remove repeated times, or give each history its own id."
        )
    empty = np.flatnonzero(np.isnan(course.values).all(0))
    if empty.size:
        what = "no value at all" if course.values.shape[1] == 1 else f"no value in channel {empty[0] + 1}"
        raise ValueError(
            f"history {course.name} has {what}: remove it, or give its values; all histories need the same channels."
        )
