"""The terms of an evidence lower bound other than the reconstruction, and the schedules of their weights."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from models.types import Posterior


def kl_normal(posterior: Posterior, prior_std: float | jax.Array = 1.0) -> Float[Array, ""]:
    """KL(N(mean, std²) ‖ N(0, prior_std²)) of one example in nats, summed over the latent dimensions.

    Per dimension log(s/σ) + (μ² + σ²)/(2s²) − ½.
    """
    mean, std = posterior.mean / prior_std, posterior.std / prior_std
    return jnp.sum(0.5 * (mean**2 + std**2 - 1) - jnp.log(std))


def reparameterise(key: jax.Array, posterior: Posterior) -> Float[Array, "*batch latent"]:
    """A sample mean + std·ε of the posterior, differentiable in both; ε in the posterior's dtype."""
    noise = jax.random.normal(key, posterior.mean.shape, dtype=posterior.mean.dtype)
    return posterior.mean + posterior.std * noise


def warm_up(fraction: float | jax.Array, length: float) -> jax.Array:
    """A weight that rises linearly from 0 to 1 over the first ``length`` of the training, then stays 1."""
    if length == 0:
        return jnp.ones((), jnp.float32)
    return jnp.clip(jnp.asarray(fraction, jnp.float32) / length, 0.0, 1.0)


def weighted(terms: dict[str, jax.Array], weights: dict[str, float | jax.Array]) -> jax.Array:
    """Σ weight · term over the names in ``weights``; other terms are reported, not optimised."""
    return sum((weight * terms[name] for name, weight in weights.items()), start=jnp.zeros((), jnp.float32))
