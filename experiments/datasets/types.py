"""Record of a data set of images, with the functions on it that need nothing but NumPy.

Conventions in every set: row 0 is the top of the image as shown; x runs to the right and y UPWARDS as shown, in
half-widths of the image, with 0 at its centre; angles are in radians, counter-clockwise as shown. They are those of
``models.types.Pose``.
"""

from typing import Any, NamedTuple

import numpy as np

UNITS = {"angle": "rad", "shift_x": "half-widths", "shift_y": "half-widths", "scale": "log", "shear": "rad"}
"""Units of the factors of a pose: "scale" is the log of the magnification, positive "shear" moves the top right."""


class Images(NamedTuple):
    """Stack of images with what is known about each; NumPy arrays, so that files and plots need no device.

    ``x`` float32 [n ny nx], or [n ny nx channel]; values in [0, 1] unless ``source`` says otherwise.
    ``label`` int32 [n], an index into ``classes``, −1 where unknown; None where all are unknown.
    ``factors`` name → float [n], the true generative factors, NaN where unknown; ``units`` name → unit.
    ``periods`` per class, in radians: the rotation that leaves a class unchanged, modulo which angles are compared;
    empty where no angle is known.
    ``mask`` bool, of the shape of ``x``, False where a pixel is missing (``x`` is 0 there); None where none is missing.
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
    """Return the components of a ``models.types.Pose`` under the names of ``UNITS``."""
    shift_x, shift_y = np.moveaxis(np.asarray(pose.shift), -1, 0)
    values = pose.angle, shift_x, shift_y, pose.scale, pose.shear
    return {name: np.asarray(value) for name, value in zip(UNITS, values, strict=True)}


def take(images: Images, index: np.ndarray | slice) -> Images:
    """Return the images of an index array, in its order, or those of a slice."""
    return images._replace(
        x=images.x[index],
        label=None if images.label is None else images.label[index],
        factors={name: values[index] for name, values in images.factors.items()},
        mask=None if images.mask is None else images.mask[index],
    )


def labels_per_class(images: Images) -> dict[str, int]:
    """Count the labelled images of each class, by the name of the class."""
    known = np.zeros(0, int) if images.label is None else images.label[images.label >= 0]
    counts = np.bincount(known, minlength=len(images.classes))
    return dict(zip(images.classes, counts.tolist(), strict=True))


def angle_errors(images: Images, angle: np.ndarray) -> np.ndarray:
    """Return the differences [n] in radians of given and true angles, modulo the symmetry of each image's class.

    They are signed and lie within half the period of the image's class; a constant offset of the given angles is left
    in. ValueError without labels, true angles or periods.
    """
    if images.label is None or (images.label < 0).any() or "angle" not in images.factors or not images.periods:
        raise ValueError(f"angle errors need labels, true angles and periods, which this set lacks: {images.source}")
    period = np.asarray(images.periods)[images.label]
    difference = np.asarray(angle, dtype=float) - images.factors["angle"]
    return (difference + period / 2) % period - period / 2
