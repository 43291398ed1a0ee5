"""Polarizations to start from, (2, ny, nx), for ``initial_state(lattice, dtype, polarization)``.

On a lattice with ``axes="y"`` px is zero in all of them.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Real

from ferro_jax import values
from ferro_jax.materials import wells
from ferro_jax.types import Lattice, Params, Scalar


def remnant(
    params: Params, lattice: Lattice, direction: Real[Array, "2"] | tuple[Any, Any] = (1.0, 0.0)
) -> Float[Array, "2 ny nx"]:
    """Return a single domain: p uniform, in the well of the homogeneous free energy nearest to ``direction`` = (x, y).

    The length of ``direction`` does not matter, and it may be traced. A zero component counts as positive, components
    of equal size as along x. The domain is at rest without field and defects if the boundary is open or periodic; p = 0
    where there is no polar phase. Source: the published simulator starts in the well along −y by default (arXiv
    2206.12435).
    """
    well = wells(params, lattice.axes)
    x, y = (jnp.asarray(values.floats(part, "direction"), well.magnitude.dtype) for part in direction)
    sign_x, sign_y = jnp.where(x < 0, -1.0, 1.0), jnp.where(y < 0, -1.0, 1.0)
    if lattice.axes == "y":
        unit = jnp.stack([jnp.zeros_like(sign_y), sign_y])
    else:
        along_x = abs(x) >= abs(y)
        on_axis = jnp.stack([jnp.where(along_x, sign_x, 0.0), jnp.where(along_x, 0.0, sign_y)])
        unit = jnp.where(well.diagonal, jnp.stack([sign_x, sign_y]) / jnp.sqrt(2.0), on_axis)
    p = (well.magnitude * unit).astype(well.magnitude.dtype)
    return jnp.broadcast_to(p[:, None, None], (2, *lattice.shape))


def random(key: Array, lattice: Lattice, std: Scalar = 0.5, dtype: Any = jnp.float32) -> Float[Array, "2 ny nx"]:
    """Return independent normal components of mean 0 and standard deviation ``std`` (units of p) at every site.

    Source of the default 0.5: the published simulator (arXiv 2206.12435), for all Landau sets; the wells of the
    tetragonal one lie at 0.256.
    """
    p = jnp.asarray(std, dtype) * jax.random.normal(values.key(key), (2, *lattice.shape), dtype)
    return p.at[0].set(0.0) if lattice.axes == "y" else p
