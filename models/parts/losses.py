"""The terms of an evidence lower bound other than the reconstruction, and the schedules of their weights."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import i0e
from jaxtyping import Array, Float

from models.types import Posterior

Schedule = float | int | tuple[tuple[float | int, float | int], ...]
"""A weight or capacity over the training, as a field of a frozen Config.

A constant, or knots (fraction of the training, value) with rising fractions, straight lines between them and constant
outside: ``((0, 4), (0.6, 4), (0.8, 1))``."""


def check_schedule(name: str, schedule: Schedule) -> None:
    """Raise a ValueError for a value below zero, and for knots that are not rising fractions between 0 and 1."""
    if isinstance(schedule, tuple):
        fractions = [knot[0] for knot in schedule if len(knot) == 2]
        if not fractions or len(fractions) < len(schedule) or fractions[0] < 0 or fractions[-1] > 1:
            raise ValueError(f"{name}={schedule}: give pairs (fraction of the training between 0 and 1, value).")
        if any(later <= earlier for earlier, later in itertools.pairwise(fractions)):
            raise ValueError(f"{name}={schedule}: the fractions of the training must rise from knot to knot.")
    values = [knot[1] for knot in schedule] if isinstance(schedule, tuple) else [schedule]
    if min(values) < 0 or not all(map(math.isfinite, values)):
        raise ValueError(f"{name}={schedule}: give finite values of zero or more.")


def scheduled(schedule: Schedule, fraction: float | jax.Array) -> Float[Array, ""]:
    """Return the value of the schedule when a share ``fraction`` of the training has passed, float32."""
    if not isinstance(schedule, tuple):
        return jnp.asarray(schedule, jnp.float32)
    knots = np.asarray(schedule, np.float32)
    return jnp.interp(jnp.asarray(fraction, jnp.float32), knots[:, 0], knots[:, 1])


def kl_normal(posterior: Posterior, prior_std: float | jax.Array = 1.0) -> Float[Array, ""]:
    """Return KL(N(mean, std²) ‖ N(0, prior_std²)) of one example in nats, summed over the latent dimensions.

    Per dimension log(s/σ) + (μ² + σ²)/(2s²) − ½.
    """
    return jnp.sum(kl_normal_each(posterior, prior_std))


def kl_normal_each(posterior: Posterior, prior_std: float | jax.Array = 1.0) -> Float[Array, "*batch latent"]:
    """Return the terms of ``kl_normal`` before the sum over dimensions."""
    mean, std = posterior.mean / prior_std, posterior.std / prior_std
    return 0.5 * (mean**2 + std**2 - 1) - jnp.log(std)


def kl_circle(
    mean: Float[Array, "*batch"], std: Float[Array, "*batch"], concentration: float = 0.0
) -> Float[Array, "*batch"]:
    """Return the KL of an angle N(mean, std²), wrapped around the circle, from a von Mises prior around 0, in nats.

    −½ log(2πe std²) − concentration · cos(mean) exp(−std²/2) + log(2π I₀(concentration)); concentration 0 is the
    uniform prior. The entropy is that of the unwrapped Gaussian, which is larger: by at most 0.03 nats for std ≤ 1.
    Wider posteriors occur for images without a recognisable angle only.
    """
    entropy = 0.5 * math.log(2 * math.pi * math.e) + jnp.log(std)
    scale = jnp.asarray(concentration, mean.dtype)
    prior = scale * (jnp.cos(mean) * jnp.exp(-0.5 * std**2) - 1) - math.log(2 * math.pi) - jnp.log(i0e(scale))
    return -entropy - prior


def log_bin(angle: Float[Array, ""], bins: Float[Array, " bins"], sharpness: float = 4.0) -> Float[Array, " bins"]:
    """Return log p(bin | angle), the bin of the circle in which an angle lies, soft only near the edges of the bins.

    It is a softmax of −distance²/(2 (width/sharpness)²) to the centres of equal bins. It is needed because posteriors
    of several bins overlap: KL(q(bin, angle) ‖ p(angle) p(bin | angle)) is then what bounds the evidence.
    """
    width = 2 * math.pi / bins.shape[0]
    distance = jnp.mod(angle - bins + math.pi, 2 * math.pi) - math.pi
    return jax.nn.log_softmax(-0.5 * (distance * (sharpness / width)) ** 2)


def kl_categorical(
    log_q: Float[Array, "*batch classes"], log_prior: Float[Array, "*batch classes"] | None = None
) -> Float[Array, "*batch"]:
    """Return KL(q ‖ p) in nats from log probabilities, p uniform unless given; −1e9 stands for log 0."""
    if log_prior is not None:
        return jnp.sum(jnp.exp(log_q) * (log_q - log_prior), axis=-1)
    return jnp.sum(jnp.exp(log_q) * log_q, axis=-1) + math.log(log_q.shape[-1])


def reparameterise(key: jax.Array, posterior: Posterior) -> Float[Array, "*batch latent"]:
    """Draw a sample mean + std·ε of the posterior, differentiable in both; ε has the posterior's dtype."""
    noise = jax.random.normal(key, posterior.mean.shape, dtype=posterior.mean.dtype)
    return posterior.mean + posterior.std * noise


def capacity_gap(
    divergence: Float[Array, ""], capacity: Schedule | None, fraction: float | jax.Array, largest: float = math.inf
) -> Float[Array, ""]:
    """Return |divergence − C(t)| with C at most ``largest`` (Σ ln K for classes); without a capacity the divergence.

    Dupont, arXiv 1804.00104, equation 7.
    """
    if capacity is None:
        return divergence
    return jnp.abs(divergence - jnp.minimum(scheduled(capacity, fraction), largest))


def weighted(terms: dict[str, jax.Array], weights: dict[str, float | jax.Array]) -> jax.Array:
    """Return Σ weight · term over the names in ``weights``; other terms are reported, not optimised."""
    return sum((weight * terms[name] for name, weight in weights.items()), start=jnp.zeros((), jnp.float32))
