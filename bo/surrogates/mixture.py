"""A surrogate that is a weighted mixture of Gaussian processes, one for each of a set of hyperparameters.

The weights are posterior ones at any time: every observation after the fit multiplies a member's weight by the
density that the member had predicted for it, so p(θ | data) is followed between refits at no cost.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from bo.surrogates import incremental
from bo.surrogates.base import FitInfo, Prediction, Surrogate
from bo.surrogates.incremental import PoolPosterior
from bo.surrogates.process import root
from bo.surrogates.process_types import GPParams, Process

# the row to write next is one number for all members, else the write becomes a scatter
_AXES: Any = PoolPosterior(0, 0, None, 0, 0, 0, 0)  # pyright: ignore[reportArgumentType]


class Mixture(NamedTuple):
    """Hyperparameters: ``members`` has a leading member axis in every leaf.

    ``evidence`` is the log likelihood of each member at the fit: what weights after it are measured from.
    ``sampler`` is where the next fit starts.
    """

    members: GPParams
    log_weight: Float[Array, "member"]
    evidence: Float[Array, "member"]
    sampler: Any


class MixturePosterior(NamedTuple):
    """Posterior over the pool: k times the memory of one, for k members."""

    members: PoolPosterior
    log_weight: Float[Array, "member"]
    retries: Int[Array, ""]


def mixture(
    model: Process,
    cold: Callable[[Array, Any], Mixture],
    warm: Callable[[Array, Mixture, Any], tuple[Mixture, FitInfo]],
) -> Surrogate:
    """The Surrogate of a mixture whose members ``cold`` (key, data) finds at first and ``warm`` afterwards.

    Mean and standard deviation are the mixture's (law of total variance), a sample is one member's, drawn by
    weight. The z-score divides by the mixture's standard deviation with the members' mean noise.
    """
    every = lambda function, *axes: jax.vmap(function, in_axes=(0, *axes))  # noqa: E731

    def init(key, data):
        return cold(key, model.cast(data))

    def fit(key, params, data):
        return warm(key, params, model.cast(data))

    def weights_of(params, data):
        return params.log_weight + every(model.log_likelihood, None)(params.members, data) - params.evidence

    def predictor(params, data):
        data = model.cast(data)
        weight = normalised(weights_of(params, data))
        prepared = every(model.prepare, None)(params.members, data)

        def predict(x):
            return combine(weight, every(model.at, None, 0, None)(params.members, data, prepared, x))

        return predict

    def drawn(key, params, data):
        weight = normalised(weights_of(params, model.cast(data)))
        chosen = jax.random.categorical(key, jnp.log(weight))
        return jax.tree.map(lambda leaf: leaf[chosen], params.members)

    def sample(key, params, data, x):
        key_member, key_draw = jax.random.split(key)
        return model.sample(key_draw, drawn(key_member, params, data), data, x)

    def path(key, params, data):
        key_member, key_draw = jax.random.split(key)
        return model.path(key_draw, drawn(key_member, params, data), data)

    def condition(params, data, pool):
        vmapped = jax.vmap(model.condition, in_axes=(0, None, None), out_axes=_AXES)
        members = vmapped(params.members, data, pool)
        return MixturePosterior(members, weights_of(params, model.cast(data)), jnp.max(members.retries))

    def surfaces(params, posterior):
        return every(model.surface, _AXES)(params.members, posterior.members)

    def surface(params, posterior):
        return combine(normalised(posterior.log_weight), surfaces(params, posterior))

    def covariance(params, posterior, pool, index):
        weight, mean = normalised(posterior.log_weight), surfaces(params, posterior).mean
        within = every(model.covariance, _AXES, None, None)(params.members, posterior.members, pool, index)
        away = mean - (weight @ mean)[None]
        return weight @ within + (weight * away[:, index]) @ away

    def append(params, posterior, pool, count, index, value, noise, valid):
        scale = params.members.scale
        before = combine(
            normalised(posterior.log_weight),
            jax.tree.map(lambda leaf: leaf[:, index][:, None], surfaces(params, posterior)),
        )
        own_noise = posterior.members.noise + noise / scale**2
        spread = jnp.sqrt(jnp.maximum(posterior.members.variance[:, index], 0) + own_noise)
        vmapped = jax.vmap(model.append, in_axes=(0, _AXES, *[None] * 6), out_axes=(_AXES, 0))
        members, z = vmapped(params.members, posterior.members, pool, count, index, value, noise, valid)
        gain = jnp.where(valid, -0.5 * z**2 - jnp.log(spread) - 0.5 * jnp.log(2 * jnp.pi), 0)
        variance = before.std[0] ** 2 + normalised(posterior.log_weight) @ (scale**2 * own_noise)
        z_score = jnp.where(valid, (value - before.mean[0]) / jnp.sqrt(variance), jnp.nan)
        return posterior._replace(members=members, log_weight=posterior.log_weight + gain), z_score

    def grow(posterior, capacity):
        vmapped = jax.vmap(lambda one: incremental.grow(one, capacity), in_axes=(_AXES,), out_axes=_AXES)
        return posterior._replace(members=vmapped(posterior.members))

    return Surrogate(
        init=init,
        fit=fit,
        predict=lambda params, data, x: predictor(params, data)(x),
        predictor=predictor,
        sample=sample,
        condition=condition,
        surface=surface,
        covariance=covariance,
        append=append,
        grow=grow,
        path=path,
        dtype=model.config.dtype,
    )


def normalised(log_weight: Float[Array, "member"]) -> Float[Array, "member"]:
    """Weights that sum to one; a member whose weight is not a number has none, and if none has, all share."""
    known = jnp.where(jnp.isnan(log_weight), -jnp.inf, log_weight)
    return jax.nn.softmax(jnp.where(jnp.any(jnp.isfinite(known)), known, 0))


def combine(weight: Float[Array, "member"], predictions: Any) -> Prediction:
    """Mean and standard deviation of the mixture of predictions F["member query"]."""
    mean = weight @ predictions.mean
    return Prediction(mean, root(weight @ (predictions.std**2 + (predictions.mean - mean[None]) ** 2)))
