"""Which pairs are trained on, watched (to choose the epoch) and scored: patches of a scan by region, pairs by draw."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int

from models.fitted_pairs.given import LEAST
from models.paired.regions import SMALLEST, TRAINING, WATCHED, divide

LARGEST = 15  # points along a side of a patch where there is room
SPLITS = ("columns", "rows", "blocks")
PARTS = ("trained on", "watched", "scored")


class Places(NamedTuple):
    """Where patches of a scan lie: the rows and columns [n] of their middles, and the part of each, 0, 1 or 2.

    ``part_of_point`` [ny nx] is the part of every point of the scan.
    """

    row: Int[np.ndarray, " n"]
    column: Int[np.ndarray, " n"]
    part: Int[np.ndarray, " n"]
    part_of_point: Int[np.ndarray, "y x"]


def windows(image: np.ndarray, patch: int) -> np.ndarray:
    """Return all patches [y2 x2 patch patch] of an image [y x] as a view; the middle of the first is half of one in."""
    return np.lib.stride_tricks.sliding_window_view(image, (patch, patch))


def patch_of(shape: tuple[int, ...], patch: int, split: Any, seed: int) -> int:
    """Return the size of the patches: as given, or the largest odd one up to ``LARGEST`` that every part has room for.

    Odd, because then the point of the spectrum is in the middle, also of a patch that is turned. ValueError for a scan
    without room.
    """
    if patch and (patch <= SMALLEST or patch % 2 == 0):
        raise ValueError(f"patch={patch}: give an odd number from {SMALLEST + 1} up: the spectrum is in the middle.")
    for size in (patch,) if patch else range(LARGEST, SMALLEST, -2):
        try:
            parts_of(shape, split, size, seed)
        except ValueError:
            if patch or size == SMALLEST + 1:
                raise
        else:
            return size
    raise AssertionError("the smallest patch was tried")


def parts_of(shape: tuple[int, ...], split: str | np.ndarray, patch: int, seed: int) -> Places:
    """Return the patches of a scan of which all points lie in one part of it.

    ``split`` is one of ``SPLITS``, or a mask [ny nx] that is true where the scan is scored; a band of the other points
    is then watched. ValueError for a part without any patch.
    """
    if isinstance(split, str):
        if split not in SPLITS:
            raise ValueError(f"split={split!r}: give one of {', '.join(SPLITS)}, or a mask of the points to score on.")
        part = divide(shape, split, patch, seed).of_points(shape)
    else:
        part = _of_mask(np.asarray(split), shape, patch)
    inside = windows(part, patch).reshape(-1, patch * patch)
    number = np.where(inside.min(1) == inside.max(1), inside[:, 0], -1)
    for at, name in enumerate(PARTS):
        if not (number == at).any():
            raise ValueError(
                f"no patch of {patch} × {patch} points lies in the part of the scan that is {name}: lower patch, take "
                "another split, or give a larger scan."
            )
    row, column = (index.ravel() + patch // 2 for index in np.indices(windows(part, patch).shape[:2]))
    kept = number >= 0
    return Places(row[kept], column[kept], number[kept], part)


def _of_mask(mask: np.ndarray, shape: tuple[int, ...], patch: int) -> Int[np.ndarray, "y x"]:
    """Return the part of every point of a scan of which the points of ``mask`` are scored.

    Watched are the last columns, or else the last rows, in which a patch has room beside the scored points.
    """
    if mask.shape != shape or not 0 < np.count_nonzero(mask) < mask.size:
        raise ValueError(
            f"split of shape {mask.shape} with {np.count_nonzero(mask)} points to score on: give a mask of the scan's "
            f"shape {shape} that is true where it is scored and false where it is trained on."
        )
    part = np.where(mask != 0, 2, 0).astype(np.int8)
    width = max(patch, round(WATCHED / (TRAINING + WATCHED) * shape[1])), max(patch, round(WATCHED * shape[0]))
    for turned, wide in zip((part, part.T), width, strict=True):
        for end in range(turned.shape[1], wide - 1, -1):
            band = np.zeros(turned.shape, bool)
            band[:, end - wide : end] = True
            if windows(band & (turned == 0), patch).all((2, 3)).any():
                turned[band & (turned == 0)] = 1
                return part
    return part


def split_of(count: int, split: Any, seed: int) -> Int[np.ndarray, " n"]:
    """Return the part of every pair: three tenths at random to watch and to score on, or a given mask [n] to score on.

    ValueError for a split that only a scan has.
    """
    rng = np.random.default_rng(seed)
    part = np.zeros(count, int)
    if isinstance(split, str):
        if split != "random":
            raise ValueError(f"split={split!r} divides a scan: for pairs give 'random', or a mask [n] to score on.")
        order = rng.permutation(count)
        part[order[: round(0.2 * count)]] = 2
    else:
        mask = np.asarray(split)
        if mask.shape != (count,) or not LEAST // 4 <= np.count_nonzero(mask) <= count - LEAST // 2:
            raise ValueError(
                f"split of shape {mask.shape} with {np.count_nonzero(mask)} pairs to score on: give {count} entries, "
                f"true for {LEAST // 4} or more that are scored and false for {LEAST // 2} or more others."
            )
        part[mask != 0] = 2
    rest = rng.permutation(np.flatnonzero(part == 0))
    part[rest[: max(1, round(WATCHED / (TRAINING + WATCHED) * len(rest)))]] = 1
    return part
