"""How the sites of one component stand in memory: the record that the kernels of gathers and of slices fill."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from ferro_jax.engine import terms
from ferro_jax.engine.terms import Constants, Drive, Inputs
from ferro_jax.lattice import neighbour_table
from ferro_jax.types import Lattice


class Placement(NamedTuple):
    """Functions of one layout. A *buffer* holds a component; *rows* (rows, b) are its sites as a step computes them."""

    twice: bool
    """Whether a carry has every buffer twice, one to read and one to write."""

    rows_of: Callable[[Array, Lattice], Array]
    """(..., sites, b) in the order of the lattice -> rows."""

    sites_of: Callable[[Array, Lattice], Array]
    """Rows -> (sites, b)."""

    new: Callable[[Array, Lattice], Array]
    """Rows -> a buffer."""

    read: Callable[[Array, Lattice], Array]
    """Buffer -> its rows."""

    write: Callable[[Array, Array, Lattice], Array]
    """(buffer, rows) -> the buffer with these rows."""

    mean: Callable[[Array, Lattice], Array]
    """Buffer -> the mean over the sites, (1, b)."""

    neighbours: Callable[[Array, Lattice], list[Array]]
    """Buffer -> rows of the neighbours below, above, right and left."""

    make_total: Callable[..., Callable[[Array], Array]]
    """(lattice, weights, reverse) -> a function from a buffer to rows of sums over neighbours, its own adjoint."""

    constants: Callable[[Inputs, Lattice], tuple[Constants, Drive]]
    """(inputs, lattice) -> the coefficients, fitting ``make_total`` and with rows for sites, and the drive."""


def _same(f: Array, lattice: Lattice) -> Array:
    return f


def _neighbours(f: Array, lattice: Lattice) -> list[Array]:
    """A missing neighbour is the site itself."""
    return [terms.take(f, rows) for rows in neighbour_table(lattice).site]


def _make_total(lattice: Lattice, weights: Array | None, reverse: bool) -> Callable[[Array], Array]:
    return terms.neighbour_total(lattice, weights, terms.clamped(lattice, weights), reverse=reverse)


GATHERS = Placement(
    twice=False,
    rows_of=_same,
    sites_of=_same,
    new=_same,
    read=_same,
    write=lambda buffer, rows, lattice: rows,
    mean=lambda f, lattice: jnp.asarray(terms.mean(f)),
    neighbours=_neighbours,
    make_total=_make_total,
    constants=terms.constants,
)
