"""Acquisitions in closed form, and the baselines that follow an order or choose at random.

The same function serves a pool and a box: gradients flow through prediction and view, and are finite where the standard
deviation is 0. Numbers that are arguments here may be traced, so that sweeping one is a vmap.

Beside these: weights of σ that need no tuning in ``bo.acquisitions.weights``, acquisitions that value what an
observation would reveal in ``bo.acquisitions.lookahead``, and those made of others in ``bo.acquisitions.combined``.
"""

import jax
import jax.numpy as jnp
from jax.scipy.special import log_ndtr, ndtr
from jaxtyping import Array, Float, Int

from bo.acquisitions.base import Acquisition, CampaignState, measured_in, weight_of
from bo.surrogates.base import Prediction
from ferro_jax import values

SQRT_2PI = 2.5066282746310002


def upper_confidence_bound(kappa: float | Float[Array, ""]) -> Acquisition:
    """Score by μ + κσ: kappa multiplies the standard deviation (BoTorch's ``beta`` is its square).

    ValueError for a negative kappa.
    """
    kappa = weight_of(kappa, "kappa", least=0)

    def score(key, prediction: Prediction, state, view):
        del key, state, view
        return prediction.mean + kappa * prediction.std

    return score


def expected_improvement() -> Acquisition:
    """Score by E[max(f − best, 0)] (Jones et al. 1998, eq. 15), in the units of the observations.

    Far below the best it underflows to 0, and so does its gradient: prefer ``log_expected_improvement``.
    """

    @measured_in("gain")
    def score(key, prediction: Prediction, state, view):
        del key, view
        z, std = improvement(prediction, state)
        return jnp.where(prediction.std > 0, std * h(z), std * 0)

    return score


def log_probability_of_improvement(margin: float | Float[Array, ""] = 0.0) -> Acquisition:
    """Score by log P(f > best + margin), Kushner 1964: ordered as the probability itself, and it never underflows.

    ``margin`` is in the units of the observations; without one the rule hardly explores. −∞ where the std is 0.
    """
    margin = weight_of(margin, "margin")

    @measured_in("log")
    def score(key, prediction: Prediction, state, view):
        del key, view
        z, std = improvement(prediction, state)
        return jnp.where(prediction.std > 0, log_ndtr(z - margin / std), -jnp.inf)

    return score


def variance() -> Acquisition:
    """Score by the standard deviation: learn the whole surface, whether its values are high or low."""

    @measured_in("gain")
    def score(key, prediction: Prediction, state, view):
        del key, state, view
        return prediction.std

    return score


def thompson() -> Acquisition:
    """Score by one draw of the function: each point is chosen as often as it is probably the best (Thompson 1933).

    The draw is joint on pools up to ``bo.campaigns.pool.JOINT_DRAW`` candidates, and pathwise on larger ones and in
    boxes (``bo.surrogates.pathwise``).
    """

    def score(key, prediction: Prediction, state, view):
        del prediction, state
        return view.sample(key)

    return score


def log_expected_improvement() -> Acquisition:
    """Score by log E[max(f − best, 0)], stable far below the best (Ament et al. 2023, eq. 9); −∞ where the std is 0."""

    @measured_in("log")
    def score(key, prediction: Prediction, state, view):
        del key, view
        z, std = improvement(prediction, state)
        return jnp.where(prediction.std > 0, log_h(z) + jnp.log(std), -jnp.inf)

    return score


def improvement(prediction: Prediction, state: CampaignState) -> tuple[Float[Array, "query"], Float[Array, "query"]]:
    """Return ((μ − best)/σ, σ), with 1 for a σ of 0 so that gradients stay finite there.

    Before anything has been observed, the lowest predicted mean stands for the best.
    """
    std = jnp.where(prediction.std > 0, prediction.std, 1)
    best = jnp.where(jnp.isfinite(state.best), state.best, jnp.min(prediction.mean))
    return (prediction.mean - best) / std, std


def h(z: Float[Array, "..."]) -> Float[Array, "..."]:
    """Return φ(z) + z Φ(z), the expectation of max(z + n, 0) for a standard normal n."""
    return jnp.exp(-0.5 * z**2) / SQRT_2PI + z * ndtr(z)


def log_h(z: Float[Array, "..."]) -> Float[Array, "..."]:
    """Return log(φ(z) + z Φ(z)) without cancellation for z far below 0."""
    log_phi = -0.5 * z**2 - 0.5 * jnp.log(2 * jnp.pi)
    near = jnp.maximum(z, -1.0)
    direct = jnp.log(jnp.exp(-0.5 * near**2) / jnp.sqrt(2 * jnp.pi) + near * jnp.exp(log_ndtr(near)))
    far = jnp.clip(z, -1e4, -1.0)
    ratio = -far * jnp.exp(log_ndtr(far) + 0.5 * far**2) * jnp.sqrt(2 * jnp.pi)  # −zΦ(z)/φ(z), just below 1
    middle = log_phi + jnp.log1p(-jnp.minimum(ratio, 1 - jnp.finfo(z.dtype).eps))
    asymptotic = log_phi - 2 * jnp.log(-jnp.minimum(z, -1.0))  # 1 − ratio → 1/z²
    return jnp.where(z > -1, direct, jnp.where(z > -30, middle, asymptotic))


def in_order(order: Int[Array, "length"]) -> Acquisition:
    """Follow a given order of candidates (random, Sobol): the next one that was not visited; the order may be traced.

    Candidates that are not in ``order`` come after it, by index.
    """

    order = jnp.asarray(values.integers(order, "order", least=0))

    @measured_in("blind")
    def score(key, prediction: Prediction, state, view):
        del key, state, view
        last = jnp.full(prediction.mean.shape, order.shape[0], order.dtype)
        return -last.at[order].set(jnp.arange(order.shape[0], dtype=order.dtype)).astype(prediction.mean.dtype)

    return score


def at_random() -> Acquisition:
    """Score by uniform random numbers: a baseline that uses no observation."""

    @measured_in("blind")
    def score(key, prediction: Prediction, state, view):
        del state, view
        return jax.random.uniform(key, prediction.mean.shape, prediction.mean.dtype)

    return score
