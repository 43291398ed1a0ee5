"""The logarithm of the noise as a function of the inputs: a second process fitted to held-out squared residuals."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from bo.data import Data
from bo.surrogates.base import Prediction, Surrogate
from bo.surrogates.held_out import folds_of

_LOG_BIAS = 1.2703628  # −E log χ² of one degree of freedom: −ψ(1/2) − ln 2
_LOG_VARIANCE = np.pi**2 / 2  # of log χ²


class Settings(NamedTuple):
    """The surrogate of the latent function, that of the noise's logarithm, and the numbers that both need."""

    first: Surrogate
    second: Surrogate
    folds: int
    support: int


class LogNoise(NamedTuple):
    """Logarithm of the noise's variance as a function of x.

    ``params`` are those of the second process, ``rows`` the rows of the data that it rests on, ``log`` its targets
    there, NaN in rows that hold no observation. ``base`` is the least variance at these rows. What exceeds
    it is known noise to the first process, which fits the rest.
    """

    params: Any
    rows: Int[Array, "support"]
    log: Float[Array, "support"]
    base: Float[Array, ""]


class FittedNoise(NamedTuple):
    """The second process, and the variance beyond its base at every row: as fitted, and without the row's fold."""

    noise: LogNoise
    known: Float[Array, "capacity"]
    new: Float[Array, "capacity"]


def log_noise_data(noise: LogNoise, data: Any) -> Data:
    """Return the data that the second process is conditioned on."""
    present = jnp.isfinite(noise.log)
    known = jnp.full_like(noise.log, _LOG_VARIANCE)
    return Data(data.x[noise.rows], jnp.where(present, noise.log, 0), present, known)


def variance_beyond_base(noise: LogNoise, mean: Array) -> Array:
    """Variance beyond the base where the second process predicts ``mean``."""
    return jnp.maximum(jnp.exp(mean) - noise.base, 0)


def predict_held_out(settings: Settings, params: Any, data: Any) -> Prediction:
    """Predict the latent function at every row without the row's fold."""
    fold = folds_of(data, settings.folds)
    return _for_each_fold(
        lambda k: settings.first.predict(params, data._replace(mask=data.mask & (fold != k)), data.x), settings, data
    )


def fit_log_noise(settings: Settings, key: Array, data: Any, known: Array, params: Any) -> FittedNoise:
    """Fit the second process to the residuals of the first one's ``params``, with ``known`` F["capacity"] noise."""
    second = settings.second
    latent = predict_held_out(settings, params, data._replace(noise=data.noise + known))
    expected = settings.first.noise(params) + known
    spread = latent.std**2 + data.noise
    square = jnp.maximum((data.y - latent.mean) ** 2, jnp.finfo(data.y.dtype).eps * (expected + spread))
    rows, present = _supporting_rows(settings, data)
    log = jnp.log(square) + jnp.log(expected / (expected + spread)) + _LOG_BIAS
    noise = LogNoise(None, rows, jnp.where(present, log[rows], jnp.nan), jnp.zeros((), log.dtype))
    noise = noise._replace(params=second.init(key, log_noise_data(noise, data)))
    targets = log_noise_data(noise, data)
    mean = second.predict(noise.params, targets, data.x).mean.astype(log.dtype)
    low = jnp.min(jnp.where(data.mask, mean, jnp.inf))
    noise = noise._replace(base=jnp.exp(jnp.where(jnp.isfinite(low), low, 0)))
    fold = folds_of(data, settings.folds)

    def without(k):
        part = targets._replace(mask=targets.mask & (fold[rows] != k))
        return second.predict(noise.params, part, data.x).mean

    held_out = _for_each_fold(without, settings, data)
    return FittedNoise(
        noise, variance_beyond_base(noise, mean), variance_beyond_base(noise, held_out.astype(log.dtype))
    )


def _for_each_fold(function: Callable[[Array], Any], settings: Settings, data: Any) -> Any:
    """Evaluate ``function(fold) -> leaves F["capacity"]`` for every fold; return each row's value for its own fold."""
    fold, rows = folds_of(data, settings.folds), jnp.arange(data.mask.shape[0])
    of_folds = jax.lax.map(function, jnp.arange(settings.folds))
    return jax.tree.map(lambda leaf: leaf[fold, rows], of_folds)


def _supporting_rows(settings: Settings, data: Any) -> tuple[Int[Array, "support"], Bool[Array, "support"]]:
    """Rows of the observations that the second process rests on, and which of them hold one."""
    order, count = jnp.argsort(~data.mask, stable=True), jnp.sum(data.mask)
    place = jnp.arange(settings.support)
    even = jnp.where(count > settings.support, place * count // settings.support, place)
    return order[jnp.minimum(even, data.mask.shape[0] - 1)], place < count
