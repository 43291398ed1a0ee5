"""Observation models p(x|z): the log density of an example given the output of the decoder.

All return nats summed over values, with the normalisation constant, because bounds of different σ or of different
programs could not be compared without it. ``weight`` multiplies the share of each value: 0 for a missing one.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import gammaln
from jaxtyping import Array, Float

FREEDOM = 3  # degrees of freedom of Student's t: the fewest, in whole numbers, with a variance


class Likelihood(NamedTuple):
    """``log_prob(output, x, weight=None, log_sigma=None)`` in nats, and ``mean(output)``, the expected example.

    ``support`` is the closed interval outside of which an observation has no density. ``learned_sigma``: log_prob needs
    the parameter ``log_sigma``.
    """

    log_prob: Callable[..., jax.Array]
    mean: Callable[[jax.Array], jax.Array]
    support: tuple[float, float] = (-math.inf, math.inf)
    learned_sigma: bool = False


def gaussian_log_prob(
    mean: Float[Array, "*f"], x: Float[Array, "*f"], sigma: float, weight: Float[Array, "*f"] | None = None
) -> Float[Array, ""]:
    """Return Σ log N(x; mean, σ²) with a fixed standard deviation σ, in the units of x."""
    constant = math.log(sigma) + 0.5 * math.log(2 * math.pi)
    squares = ((x - mean) / sigma) ** 2
    if weight is None:
        return -0.5 * jnp.sum(squares) - x.size * constant
    return jnp.sum(weight * (-0.5 * squares - constant))


def bernoulli_log_prob(
    logits: Float[Array, "*f"], x: Float[Array, "*f"], weight: Float[Array, "*f"] | None = None
) -> Float[Array, ""]:
    """Return Σ x log p + (1−x) log(1−p) with p = sigmoid(logits), for x in [0, 1]."""
    return _total(x * logits - jax.nn.softplus(logits), weight)


def continuous_bernoulli_log_prob(
    logits: Float[Array, "*f"], x: Float[Array, "*f"], weight: Float[Array, "*f"] | None = None
) -> Float[Array, ""]:
    """Return the Bernoulli's form normalised over [0, 1]: Loaiza-Ganem & Cunningham, arXiv 1907.06845.

    The constant 2 artanh(1−2p)/(1−2p) is η / tanh(η/2) in the logit η, even in η; a series near 0.
    """
    near, safe = _away_from_zero(logits)
    constant = jnp.where(near, math.log(2) + logits**2 / 12, jnp.log(safe / jnp.tanh(safe / 2)))
    return _total(x * logits - jax.nn.softplus(logits) + constant, weight)


def continuous_bernoulli_mean(logits: Float[Array, "*f"]) -> Float[Array, "*f"]:
    """Return E x = p/(2p−1) + 1/(2 artanh(1−2p)) = sigmoid(η)/tanh(η/2) − 1/η."""
    near, safe = _away_from_zero(logits)
    return jnp.where(near, 0.5 + logits / 12, jax.nn.sigmoid(safe) / jnp.tanh(safe / 2) - 1 / safe)


def poisson_log_prob(
    output: Float[Array, "*f"], x: Float[Array, "*f"], weight: Float[Array, "*f"] | None = None
) -> Float[Array, ""]:
    """Return Σ log Poisson(x; rate) with rate = softplus(output), counts x = 0, 1, 2, ..."""
    rate = jax.nn.softplus(output) + jnp.asarray(1e-6, output.dtype)
    return _total(x * jnp.log(rate) - rate - gammaln(x + 1), weight)


def gaussian(sigma: float) -> Likelihood:
    """Make a Gaussian likelihood with the fixed standard deviation ``sigma``, in the units of x."""
    return Likelihood(
        lambda output, x, weight=None, log_sigma=None: gaussian_log_prob(output, x, sigma, weight),
        lambda output: output,
    )


def student_t(sigma: float) -> Likelihood:
    """Make Student's t with FREEDOM degrees of freedom and scale ``sigma``, in the units of x.

    Outliers cost the logarithm of their distance where a Gaussian likelihood charges its square.
    """
    constant = math.lgamma((FREEDOM + 1) / 2) - math.lgamma(FREEDOM / 2) - 0.5 * math.log(math.pi * FREEDOM)

    def log_prob(
        output: jax.Array, x: jax.Array, weight: jax.Array | None = None, log_sigma: jax.Array | None = None
    ) -> jax.Array:
        squares = ((x - output) / sigma) ** 2
        return _total(constant - math.log(sigma) - (FREEDOM + 1) / 2 * jnp.log1p(squares / FREEDOM), weight)

    return Likelihood(log_prob, lambda output: output)


def gaussian_learned(sigma: float) -> Likelihood:
    """Make a Gaussian likelihood with one learned standard deviation for all values, which starts at ``sigma``."""
    del sigma  # the model sets the start of the parameter

    def log_prob(output: jax.Array, x: jax.Array, weight: jax.Array | None, log_sigma: jax.Array) -> jax.Array:
        residual = (x - output) * jnp.exp(-log_sigma)
        return _total(-0.5 * residual**2 - log_sigma - 0.5 * math.log(2 * math.pi), weight)

    return Likelihood(log_prob, lambda output: output, learned_sigma=True)


def _without_width(log_prob: Callable[..., jax.Array], mean: Callable, support: tuple[float, float]) -> Callable:
    """Return the function that makes a likelihood which has no free standard deviation."""

    def build(sigma: float) -> Likelihood:
        del sigma  # no free width
        return Likelihood(
            lambda output, x, weight=None, log_sigma=None: log_prob(output, x, weight), mean, support=support
        )

    return build


def _total(values: jax.Array, weight: jax.Array | None) -> jax.Array:
    """Return the weighted sum of the values."""
    return jnp.sum(values if weight is None else weight * values)


def _away_from_zero(logits: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return where the closed form loses its digits, and logits that keep its gradient finite there."""
    near = jnp.abs(logits) < 1e-2
    return near, jnp.where(near, jnp.ones_like(logits), logits)


bernoulli = _without_width(bernoulli_log_prob, jax.nn.sigmoid, (0.0, 1.0))
continuous_bernoulli = _without_width(continuous_bernoulli_log_prob, continuous_bernoulli_mean, (0.0, 1.0))
poisson = _without_width(poisson_log_prob, lambda output: jax.nn.softplus(output) + 1e-6, (0.0, math.inf))

LIKELIHOODS: dict[str, Callable[[float], Likelihood]] = {
    "gaussian": gaussian,
    "gaussian_learned": gaussian_learned,
    "student_t": student_t,
    "bernoulli": bernoulli,
    "continuous_bernoulli": continuous_bernoulli,
    "poisson": poisson,
}
"""Every likelihood by its name; ``LIKELIHOODS[name](sigma)`` makes it."""
