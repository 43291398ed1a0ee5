"""Handwritten digits for the experiments: how they are split, and numbers that describe their style.

``--digits`` names the set; the report says which it was. With ``--path`` the user's images take its place.
"""

import math
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Int

import models
from experiments import datasets
from experiments.datasets import Images, labels_per_class
from experiments.shared.images.fits import Split, own
from experiments.shared.images.options import UPRIGHT, DigitSettings

SMALL = 100  # pixels of an image up to which it is small


def digits(
    key: jax.Array,
    settings: DigitSettings,
    padding: int = 0,
    rotation_degrees: float = 0.0,
    *,
    straight: bool = False,
) -> Split:
    """Return the digits of the settings in random order, split; ``straight`` ones are sheared upright.

    The same key makes the same split, whatever the padding and the rotation; neither is done to the user's own images.
    ValueError where fewer than a batch are left to train on, and for a set that is not there.
    """
    settings = settings.resolved()
    to_set, to_order = jax.random.split(key)
    held_out, watched = settings.held_out, settings.watched
    if settings.path:
        return own(to_order, settings, held_out, watched, settings.count)
    images = datasets.load(
        to_set,
        "digits",
        set=settings.digits,
        count=settings.count,
        padding=padding,
        rotation_degrees=rotation_degrees,
        straight=straight,
    )
    training = len(images.x) - held_out - watched
    if training < settings.batch_size:
        raise ValueError(
            f"{len(images.x)} digits less --held-out {held_out} and --watched {watched} leave {training} to train on, "
            f"fewer than --batch-size {settings.batch_size}: raise --count or lower the others"
        )
    order = np.asarray(jax.random.permutation(to_order, len(images.x)))
    parts = np.split(order, [training, training + watched])
    return Split(*(datasets.take(images, part) for part in parts))


def joint_model(
    images: Images, classes: int, hidden: tuple[int, int], noise: dict[str, Any], capacity_nats: float = 2.0
) -> models.VAEConfig:
    """Return the Config of a joint model of upright images: unknown classes, two latents of style.

    Of small images the content is closed while classes are found and is then held to a capacity. Without one it stays
    closed, because two latents gain little more of these than they cost. Of large ones the
    reconstruction has a tenth of its weight until classes are found. Else the many pixels would tell classes apart from
    the first step on, and nearly all images would go into one or two of ten.
    """
    shape = images.x.shape[1:]
    if math.prod(shape) > SMALL:
        wide = {} if "data" in noise else {"reconstruction_weight": ((0.0, 0.1), (0.5, 0.1), (0.65, 0.3), (0.8, 1.0))}
        return models.recipes.joint(shape, classes, hidden=hidden, **UPRIGHT, **wide, **noise)
    settings: dict[str, Any] = {"kl_weight": 5.0, "content_capacity": ((0.3, 0.0), (0.7, capacity_nats))}
    settings["balance_weight"] = 0.0  # with balance, which suits the cards, accuracy falls here from .77 to .59
    return models.recipes.joint(shape, classes, hidden=hidden, **UPRIGHT, **settings, **noise)


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


def chance(images: Images) -> dict[str, float]:
    """Return the share of the most frequent class, which is the accuracy of a constant answer; {} without labels."""
    known = labels_per_class(images).values()
    return {"chance": max(known) / sum(known)} if sum(known) else {}


def less_class_mean(values: Float[np.ndarray, " n"], label: Int[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Return a number of every image minus its mean over the image's class, which leaves the style."""
    count = np.bincount(label)
    return values - (np.bincount(label, values) / np.maximum(count, 1))[label]
