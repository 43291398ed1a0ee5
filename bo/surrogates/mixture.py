"""A surrogate that is a weighted mixture of Gaussian processes, one for each of a set of hyperparameters.

The weights are posterior ones at any time: every observation after the fit multiplies a member's weight by the
density that the member had predicted for it, so p(θ | data) is followed between refits at no cost.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from bo.surrogates import incremental
from bo.surrogates.base import FitInfo, Prediction, Surrogate, standard_variance
from bo.surrogates.incremental import PoolPosterior
from bo.surrogates.process import root
from bo.surrogates.process_types import GPParams, Process

# vmap axes of a posterior. The row to write next is one number for all members, else the write becomes a scatter.
_AXES: Any = PoolPosterior(0, 0, None, 0, 0, 0, 0)  # pyright: ignore[reportArgumentType]


class Mixture(NamedTuple):
    """Hyperparameters: ``members`` has a leading member axis in every leaf.

    ``evidence`` is the log likelihood of each member at the fit, from which later weights are measured.
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
    """Return the Surrogate of a mixture whose members ``cold(key, data)`` finds at first and ``warm`` afterwards.

    Mean and standard deviation are those of the mixture (law of total variance). A sample is one member's, drawn by
    weight. The z-score divides by the mixture's standard deviation with the members' mean noise, and ``noise`` is the
    unweighted mean over the members.
    """
    predictor = partial(_predictor, model)
    return Surrogate(
        init=lambda key, data: cold(key, model.cast(data)),
        fit=lambda key, params, data: warm(key, params, model.cast(data)),
        predict=lambda params, data, x: predictor(params, data)(x),
        predictor=predictor,
        sample=partial(_sample, model),
        path=partial(_path, model),
        noise=lambda params: jnp.mean(jax.vmap(model.noise)(params.members)),
        condition=partial(_condition, model),
        surface=partial(_surface, model),
        covariance=partial(_covariance, model),
        append=partial(_append, model),
        grow=_grow,
        dtype=model.config.dtype,
    )


def normalised(log_weight: Float[Array, "member"]) -> Float[Array, "member"]:
    """Softmax of the log weights. NaN counts as weight 0; if no log weight is finite, all weights are equal."""
    known = jnp.where(jnp.isnan(log_weight), -jnp.inf, log_weight)
    return jax.nn.softmax(jnp.where(jnp.any(jnp.isfinite(known)), known, 0))


def combine(weight: Float[Array, "member"], predictions: Any) -> Prediction:
    """Mean and standard deviation of the mixture of predictions F["member query"]."""
    mean = weight @ predictions.mean
    return Prediction(mean, root(weight @ (predictions.std**2 + (predictions.mean - mean[None]) ** 2)))


def _over_members(function: Callable[..., Any], *axes: Any) -> Callable[..., Any]:
    """The function mapped over the members: its first argument, and the others along ``axes``."""
    return jax.vmap(function, in_axes=(0, *axes))


def _log_weights(model: Process, params: Mixture, data: Any) -> Float[Array, "member"]:
    """Log weights of the members given all data, not normalised."""
    return params.log_weight + _over_members(model.log_likelihood, None)(params.members, data) - params.evidence


def _predictor(model: Process, params: Mixture, data: Any) -> Callable[[Array], Prediction]:
    data = model.cast(data)
    weight = normalised(_log_weights(model, params, data))
    prepared = _over_members(model.prepare, None)(params.members, data)

    def predict(x):
        return combine(weight, _over_members(model.predict_at, None, 0, None)(params.members, data, prepared, x))

    return predict


def _draw_member(model: Process, key: Array, params: Mixture, data: Any) -> Any:
    """Hyperparameters of one member, drawn by weight."""
    weight = normalised(_log_weights(model, params, model.cast(data)))
    chosen = jax.random.categorical(key, jnp.log(weight))
    return jax.tree.map(lambda leaf: leaf[chosen], params.members)


def _sample(model: Process, key: Array, params: Mixture, data: Any, x: Any) -> Array:
    key_member, key_draw = jax.random.split(key)
    return model.sample(key_draw, _draw_member(model, key_member, params, data), data, x)


def _path(model: Process, key: Array, params: Mixture, data: Any) -> Callable[[Array], Array]:
    key_member, key_draw = jax.random.split(key)
    return model.path(key_draw, _draw_member(model, key_member, params, data), data)


def _condition(model: Process, params: Mixture, data: Any, pool: Any) -> MixturePosterior:
    members = jax.vmap(model.condition, in_axes=(0, None, None), out_axes=_AXES)(params.members, data, pool)
    return MixturePosterior(members, _log_weights(model, params, model.cast(data)), jnp.max(members.retries))


def _surfaces(model: Process, params: Mixture, posterior: MixturePosterior) -> Prediction:
    """Predictions F["member pool"] of the members."""
    return _over_members(model.surface, _AXES)(params.members, posterior.members)


def _surface(model: Process, params: Mixture, posterior: MixturePosterior) -> Prediction:
    return combine(normalised(posterior.log_weight), _surfaces(model, params, posterior))


def _covariance(model: Process, params: Mixture, posterior: MixturePosterior, pool: Any, index: Any) -> Array:
    """Law of total covariance."""
    weight, mean = normalised(posterior.log_weight), _surfaces(model, params, posterior).mean
    within = _over_members(model.covariance, _AXES, None, None)(params.members, posterior.members, pool, index)
    deviation = mean - (weight @ mean)[None]
    return weight @ within + (weight * deviation[:, index]) @ deviation


def _append(model: Process, params: Mixture, posterior: MixturePosterior, pool, count, index, value, noise, valid):
    scale = params.members.scale
    before = combine(
        normalised(posterior.log_weight),
        jax.tree.map(lambda leaf: leaf[:, index][:, None], _surfaces(model, params, posterior)),
    )
    member_noise = posterior.members.noise + standard_variance(noise, scale)
    spread = jnp.sqrt(jnp.maximum(posterior.members.variance[:, index], 0) + member_noise)
    append = jax.vmap(model.append, in_axes=(0, _AXES, *[None] * 6), out_axes=(_AXES, 0))
    members, z = append(params.members, posterior.members, pool, count, index, value, noise, valid)
    gain = jnp.where(valid, -0.5 * z**2 - jnp.log(spread) - 0.5 * jnp.log(2 * jnp.pi), 0)
    variance = before.std[0] ** 2 + normalised(posterior.log_weight) @ (scale**2 * member_noise)
    z_score = jnp.where(valid, (value - before.mean[0]) / jnp.sqrt(variance), jnp.nan)
    return posterior._replace(members=members, log_weight=posterior.log_weight + gain), z_score


def _grow(posterior: MixturePosterior, capacity: int) -> MixturePosterior:
    grow = jax.vmap(lambda member: incremental.grow(member, capacity), in_axes=(_AXES,), out_axes=_AXES)
    return posterior._replace(members=grow(posterior.members))
