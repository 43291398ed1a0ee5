"""Results of models of images as arrays of ``results.nc``: names, axes, units, meaning and values.

``compute.py`` records them by ``run.add_all(*arrays.of_images("digits", images))``. Names begin with that of the data
set or of the variant; ``figures.py`` draws from them.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from experiments.datasets import Images
from experiments.lab.run import Array
from experiments.shared.images.judging import Classes, Judged

PIXELS = ("row", "column", "channel")


class Arrays(NamedTuple):
    """Arrays by name: their descriptions, and their values."""

    table: dict[str, Array]
    values: dict[str, Any]


def described(arrays: Mapping[str, tuple[Array, Any]]) -> Arrays:
    """Return ``Arrays`` from pairs (description, values) by name; those whose values are None are left out."""
    present = {name: pair for name, pair in arrays.items() if pair[1] is not None}
    return Arrays({name: pair[0] for name, pair in present.items()}, {name: pair[1] for name, pair in present.items()})


def of_images(name: str, images: Images) -> Arrays:
    """Describe the scored images with all that is known of them; their axis is ``<name>_image``."""
    axis, pixels = f"{name}_image", PIXELS[: images.x.ndim - 1]
    factors = {
        f"{name}_true_{factor}": (
            Array((axis,), images.units[factor] or "1", f"true {factor.replace('_', ' ')}"),
            values,
        )
        for factor, values in images.factors.items()
    }
    return described({
        f"{name}_x": (Array((axis, *pixels), "1", "image, not seen in training"), images.x),
        f"{name}_label": (Array((axis,), "1", "true class: " + ", ".join(images.classes)), images.label),
        **factors,
    })  # fmt: skip


def attributes(name: str, images: Images, *, own: bool = False) -> dict[str, Any]:
    """Return the attributes of ``results.nc`` that go with ``of_images``: classes, and where the images come from.

    The user's ``own`` images are also named as such at the head of the report.
    """
    result = {f"{name}_source": images.source, **({"classes": list(images.classes)} if images.classes else {})}
    if own:
        result["own_data"] = images.source
    if own and images.factors:
        result["own_factors"] = list(images.factors)
    return result


def class_names(attributes: Mapping[Any, Any]) -> list[str]:
    """Return the names of the classes from the attributes of ``results.nc``; none where they are not known."""
    return _names(attributes, "classes")


def own_factors(attributes: Mapping[Any, Any]) -> list[str]:
    """Return the names of the factors of a user's own images from the attributes of ``results.nc``."""
    return _names(attributes, "own_factors")


def _names(attributes: Mapping[Any, Any], name: str) -> list[str]:
    return np.atleast_1d(attributes.get(name, [])).tolist()  # a single name is read back without its list


def of_model(name: str, data: str, judged: Judged) -> Arrays:
    """Describe codes, reconstructions and latent grid of a variant; ``data`` names the images it was judged on."""
    code, pose, axes = judged.code, judged.code.pose, ("seed", f"{data}_image")
    pixels = PIXELS[: judged.reconstructions.ndim - 2]
    grid = Array((f"{name}_panel", "z1", "z2", *pixels), "1", "decoded latent grid of the first seed")
    return described({
        f"{name}_z": (Array((*axes, f"{name}_latent"), "1", "posterior mean of the content"), code.mean),
        f"{name}_angle": (Array(axes, "rad", "latent angle"), pose.angle),
        f"{name}_scale": (Array(axes, "log", "latent scale"), pose.scale),
        f"{name}_shear": (Array(axes, "rad", "latent shear"), pose.shear),
        f"{name}_shift": (Array((*axes, "axis"), "half-widths", "latent shift (right, up)"), pose.shift),
        f"{name}_probabilities": (Array((*axes, f"{name}_class"), "1", "q(class | image)"), code.probabilities),
        f"{name}_reconstruction_of_x": (
            Array(("seed", "shown", *pixels), "1", "reconstructed images"), judged.reconstructions,
        ),
        f"{name}_manifold": (grid, judged.manifold),
        "manifold_axis": (Array(("z1",), "1", "latent coordinate of the decoded grids"), judged.axis),
    })  # fmt: skip


def of_classes(name: str, classes: Classes | None) -> Arrays:
    """Describe the confusion of a variant's classes, and what each class stands for; nothing where that is unknown."""
    if classes is None:
        return Arrays({}, {})
    confusion = Array(("seed", "true_class", "found_class"), "1", "number of images: true class, class found")
    names = Array(("seed", f"{name}_class"), "1", "true class that each class stands for")
    return described({
        f"{name}_confusion": (confusion, classes.confusion),
        f"{name}_name_of_class": (names, classes.names),
    })  # fmt: skip
