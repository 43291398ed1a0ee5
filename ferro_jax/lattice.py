"""The neighbours of each site under each boundary, and sums over them."""

from functools import lru_cache
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from ferro_jax import values
from ferro_jax.types import Lattice


class NeighbourTable(NamedTuple):
    """Constant index tables of a lattice, sites counted row by row.

    ``site`` (4, sites) has the neighbours below, above, right and left. In the place of a missing neighbour stands the
    site itself, so that the sum over all four is a symmetric operator, its own adjoint. ``absent`` (4, sites) is true
    where a neighbour is missing.
    """

    site: np.ndarray
    absent: np.ndarray


def field_of(value: Any, name: str = "polarization", *, finite: bool = False) -> Float[Array, "2 ny nx"]:
    """Return one vector field as floats; ValueError for another shape, a stack of fields for instance.

    With ``finite`` also for NaN, because what counts sites would leave such a site out in silence.
    """
    field = values.array(value, name, finite=finite)
    if field.ndim != 3 or field.shape[0] != 2:
        raise ValueError(
            f"{name} has shape {field.shape}, expected (2, ny, nx): (component, row, column); for several use jax.vmap"
        )
    return field


@lru_cache
def neighbour_table(lattice: Lattice) -> NeighbourTable:
    """Return the table of the four neighbours of each site."""
    rows, columns = np.indices(lattice.shape).reshape(2, -1)
    site = np.arange(lattice.sites)
    index, absent = [], []
    for down, right in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        row, column = rows + down, columns + right
        wrapped = row % lattice.shape[0], column % lattice.shape[1]
        outside = (row != wrapped[0]) | (column != wrapped[1])
        neighbour = wrapped[0] * lattice.shape[1] + wrapped[1]
        if lattice.boundary == "periodic":
            outside = np.zeros_like(outside)
        index.append(np.where(outside, site, neighbour))
        absent.append(outside)
    return NeighbourTable(np.array(index, np.int32), np.array(absent))


def bonds_of_site(lattice: Lattice) -> np.ndarray:
    """Return the number of bonds of each site, (ny, nx).

    Bonds to missing neighbours count on a grounded edge and not on an open one.
    """
    absent = neighbour_table(lattice).absent.sum(0)
    return (4 - absent * (lattice.boundary == "open")).reshape(lattice.shape)


def _shifted(field: Array, by: int, axis: int, lattice: Lattice) -> Array:
    """Return the field shifted by one site; over an edge come the values of the other edge (periodic) or zeros."""
    if lattice.boundary == "periodic":
        return jnp.roll(field, by, axis)
    padding = [(0, 0)] * field.ndim
    padding[axis] = (1, 0) if by > 0 else (0, 1)
    kept = slice(None, -1) if by > 0 else slice(1, None)
    return jnp.pad(jnp.moveaxis(jnp.moveaxis(field, axis, 0)[kept], 0, axis), padding)


def neighbour_sum(
    field: Float[Array, "*components ny nx"], lattice: Lattice, bonds: Float[Array, "2 ny nx"] | None = None
) -> Float[Array, "*components ny nx"]:
    """Return the sum over the existing neighbours of each site, each times the factor of its bond.

    ``bonds[0]`` belongs to the bond of a site to the one below, ``bonds[1]`` to the one on the right. Shifts are easy
    to read; the fast kernel gathers instead.
    """
    total = jnp.zeros_like(field)
    for axis, number in ((-2, 0), (-1, 1)):
        factor = 1 if bonds is None else jnp.broadcast_to(bonds[number], field.shape)
        total += factor * _shifted(field, -1, axis, lattice) + _shifted(factor * field, 1, axis, lattice)
    return total


def bond_weights(bonds: Float[Array, "2 sites b"], lattice: Lattice) -> Float[Array, "4 sites b"]:
    """Return the factors of the bonds of each site in the order of ``NeighbourTable.site``, zero for a missing one."""
    table = neighbour_table(lattice)
    _, above, _, left = table.site
    four = jnp.stack([bonds[0], bonds[0][above], bonds[1], bonds[1][left]])
    return jnp.where(jnp.asarray(table.absent)[..., None], 0, four)
