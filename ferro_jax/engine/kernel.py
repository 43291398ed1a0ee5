"""The rollout with the batch last: many lattices side by side, one vector instruction for a row of them.

One ``lax.scan`` over the steps of an update (``synchronous.py``, ``random_subset.py``), whose backward pass may keep
only every √T-th carry (``segmented``). ``adjoint.py`` has the same steps with a backward pass written by hand.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ferro_jax.engine.choice import update_of
from ferro_jax.engine.subsets import Schedule
from ferro_jax.engine.terms import Drive, Inputs, batch_size
from ferro_jax.engine.update import Carry, Fields, Start, Step, Tables, Update
from ferro_jax.types import Lattice

# (polarization, visible, projected, steps done in this run, the inputs' closed_over) -> observations, batch last
Observe = Callable[[Array, Array, Array, Array, list[Any]], Any]
# steps done before -> (2, sites, b) normal numbers with the standard deviation of a step's noise
Noise = Callable[[Array], Array]


class Turn(NamedTuple):
    """What one turn of the loop reads: the tables and the drive of a step, and the number of steps done after it."""

    tables: Tables
    drive: Drive
    done: Array


def broadcast_state(inputs: Inputs, lattice: Lattice) -> Inputs:
    """Return the inputs with the state's arrays as wide as the batch."""
    shape = (2, lattice.sites, batch_size(inputs))
    names = ("polarization", "visible", "projected")
    return inputs._replace(**{name: jnp.broadcast_to(getattr(inputs, name), shape) for name in names})


def last_of(tables: Any) -> Any:
    """Return the tables of the last step."""
    return jax.tree.map(lambda leaf: leaf[-1], tables)


def segment_size(length: int, start_over_step: float = 1.0) -> int:
    """Return the number of steps of a segment with which the backward pass needs the least memory.

    It stores the starts of all segments and the steps of one: √T if a start takes as much memory as a step
    (``start_over_step``). Of the even lengths near that, the one which leaves the shortest last segment: even, because
    the loops do two steps a turn, and a step that is left over would make a copy of all that is read.
    """
    best = min(length, max(1, round((length * start_over_step) ** 0.5)))
    near = range(max(1, round(0.7 * best)), min(length, round(1.25 * best)) + 1)
    return min(near, key=lambda size: (size % 2, length % size, -size))


def _scan(body: Callable, carry: Any, xs: Any, *, segmented: bool, unroll: int) -> tuple[Any, Any]:
    """Run ``lax.scan``; if ``segmented``, its backward pass keeps every √T-th carry and computes the others again."""
    length = jax.tree.leaves(xs)[0].shape[0]
    if length == 0 or not segmented:
        return jax.lax.scan(body, carry, xs, unroll=unroll if length else 1)
    size = segment_size(length)
    count = length // size
    inner = jax.checkpoint(lambda c, x: jax.lax.scan(body, c, x), prevent_cse=False)
    main = jax.tree.map(lambda x: x[: count * size].reshape(count, size, *x.shape[1:]), xs)
    carry, ys = jax.lax.scan(inner, carry, main)
    ys = jax.tree.map(lambda y: y.reshape(count * size, *y.shape[2:]), ys)
    if count * size < length:
        carry, rest = inner(carry, jax.tree.map(lambda x: x[count * size :], xs))
        ys = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), ys, rest)
    return carry, ys


def rollout(
    schedule: Schedule | None,
    inputs: Inputs,
    lattice: Lattice,
    observe: Observe | None = None,
    noise: Noise | None = None,
    *,
    reverse: bool = False,
    segmented: bool = False,
    unroll: int = 2,
) -> tuple[Fields, Any]:
    """Return the final (polarization, visible, projected), each (2, sites, b), and the observations (time, ..., b).

    ``reverse`` makes it cheap to differentiate in reverse mode and impossible in forward mode.
    """
    inputs = broadcast_state(inputs, lattice)
    update = update_of(lattice, batch_size(inputs), by_jax=reverse)
    begun = update.start(schedule, inputs, lattice, reverse)
    observations = observed_first(begun.done, observe, inputs.closed_over)
    turns = turns_of(update, schedule, begun)
    if len(turns.done) == 0:
        return begun.done[-1], observations
    step = update.make_step(begun.constants, lattice, reverse)
    body = observing(update, step, lattice, observe, inputs.closed_over, noise)
    carry, rest = _scan(body, begun.carry, turns, segmented=segmented, unroll=unroll)
    fields = update.view(last_of(turns.tables), update.mark(carry, lattice), lattice)
    return fields, joined(observations, rest)


def turns_of(update: Update, schedule: Schedule | None, begun: Start) -> Turn:
    """Return what the loop reads, time first."""
    length = len(begun.drive.uniform)
    return Turn(update.tables(schedule), begun.drive, len(begun.done) + 1 + jnp.arange(length))


def observing(
    update: Update, step: Step, lattice: Lattice, observe: Observe | None, closed_over: list[Any], noise: Noise | None
) -> Callable[[Carry, Turn], tuple[Carry, Any]]:
    """Return the body of the loop: a step, and what is observed after it."""

    def body(carry: Carry, turn: Turn) -> tuple[Carry, Any]:
        carry, _ = step(carry, (turn.tables, turn.drive), None if noise is None else noise(turn.done - 1))
        if observe is None:
            return carry, None
        fields = update.view(turn.tables, update.mark(carry, lattice), lattice)
        return carry, observe(*fields, turn.done, closed_over)

    return body


def observed_first(done: list[Fields], observe: Observe | None, closed_over: list[Any]) -> Any:
    """Return the observations after the steps that are done before the loop, time first; None without any."""
    if observe is None or not done:
        return None
    each = [observe(*fields, jnp.asarray(n + 1), closed_over) for n, fields in enumerate(done)]
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *each)


def joined(first: Any, rest: Any) -> Any:
    """Return two trees one after the other along time; ``first`` may be None."""
    return rest if first is None else jax.tree.map(lambda a, b: jnp.concatenate([a, b]), first, rest)
