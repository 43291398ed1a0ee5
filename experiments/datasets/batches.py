"""Turn images into what models are trained on: batches on the device, poses, partly hidden labels."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

import models
from experiments.datasets.types import Images
from ferro_jax import values


def to_batch(images: Images, factors: Sequence[str] = (), *, labels: bool = False) -> models.Batch:
    """Return the images as a ``models.Batch``: float32 arrays on the device, the named factors as columns [n factor].

    Labels are part of the batch only where ``labels`` is true, so that no unsupervised model can use them. ValueError
    for labels or a factor that the set does not have.
    """
    unknown = set(factors) - set(images.factors)
    if unknown:
        raise ValueError(f"no factor {sorted(unknown)} in this set; it has {sorted(images.factors)}")
    if labels and images.label is None:
        raise ValueError(f"this set has no labels: {images.source}")
    return models.Batch(
        values.array(images.x, "x", dtype=jnp.float32),
        None if images.mask is None else jnp.asarray(values.mask(images.mask, "mask"), jnp.float32),
        jnp.asarray(images.label) if labels else None,
        jnp.stack([values.array(images.factors[name], name, dtype=jnp.float32) for name in factors], -1)
        if factors
        else None,
    )


def true_pose(images: Images) -> models.Pose:
    """Return the true pose [n] of every image; a component that the set does not know is None."""
    known = {name: values.array(factor, name, dtype=jnp.float32) for name, factor in images.factors.items()}
    shift = jnp.stack([known["shift_x"], known["shift_y"]], -1) if {"shift_x", "shift_y"} <= set(known) else None
    return models.Pose(known.get("angle"), shift, known.get("scale"), known.get("shear"))


def hide_labels(key: jax.Array, images: Images, share: float) -> Images:
    """Return the images with labels kept for a random ``share`` of each class, at least one of each; the others are −1.

    ValueError without labels or for a share outside (0, 1].
    """
    if images.label is None or not 0 < share <= 1:
        raise ValueError(f"hiding labels needs labels and a share in (0, 1] to keep, got {share} for {images.source}")
    order = np.asarray(jax.random.permutation(values.key(key), len(images.label)))
    label = np.full_like(images.label, -1)
    for number in range(len(images.classes)):
        members = order[images.label[order] == number]
        label[members[: max(1, round(share * len(members)))]] = number
    return images._replace(label=label)
