"""Reverse mode of a whole rollout with the backward pass written by hand.

The forward pass keeps a mark at the start of each of about √T segments. The backward pass takes the segments from the
last to the first: it computes the steps of a segment again, keeps of each what its adjoint needs, and goes back through
them. Marks have the same shape for a lane of any batch, because ``jax.vmap`` may widen the two passes after they were
traced for one lane (vmap of a jitted or scanned gradient).

``Wanted`` says which derivatives are added up, so that those not asked for cost nothing. JAX differentiates the
observations, one step at a time, from the marks of the steps.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from ferro_jax.engine.choice import start_over_step, update_of
from ferro_jax.engine.kernel import (
    Observe,
    Turn,
    broadcast_state,
    joined,
    last_of,
    observed_first,
    observing,
    segment_size,
    turns_of,
)
from ferro_jax.engine.subsets import Schedule
from ferro_jax.engine.terms import Constants, Drive, Inputs, Wanted, batch_size, broadcast_batch
from ferro_jax.engine.update import Backward, Fields, Mark, Step, Update
from ferro_jax.types import Lattice


class Marks(NamedTuple):
    """What the forward pass keeps for the backward pass.

    ``starts`` are the marks at the start of each segment, ``rest`` that at the start of the shorter last one, with a
    leading axis of length 0 where there is none.
    """

    starts: Mark
    rest: Mark


class Cotangents(NamedTuple):
    """Those of a run's results: of the final (polarization, visible, projected), and of the observations that are
    floats, time first; None where no observation has one."""

    final: Fields
    observed: list[Array] | None


class Going(NamedTuple):
    """What goes back from step to step: the update's part, and the cotangents of what ``observe`` closes over."""

    update: Backward
    closed_over: list[Array]


class Pass(NamedTuple):
    """The functions of one backward pass."""

    update: Update
    step: Step
    adjoint_step: Callable[..., tuple[Backward, Drive]]
    lattice: Lattice
    wanted: Wanted
    observe: Observe | None
    closed_over: list[Array]


def _part(tree: Any, part: slice | int) -> Any:
    return jax.tree.map(lambda leaf: leaf[part], tree)


def _segments(tree: Any, count: int, size: int) -> Any:
    return jax.tree.map(lambda leaf: leaf[: count * size].reshape(count, size, *leaf.shape[1:]), tree)


def _flat(tree: Any) -> Any:
    """Undo ``_segments``."""
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), tree)


def _cut(lattice: Lattice, length: int) -> tuple[int, int]:
    """Return the number of whole segments and their size."""
    size = segment_size(length, start_over_step(lattice))
    return length // size, size


def floats(tree: Any) -> list[Array]:
    """Return the leaves of a tree that can have a derivative."""
    return [leaf for leaf in jax.tree.leaves(tree) if jnp.issubdtype(leaf.dtype, jnp.floating)]


def forward(
    schedule: Schedule | None, inputs: Inputs, lattice: Lattice, observe: Observe | None
) -> tuple[tuple[Fields, Any], Marks]:
    """Return what ``rollout`` returns, and the marks."""
    inputs = broadcast_state(inputs, lattice)
    update = update_of(lattice, batch_size(inputs))
    begun = update.start(schedule, inputs, lattice, False)
    turns, carry = turns_of(update, schedule, begun), begun.carry
    step = update.make_step(begun.constants, lattice, False)
    body = observing(update, step, lattice, observe, inputs.closed_over, None)
    count, size = _cut(lattice, len(turns.done))

    def segment(carry: Any, part: Turn) -> tuple[Any, Any]:
        mark = update.mark(carry, lattice)
        carry, observations = lax.scan(body, carry, part, unroll=2)
        return carry, (mark, observations)

    carry, (starts, observations) = lax.scan(segment, carry, _segments(turns, count, size))
    observations = joined(observed_first(begun.done, observe, inputs.closed_over), _flat(observations))
    rest = jax.tree.map(lambda leaf: jnp.zeros((0, *leaf.shape[1:]), leaf.dtype), starts)
    if count * size < len(turns.done):
        rest = jax.tree.map(lambda leaf: leaf[None], update.mark(carry, lattice))
        carry, last = lax.scan(body, carry, _part(turns, slice(count * size, None)))
        observations = joined(observations, last)
    fields = update.view(last_of(turns.tables), update.mark(carry, lattice), lattice)
    return (fields, observations), Marks(starts, rest)


def backward(
    schedule: Schedule | None,
    inputs: Inputs,
    marks: Marks,
    cotangents: Cotangents,
    lattice: Lattice,
    wanted: Wanted,
    observe: Observe | None,
) -> Inputs:
    """Return the cotangents of the inputs. Every lane has its own, even of inputs that the lanes share."""
    inputs = broadcast_state(inputs, lattice)
    width = batch_size((inputs, cotangents))
    update = update_of(lattice, width)
    begun = update.start(schedule, inputs, lattice, False)
    c, turns = begun.constants, turns_of(update, schedule, begun)
    wide = broadcast_batch(inputs, width)
    if cotangents.observed is None:
        observe = None

    def begin(inputs: Inputs) -> Any:
        begun = update.start(schedule, inputs, lattice, False)
        return begun[:3], floats(observed_first(begun.done, observe, inputs.closed_over))

    ((_, shape_of, _), first), to_inputs = jax.vjp(begin, wide)
    step, adjoint_step = update.make_step(c, lattice, False), update.make_adjoint(c, lattice, wanted)
    going_back = Pass(update, step, adjoint_step, lattice, wanted, observe, wide.closed_over)
    observed_before = 0 if not first else len(first[0])
    observed = None if observe is None else _part(cotangents.observed, slice(observed_before, None))
    any_mark = broadcast_batch(_part(marks.starts, 0), width)  # because a view is linear
    _, to_mark = jax.vjp(lambda mark: update.view(last_of(turns.tables), mark, lattice), any_mark)
    state = update.backward_from(to_mark(broadcast_batch(cotangents.final, width))[0], lattice, c, wanted)
    going = Going(state, jax.tree.map(jnp.zeros_like, wide.closed_over))
    going, on_drive = _back_through_segments(going_back, going, turns, observed, marks)
    on_start = _of_start(update, going.update, on_drive, c, shape_of, lattice)
    on_first = [] if observe is None else _part(cotangents.observed, slice(observed_before))
    on_inputs = to_inputs((on_start, on_first if first else []))[0]
    total = [a + b for a, b in zip(on_inputs.closed_over, going.closed_over, strict=True)]
    return on_inputs._replace(closed_over=total)


def _back_through_segments(
    p: Pass, going: Going, turns: Turn, observed: list[Array] | None, marks: Marks
) -> tuple[Going, Drive]:
    """Go back through all segments; return what arrives at the start, and the cotangents of the drive."""
    count, size = _cut(p.lattice, len(turns.done))
    on_rest = None
    if count * size < len(turns.done):
        rest = slice(count * size, None)
        part, seen = _part(turns, rest), _part(observed, rest)
        carry = p.update.resume(_part(marks.rest, 0), part.tables, p.lattice)
        _, saved = lax.scan(partial(_save, p), carry, part)
        going, on_rest = lax.scan(partial(_back, p), going, (part, seen, saved), reverse=True)

    def keep(carry_and_buffer: Any, row_and_turn: Any) -> tuple[Any, None]:
        carry, buffer = carry_and_buffer
        row, turn = row_and_turn
        carry, saved = _save(p, carry, turn)
        return (carry, jax.tree.map(lambda b, s: lax.dynamic_update_index_in_dim(b, s, row, 0), buffer, saved)), None

    def segment(going_and_buffer: Any, xs: Any) -> tuple[Any, Drive]:
        going, buffer = going_and_buffer
        start, part, seen = xs
        carry = p.update.resume(start, part.tables, p.lattice)
        (_, buffer), _ = lax.scan(keep, (carry, buffer), (jnp.arange(size), part), unroll=2)
        unroll = p.update.adjoint_unroll(p.wanted)
        going, on_drive = lax.scan(partial(_back, p), going, (part, seen, buffer), reverse=True, unroll=unroll)
        return (going, buffer), on_drive

    # All segments share one buffer for what their steps save, because a fresh one for each would be cleared first.
    parts = _segments(turns, count, size)
    first = p.update.resume(_part(marks.starts, 0), _part(parts.tables, 0), p.lattice)
    shapes = jax.eval_shape(lambda carry, turn: _save(p, carry, turn)[1], first, _part(turns, 0))
    buffer = jax.tree.map(lambda leaf: jnp.zeros((size, *leaf.shape), leaf.dtype), shapes)
    xs = (marks.starts, parts, _segments(observed, count, size))
    (going, _), on_drive = lax.scan(segment, (going, buffer), xs, reverse=True)
    on_drive = _flat(on_drive)
    return going, on_drive if on_rest is None else joined(on_drive, on_rest)


def _save(p: Pass, carry: Any, turn: Turn) -> tuple[Any, Any]:
    """Return the carry after a step, and what its adjoint will read: with observations also the mark after it."""
    carry, (always, for_params, for_bonds) = p.step(carry, (turn.tables, turn.drive))
    saved = always, for_params if p.wanted.neighbours else None, for_bonds if p.wanted.weights else None
    return carry, (saved, None if p.observe is None else p.update.mark(carry, p.lattice))


def _back(p: Pass, going: Going, xs: Any) -> tuple[Going, Drive]:
    """Go back through what is observed after a step, and through the step."""
    turn, seen, (saved, mark) = xs
    state, closed_over = going
    observe = p.observe
    if observe is not None:

        def observed(mark: Mark, values: list[Array]) -> list[Array]:
            return floats(observe(*p.update.view(turn.tables, mark, p.lattice), turn.done, values))

        on_mark, on_values = jax.vjp(observed, mark, p.closed_over)[1](seen)
        state = state._replace(carry=p.update.add_mark(state.carry, on_mark, p.lattice))
        closed_over = [a + b for a, b in zip(closed_over, on_values, strict=True)]
    state, on_drive = p.adjoint_step(state, (turn.tables, turn.drive, saved))
    return Going(state, closed_over), on_drive


def _of_start(
    update: Update, state: Backward, on_drive: Drive, c: Constants, shape_of: Constants, lattice: Lattice
) -> Any:
    """Return the cotangents of ``Start``'s (carry, constants, drive) from the end of the backward pass."""
    parts = jax.tree.map(jnp.zeros_like, shape_of)
    for name, total in state.sums._asdict().items():
        if total is not None:
            part = jnp.stack(total) if isinstance(total, tuple) else total
            shared = getattr(shape_of, name).shape[0] == 1  # by all sites: the sum has a row for each
            parts = parts._replace(**{name: part.sum(0, keepdims=True) if shared else part})
    return update.carry_at_start(state.carry, c, lattice), parts, on_drive
