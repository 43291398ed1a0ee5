"""The support of a latent space as data for compiled programs, and points brought back into it."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from models.evaluation.latent import support_radius

NEIGHBOURS, COVERAGE = 5, 0.99  # of the support's rule, models.inside_support
PULLS = 4  # towards the support, of a step that leaves it
ROUNDING = 1e-4  # share of the support's radius that is left for single precision


class Support(NamedTuple):
    """Encoded means of the training histories, and the distance to the fifth nearest within which points count."""

    means: Float[Array, "n latent"]
    radius: Float[Array, ""]


def support_of(means: Float[np.ndarray, "n latent"]) -> Support:
    """Return the support that ``models.inside_support`` draws around the means, a little smaller, in single precision.

    ValueError for too few means.
    """
    radius = (1 - ROUNDING) * support_radius(means, NEIGHBOURS, COVERAGE)
    return Support(jnp.asarray(means, jnp.float32), jnp.asarray(radius, jnp.float32))


def to_support(support: Support, z: Float[Array, " latent"], good: Float[Array, " latent"]) -> Float[Array, " latent"]:
    """Return z, or a point at the edge of the support near it, or the point ``good`` where none is found.

    A point outside is pulled to its fifth nearest mean until that is as near as the support needs. Pure; vmap over
    points.
    """
    means, radius = support

    def nearest(z: Array) -> tuple[Array, Array]:
        squares = jnp.sum((means - z[None]) ** 2, 1)
        for _ in range(NEIGHBOURS - 1):  # five minima cost an eighth of a sorted list of all
            squares = squares.at[jnp.argmin(squares)].set(jnp.inf)
        row = jnp.argmin(squares)
        return means[row], jnp.sqrt(squares[row])

    def outside(state: tuple[Array, Array, Array, Array]) -> Array:
        return (state[2] > radius) & (state[3] < PULLS)

    def pull(state: tuple[Array, Array, Array, Array]) -> tuple[Array, Array, Array, Array]:
        z, mean, distance, pulls = state
        z = mean + (z - mean) * radius * (1 - ROUNDING) / distance
        return z, *nearest(z), pulls + 1

    z, _, distance, _ = jax.lax.while_loop(outside, pull, (z, *nearest(z), jnp.zeros((), jnp.int32)))
    return jnp.where(distance > radius, good, z)
