"""Scores of a latent space by nearest neighbours: what the images near an image say of it."""

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import KDTree

NEIGHBOURS = 10


def nearest(z: Float[np.ndarray, "n latent"], neighbours: int = NEIGHBOURS) -> Int[np.ndarray, "n neighbours"]:
    """Return the indices of the nearest neighbours of every image in a latent space, the image itself left out."""
    return np.asarray(KDTree(z).query(z, k=neighbours + 1)[1])[:, 1:]


def neighbour_accuracy(
    z: Float[np.ndarray, "n latent"], label: Int[np.ndarray, " n"], neighbours: int = NEIGHBOURS
) -> float:
    """Return the share of images whose label is that of the majority of their nearest neighbours.

    Of labels with equal votes the smaller one counts.
    """
    votes = np.eye(int(label.max()) + 1)[label[nearest(z, neighbours)]].sum(1)
    return float(np.mean(votes.argmax(1) == label))


def neighbour_r2(
    z: Float[np.ndarray, "n latent"], target: Float[np.ndarray, " n"], neighbours: int = NEIGHBOURS
) -> float:
    """Return R² of predicting a number of every image by the mean over its nearest neighbours.

    It is negative where this mean is worse than the mean over all images.
    """
    predicted = target[nearest(z, neighbours)].mean(1)
    return 1 - float(np.mean((target - predicted) ** 2) / np.var(target))
