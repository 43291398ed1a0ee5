"""Score the maps: median and spread over random fields, dependence on both parameters, where the extremes lie."""

import itertools
from typing import Any, NamedTuple

import numpy as np

from experiments.lab.run import RunError
from experiments.lab.scores import rank_correlation
from experiments.shared.lattices.parameter_map import Problem


class MapScore(NamedTuple):
    """Median and standard deviation of a response over the random fields (depolarization, coupling), and numbers."""

    median: np.ndarray
    std: np.ndarray
    numbers: dict[str, Any]


def score(problem: Problem, name: str, values: np.ndarray) -> MapScore:
    """Score one response from its values (realisation, lane).

    RunError where whole rows or columns of the map have no loop that crosses zero.
    """
    n = problem.sweep.grid_points
    grids = values.reshape(-1, n, n)
    median, std = np.median(grids, axis=0), np.std(grids, axis=0, ddof=1)
    if not np.isfinite(median).any(axis=0).all() or not np.isfinite(median).any(axis=1).all():
        raise RunError(
            f"{name}: whole rows of the map have no loop that crosses zero; raise --amplitude or --steps-per-cycle"
        )
    level = float(np.nanmean(np.abs(median)))
    numbers = {
        f"{name}_min": np.nanmin(median),
        f"{name}_max": np.nanmax(median),
        f"{name}_relative_spread": np.nanmean(std) / level,
        f"{name}_relative_variation_over_grid": np.nanstd(median) / level,
    }
    known = np.isfinite(median.ravel())
    for parameter, lanes in (("coupling", problem.coupling), ("depolarization", problem.depolarization)):
        numbers[f"{name}_spearman_{parameter}"] = rank_correlation(lanes[known], median.ravel()[known])
    numbers |= {f"{name}_variance_share_{part}": value for part, value in variance_shares(median).items()}
    for extreme, place in (("max", np.nanargmax), ("min", np.nanargmin)):
        row, column = np.unravel_index(int(place(median)), median.shape)
        places = [np.unravel_index(int(place(grid)), grid.shape) for grid in grids]
        distance = max(max(abs(a[0] - b[0]), abs(a[1] - b[1])) for a, b in itertools.combinations(places, 2))
        numbers |= {
            f"{name}_{extreme}_coupling": problem.coupling[column],
            f"{name}_{extreme}_depolarization": problem.depolarization[row * n],
            f"{name}_{extreme}_inside": int(0 < row < n - 1 and 0 < column < n - 1),
            f"{name}_{extreme}_largest_distance_cells": int(distance),
        }
    return MapScore(median, std, numbers)


def variance_shares(grid: np.ndarray) -> dict[str, float]:
    """Return the shares of a map's variance (depolarization, coupling) that its parameters explain.

    One share is explained by a function of K alone, one by a function of the depolarization alone, and the rest is
    their interaction; they sum to 1. NaN cells are left out of the means.
    """
    mean = np.nanmean(grid)
    by_coupling, by_depolarization = np.nanmean(grid, axis=0), np.nanmean(grid, axis=1)
    total = np.nanmean((grid - mean) ** 2)
    main = {"coupling": by_coupling, "depolarization": by_depolarization}
    shares = {name: float(np.nanmean((values - mean) ** 2) / total) for name, values in main.items()}
    return shares | {"interaction": 1 - sum(shares.values())}
