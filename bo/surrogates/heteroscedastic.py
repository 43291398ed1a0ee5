"""Noise that depends on the inputs: found from what was held out, kept only where it predicts better than one number.

The most likely heteroscedastic process (Kersting et al. 2007): fit with constant noise; a second Gaussian process on
the logarithm of squared held-out residuals; fit again with its exponential as the known noise of each observation.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from bo.data import Data
from bo.surrogates.base import FitInfo, Prediction, Surrogate
from bo.surrogates.held_out import folds_of, judge
from bo.surrogates.observing import fitted_noise, with_noise

_LOG_BIAS = 1.2703628  # −E log χ² of one degree of freedom: −ψ(1/2) − ln 2
_LOG_VARIANCE = np.pi**2 / 2  # of log χ²


class LogNoise(NamedTuple):
    """The logarithm of the noise's variance as a function of x: hyperparameters of the second process, the rows of the
    data that it rests on, and what it saw there, NaN in rows that hold nothing. What exceeds ``base``, the least
    variance at these rows, is known to the first process; the rest it fits."""

    params: Any
    rows: Int[Array, "support"]
    log: Float[Array, "support"]
    base: Float[Array, ""]


class Heteroscedastic(NamedTuple):
    """``inner`` predicts: it is ``varying`` where that was accepted, else ``constant``; the next fits start from both.

    ``nll`` per datum of what was held out in folds, with constant and with varying noise, in the units of the targets.
    """

    inner: Any
    constant: Any
    varying: Any
    log_noise: LogNoise
    accepted: Bool[Array, ""]
    nll: Float[Array, "2"]


class Carried(NamedTuple):
    """The inner posterior over a pool, and the known variance of an observation of each candidate."""

    inner: Any
    known: Float[Array, "pool"]

    @property
    def retries(self) -> Int[Array, ""]:
        return self.inner.retries


class Parts(NamedTuple):
    """surrogate   the Surrogate of the latent function, whose observations have that noise
    observation (params, data, x) -> Prediction of a new observation, with the noise at x
    """

    surrogate: Surrogate
    observation: Callable[..., Prediction]


def heteroscedastic(
    surrogate: Surrogate,
    second: Surrogate,
    *,
    rounds: int = 2,
    folds: int = 10,
    margin: float = 0.02,
    support: int = 256,
) -> Parts:
    """``surrogate`` with noise that varies with x, as ``second``, a Surrogate on the same inputs, finds it.

    Works around any surrogate that takes known variances of observations (``Data.noise``) and whose fitted noise
    ``bo.surrogates.observing.fitted_noise`` finds. ``rounds`` of residuals, second process and new fit; residuals are those of
    ``folds`` held out in turn. A residual's square is e² = r + σ² on average, r the noise and σ² the variance of the
    latent function there, so the second process sees log(e² r / (r + σ²)) with the last round's r, corrected by the
    mean of log χ², whose variance is its known noise. It rests on ``support`` observations at most, evenly chosen.
    Noise is constant unless the folds' NLL per datum is lower by ``margin``. ValueError for numbers below 1 (folds: 2)
    or a negative margin.
    """
    if min(rounds, support) < 1 or folds < 2 or not margin >= 0:
        raise ValueError(
            f"rounds={rounds}, support={support}, folds={folds}, margin={margin}: expected 1 or more, 1 or more, "
            "2 or more, and 0 or more"
        )

    def log_data(noise: LogNoise, data: Any) -> Data:
        """What the second process is conditioned on."""
        there = jnp.isfinite(noise.log)
        known = jnp.full_like(noise.log, _LOG_VARIANCE)
        return Data(data.x[noise.rows], jnp.where(there, noise.log, 0), there, known)

    def excess(noise: LogNoise, mean: Array) -> Array:
        """Variance beyond the base where the second process predicts ``mean``."""
        return jnp.maximum(jnp.exp(mean) - noise.base, 0)

    def known_at(params: Heteroscedastic, data: Any) -> Callable[[Array], Array]:
        """x -> the known variance of an observation there."""
        predict = second.predictor(params.log_noise.params, log_data(params.log_noise, data))
        return lambda x: jnp.where(params.accepted, excess(params.log_noise, predict(x).mean), 0).astype(data.y.dtype)

    def lifted(params: Heteroscedastic, data: Any) -> Any:
        return data._replace(noise=data.noise + jnp.where(data.mask, known_at(params, data)(data.x), 0))

    def apart(data: Any) -> tuple[Array, Callable[[Callable[[Array], Any]], Any]]:
        """The fold of each row, and how to have each row's own answer from functions of a fold."""
        fold, rows = folds_of(data, folds), jnp.arange(data.mask.shape[0])
        every = lambda function: jax.lax.map(function, jnp.arange(folds))  # noqa: E731
        return fold, lambda function: jax.tree.map(lambda leaf: leaf[fold, rows], every(function))

    def held_out(params: Any, data: Any) -> Prediction:
        """The latent function at every row, predicted without the row's fold."""
        fold, own = apart(data)
        return own(lambda k: surrogate.predict(params, data._replace(mask=data.mask & (fold != k)), data.x))

    def supporting(data: Any) -> tuple[Array, Array]:
        """Rows of the observations that the second process rests on, and which of them hold one."""
        order, count = jnp.argsort(~data.mask, stable=True), jnp.sum(data.mask)
        place = jnp.arange(support)
        even = jnp.where(count > support, place * count // support, place)
        return order[jnp.minimum(even, data.mask.shape[0] - 1)], place < count

    def look(key: Array, data: Any, known: Array, params: Any) -> tuple[LogNoise, Array, Array]:
        """One round: the second process from the residuals of ``params`` with ``known`` noise; the excess at every
        row, and the same from a second process without the row's fold."""
        seen = held_out(params, data._replace(noise=data.noise + known))
        own = fitted_noise(params) + known
        spread = seen.std**2 + data.noise
        square = jnp.maximum((data.y - seen.mean) ** 2, jnp.finfo(data.y.dtype).eps * (own + spread))
        rows, there = supporting(data)
        log = jnp.log(square) + jnp.log(own / (own + spread)) + _LOG_BIAS
        noise = LogNoise(None, rows, jnp.where(there, log[rows], jnp.nan), jnp.zeros((), log.dtype))
        noise = noise._replace(params=second.init(key, log_data(noise, data)))
        found = log_data(noise, data)
        mean = second.predict(noise.params, found, data.x).mean.astype(log.dtype)
        low = jnp.min(jnp.where(data.mask, mean, jnp.inf))
        noise = noise._replace(base=jnp.exp(jnp.where(jnp.isfinite(low), low, 0)))
        fold, of_fold = apart(data)
        without = of_fold(
            lambda k: second.predict(noise.params, found._replace(mask=found.mask & (fold[rows] != k)), data.x).mean
        )
        return noise, excess(noise, mean), excess(noise, without.astype(log.dtype))

    def score(params: Any, data: Any, known: Array, new: Array) -> Array:
        """NLL per datum on the folds; the noise of what is held out is ``new``, of what is seen ``known``."""
        seen = with_noise(params, held_out(params, data._replace(noise=data.noise + known)))
        return judge(data.y - seen.mean, jnp.sqrt(seen.std**2 + data.noise + new), data.mask)[0]

    def settle(key: Array, constant: Any, info: FitInfo, varying: Any, data: Any) -> tuple[Heteroscedastic, FitInfo]:
        nothing = jnp.zeros_like(data.y)

        def turn(carry: Any, each: Any) -> Any:
            params, known, _, _ = carry
            key_noise, key_fit = jax.random.split(each[0])
            first = each[1]
            seen = jax.tree.map(lambda a, b: jnp.where(first, a, b), constant, params)
            noise, known, new = look(key_noise, data, jnp.where(first, 0, known), seen)
            known = jnp.where(data.mask, known, 0)
            params, info = surrogate.fit(key_fit, params, data._replace(noise=data.noise + known))
            return (params, known, new, noise), info

        blank = jax.eval_shape(lambda: look(key, data, nothing, constant)[0])
        start = (varying, nothing, nothing, jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), blank))
        keys = jax.random.split(key, rounds)
        (varying, known, new, noise), infos = jax.lax.scan(turn, start, (keys, jnp.arange(rounds) == 0))
        nll = jnp.stack([score(constant, data, nothing, nothing), score(varying, data, known, new)])
        accepted = nll[1] < nll[0] - margin
        inner = jax.tree.map(lambda a, b: jnp.where(accepted, a, b), varying, constant)
        objective = jnp.where(accepted, infos.objective[-1], info.objective)
        evaluations = info.evaluations + jnp.sum(infos.evaluations)
        info = FitInfo(objective, jnp.maximum(info.iterations, jnp.max(infos.iterations)), evaluations)
        return Heteroscedastic(inner, constant, varying, noise, accepted, nll), info

    def init(key, data):
        key_init, key_fit, key_noise = jax.random.split(key, 3)
        data = cast(data)
        constant, info = surrogate.fit(key_fit, surrogate.init(key_init, data), data)
        return settle(key_noise, constant, info, constant, data)[0]

    def fit(key, params, data):
        key_fit, key_noise = jax.random.split(key)
        data = cast(data)
        constant, info = surrogate.fit(key_fit, params.constant, data)
        return settle(key_noise, constant, info, params.varying, data)

    def cast(data):
        dtype = jnp.dtype(surrogate.dtype)
        return jax.tree.map(lambda leaf: leaf if leaf.dtype == bool else leaf.astype(dtype), data)

    def predictor(params, data):
        return surrogate.predictor(params.inner, lifted(params, cast(data)))

    def sample(key, params, data, x):
        return surrogate.sample(key, params.inner, lifted(params, cast(data)), x)

    def condition(params, data, pool):
        data = cast(data)
        return Carried(surrogate.condition(params.inner, lifted(params, data), pool), known_at(params, data)(pool))

    def append(params, posterior, pool, count, index, value, noise, valid):
        noise = noise + posterior.known[index]
        inner, z = surrogate.append(params.inner, posterior.inner, pool, count, index, value, noise, valid)
        return posterior._replace(inner=inner), z

    inner_path = surrogate.path

    def path(key, params, data):
        assert inner_path is not None
        return inner_path(key, params.inner, lifted(params, cast(data)))

    def observation(params, data, x):
        data = cast(data)
        seen = with_noise(params.inner, surrogate.predict(params.inner, lifted(params, data), x))
        return Prediction(seen.mean, jnp.sqrt(seen.std**2 + known_at(params, data)(x)))

    latent = surrogate._replace(
        init=init,
        fit=fit,
        predict=lambda params, data, x: predictor(params, data)(x),
        predictor=predictor,
        sample=sample,
        condition=condition,
        surface=lambda params, posterior: surrogate.surface(params.inner, posterior.inner),
        covariance=lambda params, posterior, *rest: surrogate.covariance(params.inner, posterior.inner, *rest),
        append=append,
        grow=lambda posterior, capacity: posterior._replace(inner=surrogate.grow(posterior.inner, capacity)),
        path=None if inner_path is None else path,
    )
    return Parts(latent, observation)
