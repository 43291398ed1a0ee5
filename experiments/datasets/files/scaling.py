"""Values brought to 0 … 1: one rule for stacks of files and for windows of a frame, and the way back."""

from typing import Any, NamedTuple

import numpy as np

NORMALISATIONS = ("none", "stack", "image", "robust", "level")
TAILS = 0.1  # per cent of the values on either side that do not count for "robust"


class Scaled(NamedTuple):
    """Normalised values with ``low`` and ``high``, the values that became 0 and 1, and ``words`` on what was done.

    ``low`` and ``high`` broadcast against the values: values = low + scaled · (high − low).
    """

    values: np.ndarray
    low: np.ndarray
    high: np.ndarray
    words: str


def check_normalise(normalise: Any) -> None:
    """Raise ValueError for a normalisation that is neither a name nor a pair of numbers low < high."""
    if isinstance(normalise, str):
        if normalise not in NORMALISATIONS:
            raise ValueError(f"normalise must be one of {', '.join(NORMALISATIONS)}, got {normalise!r}")
    elif len(normalise) != 2 or any(np.size(part) != 1 for part in normalise) or not normalise[0] < normalise[1]:
        raise ValueError(f"normalise={normalise}: give a name or two numbers, low < high, that become 0 and 1")


def scale(x: np.ndarray, normalise: Any) -> Scaled:
    """Normalise images [n …], NaN where a pixel is missing.

    "none" keeps the values; "stack" maps the smallest and the largest of all to 0 and 1; "robust" does so with the
    quantiles 0.1 % and 99.9 %, so that a hot pixel does not set the scale (values may then leave 0 … 1); "image" maps
    each image's own smallest and largest, and a constant image to 0; "level" takes its mean off each image first, so
    that a background which changes slowly over a frame is gone. A pair (low, high) is that of another stack.
    ValueError where all values are the same.
    """
    check_normalise(normalise)
    if normalise == "level":
        level = np.nanmean(x, axis=tuple(range(1, x.ndim)), keepdims=True)
        flat = scale(x - level, "robust")
        words = f"the mean of each image off, then {flat.words}"
        return Scaled(flat.values, level + flat.low, level + flat.high, words)
    if normalise == "none":
        return Scaled(
            x, np.asarray(0.0), np.asarray(1.0), f"values as they are ({np.nanmin(x):.4g} to {np.nanmax(x):.4g})"
        )
    if normalise == "image":
        axes = tuple(range(1, x.ndim))
        low, high = np.nanmin(x, axis=axes, keepdims=True), np.nanmax(x, axis=axes, keepdims=True)
        high = np.where(high > low, high, low + 1)
        return Scaled((x - low) / (high - low), low, high, "each image from its smallest and largest value to 0 and 1")
    if not isinstance(normalise, str):
        low, high = map(float, normalise)
    elif normalise == "stack" or np.nanmin(x) == np.nanmax(x):
        low, high = float(np.nanmin(x)), float(np.nanmax(x))
    else:
        low, high = map(float, np.nanpercentile(x, (TAILS, 100 - TAILS)))
        if low == high:  # nearly all values are the same
            low, high = float(np.nanmin(x)), float(np.nanmax(x))
    if low == high:
        raise ValueError(f"all pixels are {low:g}: there is nothing to normalise; is this the right array?")
    return Scaled(
        (x - low) / (high - low), np.asarray(low), np.asarray(high), f"{low:.4g} to {high:.4g} mapped to 0 to 1"
    )
