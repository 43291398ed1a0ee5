"""The record that each kind of update builds: how a batch of lattices is moved by one step, and the adjoint of that."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ferro_jax.engine.terms import Constants, Drive, Inputs, Wanted
from ferro_jax.types import Lattice

Carry = tuple[Array, ...]  # what one step hands to the next; each kernel has its own layout
Fields = tuple[Array, Array, Array]  # (polarization, visible, projected), each (2, sites, b)
Mark = tuple[Array, ...]  # arrays (2, sites, b) from which a carry can be made again, the same for every kernel
Tables = Any  # tables of one step or, with a leading time axis, of many; None where an update has none
Step = Callable[..., tuple[Carry, Any]]  # (carry, (tables, drive of the step), kick or None) -> (carry, saved)


class Start(NamedTuple):
    """A rollout before its loop.

    ``drive`` is that of the steps still to be done. ``done`` are the fields after each of the first steps that were
    done before the loop, because they do not fit its tables.
    """

    carry: Carry
    constants: Constants
    drive: Drive
    done: list[Fields]


class Sums(NamedTuple):
    """Cotangents of ``Constants`` that the backward pass adds up over the steps, None where they are not wanted.

    Those of the coefficients row by row, (rows, b), ``depolarization`` (1, b); ``local``, x and y, and the four
    ``weights``, each (rows, b); ``patterns`` (k, 2, rows, b).
    """

    linear: Array | None
    cubic: Array | None
    mixed: Array | None
    coupling: Array | None
    depolarization: Array | None
    local: tuple[Array, ...] | None
    weights: tuple[Array, ...] | None
    patterns: Array | None


def no_sums(wanted: Wanted, c: Constants, of_site: Array, of_moved: Array) -> Sums:
    """Return the sums before the first step: zeros (rows, b), for all sites and for those that a step moves."""
    count = 0 if c.patterns is None else len(c.patterns)
    zeros = Sums(
        linear=of_site if c.linear.shape[0] > 1 else of_moved,
        cubic=of_moved,
        mixed=of_moved,
        coupling=of_moved,
        depolarization=of_moved[:1],
        local=(of_site,) * 2,
        weights=(of_site,) * 4,
        patterns=jnp.zeros((count, 2, *of_site.shape), of_site.dtype) if count else None,
    )
    return zeros._replace(**{name: None for name, asked in wanted._asdict().items() if not asked})


def added(sums: Sums, terms: Sums, add: Callable[[Array, Array], Array] = jnp.add) -> Sums:
    """Return the sums with the terms of one step added by ``add``, where they are wanted."""
    totals = {name: total for name, total in sums._asdict().items() if total is not None}
    return sums._replace(**{name: jax.tree.map(add, total, getattr(terms, name)) for name, total in totals.items()})


class Backward(NamedTuple):
    """What the adjoint of one step hands to that of the step before it: the cotangents of the carry, and the sums.
    ``copies`` are buffers for the polarization (x and y) that the step saved, None for a kernel that needs no copy."""

    carry: Carry
    sums: Sums
    copies: tuple[Array, Array] | None = None


class Update(NamedTuple):
    """One kind of update in one kernel, as functions of arrays that end in the batch axis b."""

    start: Callable[[Any, Inputs, Lattice, bool], Start]
    """(schedule, inputs, lattice, reverse) -> ``Start``; the schedule is None for the synchronous update. With
    ``reverse`` the first steps are cheap to differentiate in reverse mode and cannot be differentiated in forward
    mode."""

    tables: Callable[[Any], Tables]
    """schedule -> the tables of all steps in the loop, time first."""

    make_step: Callable[[Constants, Lattice, bool], Step]
    """(constants, lattice, reverse) -> a step: (carry, (tables, drive), kick) -> (carry, saved). ``kick`` (2, sites, b)
    is the step's thermal noise or None. ``saved`` is a triple: what the adjoint of the step always needs, and what it
    needs for the parameters and for the bonds."""

    mark: Callable[[Carry, Lattice], Mark]
    """(carry, lattice) -> its mark. The backward pass of a lane may run in a wider batch than its forward pass, and so
    in another kernel, which goes on from the mark."""

    resume: Callable[[Mark, Tables, Lattice], Carry]
    """(mark, tables of the steps to come, lattice) -> the carry."""

    view: Callable[[Tables, Mark, Lattice], Fields]
    """(tables of the step just done, mark, lattice) -> the fields after that step."""

    backward_from: Callable[[Mark, Lattice, Constants, Wanted], Backward]
    """(cotangents of the last mark, lattice, constants, wanted) -> where the backward pass starts, all sums zero."""

    add_mark: Callable[[Carry, Mark, Lattice], Carry]
    """(cotangents of a carry, of its mark, lattice) -> the cotangents of the carry with those of the mark added."""

    make_adjoint: Callable[[Constants, Lattice, Wanted], Callable[[Backward, Any], tuple[Backward, Drive]]]
    """(constants, lattice, wanted) -> the adjoint of a step: (backward, (tables, drive, saved)) -> (backward,
    cotangents of the step's drive)."""

    adjoint_unroll: Callable[[Wanted], int]
    """wanted -> how many steps of the backward pass one turn of its loop does."""

    carry_at_start: Callable[[Carry, Constants, Lattice], Carry]
    """(cotangents of the carry at the end of the backward pass, constants, lattice) -> those of ``Start.carry``."""
