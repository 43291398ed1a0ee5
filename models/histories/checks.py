"""Checks of histories before they are learned, encoded or refined; every error says what to change."""

from typing import Any

import numpy as np

from models.histories.records import Histories, missing


def check_histories(histories: Histories, least: int) -> None:
    """Raise ValueError for histories from which nothing can be learned."""
    values, absent = np.asarray(histories.values), missing(histories.mask, histories.values)
    count = len(values)
    if count < least:
        raise ValueError(
            f"{count} {'history' if count == 1 else 'histories'}, expected {least} or more. A file with a row for each "
            "history has as many rows; one with a history in each column must be transposed."
        )
    empty = np.flatnonzero(absent.reshape(count, -1).all(1))
    if empty.size:
        raise ValueError(f"history {histories.ids[empty[0]]} has no value at all: remove it.")
    bad = np.flatnonzero((~np.isfinite(values) & ~absent).reshape(count, -1).any(1))
    if bad.size:
        raise ValueError(f"history {histories.ids[bad[0]]} holds NaN or infinite values: give a mask that is 0 there.")
    if len(histories.duration) != count or not (np.isfinite(histories.duration) & (histories.duration > 0)).all():
        raise ValueError(f"durations must be positive numbers, one for each of the {count} histories.")
    if count > 1 and _all_alike(values, absent) and np.ptp(histories.duration) == 0:
        raise ValueError(
            f"all {count} histories are alike, so there is nothing to learn: is this the right file and column?"
        )


def _all_alike(values: np.ndarray, absent: np.ndarray) -> bool:
    """Return whether no sample differs between any two histories."""
    low = np.where(absent, np.inf, values).min(0)
    high = np.where(absent, -np.inf, values).max(0)
    return bool((high <= low).all())


def bounds_of(bounds: Any, channels: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower and the upper bound of each channel, ±inf where there is none.

    ``bounds`` is None, one pair (low, high) for all channels or one pair for each; None inside a pair is no bound.
    ValueError for anything else.
    """
    if bounds is None:
        bounds = (None, None)
    rows = [bounds] * channels if len(bounds) == 2 and all(np.ndim(end) == 0 for end in bounds) else list(bounds)
    if len(rows) != channels or any(len(row) != 2 for row in rows):
        raise ValueError(f"bounds={bounds}: give (low, high), or one such pair for each of the {channels} channels.")
    low = np.array([-np.inf if row[0] is None else row[0] for row in rows], float)
    high = np.array([np.inf if row[1] is None else row[1] for row in rows], float)
    if not (low < high).all():
        raise ValueError(f"bounds={bounds}: the lower bound must lie below the upper one.")
    return low, high
