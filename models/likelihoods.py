"""Observation models p(x|z): the log density of an example given what the decoder puts out.

All return nats summed over features, with the normalisation constant, so that bounds of different σ or of
different programs compare.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


class Likelihood(NamedTuple):
    """``log_prob(output, x)`` in nats, summed over features, and ``mean(output)``, the expected example.

    ``support`` is the closed interval outside of which an observation has no density.
    """

    log_prob: Callable[[jax.Array, jax.Array], jax.Array]
    mean: Callable[[jax.Array], jax.Array]
    support: tuple[float, float] = (-math.inf, math.inf)


def gaussian_log_prob(mean: Float[Array, "*f"], x: Float[Array, "*f"], sigma: float) -> Float[Array, ""]:
    """Σ log N(x; mean, σ²) with a fixed standard deviation σ, in the units of x."""
    constant = x.size * (math.log(sigma) + 0.5 * math.log(2 * math.pi))
    return -0.5 * jnp.sum(((x - mean) / sigma) ** 2) - constant


def bernoulli_log_prob(logits: Float[Array, "*f"], x: Float[Array, "*f"]) -> Float[Array, ""]:
    """Σ x log p + (1−x) log(1−p) with p = sigmoid(logits), for x in [0, 1]."""
    return jnp.sum(x * logits - jax.nn.softplus(logits))


def gaussian(sigma: float) -> Likelihood:
    return Likelihood(lambda output, x: gaussian_log_prob(output, x, sigma), lambda output: output)


def bernoulli(sigma: float) -> Likelihood:
    del sigma  # a Bernoulli has no free width
    return Likelihood(bernoulli_log_prob, jax.nn.sigmoid, support=(0.0, 1.0))


LIKELIHOODS: dict[str, Callable[[float], Likelihood]] = {"gaussian": gaussian, "bernoulli": bernoulli}
