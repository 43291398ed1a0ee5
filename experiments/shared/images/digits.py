"""Handwritten digits for the experiments: how they are split, and numbers that describe their style.

The set is scikit-learn's 8 × 8 digits unless ``--mnist`` names the user's own files; the report says which it was.
"""

import jax
import numpy as np
from jaxtyping import Float, Int

from experiments import datasets
from experiments.shared.images.fits import Split
from experiments.shared.images.options import DigitSettings


def digits(key: jax.Array, settings: DigitSettings, padding: int = 0, rotation_degrees: float = 0.0) -> Split:
    """Return the digits of the settings in random order, split.

    The same key makes the same split, whatever the padding and the rotation. ValueError where fewer than a batch are
    left to train on, and for files that are not MNIST's.
    """
    to_set, to_order = jax.random.split(key)
    path = "" if settings.mnist is None else str(settings.mnist)
    images = datasets.load(
        to_set, "digits", path=path, count=settings.count, padding=padding, rotation_degrees=rotation_degrees
    )
    held_out, watched = settings.held_out, settings.watched
    training = len(images.x) - held_out - watched
    if training < settings.batch_size:
        raise ValueError(
            f"{len(images.x)} digits less --held-out {held_out} and --watched {watched} leave {training} to train on, "
            f"fewer than --batch-size {settings.batch_size}: raise --count or lower the others"
        )
    order = np.asarray(jax.random.permutation(to_order, len(images.x)))
    parts = np.split(order, [training, training + watched])
    return Split(*(datasets.take(images, part) for part in parts))


def strokes(x: Float[np.ndarray, "n ny nx"]) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Return slant (radians, positive: the top leans to the right) and ink (mean intensity) of images.

    The slant is the shear that undoes the correlation of x and y in second moments: tan slant = Σxy / Σy², with y
    upwards, about the centre of mass.
    """
    total = x.sum((1, 2))
    rows, columns = np.arange(x.shape[1]), np.arange(x.shape[2])
    row = (x.sum(2) @ rows / total)[:, None, None]
    column = (x.sum(1) @ columns / total)[:, None, None]
    up, right = row - rows[None, :, None], columns[None, None, :] - column
    return np.arctan2((x * up * right).sum((1, 2)), (x * up**2).sum((1, 2))), total / (x.shape[1] * x.shape[2])


def chance(label: Int[np.ndarray, " n"]) -> float:
    """Return the share of the most frequent digit, which is the accuracy of a constant answer."""
    return float(np.bincount(label).max() / len(label))


def less_class_mean(values: Float[np.ndarray, " n"], label: Int[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Return a number of every image minus its mean over the image's class, which leaves the style."""
    count = np.bincount(label)
    return values - (np.bincount(label, values) / np.maximum(count, 1))[label]
