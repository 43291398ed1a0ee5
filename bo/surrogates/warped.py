"""Skewed targets: a surrogate of transformed targets, the transform chosen by the density of the targets themselves."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bo.surrogates.base import FitInfo, Prediction, Surrogate, with_noise
from bo.surrogates.checks import check
from bo.surrogates.held_out import best_candidate
from bo.surrogates.process import squarable, standardisation
from bo.surrogates.wrapping import wrap

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(16)
_POWERS = (1.0, 0.5, 0.0, -0.5, 1.5, 2.0)  # 1 is no warp


class Warp(NamedTuple):
    """Yeo–Johnson transform of the standardised target, increasing in y; power 1 is linear.

    z = ψ_power((y − location) / scale) (Yeo & Johnson 2000).
    """

    power: Float[Array, ""]
    location: Float[Array, ""]
    scale: Float[Array, ""]


class WarpedParams(NamedTuple):
    """Params of the wrapped surrogate, which models z, and the warp.

    ``objective`` is the number by which the power was chosen, for each power: negative log posterior density of y per
    datum.
    """

    inner: Any
    warp: Warp
    objective: Float[Array, "power"]


class NewObservation(NamedTuple):
    """A new observation, its noise included: mean and deviation of y; those of z, whose density is normal; the warp.

    −log p(y) = −log N(forward(warp, y); z) − log_slope(warp, y).
    """

    y: Prediction
    z: Prediction
    warp: Warp


def forward(warp: Warp, y: Array) -> Array:
    """Transform y to z."""
    t = (y - warp.location) / warp.scale
    up, down = jnp.maximum(t, 0), jnp.maximum(-t, 0)
    return jnp.where(t >= 0, _box_cox(up, warp.power), -_box_cox(down, 2 - warp.power))


def backward(warp: Warp, z: Array) -> Array:
    """Inverse of ``forward``.

    Where z lies beyond the range of a bounded transform, 1 + power·z is clipped at 0.001 so that y stays finite.
    """
    up, down = jnp.maximum(z, 0), jnp.maximum(-z, 0)
    t = jnp.where(z >= 0, _box_cox_inverse(up, warp.power), -_box_cox_inverse(down, 2 - warp.power))
    return warp.location + warp.scale * t


def log_slope(warp: Warp, y: Array) -> Array:
    """Compute log dz/dy at y."""
    t = (y - warp.location) / warp.scale
    return (warp.power - 1) * jnp.sign(t) * jnp.log1p(jnp.abs(t)) - jnp.log(warp.scale)


def warp_data(warp: Warp, data: Any) -> Any:
    """Return the data with targets z; known variances are scaled by the squared slope."""
    y = jnp.where(data.mask, data.y, warp.location)
    noise = _scaled_variance(warp, y, data.noise)
    return data._replace(y=jnp.where(data.mask, forward(warp, y), 0), noise=noise)


def _scaled_variance(warp: Warp, y: Array, variance: Array) -> Array:
    """Return a variance of y as one of z: times the slope squared, which may be no number where the variance is 0."""
    slope = jnp.exp(log_slope(warp, y))
    return variance * slope * slope


def unwarp(warp: Warp, prediction: Prediction) -> Prediction:
    """Mean and standard deviation of y from those of z, by Gauss–Hermite quadrature."""
    nodes, weights = (jnp.asarray(part, prediction.mean.dtype) for part in (_NODES, _WEIGHTS / _WEIGHTS.sum()))
    y = backward(warp, prediction.mean[None] + nodes[:, None] * prediction.std[None])
    mean, unit = weights @ y, squarable(warp.scale)
    return Prediction(mean, unit * jnp.sqrt(jnp.maximum(weights @ ((y - mean[None]) / unit) ** 2, 0)))


def warped(surrogate: Surrogate, powers: Sequence[float] = _POWERS, *, margin: float = 0.05) -> Surrogate:
    """Return a Surrogate of z = warp(y); the power is the one of ``powers`` with the highest density of y.

    The first power is preferred by ``margin`` nats per datum. Every power is fitted at first; a warm fit keeps the
    power. Predictions are the mean and standard deviation of y, by Gauss–Hermite quadrature of the marginal of z.
    Samples are exact. z-scores are those of z, covariances are correct to first order, and ``noise`` is that at y =
    ``warp.location``, to first order; for a new observation elsewhere use ``new_observation``. Works around any
    surrogate that standardises its targets. ValueError for no powers and, as from ``bo.surrogates.checks.check``, for
    data that nothing can be learned from.
    """
    if not powers:
        raise ValueError("no powers to choose from: give one or more, 1 for no warp")

    def fit(key, params, data) -> tuple[WarpedParams, FitInfo]:
        inner, info = surrogate.fit(key, params.inner, warp_data(params.warp, data))
        return params._replace(inner=inner), info

    def covariance(params, posterior, pool, index):
        """Correlation of z, which is that of y to first order, times the standard deviations of y."""
        ratio = _deviation_ratio(params.warp, surrogate.surface(params.inner, posterior))
        return ratio * ratio[index] * surrogate.covariance(params.inner, posterior, pool, index)

    def append(params, posterior, pool, count, index, value, noise, valid):
        z, noise = forward(params.warp, value), _scaled_variance(params.warp, value, noise)
        return surrogate.append(params.inner, posterior, pool, count, index, z, noise, valid)

    wrapped = wrap(
        surrogate,
        init=partial(_init, surrogate, np.array(powers, float), margin),
        fit=fit,
        params=lambda params: params.inner,
        data=lambda params, data: warp_data(params.warp, data),
        prediction=lambda params, prediction: unwarp(params.warp, prediction),
        draw=lambda params, z: backward(params.warp, z),
    )
    return wrapped._replace(
        noise=lambda params: surrogate.noise(params.inner) * params.warp.scale**2,  # dy/dz is the scale there
        covariance=covariance,
        append=append,
    )


def new_observation(surrogate: Surrogate, params: WarpedParams, data: Any, x: Array) -> NewObservation:
    """Predict a new observation at x F["query dim"]; ``surrogate`` is the one that was wrapped."""
    latent = surrogate.predict(params.inner, warp_data(params.warp, data), x)
    z = with_noise(latent, surrogate.noise(params.inner))
    return NewObservation(unwarp(params.warp, z), z, params.warp)


def _init(surrogate: Surrogate, powers: np.ndarray, margin: float, key: Array, data: Any) -> WarpedParams:
    check(data)
    key_init, key_fit = jax.random.split(key)

    def fit_power(power):
        warp = _standardising_warp(power, data)
        inner = surrogate.init(key_init, warp_data(warp, data))
        inner, info = surrogate.fit(key_fit, inner, warp_data(warp, data))
        return inner, warp, _objective_of_targets(warp, data, info.objective)

    inner, warp, objective = jax.lax.map(fit_power, jnp.asarray(powers, data.y.dtype))
    best = best_candidate(objective, margin)
    inner, warp = jax.tree.map(lambda leaf: leaf[best], (inner, warp))
    return WarpedParams(inner, warp, objective)


def _standardising_warp(power: Array, data: Any) -> Warp:
    """The warp of that power, with mean and standard deviation of the observed targets."""
    return Warp(power.astype(data.y.dtype), *standardisation(data))


def _objective_of_targets(warp: Warp, data: Any, objective: Array) -> Float[Array, ""]:
    """−log p(y) per datum, from ``objective``, that of standardised z."""
    z = warp_data(warp, data).y
    count = jnp.maximum(jnp.sum(data.mask), 1)
    mean = jnp.sum(jnp.where(data.mask, z, 0)) / count
    spread = jnp.sqrt(jnp.sum(jnp.where(data.mask, z - mean, 0) ** 2) / count)
    slope = jnp.sum(jnp.where(data.mask, log_slope(warp, jnp.where(data.mask, data.y, warp.location)), 0)) / count
    return objective + jnp.log(jnp.where(spread > 0, spread, 1)) - slope


def _deviation_ratio(warp: Warp, z: Prediction) -> Float[Array, "query"]:
    """Standard deviation of y over that of z; where the latter is 0, the slope of the inverse warp."""
    slope = jnp.exp(-log_slope(warp, backward(warp, z.mean)))
    return jnp.where(z.std > 0, unwarp(warp, z).std / jnp.where(z.std > 0, z.std, 1), slope)


def _box_cox(t: Array, power: Array) -> Array:
    """((1 + t)^p − 1) / p for t ≥ 0, and log(1 + t) at p = 0."""
    zero = jnp.abs(power) < 1e-6
    safe = jnp.where(zero, 1, power)
    return jnp.where(zero, jnp.log1p(t), jnp.expm1(safe * jnp.log1p(t)) / safe)


def _box_cox_inverse(z: Array, power: Array) -> Array:
    zero = jnp.abs(power) < 1e-6
    safe = jnp.where(zero, 1, power)
    log = jnp.log1p(jnp.maximum(safe * z, -0.999)) / safe
    return jnp.expm1(jnp.where(zero, z, log))
