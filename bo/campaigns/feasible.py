"""Drawing points back inside linear constraints, as a function that climbs can follow.

A point beyond a constraint becomes the last allowed one on the straight line to it from a point deep inside that has
the same integers. Straight lines are those of the user's units: inputs with a logarithmic scale are straight here too.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from bo.campaigns import linear
from bo.space import Space

ANCHORS = 512  # points from which the deepest is picked, to draw others back to
CLOSE = 1e-7  # share of the way to a face that is left, so that rounding does not cross it


class Feasible(NamedTuple):
    """The constraints G v ≤ h in straight coordinates v, and points whose reals may serve as anchors.

    ``real`` are the columns that may be moved: reals that are chosen.
    """

    space: Space
    real: Bool[Array, "dim"]
    normals: Float[Array, "constraints dim"]
    limits: Float[Array, "constraints"]
    anchors: Float[Array, "anchors dim"]


def feasible_of(space: Space, filling: Float[np.ndarray, "filling dim"], dtype: Any) -> Feasible:
    """Return the constraints of a space, with anchors among the points ``filling`` of the cube that satisfy them."""
    normals, limits = (jnp.asarray(part, dtype) for part in linear.straight(space))
    low, high = space.bounds.T
    deep = (space.from_cube(filling[:ANCHORS]) - low) / (high - low)
    deep = np.concatenate([linear.deepest(space)[None], deep])
    real = jnp.array([one.kind == "real" and not one.context for one in space.inputs])
    return Feasible(space, real, normals, limits, jnp.asarray(deep, dtype))


def straightened(space: Space, z: Float[Array, "dim"]) -> Float[Array, "dim"]:
    """Return a point of the cube in straight coordinates: the same but for logarithmic inputs."""
    log, growth = growths(space, z.dtype)
    return jnp.where(log, (growth**z - 1) / (growth - 1), z)


def bent(space: Space, v: Float[Array, "dim"]) -> Float[Array, "dim"]:
    """Return straight coordinates as a point of the cube, the inverse of ``straightened``."""
    log, growth = growths(space, v.dtype)
    return jnp.where(log, jnp.log1p(jnp.where(log, v, 0) * (growth - 1)) / jnp.log(growth), v)


def growths(space: Space, dtype: Any) -> tuple[Bool[Array, "dim"], Float[Array, "dim"]]:
    """Return which inputs are logarithmic, and high / low of those; 2 for the others."""
    ratio = [one.high / one.low if one.log else 2.0 for one in space.inputs]
    return jnp.array([one.log for one in space.inputs]), jnp.asarray(ratio, dtype)


def anchor(feasible: Feasible, z: Float[Array, "dim"]) -> Float[Array, "dim"]:
    """Return straight coordinates of the deepest point that has the integers and categories of ``z``."""
    normals, limits, anchors = feasible.normals, feasible.limits, feasible.anchors
    v, real = straightened(feasible.space, z), feasible.real
    room = limits - normals @ jnp.where(real, 0, v)  # what the integers leave to the reals
    depth = jnp.min(room[None] - jnp.where(real[None], anchors, 0) @ normals.T, axis=1)
    best = jnp.argmax(depth)
    own = jnp.min(limits - normals @ v)
    return jnp.where(real & (depth[best] > own), anchors[best], v)


def drawn_back(feasible: Feasible, z: Float[Array, "dim"], deep: Float[Array, "dim"]) -> Float[Array, "dim"]:
    """Return ``z`` or, beyond a constraint, the last allowed point on the way to it from ``deep`` (straight)."""
    normals, limits = feasible.normals, feasible.limits
    v = straightened(feasible.space, z)
    room, gain = limits - normals @ deep, normals @ (v - deep)
    crossing = gain > room
    share = jnp.min(jnp.where(crossing, room / jnp.where(crossing, gain, 1), 1), initial=1.0)
    share = jnp.where(share < 1, jnp.maximum(share, 0) * (1 - CLOSE), 1)
    return jnp.where(share < 1, bent(feasible.space, deep + share * (v - deep)), z)


def kept_inside(feasible: Feasible | None, z: Float[Array, "n dim"]) -> tuple[Float[Array, "n dim"], Bool[Array, "n"]]:
    """Return points drawn back inside the constraints, and whether there is such a point with their integers."""
    if feasible is None:
        return z, jnp.ones(z.shape[0], bool)
    deep = jax.vmap(partial(anchor, feasible))(z)
    depth = feasible.limits[None] - deep @ feasible.normals.T
    return jax.vmap(partial(drawn_back, feasible))(z, deep), jnp.min(depth, axis=1) >= 0
