"""Frozen disorder: random local fields, which are the defects of the lattice, and random bonds."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import Tracer
from jaxtyping import Float

from ferro_jax import values
from ferro_jax.types import Lattice

DIRECTIONS = ((0.0, 1.0), (0.0, -1.0), (1.0, 0.0), (-1.0, 0.0))  # (x, y) of +y, −y, +x, −x


def random_field(
    key: Array,
    lattice: Lattice,
    *,
    coercive_field: float = 1.0,
    fraction: float = 0.15,
    mean: float = 30.0,
    std: float = 10.0,
    probabilities: tuple[float, float, float, float] = (0.3, 0.3, 0.2, 0.2),
    plus_y_only: bool = False,
) -> Float[Array, "2 ny nx"]:
    """Return a local field on ``fraction`` of the sites, rounded to a whole number of them, and zero on the others.

    Its direction is +y, −y, +x, −x with ``probabilities``, its size normal with ``mean`` and standard deviation
    ``std``, in units of the coercive field. With the ``coercive_field`` of a set-up the result is in model units, with
    1 in units of the coercive field. ``plus_y_only`` keeps only the +y fields of the same draw, as the published
    generator does by mistake. The result has the default float type: cast it as needed. ValueError unless the fraction
    lies in [0, 1], the probabilities are four that sum to 1, and the other numbers are finite.
    """
    if not isinstance(fraction, Tracer) and not 0 <= fraction <= 1:
        raise ValueError(f"fraction={fraction}: expected a share of the sites between 0 and 1")
    if len(probabilities) != 4 or min(probabilities) < 0 or abs(sum(probabilities) - 1) > 1e-6:
        raise ValueError(f"probabilities={probabilities}: expected four of +y, −y, +x, −x, not negative, sum 1")
    coercive_field, mean, std = (
        values.coefficient(number, name)
        for number, name in ((coercive_field, "coercive_field"), (mean, "mean"), (std, "std"))
    )
    where_key, direction_key, size_key = jax.random.split(values.key(key), 3)
    order = jax.random.permutation(where_key, lattice.sites)
    occupied = order < jnp.round(fraction * lattice.sites)
    direction = jax.random.choice(direction_key, 4, (lattice.sites,), p=jnp.asarray(probabilities))
    size = mean + std * jax.random.normal(size_key, (lattice.sites,))
    if plus_y_only:
        occupied &= direction == 0
    size = jnp.where(occupied, size, 0.0)
    field = jnp.asarray(DIRECTIONS, size.dtype)[direction].T * size[None]
    return (coercive_field * field).reshape(2, *lattice.shape)


def random_bonds(key: Array, lattice: Lattice, std: Float[Array, ""] | float) -> Float[Array, "2 ny nx"]:
    """Return a factor of the coupling for each bond: normal with mean 1 and standard deviation ``std`` (may be traced).

    Negative factors are set to 0, because they would be antiferroelectric bonds. ``bonds[0]`` belongs to the bond of a
    site to the one below it, ``bonds[1]`` to the one on its right. Those of the last row and the last column wrap on a
    periodic lattice and are not used on others. ValueError for a std that is not finite or negative.
    """
    std = values.coefficient(std, "std")
    if values.is_known(std) and np.any(np.asarray(std) < 0):
        raise ValueError(f"std is {std}; give a standard deviation of at least 0")
    return jnp.maximum(1 + std * jax.random.normal(values.key(key), (2, *lattice.shape)), 0)
