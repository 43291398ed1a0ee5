"""Densities of a latent space: where its decoder has learned something, and where it extrapolates."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.special import logsumexp
from jaxtyping import Array, Float

from ferro_jax import values

CHUNK = 500  # points at a time


def aggregated_log_density(mean: Any, std: Any, z: Any) -> Float[Array, "points"]:
    """Return the log of the aggregated posterior, the mean of q(z|x) over n examples, at points z [points latent].

    ``mean`` and ``std`` [n latent] are the posteriors of the examples, normal with a diagonal covariance. ValueError
    for arrays of other shapes.
    """
    mean, std, z = (values.array(a, name) for a, name in ((mean, "mean"), (std, "std"), (z, "z")))
    if mean.ndim != 2 or std.shape != mean.shape or z.ndim != 2 or z.shape[1] != mean.shape[1]:
        raise ValueError(
            f"mean {mean.shape}, std {std.shape}, z {z.shape}: give rows of as many latents, [n latent] twice and "
            "[points latent]"
        )

    def at(point):
        squares = jnp.sum(((point[None] - mean) / std) ** 2 + 2 * jnp.log(std), axis=1)
        return logsumexp(-0.5 * squares) - jnp.log(len(mean)) - 0.5 * mean.shape[1] * jnp.log(2 * jnp.pi)

    return jax.lax.map(at, z, batch_size=CHUNK)


def exploration_score(decode: Callable[[Array], Any], z: Any) -> Float[Array, "points"]:
    """Return the log density of the decoder's outputs at z [points latent]: log N(z; 0, 1) − ½ log det JᵀJ.

    ``decode`` maps one point to an array, J is its Jacobian. With z from the prior this is the density of the decoded
    examples along the surface that they form (the latent exploration score of Ronen et al., arXiv 2406.09657, for
    outputs that are numbers instead of sequences). It is finite where the decoder is flat, because no singular value of
    J counts as less than 1e-6 of the largest. ValueError for z without rows.
    """
    z = values.array(z, "z")
    if z.ndim != 2:
        raise ValueError(f"z has shape {z.shape}: give rows [points latent]")

    def at(point):
        slopes = jax.jacfwd(lambda p: jnp.ravel(decode(p)))(point)
        lengths = jnp.linalg.svd(slopes, compute_uv=False)
        largest = jnp.maximum(lengths[0], jnp.finfo(lengths.dtype).eps)
        volume = jnp.sum(jnp.log(jnp.maximum(lengths, 1e-6 * largest)))
        return -0.5 * jnp.sum(point**2) - 0.5 * point.size * jnp.log(2 * jnp.pi) - volume

    return jax.lax.map(at, z, batch_size=CHUNK)
