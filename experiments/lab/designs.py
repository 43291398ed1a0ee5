"""Orders in which candidates of a pool are evaluated: random, and space-filling. In NumPy.

The first candidates of an order open the campaigns of its seed; the whole order is a baseline that looks at no value.
"""

from collections.abc import Iterable

import numpy as np
from scipy.spatial import KDTree
from scipy.stats import qmc


def random_orders(generators: Iterable[np.random.Generator], candidates: int, count: int) -> np.ndarray:
    """Return a random order of ``count`` of the candidates from each generator in turn, (order, count).

    The same generator may be given several times; each order then continues its stream.
    """
    return np.stack([generator.permutation(candidates)[:count] for generator in generators])


def orders(seed: int, seeds: int, candidates: int, count: int) -> np.ndarray:
    """Return random orders (seed, count) of which number n depends on ``seed`` and n alone."""
    return random_orders((np.random.default_rng([seed, n]) for n in range(seeds)), candidates, count)


def sobol_order(points: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Return a space-filling order of ``count`` distinct candidates: indices into ``points`` (candidate, axis).

    Each point of a scrambled Sobol sequence takes the nearest unused candidate; ``points`` are scaled to the unit box.
    """
    low, high = points.min(0), points.max(0)
    tree = KDTree((points - low) / np.where(high > low, high - low, 1.0))
    sequence = qmc.Sobol(points.shape[1], rng=seed).random_base2(int(np.ceil(np.log2(2 * count))))
    taken: dict[int, None] = {}
    for width in (8, len(points)):  # nearest few first; all of them where those are used up
        for point in sequence:
            if len(taken) == count:
                return np.fromiter(taken, int)
            _, near = tree.query(point, k=min(width, len(points)))
            free = next((int(i) for i in np.atleast_1d(near) if int(i) not in taken), None)
            if free is not None:
                taken[free] = None
    return np.fromiter(taken, int)[:count]
