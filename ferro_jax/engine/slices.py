"""Flat rows: the placement in which a neighbour is a slice, and two buffers are written in turn.

Each component stands in a flat buffer: rows of the lattice with one ghost site after each, and zeros before the first
and after the last row. A neighbour is then a slice one site or one row away. A ghost is held at zero by a 0/1 factor on
its new value, so a missing neighbour counts as zero. On a periodic lattice the zeros before and after hold copies of
the last and of the first row, and the neighbour over the end of a row is a slice almost a row away.

A step reads one pair of buffers and writes the other one in place (``dynamic_update_slice``); then they change places,
so the loop does two steps a turn, after which every buffer is back in its place. One buffer, ``jnp.pad`` or a
concatenation cost three to six times as much on a CPU, because XLA copies them.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from ferro_jax.engine.placement import Placement
from ferro_jax.engine.terms import Constants, Drive, Inputs, clamped, constants, missing_neighbours
from ferro_jax.types import Lattice

LINE = 16  # buffers start their first row at a multiple of this, a line of the cache in float32


class Layout(NamedTuple):
    """Where the sites stand in a buffer of ``length``: from ``offset`` on, in rows of ``row`` sites with the ghost.

    ``inside`` (sites with ghosts, 1) is false at ghosts; ``first`` and ``last`` are true in the first and in the last
    column of a periodic lattice.
    """

    row: int
    sites: int
    offset: int
    length: int
    inside: np.ndarray
    first: np.ndarray
    last: np.ndarray


@lru_cache
def layout(lattice: Lattice) -> Layout:
    """Return the layout of a lattice."""
    rows, columns = lattice.shape
    row = columns + 1
    offset = LINE * -(-row // LINE)
    column = np.tile(np.arange(row), rows)[:, None]
    length = LINE * -(-(2 * offset + rows * row) // LINE)
    return Layout(row, rows * row, offset, length, column < columns, column == 0, column == columns - 1)


def with_ghosts(f: Array, lattice: Lattice) -> Array:
    """Return (..., sites, b) as rows with a ghost of zero after each, (..., sites with ghosts, b)."""
    *outer, _, width = f.shape
    rows, columns = lattice.shape
    grid = f.reshape(*outer, rows, columns, width)
    grid = jnp.pad(grid, [(0, 0)] * (len(outer) + 1) + [(0, 1), (0, 0)])
    return grid.reshape(*outer, rows * (columns + 1), width)


def without_ghosts(f: Array, lattice: Lattice) -> Array:
    """Undo ``with_ghosts``."""
    rows, columns = lattice.shape
    return f.reshape(rows, columns + 1, -1)[:, :columns].reshape(lattice.sites, -1)


def at(buffer: Array, place: Layout, shift: int = 0) -> Array:
    """Return the sites of a buffer, or what stands ``shift`` places after each of them, (sites with ghosts, b)."""
    return lax.slice_in_dim(buffer, place.offset + shift, place.offset + shift + place.sites)


def put(buffer: Array, f: Array, lattice: Lattice) -> Array:
    """Return the buffer with its sites replaced by ``f`` (sites with ghosts, b), whose ghosts must be zero."""
    place = layout(lattice)
    buffer = lax.dynamic_update_slice_in_dim(buffer, f, place.offset, 0)
    if lattice.boundary != "periodic":
        return buffer
    buffer = lax.dynamic_update_slice_in_dim(buffer, f[-place.row :], place.offset - place.row, 0)
    return lax.dynamic_update_slice_in_dim(buffer, f[: place.row], place.offset + place.sites, 0)


def new_buffer(f: Array, lattice: Lattice) -> Array:
    """Return a buffer with the sites ``f`` (sites with ghosts, b)."""
    return put(jnp.zeros((layout(lattice).length, f.shape[-1]), f.dtype), f, lattice)


def mean(buffer: Array, lattice: Lattice) -> Array:
    """Return the mean over the sites, (1, b), from the sum over the whole buffer: XLA would copy a slice first."""
    place = layout(lattice)
    total = jnp.sum(buffer, 0, keepdims=True)
    if lattice.boundary == "periodic":
        for start in (place.offset - place.row, place.offset + place.sites):
            total = total - jnp.sum(lax.slice_in_dim(buffer, start, start + place.row), 0, keepdims=True)
    return total / lattice.sites


def neighbours(buffer: Array, lattice: Lattice) -> list[Array]:
    """Return the neighbours below, above, right and left of every site, zero where there is none."""
    place = layout(lattice)
    below, above, right, left = (at(buffer, place, shift) for shift in (place.row, -place.row, 1, -1))
    if lattice.boundary == "periodic":
        around = place.row - 2  # from the last column of a row back to its first
        right = right + jnp.asarray(place.last, buffer.dtype) * at(buffer, place, -around)
        left = left + jnp.asarray(place.first, buffer.dtype) * at(buffer, place, around)
    return [below, above, right, left]


def neighbour_total(buffer: Array, weights: Array | None, lattice: Lattice) -> Array:
    """Return the sum over the neighbours of every site, each times the factor of its bond."""
    below, above, right, left = neighbours(buffer, lattice)
    if weights is None:
        return (below + above) + (right + left)
    return (weights[0] * below + weights[1] * above) + (weights[2] * right + weights[3] * left)


def ghosted_constants(inputs: Inputs, lattice: Lattice) -> tuple[Constants, Drive]:
    """Return what ``terms.constants`` returns, in rows with ghosts and with missing neighbours that count as zero."""
    c, drive = constants(inputs, lattice)
    linear = c.linear
    if clamped(lattice, c.weights) and lattice.boundary != "periodic":
        linear = linear + c.coupling * missing_neighbours(lattice, linear.dtype)
    return c._replace(
        linear=linear if linear.shape[0] == 1 else with_ghosts(linear, lattice),
        local=with_ghosts(c.local, lattice),
        weights=None if c.weights is None else with_ghosts(c.weights, lattice),
        patterns=None if c.patterns is None else with_ghosts(c.patterns, lattice),
    ), drive


def only_sites(buffer: Array, lattice: Lattice) -> Array:
    """Return the buffer with zeros for what stands beyond the sites."""
    place = layout(lattice)
    return lax.dynamic_update_slice_in_dim(jnp.zeros_like(buffer), at(buffer, place), place.offset, 0)


def _make_total(lattice: Lattice, weights: Array | None, reverse: bool) -> Callable[[Array], Array]:
    return partial(neighbour_total, weights=weights, lattice=lattice)


def _write(buffer: Array, f: Array, lattice: Lattice) -> Array:
    return put(buffer, jnp.asarray(layout(lattice).inside, f.dtype) * f, lattice)


SLICES = Placement(
    twice=True,
    rows_of=with_ghosts,
    sites_of=without_ghosts,
    new=new_buffer,
    read=lambda buffer, lattice: at(buffer, layout(lattice)),
    write=_write,
    mean=mean,
    neighbours=neighbours,
    make_total=_make_total,
    constants=ghosted_constants,
)
