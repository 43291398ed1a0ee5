"""Acquisitions that value what an observation would reveal: about the largest value, or about where it is."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.scipy.special import log_ndtr, ndtr
from jaxtyping import Array, Float

from bo.acquisitions.analytic import SQRT_2PI
from bo.acquisitions.base import Acquisition, measured_in, weight_of
from bo.surrogates.base import Prediction
from ferro_jax import values


def max_value_entropy(samples: int = 16) -> Acquisition:
    """Score by the information, in nats, of a noise-free observation on the largest value (Wang & Jegelka 2017, eq. 6).

    The largest value's distribution is a Gumbel through three quantiles of ∏ Φ((y − μ)/σ) over ``view.reference``,
    the marginals taken as independent (their section 3.1), which puts it too high rather than too low. ``samples`` are
    drawn of it. ValueError for fewer than 1.
    """
    if (samples := values.whole(samples, "samples")) < 1:
        raise ValueError(f"samples is {samples}; at least one value of the maximum is needed")

    @measured_in("gain")
    def score(key, prediction: Prediction, state, view):
        maxima = lax.stop_gradient(gumbel_maxima(key, view.reference, samples))
        maxima = jnp.where(jnp.isfinite(state.best), jnp.maximum(maxima, state.best), maxima)
        positive = prediction.std > 0
        std = jnp.where(positive, prediction.std, 1)
        gamma = (maxima[:, None] - prediction.mean[None]) / std[None]
        log_below = log_ndtr(gamma)
        ratio = jnp.exp(-0.5 * gamma**2 - log_below) / SQRT_2PI  # φ(γ)/Φ(γ)
        return jnp.where(positive, jnp.mean(0.5 * gamma * ratio - log_below, axis=0), 0)

    return score


def gumbel_maxima(key: Array, reference: Prediction, samples: int) -> Float[Array, "samples"]:
    """Draw max f over the points of ``reference``, whose values are taken as independent."""
    mean, std = reference.mean, jnp.maximum(reference.std, jnp.finfo(reference.mean.dtype).tiny)
    probability = jnp.array([0.25, 0.5, 0.75], mean.dtype)

    def halve(bracket, _):
        low, high = bracket
        middle = 0.5 * (low + high)
        log_cdf = jnp.sum(log_ndtr((middle[:, None] - mean[None]) / std[None]), axis=1)
        below = log_cdf < jnp.log(probability)
        return (jnp.where(below, middle, low), jnp.where(below, high, middle)), None

    ends = jnp.max(mean) - 5 * jnp.max(std), jnp.max(mean + 8 * std)
    (low, high), _ = lax.scan(halve, tuple(jnp.full(3, end, mean.dtype) for end in ends), length=25)
    lower, median, upper = 0.5 * (low + high)
    loglog = jnp.log(-jnp.log(probability))
    scale = jnp.maximum((lower - upper) / (loglog[2] - loglog[0]), 0)
    location = median + scale * loglog[1]
    return location + scale * jax.random.gumbel(key, (samples,), mean.dtype)


def knowledge_gradient(
    shortlist: int = 32,
    targets: int = 256,
    *,
    kappa: float = 2.0,
    noise: Callable[[Any], Array] | None = None,
) -> Acquisition:
    """Score by E[max μ after the observation] − max μ now, over a pool (Frazier et al. 2009, eq. 13, algorithm 1).

    Computed for the ``shortlist`` candidates of the largest μ + κσ; all others score −∞. The maxima are over the
    ``targets`` candidates of the largest μ + κσ. ``noise`` (state) is the variance of the observation noise, in units
    of y²; none by default. ValueError for counts below 1, a negative kappa and, when traced, in a box, whose points
    come one by one.
    """
    kappa = weight_of(kappa, "kappa", least=0)
    shortlist, targets = values.whole(shortlist, "shortlist", 1), values.whole(targets, "targets", 1)

    @measured_in("gain")
    def score(key, prediction: Prediction, state, view):
        del key
        size = prediction.mean.size
        if size == 1:
            raise ValueError("the knowledge gradient compares candidates, and there is one: it serves pools only")
        upper = prediction.mean + kappa * prediction.std
        open_ = upper if state.visited is None else jnp.where(state.visited, -jnp.inf, upper)
        _, listed = lax.top_k(open_, min(shortlist, size))
        _, aims = lax.top_k(upper, min(targets, size))
        extra = jnp.zeros((), upper.dtype) if noise is None else noise(state)

        def gain(index):
            spread = jnp.sqrt(prediction.std[index] ** 2 + extra)
            known = spread > 0
            slopes = jnp.where(known, view.covariance(index)[aims] / jnp.where(known, spread, 1), 0)
            return expected_maximum(prediction.mean[aims], slopes) - jnp.max(prediction.mean[aims])

        return jnp.full(size, -jnp.inf, upper.dtype).at[listed].set(jax.vmap(gain)(listed))

    return score


def expected_maximum(values: Float[Array, "n"], slopes: Float[Array, "n"]) -> Float[Array, ""]:
    """Return E[max_i (values_i + slopes_i Z)] for a standard normal Z, exactly, in O(n²).

    Line i is the largest where Z lies between its crossings with all flatter and with all steeper lines; the integral
    over that interval is Φ and φ at its ends. Of equal lines the first counts.
    """
    number = jnp.arange(values.size)
    difference = slopes[:, None] - slopes[None]  # of line i over line j
    height = values[None] - values[:, None]
    crossing = height / jnp.where(difference == 0, 1, difference)
    low = jnp.max(jnp.where(difference > 0, crossing, -jnp.inf), axis=1)
    high = jnp.min(jnp.where(difference < 0, crossing, jnp.inf), axis=1)
    beaten = (difference == 0) & ((height > 0) | ((height == 0) & (number[None] < number[:, None])))
    high = jnp.where(jnp.any(beaten, axis=1), -jnp.inf, high)
    top = high > low
    low, high = (jnp.where(top, end, 0) for end in (low, high))
    mass = jnp.where(high + low > 0, ndtr(-low) - ndtr(-high), ndtr(high) - ndtr(low))  # no cancellation in a tail
    moment = (jnp.exp(-0.5 * low**2) - jnp.exp(-0.5 * high**2)) / SQRT_2PI
    return jnp.sum(jnp.where(top, values * mass + slopes * moment, 0))
