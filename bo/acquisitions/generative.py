"""Searches of a pool that stay where a generative model puts its candidates.

A decoder extrapolates: far from what it was trained on it makes candidates that are of no use, or that nobody can make.
``weighed_by_density`` asks more of candidates the rarer the model makes them, ``improving_draw`` has the model draw.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bo.acquisitions.analytic import log_probability_of_improvement
from bo.acquisitions.base import Acquisition, measured_in, scored, weight_of
from ferro_jax import values


def weighed_by_density(acquisition: Acquisition, log_density: Float[Array, "pool"], weight: float = 1.0) -> Acquisition:
    """Score by score + weight · log density, over a pool whose candidates have the ``log_density``, in its order.

    With an acquisition in logarithms and a weight of 1 this is the log of the expected improvement times the density.
    Which method it is depends on the density: that of a decoder's outputs (``models.exploration_score``; Ronen et al.,
    arXiv 2406.09657), that of the encoded data (``models.aggregated_log_density``), or 0 inside a region and −∞ outside
    it, a plain constraint. ValueError for NaN or +∞ among the densities, for −∞ everywhere, for a negative weight and,
    when traced, for another number of candidates.
    """
    log_density = _densities(log_density, "log_density")
    weight = weight_of(weight, "weight", least=0)

    @measured_in("weighted")
    def score(key, prediction, state, view):
        _check_length(log_density, prediction.mean)
        added = jnp.where(jnp.isneginf(log_density), -jnp.inf, weight * log_density)  # a weight of 0 keeps −∞
        return scored(acquisition, key, prediction, state, view) + added

    return score


def improving_draw(log_prior: Float[Array, "pool"]) -> Acquisition:
    """Draw a candidate from a generative model, given that it improves: ∝ p(x) P(f(x) > best) (COWBOYS).

    ``log_prior`` are the log probabilities, up to a constant, with which the model makes each candidate of the pool.
    The surrogate sees the candidates themselves, not their codes: it is decoupled from the model (Moss, Ober & Diethe,
    arXiv 2507.03910). Over a pool the draw is exact, by Gumbel noise, and needs no Markov chain. ValueError for NaN or
    +∞ among the probabilities, for −∞ everywhere and, when traced, for another number of candidates.
    """
    log_prior = _densities(log_prior, "log_prior")
    improving = log_probability_of_improvement()

    @measured_in("weighted")
    def score(key, prediction, state, view):
        _check_length(log_prior, prediction.mean)
        noise = jax.random.gumbel(key, log_prior.shape, prediction.mean.dtype)
        return scored(improving, key, prediction, state, view) + log_prior + noise

    return score


def _densities(given: Any, name: str) -> Array:
    """Return log densities; ValueError, where they are known, for NaN, +∞ and −∞ everywhere."""
    density = values.array(given, name)
    if values.is_known(density):
        known = np.asarray(density)
        if bad := np.flatnonzero(np.isnan(known) | (known == np.inf)).tolist():
            raise ValueError(
                f"{name} is {known[bad[0]]} at candidate {bad[0]}; expected numbers, −∞ for a density of 0"
            )
        if np.isneginf(known).all():
            raise ValueError(f"{name} is −∞ everywhere: no candidate is left")
    return density


def _check_length(density: Array, mean: Array) -> None:
    """ValueError unless there is one density for each candidate."""
    if density.shape != mean.shape:
        raise ValueError(f"densities of shape {density.shape} for {mean.shape[0]} points: give one for each candidate")
