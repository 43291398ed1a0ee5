"""Densities of a latent space: where its decoder has learned something, and where it extrapolates."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp
from jaxtyping import Array, Float

from ferro_jax import values

CHUNK = 500  # points at a time


def aggregated_log_density(mean: Any, std: Any, z: Any) -> Float[Array, "points"]:
    """Return the log of the aggregated posterior, the mean of q(z|x) over n examples, at points z [points latent].

    ``mean`` and ``std`` [n latent] are the posteriors of the examples, normal with a diagonal covariance. ValueError
    for arrays of other shapes, no examples, values that are not finite and a ``std`` that is not positive.
    """
    mean, std, z = (values.array(a, name, finite=True) for a, name in ((mean, "mean"), (std, "std"), (z, "z")))
    if mean.ndim != 2 or std.shape != mean.shape or z.ndim != 2 or z.shape[1] != mean.shape[1]:
        raise ValueError(
            f"mean {mean.shape}, std {std.shape}, z {z.shape}: give rows of as many latents, [n latent] twice and "
            "[points latent]"
        )
    if not len(mean):
        raise ValueError("mean has no rows: give the posteriors of one example or more")
    if values.is_known(std) and not (np.asarray(std) > 0).all():
        raise ValueError(f"std goes down to {np.asarray(std).min()}: give standard deviations, which are positive")

    def at(point):
        squares = jnp.sum(((point[None] - mean) / std) ** 2 + 2 * jnp.log(std), axis=1)
        return logsumexp(-0.5 * squares) - jnp.log(len(mean)) - 0.5 * mean.shape[1] * jnp.log(2 * jnp.pi)

    return jax.lax.map(at, z, batch_size=CHUNK)


def exploration_score(decode: Callable[[Array], Any], z: Any) -> Float[Array, "points"]:
    """Return the log density of the decoder's outputs at z [points latent]: log N(z; 0, 1) − ½ log det JᵀJ.

    ``decode`` maps one point to an array, J is its Jacobian. With z from the prior this is the density of the decoded
    examples along the surface that they form (the latent exploration score of Ronen et al., arXiv 2406.09657, for
    outputs that are numbers instead of sequences). It is finite where the decoder is flat, because no singular value of
    J counts as less than 1e-6 of the largest at its point, and none of those as less than the rounding of the largest
    at all points; so in other units of the outputs all scores differ by the same number. ValueError for z without rows
    or not finite.
    """
    z = values.array(z, "z", finite=True)
    if z.ndim != 2:
        raise ValueError(f"z has shape {z.shape}: give rows [points latent]")

    def slopes_at(point):
        slopes = jax.jacfwd(lambda p: jnp.ravel(decode(p)))(point)
        return jnp.linalg.svd(slopes, compute_uv=False)

    lengths = jax.lax.map(slopes_at, z, batch_size=CHUNK)
    limits = jnp.finfo(lengths.dtype)
    top = jnp.max(lengths, initial=0)
    largest = jnp.maximum(lengths[:, :1], limits.eps * jnp.where(top > 0, top, 1))
    volume = jnp.sum(jnp.log(jnp.maximum(lengths, jnp.maximum(1e-6 * largest, limits.tiny))), axis=1)
    return -0.5 * jnp.sum(z**2, axis=1) - 0.5 * z.shape[1] * jnp.log(2 * jnp.pi) - volume
