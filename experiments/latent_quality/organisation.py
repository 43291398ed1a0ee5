"""How well organised a latent space is for a target: five numbers from a sample of its points, in NumPy.

neighbour_r2   R² of the mean over the 10 nearest neighbours: 1, the target is known from where a point lies
distance_rank  Spearman's correlation of latent distances with differences of the target, over pairs of points
moran          Moran's I of the target on the graph of 10 neighbours (weights 1/10): near 0 where it is scattered
components     connected parts of the best 5 % in that graph: 1, all lie in one place
trust          trustworthiness (Venna & Kaski 2006): share-like, 1 where latent neighbours are neighbours in the data
"""

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import pdist, squareform
from sklearn.manifold import trustworthiness

from experiments.lab.scores import rank_correlation, top_cells

NAMES = ("neighbour_r2", "distance_rank", "moran", "components", "trust")
SIGNS = (1, 1, 1, -1, 1)  # of what is better
NEIGHBOURS = 10


def scores(points: np.ndarray, target: np.ndarray, data: np.ndarray, *, pairs: int = 20_000) -> np.ndarray:
    """The five numbers, by NAMES, of points (n, z) with their targets (n,) and ``data``, the square form of distances
    (n, n) of what was encoded."""
    distance = squareform(pdist(points))
    np.fill_diagonal(distance, np.inf)
    near = np.argsort(distance, axis=1, kind="stable")[:, :NEIGHBOURS]
    centred = target - target.mean()
    r2 = 1 - np.mean((target - target[near].mean(1)) ** 2) / np.var(target)
    moran = np.mean(centred * centred[near].mean(1)) / np.mean(centred**2)
    one, other = np.random.default_rng(0).integers(len(target), size=(2, pairs))
    apart = one != other
    one, other = one[apart], other[apart]
    rank = rank_correlation(distance[None, one, other], np.abs(target[one] - target[other])[None])[0]
    return np.array([r2, rank, moran, parts_of_top(near, target), trust(data, points)], float)


def parts_of_top(near: np.ndarray, target: np.ndarray, share: float = 0.05) -> int:
    """Number of connected parts of the best points when each is tied to its neighbours (n, k) and they to it."""
    top = np.flatnonzero(top_cells(target, share))
    size, tied = len(near), np.repeat(np.arange(len(near)), near.shape[1])
    graph = coo_matrix((np.ones(near.size), (tied, near.ravel())), (size, size)).tocsr()
    return int(connected_components(graph[top][:, top], directed=False)[0])


def trust(data: np.ndarray, points: np.ndarray) -> float:
    """Trustworthiness of the points, from distances of the data."""
    return float(trustworthiness(data, points, n_neighbors=NEIGHBOURS, metric="precomputed"))
