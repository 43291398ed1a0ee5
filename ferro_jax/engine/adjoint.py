"""Reverse mode of a whole rollout with the backward pass written by hand.

The forward pass keeps its carry at the start of each of about √T segments. The backward pass takes the segments from
the last to the first: it computes the steps of a segment again, keeps of each what its adjoint needs, and goes back
through them. A run whose saved values fit into a few megabytes keeps all of them and computes nothing again.

``Wanted`` says which derivatives are added up, so that those not asked for cost nothing.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from ferro_jax.engine.kernel import broadcast_state, segment_size, update_of
from ferro_jax.engine.subsets import Schedule
from ferro_jax.engine.terms import Constants, Inputs, Wanted, broadcast_batch
from ferro_jax.engine.update import Backward, Fields, Step, Update
from ferro_jax.types import Lattice

KEEP_ALL_BYTES = 8 << 20  # largest size of what a run saves instead of computing it again; a level-3 cache holds more


class Marks(NamedTuple):
    """What the forward pass keeps for the backward pass.

    ``whole`` is what every step saved, or else ``starts`` the carry at the start of each segment and ``rest`` that at
    the start of the shorter last one. What is not used has a leading axis of length 0, because a batching rule must not
    change the structure, and only a narrow batch is kept whole.
    """

    whole: Any
    starts: Any
    rest: Any


def _tree_slice(tree: Any, part: slice | int) -> Any:
    return jax.tree.map(lambda leaf: leaf[part], tree)


def _length(tree: Any) -> int:
    return jax.tree.leaves(tree)[0].shape[0]


def _saved_shapes(step: Callable[..., Any], carry: Any, xs: Any) -> Any:
    """Return the shapes of what one step saves."""
    return jax.eval_shape(lambda carry, xs: step(carry, _tree_slice(xs, 0))[1], carry, xs)


def _bytes(tree: Any) -> int:
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


def _saving_step(step: Callable[..., Any], wanted: Wanted) -> Callable[..., Any]:
    """Return a step that saves no more than the adjoint will read."""

    def saving(carry: Any, xs: Any) -> tuple[Any, Any]:
        carry, (always, for_params) = step(carry, xs)
        return carry, (always, for_params if wanted.params else None)

    return saving


def _buffer(shapes: Any, rows: int) -> Any:
    return jax.tree.map(lambda leaf: jnp.zeros((rows, *leaf.shape), leaf.dtype), shapes)


def _segments(xs: Any, count: int, size: int) -> Any:
    return jax.tree.map(lambda leaf: leaf[: count * size].reshape(count, size, *leaf.shape[1:]), xs)


def forward(
    schedule: Schedule | None, inputs: Inputs, lattice: Lattice, wanted: Wanted
) -> tuple[tuple[Fields, None], Marks]:
    """Return what ``rollout`` returns without observations, and the marks."""
    update, inputs = update_of(lattice), broadcast_state(inputs, lattice)
    carry, c, drive, _ = update.start(schedule, inputs, lattice, False)
    step, xs = _saving_step(update.make_step(c, lattice, False), wanted), (update.tables(schedule), drive)
    length = len(drive)
    none = jax.tree.map(lambda leaf: jnp.zeros((0, *leaf.shape), leaf.dtype), carry)
    saved = _saved_shapes(step, carry, xs)
    if length * _bytes(saved) <= KEEP_ALL_BYTES:
        carry, whole = lax.scan(step, carry, xs)
        return (update.view(schedule, carry, lattice), None), Marks(whole, none, none)

    def plain(carry: Any, x: Any) -> tuple[Any, None]:
        return step(carry, x)[0], None

    def segment(carry: Any, x: Any) -> tuple[Any, Any]:
        return lax.scan(plain, carry, x, unroll=2)[0], carry

    size = segment_size(length, _bytes(carry) / _bytes(saved))
    count = length // size
    carry, starts = lax.scan(segment, carry, _segments(xs, count, size))
    rest = none
    if count * size < length:
        rest = jax.tree.map(lambda leaf: leaf[None], carry)
        carry, _ = lax.scan(plain, carry, _tree_slice(xs, slice(count * size, None)))
    return (update.view(schedule, carry, lattice), None), Marks(_buffer(saved, 0), starts, rest)


def backward(
    schedule: Schedule | None, inputs: Inputs, marks: Marks, cotangent: Any, lattice: Lattice, wanted: Wanted
) -> Inputs:
    """Return the cotangents of the inputs, given those of the final (polarization, visible, projected).

    Every lane has cotangents of its own, even of inputs that the lanes share.
    """
    update, inputs = update_of(lattice), broadcast_state(inputs, lattice)
    carry, c, drive, _ = update.start(schedule, inputs, lattice, False)
    wide = broadcast_batch(inputs, inputs.polarization.shape[-1])
    (_, shape_of, _), to_inputs = jax.vjp(lambda inputs: update.start(schedule, inputs, lattice, False)[:3], wide)
    step, adjoint_step = _saving_step(update.make_step(c, lattice, False), wanted), update.make_adjoint(c, lattice)
    xs = update.tables(schedule), drive
    _, to_carry = jax.vjp(lambda carry: update.view(schedule, carry, lattice), carry)  # linear, so any carry will do
    state = update.backward_from(to_carry(cotangent)[0], lattice, wanted)
    if _length(marks.whole):
        state, on_drive = lax.scan(adjoint_step, state, (xs[0], marks.whole), reverse=True)
    else:
        saved = _saved_shapes(step, carry, xs)
        size, unroll = segment_size(len(drive), _bytes(carry) / _bytes(saved)), update.adjoint_unroll(wanted)
        state, on_drive = _backward_in_segments(step, adjoint_step, state, xs, marks, saved, size, unroll)
    return to_inputs(_of_start(update, state, on_drive, shape_of, lattice))[0]


def _backward_in_segments(
    step: Step,
    adjoint_step: Callable[..., Any],
    state: Backward,
    xs: Any,
    marks: Marks,
    saved_shapes: Any,
    size: int,
    unroll: int,
) -> tuple[Backward, Array]:
    """Go back through all segments of ``size`` steps; return the state at the start and the cotangents of the drive."""
    count = _length(xs) // size

    def save(carry_and_buffer: Any, row_and_x: Any) -> tuple[Any, None]:
        carry, buffer = carry_and_buffer
        row, x = row_and_x
        carry, saved = step(carry, x)
        return (carry, jax.tree.map(lambda b, s: lax.dynamic_update_index_in_dim(b, s, row, 0), buffer, saved)), None

    def segment(state_and_buffer: Any, start_and_xs: Any) -> tuple[Any, Array]:
        state, buffer = state_and_buffer
        start, xs = start_and_xs
        (_, buffer), _ = lax.scan(save, (start, buffer), (jnp.arange(size), xs), unroll=2)
        state, on_drive = lax.scan(adjoint_step, state, (xs[0], buffer), reverse=True, unroll=unroll)
        return (state, buffer), on_drive

    on_rest = None
    if _length(marks.rest):
        rest = _tree_slice(xs, slice(count * size, None))
        _, saved = lax.scan(step, _tree_slice(marks.rest, 0), rest)
        state, on_rest = lax.scan(adjoint_step, state, (rest[0], saved), reverse=True)
    # All segments share one buffer for what their steps save, because a fresh one for each would be cleared first.
    buffer = _buffer(saved_shapes, size)
    (state, _), on_drive = lax.scan(segment, (state, buffer), (marks.starts, _segments(xs, count, size)), reverse=True)
    on_drive = on_drive.reshape(count * size, *on_drive.shape[2:])
    return state, on_drive if on_rest is None else jnp.concatenate([on_drive, on_rest])


def _of_start(update: Update, state: Backward, on_drive: Array, c: Constants, lattice: Lattice) -> Any:
    """Return the cotangents of ``Start``'s (carry, constants, drive) from the end of the backward pass."""
    parts = jax.tree.map(jnp.zeros_like, c)
    if state.params is not None:
        names = ("linear", "cubic", "mixed", "coupling")
        rows = {name: (getattr(state.params, name), getattr(c, name)) for name in names}
        summed = {n: row if leaf.shape[0] > 1 else row.sum(0, keepdims=True) for n, (row, leaf) in rows.items()}
        parts = parts._replace(**summed, depolarization=state.params.depolarization)
    if state.local is not None:
        parts = parts._replace(local=jnp.stack(state.local))
    return update.carry_at_start(state.carry, lattice), parts, on_drive
