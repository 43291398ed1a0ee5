"""Records of a fit: the codes of a stack as a table, the axis of curves, and what the fit is worth."""

import math
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ferro_jax.printing import described


class Axis(NamedTuple):
    """The axis of curves: name, unit and values [samples]."""

    name: str
    unit: str
    values: Float[np.ndarray, " samples"]


def axis_of(axis: Any, samples: int) -> Axis | None:
    """Return the axis of curves of so many samples from its values, (name, unit, values) or a record; None for None.

    It may rise, fall or turn back, evenly or not. ValueError for one of another length, and for values that are not
    finite.
    """
    if axis is None:
        return None
    if isinstance(axis, tuple) and len(axis) == 3 and isinstance(axis[0], str):
        name, unit, values = axis
    else:
        name, unit, values = getattr(axis, "name", ""), getattr(axis, "unit", ""), getattr(axis, "values", axis)
    values = np.asarray(values, float)
    if values.shape != (samples,):
        raise ValueError(f"axis of shape {values.shape} for curves of {samples} samples: give one number per sample.")
    if not np.isfinite(values).all():
        raise ValueError(f"{int((~np.isfinite(values)).sum())} values of the axis are NaN or infinite: give them all.")
    return Axis(str(name or ""), str(unit or ""), values)


class Codes(NamedTuple):
    """The codes of a stack, row by row as the stack; what a model does not have is None.

    ``z`` and ``z_std`` are the mean and the standard deviation of the content's posterior. ``angle`` in radians,
    anticlockwise as shown; its zero is the model's own. ``shift`` in pixels of the example, (right, DOWN): the middle
    of a window (column, row) plus its shift is the middle of the model's picture; along the axis for curves. Where the
    content lies in that picture is the model's own too, a vector (one for each class) that turns with the angle;
    ``to_frame`` of the windows of ``experiments.datasets.cut`` takes it off. ``scale`` is
    the logarithm of the magnification, ``shear`` in radians; ``angle_std`` and ``shift_std`` are standard deviations.

    ``label`` is the number of the likeliest class, called ``classes[label]``; ``probabilities`` are those of all
    classes. ``factors`` are in the user's units, as given or as inferred, with ``factor_std`` (0 where given).
    """

    z: Float[np.ndarray, "n latent"]
    z_std: Float[np.ndarray, "n latent"]
    angle: Float[np.ndarray, " n"] | None = None
    angle_std: Float[np.ndarray, " n"] | None = None
    shift: Float[np.ndarray, "n axis"] | None = None
    shift_std: Float[np.ndarray, "n axis"] | None = None
    scale: Float[np.ndarray, " n"] | None = None
    shear: Float[np.ndarray, " n"] | None = None
    label: Int[np.ndarray, " n"] | None = None
    probabilities: Float[np.ndarray, "n class"] | None = None
    factors: Float[np.ndarray, "n factor"] | None = None
    factor_std: Float[np.ndarray, "n factor"] | None = None
    classes: tuple[str, ...] = ()
    factor_names: tuple[str, ...] = ()

    __repr__ = described

    @property
    def names(self) -> list[str]:
        """The name of the class of every example."""
        return [] if self.label is None else [self.classes[number] for number in self.label]

    def angle_modulo(self, symmetry: int) -> Float[np.ndarray, " n"]:
        """Return the angles [n] in [0, 2π/symmetry): those of content that looks the same after 2π/symmetry.

        ValueError for a model without angles and for a symmetry below one.
        """
        if self.angle is None:
            raise ValueError("this model has no angle: fit with invariant=('rotation', …).")
        if symmetry < 1:
            raise ValueError(f"symmetry={symmetry}: give 1 or more, 3 for content that looks the same after 120°.")
        return np.mod(self.angle, 2 * math.pi / symmetry)

    def columns(self) -> dict[str, Any]:
        """Return the table by columns [n], for ``pandas.DataFrame(codes.columns())`` for instance."""
        table: dict[str, Any] = {f"z{number + 1}": column for number, column in enumerate(self.z.T)}
        table |= {f"z{number + 1}_std": column for number, column in enumerate(self.z_std.T)}
        table |= {"angle": self.angle, "angle_std": self.angle_std}
        if self.shift is not None:
            table |= dict(zip(("shift_x", "shift_y"), self.shift.T, strict=False))
        table |= {"scale": self.scale, "shear": self.shear}
        if self.label is not None and self.probabilities is not None:
            table["class"] = np.asarray(self.names)
            table |= {f"p({name})": column for name, column in zip(self.classes, self.probabilities.T, strict=True)}
        if self.factors is not None:
            table |= dict(zip(self.factor_names, self.factors.T, strict=True))
        return {name: column for name, column in table.items() if column is not None}


class Report(NamedTuple):
    """What a fit is worth; errors are root mean squares over measured values of held-out examples, as shares of the
    spread of the examples around their mean (1 = no better than the mean example).

    ``negative_elbo`` are the held-out bounds of the starts (nats per example, the smallest was ``chosen``), of the
    angle bin and class that the encoder chooses; those in the history are of the searched ones.
    ``latent_std`` is the standard deviation of the encoded means in each latent, ``information`` what they tell of an
    example, in nats: near 0 where a latent has collapsed. ``class_shares`` are those of the classes among the trained
    examples. ``sigma`` is the likelihood's standard deviation in the user's units (largest channel). ``notes`` say what
    was decided on the way, ``problems`` what is wrong and what to change; empty where nothing is.
    """

    examples: int
    held_out: int
    outliers: int
    recipe: str
    likelihood: str
    sigma: float
    error: float
    negative_elbo: tuple[float, ...]
    chosen: int
    epochs: int
    latent_std: tuple[float, ...]
    information: tuple[float, ...]
    class_shares: tuple[float, ...]
    notes: tuple[str, ...]
    problems: tuple[str, ...]
