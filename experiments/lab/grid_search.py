"""Grid search over a square map of known values, a baseline of campaigns over two parameters. In NumPy.

A cell is row · side + column. A k × k grid is placed by a shift (u, v) in [0, 1)²: its points are (i + u)/k of the box
along each axis. An average over shifts is fair to somebody who does not know where the optimum lies.
"""

import numpy as np


def shifted_grid(side: int, k: int, shift: np.ndarray) -> np.ndarray:
    """Return the k² cells of a k × k grid shifted by ``shift`` (row, column), for k up to ``side``."""
    rows, columns = (np.floor((np.arange(k) + u) * side / k).astype(int) for u in shift)
    return (rows[:, None] * side + columns[None, :]).ravel()


def grid_with_ends(side: int, k: int) -> np.ndarray:
    """Return the k² cells of the grid whose outer points lie on the edge of the box, k at least 2."""
    places = np.linspace(0, side - 1, k).round().astype(int)
    return (places[:, None] * side + places[None, :]).ravel()


def smallest_grid(good: np.ndarray, shift: np.ndarray | None = None, least: int = 3) -> tuple[int, int]:
    """Return k of the smallest k × k grid with a good cell, and the number of distinct cells of all grids up to k.

    ``good`` (cell,) marks the cells looked for, at least one; grids grow from k = ``least``.
    Without a shift they include the ends.
    """
    side, evaluated = round(np.sqrt(len(good))), np.zeros(len(good), bool)
    for k in range(least, side + 1):
        cells = grid_with_ends(side, k) if shift is None else shifted_grid(side, k, shift)
        evaluated[cells] = True
        if good[cells].any():
            return k, int(evaluated.sum())
    raise ValueError(f"no grid up to {side} × {side} holds a good cell; {good.sum()} of {len(good)} are good")


def coarse_to_fine(
    random: np.random.Generator, values: np.ndarray, k: int, shift: np.ndarray, count: int
) -> np.ndarray:
    """Return the first ``count`` distinct cells that a grid search evaluates which zooms in on its best cell.

    The first level is the k × k grid of the whole box with ``shift``. Each next level puts the centres of k × k equal
    parts on the box that reaches one spacing to every side of the best cell so far, clipped to the domain. Cells of a
    level come in random order, none twice; where a level finds nothing new, random cells follow. ``values`` (cell,) is
    the map, of which only evaluated cells are read.
    """
    side = round(np.sqrt(len(values)))
    order: dict[int, None] = {}
    level = shifted_grid(side, k, shift)
    spacing = np.full(2, side / k)
    while True:
        new = [cell for cell in random.permutation(np.unique(level)) if int(cell) not in order]
        if not new:
            new = [cell for cell in random.permutation(len(values)) if int(cell) not in order]
        order.update(dict.fromkeys(map(int, new)))
        if len(order) >= count:
            return np.fromiter(order, int)[:count]
        evaluated = np.fromiter(order, int)
        best = int(evaluated[np.argmax(values[evaluated])])
        centre = np.array([best // side, best % side]) + 0.5
        low, high = np.maximum(centre - spacing, 0), np.minimum(centre + spacing, side)
        spacing = (high - low) / k
        places = [np.floor(a + (np.arange(k) + 0.5) * s).astype(int) for a, s in zip(low, spacing, strict=True)]
        level = (places[0][:, None] * side + places[1][None, :]).ravel()
