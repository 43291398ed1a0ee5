"""The record that each kind of update builds: how a batch of lattices is moved by one step, and the adjoint of that."""

from collections.abc import Callable
from typing import Any, NamedTuple

from jax import Array

from ferro_jax.engine.terms import Constants, Inputs, Wanted
from ferro_jax.types import Lattice

Carry = tuple[Array, ...]  # what one step hands to the next; each update has its own layout
Fields = tuple[Array, Array, Array]  # (polarization, visible, projected), each (2, sites, b)
Tables = Any  # index tables of one step or, with a leading time axis, of many; None where an update has none
Step = Callable[..., tuple[Carry, Any]]  # (carry, (tables, field (2, b)), kick or None) -> (carry, saved)


class Start(NamedTuple):
    """A rollout before its loop.

    ``drive`` (time, 2, b) are the fields of the steps still to be done, times dt · mobility. ``done`` are the fields
    after each of the first steps that were done before the loop, because they do not fit its index tables.
    """

    carry: Carry
    constants: Constants
    drive: Array
    done: list[Fields]


class Sums(NamedTuple):
    """Cotangents that the backward pass adds up over the steps, row by row: of the coefficients in ``Constants``."""

    linear: Array
    cubic: Array
    mixed: Array
    coupling: Array
    depolarization: Array


class Backward(NamedTuple):
    """What the adjoint of one step hands to that of the step before it: the cotangents of the carry, and the sums for
    the parameters and for the local field (x and y), None where they are not wanted."""

    carry: Carry
    params: Sums | None
    local: tuple[Array, Array] | None


class Update(NamedTuple):
    """One kind of update, as functions of arrays that end in the batch axis b."""

    start: Callable[[Any, Inputs, Lattice, bool], Start]
    """(schedule, inputs, lattice, reverse) -> ``Start``; the schedule is None for the synchronous update. With
    ``reverse`` the first steps are cheap to differentiate in reverse mode and cannot be differentiated in forward
    mode."""

    tables: Callable[[Any], Tables]
    """schedule -> the index tables of all steps in the loop, time first."""

    make_step: Callable[[Constants, Lattice, bool], Step]
    """(constants, lattice, reverse) -> a step: (carry, (tables, field (2, b)), kick) -> (carry, saved). ``kick``
    (2, sites, b) is the step's thermal noise or None. ``saved`` is a pair: what the adjoint of the step always needs,
    and what it needs for the parameters."""

    view: Callable[[Any, Carry, Lattice], Fields]
    """(schedule, carry, lattice) -> the fields after the last step of the schedule."""

    view_after: Callable[[Tables, Carry, Lattice], Fields]
    """(tables of the step just done, carry, lattice) -> the fields after that step."""

    backward_from: Callable[[Carry, Lattice, Wanted], Backward]
    """(cotangents of the last carry, lattice, wanted) -> where the backward pass starts, all sums zero."""

    make_adjoint: Callable[[Constants, Lattice], Callable[[Backward, Any], tuple[Backward, Array]]]
    """(constants, lattice) -> the adjoint of a step: (backward, (tables, saved)) -> (backward, cotangent of the step's
    field (2, b))."""

    adjoint_unroll: Callable[[Wanted], int]
    """wanted -> how many steps of the backward pass one turn of its loop does."""

    carry_at_start: Callable[[Carry, Lattice], Carry]
    """(cotangents of the carry at the end of the backward pass, lattice) -> those of ``Start.carry``."""
