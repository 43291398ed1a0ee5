"""A Gaussian process on features that a network makes of the inputs; the process itself knows no network."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from bo.surrogates.process_types import GPParams, Process

Embed = Callable[[Any, Array], Array]
"""(weights, x F["n dim"]) -> F["n columns"]: the inputs that the process gets."""


class NetworkParams(NamedTuple):
    """Hyperparameters of the process and weights of the network."""

    gp: GPParams
    weights: Any

    @property
    def scale(self) -> Float[Array, "..."]:
        """Standard deviation of the targets, as of ``GPParams``."""
        return self.gp.scale


class _Embedding(NamedTuple):
    """A process, and what its inputs go through first."""

    model: Process
    embed: Embed
    dtype: Any

    def points(self, params: Any, x: Any) -> Array:
        """Inputs of the process at x F["n dim"]."""
        return self.embed(params.weights, jnp.asarray(x, self.dtype))

    def data(self, params: Any, data: Any) -> Any:
        """Data with the inputs of the process for x."""
        return data._replace(x=self.embed(params.weights, data.x.astype(self.dtype)))


def embedded(model: Process, embed: Embed) -> Process:
    """Return the process whose params are ``NetworkParams`` and whose inputs go through ``embed`` first.

    What concerns the flat vector of hyperparameters (layout, params, theta, log_posterior) stays that of ``model``.
    """
    embedding = _Embedding(model, embed, jnp.dtype(model.config.dtype))
    return Process(
        layout=model.layout,
        params=model.params,
        theta=model.theta,
        log_posterior=model.log_posterior,
        log_likelihood=lambda params, data: model.log_likelihood(params.gp, embedding.data(params, data)),
        gram=lambda params, data: model.gram(params.gp, embedding.data(params, data)),
        residual=lambda params, data: model.residual(params.gp, embedding.data(params, data)),
        prepare=lambda params, data: model.prepare(params.gp, embedding.data(params, data)),
        predict_at=partial(_predict_at, embedding),
        sample=partial(_sample, embedding),
        path=partial(_path, embedding),
        noise=lambda params: model.noise(params.gp),
        condition=lambda params, data, pool: model.condition(
            params.gp, embedding.data(params, data), embedding.points(params, pool)
        ),
        surface=lambda params, posterior: model.surface(params.gp, posterior),
        covariance=lambda params, posterior, pool, index: model.covariance(
            params.gp, posterior, embedding.points(params, pool), index
        ),
        append=lambda params, posterior, pool, *rest: model.append(
            params.gp, posterior, embedding.points(params, pool), *rest
        ),
        cast=model.cast,
        one_by_one=model.one_by_one,
        config=model.config,
    )


def _predict_at(embedding: _Embedding, params: Any, data: Any, prepared: Any, x: Any):
    return embedding.model.predict_at(params.gp, embedding.data(params, data), prepared, embedding.points(params, x))


def _sample(embedding: _Embedding, key: Array, params: Any, data: Any, x: Any) -> Array:
    return embedding.model.sample(key, params.gp, embedding.data(params, data), embedding.points(params, x))


def _path(embedding: _Embedding, key: Array, params: Any, data: Any) -> Callable[[Array], Array]:
    path = embedding.model.path(key, params.gp, embedding.data(params, data))
    return lambda x: path(embedding.points(params, x))
