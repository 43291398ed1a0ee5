"""Who neighbours whom, per boundary, and sums over neighbours."""

from functools import lru_cache
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from ferro_jax.types import Lattice


class NeighbourTable(NamedTuple):
    """Constant index tables of a lattice, sites counted row by row.

    ``site`` (4, sites): the neighbour below, above, right and left; a missing neighbour is the site itself, so the
    clamped sum is a symmetric operator, its own adjoint. ``absent`` (4, sites): true where it is missing.
    """

    site: np.ndarray
    absent: np.ndarray


@lru_cache
def neighbour_table(lattice: Lattice) -> NeighbourTable:
    """The four neighbours of each site."""
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
    """Bonds of each site, (ny, nx): bonds to missing neighbours count on a grounded edge, not on an open one."""
    absent = neighbour_table(lattice).absent.sum(0)
    return (4 - absent * (lattice.boundary == "open")).reshape(lattice.shape)


def neighbour_sum(field: Float[Array, "*components ny nx"], lattice: Lattice) -> Float[Array, "*components ny nx"]:
    """Sum of the existing neighbours' values: shifts, easy to read; the fast kernel gathers instead."""
    if lattice.boundary == "periodic":
        return sum((jnp.roll(field, shift, axis) for axis in (-2, -1) for shift in (1, -1)), jnp.zeros_like(field))
    padding = [(0, 0)] * (field.ndim - 2)
    down = jnp.pad(field[..., 1:, :], [*padding, (0, 1), (0, 0)])
    up = jnp.pad(field[..., :-1, :], [*padding, (1, 0), (0, 0)])
    right = jnp.pad(field[..., :, 1:], [*padding, (0, 0), (0, 1)])
    left = jnp.pad(field[..., :, :-1], [*padding, (0, 0), (1, 0)])
    return down + up + right + left
