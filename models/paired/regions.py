"""Divide the points of a scan into regions to train on, to watch and to score on, of which no patch crosses a border.

``columns`` makes three bands side by side, ``rows`` three below each other. Where the watched band would be narrower
than a patch, the scored one stays, and the watched region lies across the end of the trained one. ``blocks`` draws
blocks of about two and a half patches, for scans that change from side to side.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int

TRAINING, WATCHED = 0.6, 0.1  # shares of the points; the rest is scored
PATCH, SMALLEST = 16, 4  # points along a side of a patch where there is room, and at least
BLOCK = 2.5  # patches along the side of a block


class Box(NamedTuple):
    """A rectangle of points, rows from ``top`` up to ``bottom``, columns from ``left`` up to ``right``."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def points(self) -> tuple[slice, slice]:
        """The rows and columns of the rectangle, as an index."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def narrow(self) -> int:
        """Points along the shorter side."""
        return min(self.bottom - self.top, self.right - self.left)

    def turned(self) -> "Box":
        """Return the rectangle with rows and columns exchanged."""
        return Box(self.left, self.right, self.top, self.bottom)


class Regions(NamedTuple):
    """Rectangles to train on, to watch and to score on."""

    training: tuple[Box, ...]
    watched: tuple[Box, ...]
    scored: tuple[Box, ...]

    @property
    def narrow(self) -> int:
        """Points along the shortest side of all rectangles: the largest patch that each of them holds."""
        return min(box.narrow for boxes in self for box in boxes)

    def turned(self) -> "Regions":
        """Return the regions with rows and columns exchanged."""
        return Regions(*(tuple(box.turned() for box in boxes) for boxes in self))

    def of_points(self, shape: tuple[int, ...]) -> Int[np.ndarray, "y x"]:
        """Return the region of every point: 0 trained on, 1 watched, 2 scored."""
        part = np.zeros(shape, np.int8)
        for number, boxes in enumerate(self):
            for box in boxes:
                part[box.points] = number
        return part


def divide(shape: tuple[int, ...], split: str, patch: int, seed: int) -> Regions:
    """Return the regions of a scan (rows, columns) for patches of that size; ``seed`` draws the blocks.

    ValueError for a scan that has no room for a patch in each of them.
    """
    rows, columns = shape
    if split == "blocks":
        regions = _blocks(rows, columns, patch, np.random.default_rng(seed))
    else:
        regions = _bands(rows, columns, patch) if split == "columns" else _bands(columns, rows, patch).turned()
    if patch > regions.narrow:
        raise ValueError(
            f"patch={patch}, but the scan of {rows} × {columns} points is split into regions, of which the "
            f"smallest has {max(regions.narrow, 0)} points along a side: lower patch, take another split, or give a "
            "larger scan"
        )
    return regions


def fitting(shape: tuple[int, ...], split: str, seed: int) -> int:
    """Return the largest even patch of up to ``PATCH`` points that every region holds. ValueError where none does."""
    for patch in range(PATCH, SMALLEST - 1, -2):
        try:
            divide(shape, split, patch, seed)
        except ValueError:
            if patch == SMALLEST:
                raise
        else:
            return patch
    raise AssertionError("the smallest patch was tried")


def inside(
    boxes: tuple[Box, ...], row: Int[np.ndarray, " n"], column: Int[np.ndarray, " n"], patch: int
) -> Bool[np.ndarray, " n"]:
    """Say which patches, of which ``row`` and ``column`` are the middles, lie in one of the rectangles."""
    top, left = row - patch // 2, column - patch // 2
    found = [
        (top >= box.top) & (top + patch <= box.bottom) & (left >= box.left) & (left + patch <= box.right)
        for box in boxes
    ]
    return np.any(found, axis=0)


def _bands(rows: int, columns: int, patch: int) -> Regions:
    """Return three bands of columns, or a scored band and a watched region below the trained one."""
    first, second = round(TRAINING * columns), round((TRAINING + WATCHED) * columns)
    scored = Box(0, rows, second, columns)
    if second - first >= patch:
        return Regions((Box(0, rows, 0, first),), (Box(0, rows, first, second),), (scored,))
    below = rows - max(patch, round(WATCHED / (TRAINING + WATCHED) * rows))
    return Regions((Box(0, below, 0, second),), (Box(below, rows, 0, second),), (scored,))


def _blocks(rows: int, columns: int, patch: int, generator: np.random.Generator) -> Regions:
    """Return blocks of which random ones are watched and scored, at least one each."""
    ends = [
        np.linspace(0, side, max(2, round(side / (BLOCK * patch))) + 1).round().astype(int) for side in (rows, columns)
    ]
    boxes = [
        Box(int(top), int(bottom), int(left), int(right))
        for top, bottom in zip(ends[0][:-1], ends[0][1:], strict=True)
        for left, right in zip(ends[1][:-1], ends[1][1:], strict=True)
    ]
    drawn = [boxes[number] for number in generator.permutation(len(boxes))]
    watched, scored = (max(1, round(share * len(drawn))) for share in (WATCHED, 1 - TRAINING - WATCHED))
    return Regions(tuple(drawn[watched + scored :]), tuple(drawn[:watched]), tuple(drawn[watched : watched + scored]))
