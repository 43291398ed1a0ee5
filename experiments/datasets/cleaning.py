"""Bad samples of loops found, and what is left of a scan without them."""

import numpy as np
from scipy.ndimage import median_filter

FAR = 1.0  # extents of the core, beyond which no sample belongs to the loop
SPIKE = (8.0, 0.3)  # distance from a running median: standard deviations of the noise, and a share of the extent
NEIGHBOURS = 5  # samples of the running median
BROKEN = 0.25  # share of bad samples beyond which a point is broken
CORE = 1 - BROKEN  # share of a loop's samples in its core, the shortest interval that holds so many
TALLEST = 10.0  # times the median extent of all loops, beyond which a point is broken


def bad_samples(response: np.ndarray) -> np.ndarray:
    """Return which samples of loops [ny nx step] are bad, bool of the same shape; missing ones are.

    A sample is bad if it lies further from its loop's core than FAR times the core's extent, or from the running median
    of its neighbours (the sweep begins again at its end) than both parts of SPIKE. Each loop has an extent of its own,
    because responses differ by orders of magnitude over a scan; in a loop of more than TALLEST times the median extent
    all samples are bad.
    """
    known = np.isfinite(response)
    low, high = _core(response, known)
    extent = high - low
    far = known & ((response < low - FAR * extent) | (response > high + FAR * extent))
    calm = np.where(known & ~far, response, (low + high) / 2)
    residual = np.abs(calm - median_filter(calm, (1, 1, NEIGHBOURS), mode="wrap"))
    noise = 1.4826 * np.median(residual, axis=-1, keepdims=True)
    noise = np.maximum(noise, np.median(noise))
    spike = (residual > SPIKE[0] * noise) & (residual > SPIKE[1] * extent)
    return ~known | far | spike | (extent > TALLEST * np.median(extent))


def _core(response: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends [ny nx 1] of the shortest interval that holds the share CORE of the known samples of a loop.

    Loops that have fewer are left without: 0 and ∞.
    """
    ordered = np.sort(np.where(known, response, np.inf), axis=-1)
    inside = round(CORE * response.shape[-1])
    with np.errstate(invalid="ignore"):
        lengths = ordered[..., inside - 1 :] - ordered[..., : response.shape[-1] - inside + 1]
    lengths = np.where(np.isfinite(lengths), lengths, np.inf)
    start = np.argmin(lengths, -1)[..., None]
    low, extent = np.take_along_axis(ordered, start, -1), np.take_along_axis(lengths, start, -1)
    return np.where(np.isfinite(extent), low, 0.0), np.where(np.isfinite(extent), low + extent, np.inf)


def broken_points(bad: np.ndarray) -> np.ndarray:
    """Return which points [ny nx] have so many bad samples that their loop cannot be known."""
    return bad.mean(-1) > BROKEN


def filled(response: np.ndarray, bad: np.ndarray) -> np.ndarray:
    """Return loops [n step] with bad samples interpolated along the sweep, which begins again at its end."""
    steps = np.arange(response.shape[-1])
    rows = zip(response, ~bad, strict=True)
    return np.stack([np.interp(steps, steps[good], loop[good], period=len(steps)) for loop, good in rows])
