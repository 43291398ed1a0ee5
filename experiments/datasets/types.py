"""The record that every data set is handed over in, and what is done with it before training.

Conventions in every set: row 0 is the top of the image as shown; x runs to the right and y UPWARDS as seen, in
half-widths of the image, its centre at 0; angles are in radians, counter-clockwise as seen. They are those of
``models.types.Pose``.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:  # models imports JAX, which a listing of data sets does not need
    from models.data import Batch
    from models.types import Pose

UNITS = {"angle": "rad", "shift_x": "half-widths", "shift_y": "half-widths", "scale": "log", "shear": "rad"}
"""Of the factors that make a pose: "scale" is the log of the magnification, positive "shear" moves the top right."""


class Images(NamedTuple):
    """A stack of images with what is known about each; NumPy arrays, so that files and plots need no device.

    ``x`` float32 [n ny nx], or [n ny nx channel]; values in [0, 1] unless ``source`` says otherwise.
    ``label`` int32 [n], an index into ``classes``, −1 where unknown; None where all are.
    ``factors`` name → float32 [n], the true generative factors, NaN where unknown; ``units`` name → unit.
    ``periods`` per class, in radians: the rotation that leaves a class as it is, by which angles are to be compared;
    empty where no angle is known.
    ``mask`` bool, as ``x``, False where a pixel is missing (``x`` is 0 there); None where none is.
    ``source`` says where the images come from and how they were made: a report prints it.
    """

    x: np.ndarray
    label: np.ndarray | None
    factors: dict[str, np.ndarray]
    units: dict[str, str]
    classes: tuple[str, ...]
    source: str
    periods: tuple[float, ...] = ()
    mask: np.ndarray | None = None


def pose_factors(pose: Any) -> dict[str, np.ndarray]:
    """The components of a ``models.types.Pose`` under the names of ``UNITS``."""
    shift_x, shift_y = np.moveaxis(np.asarray(pose.shift), -1, 0)
    values = pose.angle, shift_x, shift_y, pose.scale, pose.shear
    return {name: np.asarray(value) for name, value in zip(UNITS, values, strict=True)}


def true_pose(images: Images) -> "Pose":
    """The pose [n] of every image; a component that the set does not know is None."""
    import jax.numpy as jnp

    from models.types import Pose

    known = {name: jnp.asarray(values) for name, values in images.factors.items()}
    shift = jnp.stack([known["shift_x"], known["shift_y"]], -1) if {"shift_x", "shift_y"} <= set(known) else None
    return Pose(known.get("angle"), shift, known.get("scale"), known.get("shear"))


def to_batch(images: Images, factors: Sequence[str] = (), *, labels: bool = False) -> "Batch":
    """Images as models take them: float32 arrays on the device, with the factors named as columns [n factor].

    Labels are handed over where asked for only, so that no unsupervised model sees them. ValueError for labels or a
    factor that the set does not have.
    """
    import jax.numpy as jnp

    from models.data import Batch

    unknown = set(factors) - set(images.factors)
    if unknown:
        raise ValueError(f"no factor {sorted(unknown)} in this set; it has {sorted(images.factors)}")
    if labels and images.label is None:
        raise ValueError(f"this set has no labels: {images.source}")
    return Batch(
        jnp.asarray(images.x),
        None if images.mask is None else jnp.asarray(images.mask, jnp.float32),
        jnp.asarray(images.label) if labels else None,
        jnp.stack([jnp.asarray(images.factors[name]) for name in factors], -1) if factors else None,
    )


def take(images: Images, index: np.ndarray | slice) -> Images:
    """The images of an index array, in its order, or of a slice."""
    return images._replace(
        x=images.x[index],
        label=None if images.label is None else images.label[index],
        factors={name: values[index] for name, values in images.factors.items()},
        mask=None if images.mask is None else images.mask[index],
    )


def labels_per_class(images: Images) -> dict[str, int]:
    """Number of labelled images of each class."""
    known = np.zeros(0, int) if images.label is None else images.label[images.label >= 0]
    counts = np.bincount(known, minlength=len(images.classes))
    return dict(zip(images.classes, counts.tolist(), strict=True))


def hide_labels(key: Any, images: Images, share: float) -> Images:
    """The same images with labels kept for a random ``share`` of each class, at least one of each, the others −1.

    ValueError without labels or for a share outside (0, 1].
    """
    import jax

    if images.label is None or not 0 < share <= 1:
        raise ValueError(f"hiding labels needs labels and a share in (0, 1] to keep, got {share} for {images.source}")
    order = np.asarray(jax.random.permutation(key, len(images.label)))
    label = np.full_like(images.label, -1)
    for number in range(len(images.classes)):
        members = order[images.label[order] == number]
        label[members[: max(1, round(share * len(members)))]] = number
    return images._replace(label=label)


def angle_errors(images: Images, angle: np.ndarray) -> np.ndarray:
    """Signed differences [n] in radians between given angles and the true ones, modulo each class's symmetry.

    They lie within half the period of the image's class; a constant offset of the given angles is left in. ValueError
    without labels, true angles or periods.
    """
    if images.label is None or (images.label < 0).any() or "angle" not in images.factors or not images.periods:
        raise ValueError(f"angle errors need labels, true angles and periods, which this set lacks: {images.source}")
    period = np.asarray(images.periods)[images.label]
    difference = np.asarray(angle, dtype=float) - images.factors["angle"]
    return (difference + period / 2) % period - period / 2
