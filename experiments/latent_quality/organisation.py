"""Score how well organised a latent space is for a target: five numbers from a sample of its points, in NumPy.

neighbour_r2   R² of the mean over the 10 nearest neighbours; 1 where the neighbours determine the target
distance_rank  Spearman's correlation of latent distances with differences of the target, over pairs of points
moran          Moran's I of the target on the graph of 10 neighbours (weights 1/10): near 0 where it is scattered
components     connected parts of the best 5 % in that graph; 1 where all lie in one place
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
    """Return the five numbers, by NAMES, of points (n, z) with their targets (n,).

    ``data`` (n, n) are the distances between the examples that the points encode.
    """
    distance = squareform(pdist(points))
    np.fill_diagonal(distance, np.inf)
    near = np.argsort(distance, axis=1, kind="stable")[:, :NEIGHBOURS]
    centred = target - target.mean()
    r2 = 1 - np.mean((target - target[near].mean(1)) ** 2) / np.var(target)
    moran = np.mean(centred * centred[near].mean(1)) / np.mean(centred**2)
    first, second = np.random.default_rng(0).integers(len(target), size=(2, pairs))
    distinct = first != second
    first, second = first[distinct], second[distinct]
    rank = rank_correlation(distance[None, first, second], np.abs(target[first] - target[second])[None])[0]
    return np.array([r2, rank, moran, parts_of_top(near, target), trust(data, points)], float)


def parts_of_top(near: np.ndarray, target: np.ndarray, share: float = 0.05) -> int:
    """Count the connected parts of the best points in the undirected graph of neighbours ``near`` (n, k)."""
    top = np.flatnonzero(top_cells(target, share))
    size, tied = len(near), np.repeat(np.arange(len(near)), near.shape[1])
    graph = coo_matrix((np.ones(near.size), (tied, near.ravel())), (size, size)).tocsr()
    return int(connected_components(graph[top][:, top], directed=False)[0])


def trust(data: np.ndarray, points: np.ndarray) -> float:
    """Return the trustworthiness of the points (n, z), from distances of the data (n, n)."""
    return float(trustworthiness(data, points, n_neighbors=NEIGHBOURS, metric="precomputed"))
