"""The rollout with the batch last: many lattices side by side, one vector instruction for a row of them.

One ``lax.scan`` over the steps of an update (``synchronous.py``, ``random_subset.py``), whose backward pass may keep
only every √T-th carry (``segmented``). ``adjoint.py`` has the same steps with a backward pass written by hand.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from ferro_jax.engine import random_subset, synchronous
from ferro_jax.engine.subsets import Schedule
from ferro_jax.engine.terms import Inputs, batch_size
from ferro_jax.engine.update import Fields, Update
from ferro_jax.types import Lattice

# (polarization, visible, projected, steps done in this run, the inputs' closed_over) -> observations, batch last
Observe = Callable[[Array, Array, Array, Array, list[Any]], Any]
# steps done before -> (2, sites, b) normal numbers with the standard deviation of a step's noise
Noise = Callable[[Array], Array]


def update_of(lattice: Lattice) -> Update:
    """Return the update that the lattice is configured for."""
    return synchronous.UPDATE if lattice.update == "synchronous" else random_subset.UPDATE


def broadcast_state(inputs: Inputs, lattice: Lattice) -> Inputs:
    """Return the inputs with the state's arrays as wide as the batch."""
    shape = (2, lattice.sites, batch_size(inputs))
    names = ("polarization", "visible", "projected")
    return inputs._replace(**{name: jnp.broadcast_to(getattr(inputs, name), shape) for name in names})


def segment_size(length: int, start_over_step: float = 1.0) -> int:
    """Return the number of steps of a segment with which the backward pass needs the least memory.

    It stores the starts of all segments and the steps of one: √T if a start takes as much memory as a step
    (``start_over_step``). Of the lengths near that, the one which leaves the shortest last segment.
    """
    best = min(length, max(1, round((length * start_over_step) ** 0.5)))
    near = range(max(1, round(0.7 * best)), min(length, round(1.25 * best)) + 1)
    return min(near, key=lambda size: (length % size, size % 2, -size))


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
    watch = observe if observe is not None else lambda *fields: None
    update = update_of(lattice)
    carry, c, drive, done_before = update.start(schedule, inputs, lattice, reverse)
    first = len(done_before)
    observed_first = [watch(*fields, jnp.asarray(n + 1), inputs.closed_over) for n, fields in enumerate(done_before)]
    observations = jax.tree.map(lambda *leaves: jnp.stack(leaves), *observed_first) if observed_first else None
    if len(drive) == 0:
        return done_before[-1], observations
    step = update.make_step(c, lattice, reverse)

    def body(carry: Any, xs: Any) -> tuple[Any, Any]:
        done, tables, field = xs
        carry, _ = step(carry, (tables, field), None if noise is None else noise(done - 1))
        if observe is None:
            return carry, None
        return carry, observe(*update.view_after(tables, carry, lattice), done, inputs.closed_over)

    xs = (first + 1 + jnp.arange(len(drive)), update.tables(schedule), drive)
    carry, rest = _scan(body, carry, xs, segmented=segmented, unroll=unroll)
    if observations is not None:
        rest = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), observations, rest)
    return update.view(schedule, carry, lattice), rest
