"""A Gaussian process on what a network makes of the inputs: the process itself never learns that there is one."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from bo.surrogates.process_types import GPParams, Process

Embed = Callable[[Any, Array], Array]
"""(weights, x F["n dim"]) -> F["n columns"]: the inputs that the process sees."""


class NetworkParams(NamedTuple):
    """Hyperparameters and the network's weights."""

    gp: GPParams
    weights: Any

    @property
    def scale(self) -> Float[Array, "..."]:
        return self.gp.scale

    @property
    def noise(self) -> Float[Array, "..."]:
        return self.gp.noise


def embedded(model: Process, embed: Embed) -> Process:
    """The process whose params are ``NetworkParams`` and whose inputs go through ``embed`` first.

    What concerns the flat vector of hyperparameters (layout, params, theta, log_posterior) stays the inner one's.
    """
    dtype = jnp.dtype(model.config.dtype)

    def lift(params, data):
        return data._replace(x=embed(params.weights, data.x.astype(dtype)))

    def see(params, x):
        return embed(params.weights, jnp.asarray(x, dtype))

    def path(key, params, data):
        inner = model.path(key, params.gp, lift(params, data))
        return lambda x: inner(see(params, x))

    return model._replace(
        log_likelihood=lambda params, data: model.log_likelihood(params.gp, lift(params, data)),
        gram=lambda params, data: model.gram(params.gp, lift(params, data)),
        residual=lambda params, data: model.residual(params.gp, lift(params, data)),
        prepare=lambda params, data: model.prepare(params.gp, lift(params, data)),
        at=lambda params, data, prepared, x: model.at(params.gp, lift(params, data), prepared, see(params, x)),
        sample=lambda key, params, data, x: model.sample(key, params.gp, lift(params, data), see(params, x)),
        path=path,
        condition=lambda params, data, pool: model.condition(params.gp, lift(params, data), see(params, pool)),
        surface=lambda params, posterior: model.surface(params.gp, posterior),
        covariance=lambda params, posterior, pool, index: model.covariance(
            params.gp, posterior, see(params, pool), index
        ),
        append=lambda params, posterior, pool, *rest: model.append(params.gp, posterior, see(params, pool), *rest),
    )
