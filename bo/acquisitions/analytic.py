"""Acquisition functions: (key, prediction, state, view) -> one score per query point. Bigger is better; we maximise.

``prediction`` holds the marginals at the query points, ``state`` is the campaign's (``state.best`` is the largest value
observed), ``view`` offers the points themselves, joint draws and covariances (``bo.acquisitions.base.View``).

The same function serves a pool and a box, where it is climbed: gradients flow through prediction and view, and are
finite where the standard deviation is 0. Numbers that are arguments here may be traced, so that sweeping one is a vmap.

Beside these: weights of σ that need no tuning in ``acquisition_weights``, rules that look at what an observation would
teach in ``acquisition_lookahead``, and what is built from other rules in ``acquisition_combined``.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.special import log_ndtr, ndtr
from jaxtyping import Array, Float, Int

from bo.acquisitions.base import Acquisition
from bo.surrogates.base import Prediction

SQRT_2PI = 2.5066282746310002


def upper_confidence_bound(kappa: float | Float[Array, ""]) -> Acquisition:
    """μ + κσ: kappa multiplies the standard deviation (BoTorch's ``beta`` is its square). May be traced."""

    def score(key, prediction: Prediction, state, view):
        del key, state, view
        return prediction.mean + kappa * prediction.std

    return score


def expected_improvement() -> Acquisition:
    """E[max(f − best, 0)] (Jones et al. 1998, eq. 15), in the units of the observations.

    It underflows to 0 far below the best, and with it its gradient: prefer ``log_expected_improvement``.
    """

    def score(key, prediction: Prediction, state, view):
        del key, view
        z, std = improvement(prediction, state)
        return jnp.where(prediction.std > 0, std * (jnp.exp(-0.5 * z**2) / SQRT_2PI + z * ndtr(z)), std * 0)

    return score


def log_probability_of_improvement(margin: float | Float[Array, ""] = 0.0) -> Acquisition:
    """log P(f > best + margin), Kushner 1964: the same choice as the probability itself, and it never underflows.

    ``margin`` in the units of the observations; without one the rule hardly explores. −∞ where the std is 0.
    """

    def score(key, prediction: Prediction, state, view):
        del key, view
        z, std = improvement(prediction, state)
        return jnp.where(prediction.std > 0, log_ndtr(z - margin / std), -jnp.inf)

    return score


def variance() -> Acquisition:
    """The posterior's standard deviation: pure learning of the whole surface, wherever the values are high or low."""

    def score(key, prediction: Prediction, state, view):
        del key, state, view
        return prediction.std

    return score


def thompson() -> Acquisition:
    """One draw of the function: each point is chosen as often as it is probably the best (Thompson 1933).

    Joint on pools up to ``campaign.JOINT_DRAW`` candidates, pathwise beyond them and in boxes (``bo.surrogates.pathwise``).
    """

    def score(key, prediction: Prediction, state, view):
        del prediction, state
        return view.sample(key)

    return score


def log_expected_improvement() -> Acquisition:
    """log E[max(f − best, 0)], stable far below the best (Ament et al. 2023, eq. 9); −∞ where the std is 0."""

    def score(key, prediction: Prediction, state, view):
        del key, view
        z, std = improvement(prediction, state)
        return jnp.where(prediction.std > 0, log_h(z) + jnp.log(std), -jnp.inf)

    return score


def improvement(prediction: Prediction, state: Any) -> tuple[Float[Array, "query"], Float[Array, "query"]]:
    """((μ − best)/σ, σ), with 1 for a σ of 0 so that gradients stay finite there.

    Before anything was observed the best is the lowest expectation.
    """
    std = jnp.where(prediction.std > 0, prediction.std, 1)
    best = jnp.where(jnp.isfinite(state.best), state.best, jnp.min(prediction.mean))
    return (prediction.mean - best) / std, std


def log_h(z: Float[Array, "..."]) -> Float[Array, "..."]:
    """log(φ(z) + z Φ(z)) without cancellation for z far below 0."""
    log_phi = -0.5 * z**2 - 0.5 * jnp.log(2 * jnp.pi)
    near = jnp.maximum(z, -1.0)
    direct = jnp.log(jnp.exp(-0.5 * near**2) / jnp.sqrt(2 * jnp.pi) + near * jnp.exp(log_ndtr(near)))
    far = jnp.clip(z, -1e4, -1.0)
    ratio = -far * jnp.exp(log_ndtr(far) + 0.5 * far**2) * jnp.sqrt(2 * jnp.pi)  # −zΦ(z)/φ(z), just below 1
    middle = log_phi + jnp.log1p(-jnp.minimum(ratio, 1 - jnp.finfo(z.dtype).eps))
    asymptotic = log_phi - 2 * jnp.log(-jnp.minimum(z, -1.0))  # 1 − ratio → 1/z²
    return jnp.where(z > -1, direct, jnp.where(z > -30, middle, asymptotic))


def in_order(order: Int[Array, "length"]) -> Acquisition:
    """Candidates in a given order (random, Sobol): the next one not visited. The order may be traced.

    Candidates that are not in ``order`` come after it, by index.
    """

    def score(key, prediction: Prediction, state, view):
        del key, state, view
        last = jnp.full(prediction.mean.shape, order.shape[0], order.dtype)
        return -last.at[order].set(jnp.arange(order.shape[0], dtype=order.dtype)).astype(prediction.mean.dtype)

    return score


def at_random() -> Acquisition:
    """Uniformly random candidates: the baseline that looks at nothing."""

    def score(key, prediction: Prediction, state, view):
        del state, view
        return jax.random.uniform(key, prediction.mean.shape, prediction.mean.dtype)

    return score
