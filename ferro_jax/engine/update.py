"""The record that each kind of update builds: how a batch of lattices is moved by one step, and the adjoint of that."""

from collections.abc import Callable
from typing import Any, NamedTuple

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
    """Cotangents that the backward pass adds up over the steps: of the coefficients in ``Constants``, row by row, and
    of ``weights`` (4, rows, b), None where they are not wanted."""

    linear: Array
    cubic: Array
    mixed: Array
    coupling: Array
    depolarization: Array
    weights: Array | None


class Backward(NamedTuple):
    """What the adjoint of one step hands to that of the step before it: the cotangents of the carry, and the sums for
    the parameters, the local field (x and y) and the patterns, None where they are not wanted. ``copies`` are buffers
    for the polarization (x and y) that the step saved, None for a kernel that needs no copy."""

    carry: Carry
    params: Sums | None
    local: tuple[Array, Array] | None
    patterns: Array | None
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
