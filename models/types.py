"""Records that all models share: parameters, terms of a loss, posterior, pose, code, the Model and its FitHistory."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from models.collapse import in_last_epoch

Params = Any
"""A tree of float32 arrays: nested dicts, one entry per network, ready for vmap, optax and checkpoints."""

Terms = dict[str, jax.Array]
"""Named parts of one loss: a scalar each, mean per example (or one value per example where a function says so)."""


class Posterior(NamedTuple):
    """A diagonal Gaussian, q(z|x) for instance, by mean and standard deviation (not variance)."""

    mean: Float[Array, "*batch latent"]
    std: Float[Array, "*batch latent"]


class Pose(NamedTuple):
    """How a content is placed in its image; a component that a model does not have is None.

    A content f(u) appears as x(r) = f(M⁻¹(r − shift)) with M = rotation(angle) · [[1, tan shear], [0, 1]] · exp(scale).
    Coordinates: x to the right, y up, origin in the middle, in half-widths of the image's longer side.

    ``angle`` in radians, anticlockwise; ``shift`` (x, y) in half-widths, of length one for 1-D signals;
    ``scale`` is the logarithm of the magnification; ``shear`` in radians, positive moves the top to the right.
    """

    angle: Float[Array, "*batch"] | None = None
    shift: Float[Array, "*batch axis"] | None = None
    scale: Float[Array, "*batch"] | None = None
    shear: Float[Array, "*batch"] | None = None


class Code(NamedTuple):
    """The posterior of every latent of an example, by name, as ``encode`` returns it.

    ``mean`` and ``std`` are the content's, given the most probable class (and angle, where several are tried);
    ``pose`` and ``pose_std`` likewise. ``probabilities`` is q(class|x), one-hot where the label was given.
    ``factor``, ``factor_std``: the continuous factors, inferred or as given (std 0). A latent that the model does not
    have is None.
    """

    mean: Float[Array, "*batch latent"]
    std: Float[Array, "*batch latent"]
    pose: Pose = Pose()
    pose_std: Pose = Pose()
    probabilities: Float[Array, "*batch classes"] | None = None
    factor: Float[Array, "*batch factor"] | None = None
    factor_std: Float[Array, "*batch factor"] | None = None


class Model(NamedTuple):
    """A generative model as pure functions closed over a frozen Config.

    ``init(key) -> params``
    ``loss(key, params, batch, fraction=1.0) -> (loss, terms)`` takes a Batch or a bare array of examples
    ``[batch *shape]`` and returns the mean per example; ``fraction`` is the share of the training that has passed,
    for schedules of weights.
    ``encode(params, x, *, mask=None, label=None, factor=None, search=False) -> Code`` and
    ``decode(params, z, *, pose=Pose(), label=None, factor=None) -> mean`` take ONE example: vmap them over many.
    ``label`` is a class or, for decode, also the probabilities of all classes; ``search`` scores every angle and class
    by decoding it instead of trusting the encoder.
    ``bound(key, params, batch, search=False) -> (−ELBO, terms)``: every weight 1, nothing but the bound.
    ``check(batch)`` raises ValueError, in NumPy, for data that this model cannot be trained on. A fit calls it first
    where it can see values: on data closed over by what is jitted, not on an argument of it.
    ``config`` is the Config that the model was made of; a resumed training compares it.
    """

    init: Callable[..., Params]
    loss: Callable[..., tuple[jax.Array, Terms]]
    encode: Callable[..., Code]
    decode: Callable[..., Any]
    bound: Callable[..., tuple[jax.Array, Terms]]
    check: Callable[[Any], None] = lambda data: None
    config: Any = None


class FitHistory(NamedTuple):
    """The losses of a fit, one entry per epoch, each term a mean per example.

    ``train`` holds means over the minibatches of the epoch, at the weights the schedules had then;
    ``validation`` holds the held-out value at the end of the epoch with every weight at its final value.
    Both have "loss" beside the model's own terms, and NaN for epochs that an early stop has left out. ``finite`` is
    False from the first epoch on in which a loss was not finite. ``epochs`` is the number of epochs that were run,
    ``chosen`` the number (from 1) of the epoch whose weights are returned: the last, or with patience the best.
    """

    train: dict[str, Float[Array, "*member epochs"]]
    validation: dict[str, Float[Array, "*member epochs"]]
    finite: Bool[Array, "*member epochs"]
    epochs: Int[Array, "*member"]
    chosen: Int[Array, "*member"]

    @property
    def problems(self) -> tuple[str, ...]:
        """In words what is wrong with the fit, or with each member that something is wrong with; empty else.

        It reads the terms of a VAE's loss: a training that became non-finite, content that collapsed, reconstructions
        no better than the mean example, classes that are not used, a training far too short. Outside jit.
        ``models.problems_of`` sees more, because it has the data.
        """
        members = np.shape(self.epochs)
        found = []
        for member in np.ndindex(members):
            train, validation = ({k: v[member] for k, v in terms.items()} for terms in (self.train, self.validation))
            finite, ran = np.asarray(self.finite[member]), int(self.epochs[member])
            if not finite[ran - 1]:
                words = (
                    f"the training became non-finite in epoch {int(np.argmin(finite)) + 1}: lower learning_rate, or "
                    "look for outliers in the data.",
                )
            else:
                words = in_last_epoch(train, validation, int(self.chosen[member]))
            found += [f"fit {member[0]}: {text}" if members else text for text in words]
        return tuple(found)
