"""Rules that the sweep tries beside those of ``bo.acquisitions``."""

import jax
import jax.numpy as jnp

from bo.acquisitions.analytic import log_expected_improvement, log_h
from bo.acquisitions.base import Acquisition, measured_in
from bo.acquisitions.weights import mean_square


def calibrated_log_expected_improvement(weight: float, memory: float) -> Acquisition:
    """Score by log EI with σ times the root mean square of the campaign's own one-step-ahead z-scores.

    ``weight`` and ``memory`` are those of ``bo.calibrated_upper_confidence_bound``.
    """
    improvement = log_expected_improvement()

    @measured_in("log")
    def score(key, prediction, state, view):
        square = mean_square(state.z_score, state.count, weight, memory)
        factor = jnp.sqrt(square).astype(prediction.std.dtype)
        return improvement(key, prediction._replace(std=factor * prediction.std), state, view)

    return score


def top_two_expected_improvement(share: float) -> Acquisition:
    """Score by log EI with probability ``share``, else by log E[max(f − f(leader), 0)] (Qin, Klabjan & Russo 2017).

    The leader is the candidate of the largest EI that was not visited. The expectation is over the joint posterior, so
    a challenger is a candidate that may well be better than the leader, and not one beside it. For pools.
    """
    improvement = log_expected_improvement()

    @measured_in("log")
    def score(key, prediction, state, view):
        of_best = improvement(key, prediction, state, view)
        leader = jnp.argmax(jnp.where(state.visited, -jnp.inf, of_best))
        variance = prediction.std**2 + prediction.std[leader] ** 2 - 2 * view.covariance(leader)
        known = variance > 0  # not at the leader itself, but for rounding
        std = jnp.sqrt(jnp.where(known, variance, 1))
        of_leader = log_h((prediction.mean - prediction.mean[leader]) / std) + jnp.log(std)
        of_leader = jnp.where(known, of_leader, -jnp.inf).at[leader].set(-jnp.inf)
        return jnp.where(jax.random.bernoulli(key, share), of_best, of_leader)

    return score
