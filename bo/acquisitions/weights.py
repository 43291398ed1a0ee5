"""Weights κ of μ + κσ that need no tuning: scheduled, drawn at random, or calibrated by the campaign itself.

``bo.log_expected_improvement`` needs no weight; ``bo.portfolio`` runs several rules side by side.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from bo.acquisitions.analytic import upper_confidence_bound
from bo.acquisitions.base import Acquisition, weight_of
from ferro_jax import values


def scheduled_upper_confidence_bound(
    size: int | float | Float[Array, ""], *, delta: float = 0.1, shrink: float | Float[Array, ""] = 0.2
) -> Acquisition:
    """Score by μ + κσ with κ² = shrink · 2 ln(size t² π² / 6δ) after t evaluations (Srinivas et al. 2012, theorem 1).

    The bound holds with probability 1 − delta over a pool of ``size`` candidates for shrink = 1; the authors divide by
    five in their experiments. For a box take the number of points that a grid of the wanted resolution would have.
    ValueError unless 0 < delta < 1, for a size below 1 and a negative shrink.
    """
    size, shrink = weight_of(size, "size", least=1), weight_of(shrink, "shrink", least=0)
    delta = weight_of(delta, "delta, a probability,", positive=True)
    if values.is_known(delta) and not float(delta) < 1:
        raise ValueError(f"delta is {delta}; it is a probability, between 0 and 1")

    def score(key, prediction, state, view):
        count = state.count.astype(prediction.mean.dtype)
        kappa = jnp.sqrt(shrink * 2 * jnp.log(size * count**2 * jnp.pi**2 / (6 * delta)))
        return upper_confidence_bound(kappa)(key, prediction, state, view)

    return score


def randomised_upper_confidence_bound(
    shape: float | Float[Array, ""] = 1.0, scale: float | Float[Array, ""] = 2.0, offset: float | Float[Array, ""] = 0.0
) -> Acquisition:
    """Score by μ + κσ with a new κ² = offset + Gamma(shape, scale) at each step (Berk et al. 2020).

    With shape 1 it is the shifted exponential of Takeno et al. 2023, whose regret bound needs no growing κ: scale 2 and
    offset 2 ln(pool / 2) there, offset 0 in practice. ValueError for a shape that is not positive, and for a negative
    scale or offset.
    """
    shape = weight_of(shape, "shape", positive=True)
    scale, offset = weight_of(scale, "scale", least=0), weight_of(offset, "offset", least=0)

    def score(key, prediction, state, view):
        dtype = prediction.mean.dtype
        squared = offset + scale * jax.random.gamma(key, jnp.asarray(shape, dtype), dtype=dtype)
        return upper_confidence_bound(jnp.sqrt(squared))(key, prediction, state, view)

    return score


def calibrated_upper_confidence_bound(
    kappa: float | Float[Array, ""] = 2.0, *, weight: float = 10.0, memory: float = 50.0
) -> Acquisition:
    """Score by μ + κσ with κ times the root mean square of the campaign's own one-step-ahead z-scores.

    Where the standard deviations are too small, z-scores are large and the campaign explores more; where they are too
    large, less. κσ then means the same number of real standard deviations on every landscape. The mean square starts at
    1 with the weight of ``weight`` observations and forgets with a time constant of ``memory`` observations. ValueError
    unless both are positive, and for a negative kappa.
    """
    kappa, weight, memory = (
        weight_of(kappa, "kappa", least=0),
        weight_of(weight, "weight", positive=True),
        weight_of(memory, "memory", positive=True),
    )

    def score(key, prediction, state, view):
        calibration = mean_square(state.z_score, state.count, weight, memory).astype(prediction.mean.dtype)
        return upper_confidence_bound(kappa * jnp.sqrt(calibration))(key, prediction, state, view)

    return score


def mean_square(z_score: Float[Array, "capacity"], count: Array, weight: float, memory: float) -> Float[Array, ""]:
    """Return the mean square of the finite z-scores, those of an age of a steps weighted by exp(−a/memory).

    The prior mean 1 has the weight of ``weight`` fresh ones.
    """
    age = jnp.maximum(count - 1 - jnp.arange(z_score.size), 0).astype(z_score.dtype)
    known = jnp.isfinite(z_score)
    share = jnp.where(known, jnp.exp(-age / memory), 0)
    return (weight + jnp.sum(share * jnp.where(known, z_score, 0) ** 2)) / (weight + jnp.sum(share))


def quantile_upper_confidence_bound(level: float | Float[Array, ""] = 0.95, *, weight: float = 10.0) -> Acquisition:
    """Score by μ + κσ with κ the ``level`` quantile of the |z-scores| so far.

    A share ``level`` of the observations then fell within μ ± κσ. ``weight`` virtual scores, at the quantiles of the
    normal distribution that a calibrated surrogate would have, stand in until there are enough real ones. ValueError
    for a weight below 1, and unless 0 < level < 1.
    """
    level = weight_of(level, "level", positive=True)
    number = int(weight_of(weight, "weight, the number of virtual scores,", least=1))
    if values.is_known(level) and not float(level) < 1:
        raise ValueError(f"level is {level}; it is a share, between 0 and 1")

    def score(key, prediction, state, view):
        dtype = state.z_score.dtype
        virtual = jax.scipy.special.ndtri(0.5 + 0.5 * (jnp.arange(number, dtype=dtype) + 0.5) / number)
        known = jnp.isfinite(state.z_score)
        ordered = jnp.sort(jnp.concatenate([virtual, jnp.where(known, jnp.abs(state.z_score), jnp.inf)]))
        total = number + jnp.sum(known)
        place = jnp.clip(level * total - 0.5, 0, total - 1)  # the i-th of n stands for the quantile (i + ½)/n
        below = jnp.floor(place).astype(jnp.int32)
        low, high = ordered[below], ordered[jnp.minimum(below + 1, total - 1)]
        kappa = low + (place - below) * (high - low)
        return upper_confidence_bound(kappa.astype(prediction.mean.dtype))(key, prediction, state, view)

    return score
