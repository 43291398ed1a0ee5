"""The rollout with the batch last: many lattices side by side, one vector instruction for a row of them.

One ``lax.scan`` over the steps of an update (``synchronous.py``, ``random_subset.py``), which may keep only every
√T-th carry for reverse mode (``segmented``). ``adjoint.py`` has the same steps with a backward pass written by hand.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from ferro_jax.engine import random_subset, synchronous
from ferro_jax.engine.subsets import Schedule
from ferro_jax.engine.terms import Inputs, batch_size
from ferro_jax.types import Lattice

# (polarization, seen, projected, steps done in this run, the inputs' closed_over) -> observations, batch last
Observe = Callable[[Array, Array, Array, Array, list[Any]], Any]
# (steps done before, (2, sites, B) of normal numbers with the standard deviation of a step's noise)
Noise = Callable[[Array], Array]


def update_of(lattice: Lattice) -> Any:
    """The module that knows the lattice's update."""
    return synchronous if lattice.update == "synchronous" else random_subset


def broadcast_state(inputs: Inputs, lattice: Lattice) -> Inputs:
    """The state's arrays as wide as the batch."""
    shape = (2, lattice.sites, batch_size(inputs))
    names = ("polarization", "seen", "projected")
    return inputs._replace(**{name: jnp.broadcast_to(getattr(inputs, name), shape) for name in names})


def segment_size(length: int, start_over_step: float = 1.0) -> int:
    """The segment length for which the starts of all segments and the steps of one take the least memory, √T if a
    start takes as much as a step: near it, that which leaves the shortest rest."""
    best = min(length, max(1, round((length * start_over_step) ** 0.5)))
    near = range(max(1, round(0.7 * best)), min(length, round(1.25 * best)) + 1)
    return min(near, key=lambda size: (length % size, size % 2, -size))


def _scan(body: Callable, carry: Any, xs: Any, *, segmented: bool, unroll: int) -> tuple[Any, Any]:
    """``lax.scan``; segmented, only every √T-th carry is kept for the backward pass and the rest computed again."""
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
) -> tuple[tuple[Array, Array, Array], Any]:
    """Final (polarization, seen, projected), each (2, sites, B), and the observations (time, ..., B).

    ``reverse`` makes it cheap to differentiate in reverse mode and impossible in forward mode."""
    inputs = broadcast_state(inputs, lattice)
    watch = observe if observe is not None else lambda *state: None
    views = []
    if schedule is None:
        carry, c, drive = synchronous.start(None, inputs, lattice)
    else:
        carry, c, drive, views = random_subset.first_steps(schedule, inputs, lattice, reverse=reverse)
    update, first = update_of(lattice), len(views)
    seen_first = [watch(*seen, jnp.asarray(n + 1), inputs.closed_over) for n, seen in enumerate(views)]
    observations = jax.tree.map(lambda *leaves: jnp.stack(leaves), *seen_first) if views else None
    if len(drive) == 0:
        return views[-1], observations
    step = update.make_step(c, lattice, reverse)

    def body(carry: Any, xs: Any) -> tuple[Any, Any]:
        done, tables, field = xs
        carry, _ = step(carry, (tables, field), None if noise is None else noise(done - 1))
        if observe is None:
            return carry, None
        seen = random_subset.view_after(tables[0], carry, lattice) if views else synchronous.view(None, carry, lattice)
        return carry, observe(*seen, done, inputs.closed_over)

    xs = (first + 1 + jnp.arange(len(drive)), update.tables(schedule), drive)
    carry, rest = _scan(body, carry, xs, segmented=segmented, unroll=unroll)
    if observations is not None:
        rest = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), observations, rest)
    return update.view(schedule, carry, lattice), rest
