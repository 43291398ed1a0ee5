"""The sites that move at each step of the random-subset update.

Step 0 moves nothing (its field sample is the start state's), step 1 moves every site, every later step t a fresh
quarter drawn without replacement from ``fold_in(key, t)``: the subset depends on the key and on t alone, so a run
cut into chunks equals the uncut one.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Int

from ferro_jax import values
from ferro_jax.engine import slices
from ferro_jax.lattice import neighbour_table
from ferro_jax.types import Lattice


class Schedule(NamedTuple):
    """Tables of one run.

    ``full`` are the masks of its first two steps, which are done with all sites at hand, ``moves`` those of all steps
    in rows with a ghost (``slices.py``). The others are tables of indices, None where no kernel gathers. Of each later
    step ``rows`` are the sites that move, ``targets`` the same in both halves of z = [p; projected], and ``sources``
    the rows of z with the visible values of their four neighbours.
    """

    full: Bool[Array, "first sites"]
    moves: Bool[Array, "all rows"]
    rows: Int[Array, "time quarter"] | None
    targets: Int[Array, "time half"] | None
    sources: Int[Array, "time 4 quarter"] | None


def _rows_and_masks(key: Array, start: Array | int, steps: int, lattice: Lattice) -> tuple[Array, Array]:
    time = start + jnp.arange(steps)

    def of_step(t: Array) -> tuple[Array, Array]:
        shuffled = jax.random.permutation(jax.random.fold_in(key, t), lattice.sites)
        rows = jnp.sort(shuffled[: lattice.subset_size]).astype(jnp.int32)
        quarter = jnp.zeros(lattice.sites, bool).at[rows].set(True)
        return rows, jnp.where(t >= 2, quarter, t == 1)

    return jax.vmap(of_step)(time)


@partial(jax.jit, static_argnames=("steps", "lattice"))
def _masks(key: Array, steps: int, lattice: Lattice) -> Array:
    return _rows_and_masks(key, 0, steps, lattice)[1].reshape(steps, *lattice.shape)


@partial(jax.jit, static_argnames=("steps", "lattice", "indexed"))
def _schedule(key: Array, start: Array | int, steps: int, lattice: Lattice, indexed: bool) -> Schedule:
    return tables_of(*_rows_and_masks(key, start, steps, lattice), lattice, indexed)


def tables_of(rows: Array, masks: Array, lattice: Lattice, indexed: bool) -> Schedule:
    """Return the tables of the steps that move ``rows`` (time, quarter), true in ``masks`` (time, sites)."""
    moves = slices.with_ghosts(masks[..., None], lattice)[..., 0]
    if not indexed:
        return Schedule(masks[:2], moves, None, None, None)
    table = neighbour_table(lattice)
    index, absent = jnp.asarray(table.site), jnp.asarray(table.absent)
    later = rows[2:]

    def sources(rows: Array, moved_before: Array) -> Array:
        neighbour = index[:, rows]
        stands_at = jnp.where(moved_before[neighbour], neighbour, neighbour + lattice.sites)
        zeros = 2 * lattice.sites  # the last row of z, for neighbours that are missing
        return jnp.where(absent[:, rows], zeros, stands_at).astype(jnp.int32)

    targets = jnp.concatenate([later, later + lattice.sites], axis=1)
    return Schedule(masks[:2], moves, later, targets, jax.vmap(sources)(later, masks[1 : len(masks) - 1]))


def make_schedule(
    key: Array | None, start: Array | int, steps: int, lattice: Lattice, indexed: bool = True
) -> Schedule:
    """Return the tables of ``steps`` steps from step ``start`` on, with those of indices if ``indexed``.

    With key and start concrete they are made while tracing: a simulation inside a scan then has them as constants
    instead of sorting a permutation per step again. ValueError without a key.
    """
    if key is None:
        raise ValueError("key is None: the random_subset update needs a PRNG key, e.g. jax.random.key(0)")
    key = values.key(key, single=True)
    if values.is_known(key, start):
        with jax.ensure_compile_time_eval():
            return _schedule(key, start, steps, lattice, indexed)
    return _schedule(key, start, steps, lattice, indexed)


def subset_schedule(key: Array, steps: int, lattice: Lattice, start: int = 0) -> Schedule:
    """Return the random subsets of ``steps`` steps from step ``start`` on, as data for ``run(..., subsets=)``.

    Drawing them costs more than a rollout. Here it is done once, outside the program that is compiled: for a key of
    every lane, for a key that is traced, or to run one schedule in many programs. ValueError for the synchronous
    update, which has none.
    """
    if lattice.update == "synchronous":
        raise ValueError("the synchronous update has no subsets: use Lattice(update='random_subset')")
    return make_schedule(values.key(key), start, values.whole(steps, "steps", 1), lattice)


def checked(subsets: Schedule | None, start: Any, steps: int, lattice: Lattice) -> Schedule | None:
    """Return the schedule; ValueError unless it is one for so many steps of this lattice, and, where both are known,
    for a run that begins where the state is: no site moves in step 0, and all in step 1."""
    if subsets is not None and (
        not isinstance(subsets, Schedule) or subsets.moves.shape != (steps, slices.layout(lattice).sites)
    ):
        raise ValueError(
            f"subsets is no schedule of {steps} steps of a lattice of shape {lattice.shape}: make it by "
            f"subset_schedule(key, {steps}, lattice); for a batch of schedules use jax.vmap"
        )
    if subsets is not None and values.is_known((subsets.full, start)):
        at_rest = not np.asarray(subsets.full)[0].any()
        if at_rest != (int(start) == 0):
            made = "step 0" if at_rest else "a later step"
            raise ValueError(
                f"subsets were made for a run from {made} on, and the state is at step {int(start)}: make them by "
                f"subset_schedule(key, {steps}, lattice, start={int(start)})"
            )
    return subsets


def subset_masks(key: Array, steps: int, lattice: Lattice) -> Bool[Array, "time ny nx"]:
    """Return masks that are true where a site moves, for steps 0 to ``steps`` − 1 of a run."""
    steps = values.whole(steps, "steps", 0)
    if lattice.update == "synchronous":
        return jnp.ones((steps, *lattice.shape), bool)
    return _masks(values.key(key), steps, lattice)
