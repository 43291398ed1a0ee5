"""What the experiments on digits share: their options, the data and how they are split, what neighbours tell.

The set is scikit-learn's 8 × 8 digits unless ``--mnist`` names the user's own files; the report says which it was.
"""

import jax
import numpy as np
from scipy.spatial import KDTree

from experiments import datasets
from experiments.shared.images.fits import Split
from experiments.shared.images.options import DigitSettings


def digits(key: "jax.Array", settings: DigitSettings, padding: int = 0, rotation_degrees: float = 0.0) -> "Split":
    """Digits in random order, split; the same key makes the same split, whatever the padding and rotation.

    ValueError where too few are left to train on, and for files that are not MNIST's.
    """

    to_set, to_order = jax.random.split(key)
    path = "" if settings.mnist is None else str(settings.mnist)
    images = datasets.load(
        to_set, "digits", path=path, count=settings.count, padding=padding, rotation_degrees=rotation_degrees
    )
    held, watched = settings.held_out, settings.watched
    training = len(images.x) - held - watched
    if training < settings.batch_size:
        raise ValueError(
            f"{len(images.x)} digits less --held-out {held} and --watched {watched} leave {training} to train on, "
            f"fewer than --batch-size {settings.batch_size}: raise --count or lower the others"
        )
    order = np.asarray(jax.random.permutation(to_order, len(images.x)))
    parts = np.split(order, [training, training + watched])
    return Split(*(datasets.take(images, part) for part in parts))


def neighbour_accuracy(z: np.ndarray, label: np.ndarray, neighbours: int = 10) -> float:
    """How well the digit is known from where an image lies: share whose nearest neighbours, the image itself left out,
    have its label in majority (of equal votes the smaller digit)."""

    near = np.asarray(KDTree(z).query(z, k=neighbours + 1)[1])[:, 1:]
    votes = np.eye(int(label.max()) + 1)[label[near]].sum(1)
    return float(np.mean(votes.argmax(1) == label))


def strokes(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slant (radians, positive: the top leans to the right) and ink (mean intensity) of images [n ny nx].

    The slant is the shear that undoes the correlation of x and y in second moments: tan slant = Σxy / Σy², y upwards,
    about the centre of mass.
    """
    total = x.sum((1, 2))
    rows, columns = np.arange(x.shape[1]), np.arange(x.shape[2])
    row = (x.sum(2) @ rows / total)[:, None, None]
    column = (x.sum(1) @ columns / total)[:, None, None]
    up, right = row - rows[None, :, None], columns[None, None, :] - column
    return np.arctan2((x * up * right).sum((1, 2)), (x * up**2).sum((1, 2))), total / (x.shape[1] * x.shape[2])


def chance(label: np.ndarray) -> float:
    """The share of the most frequent digit: what a constant answer has right."""
    return float(np.bincount(label).max() / len(label))


def less_class_mean(values: np.ndarray, label: np.ndarray) -> np.ndarray:
    """A number per image less the mean over its class: what is left is style."""
    count = np.bincount(label)
    return values - (np.bincount(label, values) / np.maximum(count, 1))[label]
