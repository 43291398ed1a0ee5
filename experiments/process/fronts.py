"""Fronts of two or three objectives: which evaluations are on it, and the hypervolume as it grows. In NumPy."""

import numpy as np

import bo
from bo.outcomes import undominated


def reference_of(points: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Return the lowest of each objective, (objective), among the points (…, objective) that are ``counted`` (…).

    Volume counts above it. 0 where nothing is counted.
    """
    known = points[counted]
    return known.min(0) if len(known) else np.zeros(points.shape[-1])


def rows_of(points: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Return the rows of the front of points (n, objective), of those that are ``counted``, by the first objective."""
    rows = np.flatnonzero(counted)
    rows = rows[undominated(points[rows])]
    return rows[np.argsort(points[rows, 0], kind="stable")]


def growth(points: np.ndarray, counted: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return the hypervolume above ``reference`` after each of the points (evaluation, objective)."""
    volumes, volume, front = np.zeros(len(points)), 0.0, np.zeros((0, points.shape[1]))
    for number, point in enumerate(points):
        if counted[number] and not (front >= point).all(1).any():
            front = np.concatenate([front[~(front <= point).all(1)], point[None]])
            volume = bo.hypervolume(front, reference)
        volumes[number] = volume
    return volumes
