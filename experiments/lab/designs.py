"""TODO docstring of experiments.lab.designs"""

import numpy as np


def standard(values: np.ndarray) -> np.ndarray:
    """Of mean 0 and deviation 1."""
    values = np.asarray(values, float)
    return (values - values.mean()) / values.std()


def orders(seed: int, seeds: int, candidates: int, count: int) -> np.ndarray:
    """Random orders (seed, count): their first candidates open all campaigns of the seed, the whole is the baseline."""
    return np.stack([np.random.default_rng([seed, n]).permutation(candidates)[:count] for n in range(seeds)])


def sobol_order(points: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Space-filling order of a pool: each point of a scrambled Sobol sequence takes the nearest unused candidate.

    ``points`` (candidate, axis) are scaled to the unit box; returns ``count`` distinct indices.
    """
    from scipy.spatial import KDTree
    from scipy.stats import qmc

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
