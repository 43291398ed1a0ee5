"""Targets that are no bell curve: skewed ones through a warp that the data choose, angles as a point on a circle."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bo.surrogates.base import FitInfo, Prediction, Surrogate
from bo.surrogates.checks import check
from bo.surrogates.held_out import preferred
from bo.surrogates.observing import with_noise

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(16)
_POWERS = (1.0, 0.5, 0.0, -0.5, 1.5, 2.0)  # 1 is no warp


class Warp(NamedTuple):
    """z = ψ_power((y − location) / scale), Yeo & Johnson's transform (2000), increasing; power 1 leaves y straight."""

    power: Float[Array, ""]
    location: Float[Array, ""]
    scale: Float[Array, ""]


class Warped(NamedTuple):
    """What the wrapped surrogate knows of z, the warp, and the starts of all powers' next fits.

    ``objective`` per power: what the power was chosen by, negative log posterior density per datum of y itself.
    """

    inner: Any
    warp: Warp
    objective: Float[Array, "power"]


def forward(warp: Warp, y: Array) -> Array:
    """z of y."""
    t = (y - warp.location) / warp.scale
    up, down = jnp.maximum(t, 0), jnp.maximum(-t, 0)
    return jnp.where(t >= 0, _box_cox(up, warp.power), -_box_cox(down, 2 - warp.power))


def backward(warp: Warp, z: Array) -> Array:
    """y of z; beyond the end of a bounded transform, the largest y that is a number's safe distance from it."""
    up, down = jnp.maximum(z, 0), jnp.maximum(-z, 0)
    t = jnp.where(z >= 0, _box_cox_inverse(up, warp.power), -_box_cox_inverse(down, 2 - warp.power))
    return warp.location + warp.scale * t


def log_slope(warp: Warp, y: Array) -> Array:
    """log dz/dy."""
    t = (y - warp.location) / warp.scale
    return (warp.power - 1) * jnp.sign(t) * jnp.log1p(jnp.abs(t)) - jnp.log(warp.scale)


def moved(warp: Warp, data: Any) -> Any:
    """Data of z; a known variance is carried along the slope."""
    y = jnp.where(data.mask, data.y, warp.location)
    noise = data.noise * jnp.exp(2 * log_slope(warp, y))
    return data._replace(y=jnp.where(data.mask, forward(warp, y), 0), noise=noise)


def _box_cox(t: Array, power: Array) -> Array:
    """((1 + t)^p − 1) / p for t ≥ 0, log(1 + t) at p = 0."""
    straight = jnp.abs(power) < 1e-6
    safe = jnp.where(straight, 1, power)
    return jnp.where(straight, jnp.log1p(t), jnp.expm1(safe * jnp.log1p(t)) / safe)


def _box_cox_inverse(z: Array, power: Array) -> Array:
    straight = jnp.abs(power) < 1e-6
    safe = jnp.where(straight, 1, power)
    inside = jnp.log1p(jnp.maximum(safe * z, -0.999)) / safe
    return jnp.expm1(jnp.where(straight, z, inside))


def warped(surrogate: Surrogate, powers: Sequence[float] = _POWERS, *, margin: float = 0.05) -> Surrogate:
    """The surrogate of z = warp(y), whose power is the one of ``powers`` with the highest density of y; the first one
    is preferred by ``margin`` nats per datum.

    Every power is fitted at first; a warm fit keeps the power. Predictions are the mean and standard deviation of y,
    by Gauss–Hermite quadrature of the marginal of z; samples are exact; z-scores those of z. Works around any
    surrogate that standardises its targets. ValueError for no powers and, as from ``bo.surrogates.checks.check``, for data that
    nothing can be learned from.
    """
    if not powers:
        raise ValueError("no powers to choose from: give one or more, 1 for no warp")
    choices = np.array(powers, float)

    def place(power, data):
        count = jnp.maximum(jnp.sum(data.mask), 1)
        location = jnp.sum(jnp.where(data.mask, data.y, 0)) / count
        scale = jnp.sqrt(jnp.sum(jnp.where(data.mask, data.y - location, 0) ** 2) / count)
        return Warp(power.astype(data.y.dtype), location, jnp.where(scale > 0, scale, 1))

    def density(warp, data, objective):
        """−log p(y) per datum, from that of standardised z."""
        z = moved(warp, data).y
        count = jnp.maximum(jnp.sum(data.mask), 1)
        mean = jnp.sum(jnp.where(data.mask, z, 0)) / count
        spread = jnp.sqrt(jnp.sum(jnp.where(data.mask, z - mean, 0) ** 2) / count)
        slope = jnp.sum(jnp.where(data.mask, log_slope(warp, jnp.where(data.mask, data.y, warp.location)), 0)) / count
        return objective + jnp.log(jnp.where(spread > 0, spread, 1)) - slope

    def init(key, data):
        check(data)
        key_init, key_fit = jax.random.split(key)

        def one(power):
            warp = place(power, data)
            inner = surrogate.init(key_init, moved(warp, data))
            inner, info = surrogate.fit(key_fit, inner, moved(warp, data))
            return inner, warp, density(warp, data, info.objective)

        inner, warp, objective = jax.lax.map(one, jnp.asarray(choices, data.y.dtype))
        best = preferred(objective, margin)
        inner, warp = jax.tree.map(lambda leaf: leaf[best], (inner, warp))
        return Warped(inner, warp, objective)

    def fit(key, params, data) -> tuple[Warped, FitInfo]:
        inner, info = surrogate.fit(key, params.inner, moved(params.warp, data))
        return params._replace(inner=inner), info

    def predictor(params, data):
        inner = surrogate.predictor(params.inner, moved(params.warp, data))
        return lambda x: restored(params.warp, inner(x))

    def sample(key, params, data, x):
        return backward(params.warp, surrogate.sample(key, params.inner, moved(params.warp, data), x))

    def covariance(params, posterior, pool, index):
        """The correlation of z, which is that of y to first order, with the standard deviations of y."""
        z = surrogate.surface(params.inner, posterior)
        slope = jnp.exp(-log_slope(params.warp, backward(params.warp, z.mean)))
        ratio = jnp.where(z.std > 0, restored(params.warp, z).std / jnp.where(z.std > 0, z.std, 1), slope)
        return ratio * ratio[index] * surrogate.covariance(params.inner, posterior, pool, index)

    def append(params, posterior, pool, count, index, value, noise, valid):
        z, noise = forward(params.warp, value), noise * jnp.exp(2 * log_slope(params.warp, value))
        return surrogate.append(params.inner, posterior, pool, count, index, z, noise, valid)

    inner_path = surrogate.path

    def path(key, params, data):
        assert inner_path is not None
        draw = inner_path(key, params.inner, moved(params.warp, data))
        return lambda x: backward(params.warp, draw(x))

    return surrogate._replace(
        init=init,
        fit=fit,
        predict=lambda params, data, x: predictor(params, data)(x),
        predictor=predictor,
        sample=sample,
        condition=lambda params, data, pool: surrogate.condition(params.inner, moved(params.warp, data), pool),
        surface=lambda params, posterior: restored(params.warp, surrogate.surface(params.inner, posterior)),
        covariance=covariance,
        append=append,
        path=None if inner_path is None else path,
    )


def observation(surrogate: Surrogate, params: Warped, data: Any, x: Array) -> tuple[Prediction, Prediction, Warp]:
    """What a new observation of y at x will be, its noise included; what z will be, whose density is normal; the warp.

    ``surrogate`` is the one that was wrapped. −log p(y) = −log N(forward(warp, y); z) − log_slope(warp, y).
    """
    z = with_noise(params.inner, surrogate.predict(params.inner, moved(params.warp, data), x))
    return restored(params.warp, z), z, params.warp


def restored(warp: Warp, prediction: Prediction) -> Prediction:
    """Mean and standard deviation of y, from those of z."""
    nodes, weights = (jnp.asarray(part, prediction.mean.dtype) for part in (_NODES, _WEIGHTS / _WEIGHTS.sum()))
    y = backward(warp, prediction.mean[None] + nodes[:, None] * prediction.std[None])
    mean = weights @ y
    return Prediction(mean, jnp.sqrt(jnp.maximum(weights @ (y - mean[None]) ** 2, 0)))
