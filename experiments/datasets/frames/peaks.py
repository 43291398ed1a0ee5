"""Peaks of a frame at the scale of its columns: noise, hot pixels, and maxima that stand out of the noise."""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

_OUT_OF_NOISE = 4.5  # standard deviations of the noise: one false peak in many frames
_WIDER = 1.6  # the width of the background that is subtracted, against that of the peak


class Peaks(NamedTuple):
    """Maxima ``xy`` [n 2] in pixels with their ``height`` over the surroundings and the ``noise`` of heights."""

    xy: np.ndarray
    height: np.ndarray
    noise: float


def noise_of(frame: np.ndarray) -> float:
    """Return the standard deviation of the noise of pixels, from second differences that a smooth image has not.

    The median over pixels is taken (Immerkaer 1996), so that edges and hot pixels do not count.
    """
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]])
    return float(np.median(np.abs(ndimage.convolve(frame, kernel, mode="nearest"))) / (0.6745 * 6))


def without_hot_pixels(frame: np.ndarray, noise: float) -> tuple[np.ndarray, int]:
    """Return the frame with single pixels that stick out replaced by the median around them, and their number."""
    around = np.ones((3, 3), bool)
    around[1, 1] = False
    highest = ndimage.maximum_filter(frame, footprint=around, mode="nearest")
    usual = ndimage.median_filter(frame, footprint=around, mode="nearest")
    hot = (frame - highest > 10 * noise) & (frame - highest > 0.6 * (frame - usual))
    hot &= frame - usual > 0.5 * (np.quantile(frame, 0.99) - np.median(frame))
    return np.where(hot, usual, frame), int(hot.sum())


def filled(frame: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """Return the frame with missing pixels replaced by the nearest ones."""
    if mask is None:
        return frame
    rows, columns = np.asarray(ndimage.distance_transform_edt(~mask, return_distances=False, return_indices=True))
    return frame[rows, columns]


def peaks_of(frame: np.ndarray, width: float, distance: float, noise: float, least: float) -> Peaks:
    """Return the maxima of a frame seen through a filter of the ``width`` (standard deviation) of a column.

    They are ``distance`` apart or more, stand 4.5 standard deviations out of the noise of pixels, and reach the share
    ``least`` of the height of the brighter half.
    """
    seen = ndimage.gaussian_filter(frame, width, mode="nearest")
    seen -= ndimage.gaussian_filter(frame, _WIDER * width, mode="nearest")
    impulse = np.zeros([2 * int(8 * width) + 3] * 2)
    impulse[impulse.shape[0] // 2, impulse.shape[1] // 2] = 1
    kernel = ndimage.gaussian_filter(impulse, width) - ndimage.gaussian_filter(impulse, _WIDER * width)
    level = noise * float(np.sqrt((kernel**2).sum()))
    reach = int(np.ceil(distance))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    highest = ndimage.maximum_filter(seen, footprint=np.hypot(x, y) <= distance, mode="constant", cval=-np.inf)
    rows, columns = np.nonzero((seen == highest) & (seen > _OUT_OF_NOISE * level) & (seen > 0))
    height = seen[rows, columns]
    if len(height):
        kept = height >= least * np.median(np.sort(height)[len(height) // 2 :])
        rows, columns, height = rows[kept], columns[kept], height[kept]
    return Peaks(np.stack([columns, rows], -1).astype(float), height, level)
