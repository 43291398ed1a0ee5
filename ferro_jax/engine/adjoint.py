"""Reverse mode of a whole rollout with the backward pass written by hand.

The forward pass keeps its carry at the start of each of about √T segments. The backward pass goes through the segments
from the last to the first: it computes a segment's steps again, keeping of each what its adjoint needs, and goes
back through them. A run whose saved values fit into a few megabytes keeps all of them and computes nothing again.

Derivatives that nobody asks for cost nothing: ``Wanted`` says which are to be added up.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from ferro_jax.engine.kernel import broadcast_state, segment_size, update_of
from ferro_jax.engine.subsets import Schedule
from ferro_jax.engine.terms import Constants, Inputs, Wanted
from ferro_jax.types import Lattice

KEEP_ALL_BYTES = 8 << 20  # what a run may save instead of computing it again: small beside any cache of level 3


class Marks(NamedTuple):
    """What the backward pass starts from, each with a leading axis that has length 0 where it is not used (a batching
    rule must not change the structure, and only a narrow batch is kept whole). ``whole``: what every step saved.
    ``starts``: the carry at the start of each segment, ``rest``: at the start of the shorter last one."""

    whole: Any
    starts: Any
    rest: Any


def _tree_slice(tree: Any, part: slice | int) -> Any:
    return jax.tree.map(lambda leaf: leaf[part], tree)


def _length(tree: Any) -> int:
    return jax.tree.leaves(tree)[0].shape[0]


def _saved_shapes(step: Callable[..., Any], carry: Any, xs: Any) -> Any:
    """Shapes of what one step saves."""
    return jax.eval_shape(lambda carry, xs: step(carry, _tree_slice(xs, 0))[1], carry, xs)


def _bytes(tree: Any) -> int:
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


def _saving_step(step: Callable[..., Any], wanted: Wanted) -> Callable[..., Any]:
    """A step that saves no more than the adjoint will read."""

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
) -> tuple[tuple[tuple[Array, Array, Array], None], Marks]:
    """What ``rollout`` returns without observations, and the marks."""
    update, inputs = update_of(lattice), broadcast_state(inputs, lattice)
    carry, c, drive = update.start(schedule, inputs, lattice)
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
    """Cotangents of the inputs, given those of the final (polarization, seen, projected). Every lane has its own, even
    of what the lanes share."""
    update, inputs = update_of(lattice), broadcast_state(inputs, lattice)
    carry, c, drive = update.start(schedule, inputs, lattice)
    width = inputs.polarization.shape[-1]
    wide = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (*leaf.shape[:-1], width)), inputs)
    (_, shape_of, _), to_inputs = jax.vjp(lambda inputs: update.start(schedule, inputs, lattice), wide)
    step, pull = _saving_step(update.make_step(c, lattice, False), wanted), update.make_pull(c, lattice)
    tables, length = update.tables(schedule), len(drive)
    _, to_carry = jax.vjp(lambda carry: update.view(schedule, carry, lattice), carry)  # linear: any carry will do
    state = update.cotangents(to_carry(cotangent)[0], lattice, wanted)
    if _length(marks.whole):
        state, on_drive = lax.scan(pull, state, (tables, marks.whole), reverse=True)
        return to_inputs(_of_start(update, state, on_drive, shape_of, lattice))[0]

    saved = _saved_shapes(step, carry, (tables, drive))
    size = segment_size(length, _bytes(carry) / _bytes(saved))
    count = length // size

    def record(carry_and_buffer: Any, x: Any) -> tuple[Any, None]:
        carry, buffer = carry_and_buffer
        row, x = x
        carry, saved = step(carry, x)
        return (carry, jax.tree.map(lambda b, s: lax.dynamic_update_index_in_dim(b, s, row, 0), buffer, saved)), None

    def segment(carry: Any, x: Any) -> tuple[Any, Array]:
        state, buffer = carry
        start, (tables, drive) = x
        (_, buffer), _ = lax.scan(record, (start, buffer), (jnp.arange(size), (tables, drive)), unroll=2)
        state, on_drive = lax.scan(pull, state, (tables, buffer), reverse=True, unroll=update.pull_unroll(wanted))
        return (state, buffer), on_drive

    on_rest = None
    if _length(marks.rest):
        last = _tree_slice((tables, drive), slice(count * size, None))
        _, all_saved = lax.scan(step, _tree_slice(marks.rest, 0), last)
        state, on_rest = lax.scan(pull, state, (last[0], all_saved), reverse=True)
    # One buffer for all segments, carried along: a fresh one per segment would be cleared first.
    buffer = _buffer(saved, size)
    xs = (marks.starts, _segments((tables, drive), count, size))
    (state, _), on_drive = lax.scan(segment, (state, buffer), xs, reverse=True)
    on_drive = on_drive.reshape(count * size, *on_drive.shape[2:])
    if on_rest is not None:
        on_drive = jnp.concatenate([on_drive, on_rest])
    return to_inputs(_of_start(update, state, on_drive, shape_of, lattice))[0]


def _of_start(update: Any, state: Any, on_drive: Array, c: Constants, lattice: Lattice) -> Any:
    """Cotangents of (carry, constants, drive) as ``start`` returns them, from what the backward pass ended with."""
    carry, (params, local) = state
    parts = jax.tree.map(jnp.zeros_like, c)
    if params is not None:
        rows, depolarization = params
        rows = (row if leaf.shape[0] > 1 else row.sum(0, keepdims=True) for row, leaf in zip(rows, c[:4], strict=True))
        parts = parts._replace(**dict(zip(Constants._fields, rows, strict=False)), depolarization=depolarization)
    if local is not None:
        parts = parts._replace(local=jnp.stack(local))
    return update.carry_at_start(carry, lattice), parts, on_drive
