"""What every model of the family is made of: parameters, posteriors, the algorithm itself and its history."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from jaxtyping import Array, Bool, Float

Params = Any
"""A tree of float32 arrays: nested dicts, one entry per network, ready for vmap, optax and checkpoints."""

Terms = dict[str, jax.Array]
"""Named scalars of one loss, means per example."""


class Posterior(NamedTuple):
    """The diagonal Gaussian q(z|x): its mean and standard deviation (not variance)."""

    mean: Float[Array, "*batch latent"]
    std: Float[Array, "*batch latent"]


class Model(NamedTuple):
    """A generative model as four pure functions closed over a frozen Config.

    ``init(key) -> params``
    ``loss(key, params, batch, fraction=1.0) -> (loss, terms)`` takes a batch ``[batch features]`` and
    returns the mean per example; ``fraction`` is the share of the training that has passed, for schedules
    of weights. ``encode(params, x) -> Posterior`` and ``decode(params, z) -> mean`` take ONE example: vmap
    them over many.
    """

    init: Callable[..., Params]
    loss: Callable[..., tuple[jax.Array, Terms]]
    encode: Callable[..., Posterior]
    decode: Callable[..., jax.Array]


class History(NamedTuple):
    """What a fit reports, one entry per epoch, each term a mean per example.

    ``train`` holds means over the minibatches of the epoch, at the weights the schedules had then;
    ``validation`` holds the held-out value at the end of the epoch with every weight at its final value.
    Both have "loss" beside the model's own terms. ``finite`` is False from the first epoch on in which a
    loss was not finite.
    """

    train: dict[str, Float[Array, "*member epochs"]]
    validation: dict[str, Float[Array, "*member epochs"]]
    finite: Bool[Array, "*member epochs"]
