"""Noise that depends on the inputs, kept only where it predicts held-out observations better than constant noise.

The most likely heteroscedastic process (Kersting et al. 2007): fit with constant noise; fit a second Gaussian process
to the logarithm of squared held-out residuals; fit again with its exponential as the known noise of each observation.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from bo.surrogates.base import FitInfo, Predict, Prediction, Surrogate, with_noise
from bo.surrogates.held_out import nll_and_coverage
from bo.surrogates.log_noise import (
    LogNoise,
    Settings,
    fit_log_noise,
    log_noise_data,
    predict_held_out,
    variance_beyond_base,
)
from bo.surrogates.wrapping import wrap


class HeteroscedasticParams(NamedTuple):
    """``inner`` predicts: it is ``varying`` where that was accepted, else ``constant``; the next fits start from both.

    ``nll`` per datum of what was held out in folds, with constant and with varying noise, in the units of the targets.
    """

    inner: Any
    constant: Any
    varying: Any
    log_noise: LogNoise
    accepted: Bool[Array, ""]
    nll: Float[Array, "2"]


class HeteroscedasticPosterior(NamedTuple):
    """The inner posterior over a pool, and the known variance of an observation of each candidate."""

    inner: Any
    known: Float[Array, "pool"]

    @property
    def retries(self) -> Int[Array, ""]:
        """How often jitter was added until the factorisation succeeded."""
        return self.inner.retries


class Heteroscedastic(NamedTuple):
    """A surrogate of the latent function, and the prediction of new observations.

    surrogate   the Surrogate of the latent function, whose observations have noise that varies with x; its ``noise`` is
                the part that does not vary
    observation (params, data, x) -> Prediction of a new observation, with the noise at x
    """

    surrogate: Surrogate
    observation: Predict


def heteroscedastic(
    surrogate: Surrogate,
    second: Surrogate,
    *,
    rounds: int = 2,
    folds: int = 10,
    margin: float = 0.02,
    support: int = 256,
) -> Heteroscedastic:
    """Return ``surrogate`` with noise that varies with x, as predicted by ``second``, a Surrogate on the same inputs.

    Works around any surrogate that takes known variances of observations (``Data.noise``). There are ``rounds`` of
    residuals, second process and new fit; residuals are those of ``folds`` held out in turn. A residual's square is e²
    = r + σ² on average, r the noise and σ² the variance of the latent function there. Therefore the second process is
    given log(e² r / (r + σ²)) with the last round's r, corrected by the mean of log χ², whose variance is its known
    noise. It rests on ``support`` observations at most, evenly chosen. Noise is constant unless the folds' NLL per
    datum is lower by ``margin``. ValueError for numbers below 1 (folds: 2) or a negative margin.
    """
    if min(rounds, support) < 1 or folds < 2 or not margin >= 0:
        raise ValueError(
            f"rounds={rounds}, support={support}, folds={folds}, margin={margin}: expected 1 or more, 1 or more, "
            "2 or more, and 0 or more"
        )
    settings = Settings(surrogate, second, folds, support)

    def init(key, data):
        key_init, key_fit, key_noise = jax.random.split(key, 3)
        data = _cast(surrogate, data)
        constant, info = surrogate.fit(key_fit, surrogate.init(key_init, data), data)
        return _fit_varying(settings, rounds, margin, key_noise, constant, info, constant, data)[0]

    def fit(key, params, data):
        key_fit, key_noise = jax.random.split(key)
        data = _cast(surrogate, data)
        constant, info = surrogate.fit(key_fit, params.constant, data)
        return _fit_varying(settings, rounds, margin, key_noise, constant, info, params.varying, data)

    latent = wrap(
        surrogate,
        init=init,
        fit=fit,
        params=lambda params: params.inner,
        data=lambda params, data: _with_known_noise(settings, params, _cast(surrogate, data)),
        posterior=lambda posterior: posterior.inner,
    )._replace(
        condition=partial(_condition, settings),
        append=partial(_append, surrogate),
        grow=lambda posterior, capacity: posterior._replace(inner=surrogate.grow(posterior.inner, capacity)),
    )
    return Heteroscedastic(latent, partial(_observation, settings))


def _cast(surrogate: Surrogate, data: Any) -> Any:
    dtype = jnp.dtype(surrogate.dtype)
    return jax.tree.map(lambda leaf: leaf if leaf.dtype == bool else leaf.astype(dtype), data)


def _known_noise(settings: Settings, params: HeteroscedasticParams, data: Any) -> Callable[[Array], Array]:
    """Function of x that returns the known variance F["query"] of observations there."""
    predict = settings.second.predictor(params.log_noise.params, log_noise_data(params.log_noise, data))

    def known(x):
        varying = variance_beyond_base(params.log_noise, predict(x).mean)
        return jnp.where(params.accepted, varying, 0).astype(data.y.dtype)

    return known


def _with_known_noise(settings: Settings, params: HeteroscedasticParams, data: Any) -> Any:
    """Data whose known variances include the noise that varies with x."""
    return data._replace(noise=data.noise + jnp.where(data.mask, _known_noise(settings, params, data)(data.x), 0))


def _held_out_nll(settings: Settings, params: Any, data: Any, known: Array, new: Array) -> Float[Array, ""]:
    """NLL per datum on the folds; the noise of held-out observations is ``new``, of the others ``known``."""
    first = settings.first
    latent = predict_held_out(settings, params, data._replace(noise=data.noise + known))
    prediction = with_noise(latent, first.noise(params))
    deviation = jnp.sqrt(prediction.std**2 + data.noise + new)
    return nll_and_coverage(data.y - prediction.mean, deviation, data.mask)[0]


def _fit_varying(
    settings: Settings, rounds: int, margin: float, key: Array, constant: Any, info: FitInfo, varying: Any, data: Any
) -> tuple[HeteroscedasticParams, FitInfo]:
    """Fit with varying noise, from ``varying``, and choose between it and the fit with ``constant`` noise."""
    nothing = jnp.zeros_like(data.y)

    def one_round(carry: Any, each: Any) -> Any:
        params, known, _, _ = carry
        key_noise, key_fit = jax.random.split(each[0])
        first = each[1]
        predicting = jax.tree.map(lambda a, b: jnp.where(first, a, b), constant, params)
        fitted = fit_log_noise(settings, key_noise, data, jnp.where(first, 0, known), predicting)
        known = jnp.where(data.mask, fitted.known, 0)
        params, info = settings.first.fit(key_fit, params, data._replace(noise=data.noise + known))
        return (params, known, fitted.new, fitted.noise), info

    blank = jax.eval_shape(lambda: fit_log_noise(settings, key, data, nothing, constant).noise)
    start = (varying, nothing, nothing, jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), blank))
    keys = jax.random.split(key, rounds)
    (varying, known, new, noise), infos = jax.lax.scan(one_round, start, (keys, jnp.arange(rounds) == 0))
    of_constant = _held_out_nll(settings, constant, data, nothing, nothing)
    nll = jnp.stack([of_constant, _held_out_nll(settings, varying, data, known, new)])
    accepted = nll[1] < nll[0] - margin
    inner = jax.tree.map(lambda a, b: jnp.where(accepted, a, b), varying, constant)
    objective = jnp.where(accepted, infos.objective[-1], info.objective)
    evaluations = info.evaluations + jnp.sum(infos.evaluations)
    info = FitInfo(objective, jnp.maximum(info.iterations, jnp.max(infos.iterations)), evaluations)
    return HeteroscedasticParams(inner, constant, varying, noise, accepted, nll), info


def _condition(settings: Settings, params: HeteroscedasticParams, data: Any, pool: Any) -> HeteroscedasticPosterior:
    data = _cast(settings.first, data)
    inner = settings.first.condition(params.inner, _with_known_noise(settings, params, data), pool)
    return HeteroscedasticPosterior(inner, _known_noise(settings, params, data)(pool))


def _append(surrogate: Surrogate, params: Any, posterior: Any, pool, count, index, value, noise, valid):
    noise = noise + posterior.known[index]
    inner, z = surrogate.append(params.inner, posterior.inner, pool, count, index, value, noise, valid)
    return posterior._replace(inner=inner), z


def _observation(settings: Settings, params: HeteroscedasticParams, data: Any, x: Any) -> Prediction:
    data, first = _cast(settings.first, data), settings.first
    latent = first.predict(params.inner, _with_known_noise(settings, params, data), x)
    prediction = with_noise(latent, first.noise(params.inner))
    return Prediction(prediction.mean, jnp.sqrt(prediction.std**2 + _known_noise(settings, params, data)(x)))
