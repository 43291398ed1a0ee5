"""Worlds that a history is simulated in, draws of them, and the objectives over several at once."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import ferro_jax as ferro
from experiments.shared.lattices.options import NOISE
from experiments.shared.lattices.targets import value_of

CACHED = 64  # schedules of subsets that are kept, 3 MB each: those of one seed


class World(NamedTuple):
    """What may differ between two simulations of a history: schedule of the random subsets (None where all sites move),
    local field in model units, noise of the history. Several worlds have a leading axis."""

    subsets: Any
    local: Float[Array, "*worlds 2 row column"]
    noise: Float[Array, "*worlds sample"]


def published(setup: ferro.Setup, defects: Float[np.ndarray, "2 row column"], subset: jax.Array) -> World:
    """Return the world of ``latent_bo``: one draw of defects (coercive fields) and subsets, no noise."""
    local = jnp.asarray(setup.coercive_field * defects, setup.dtype)
    return World(_subsets(setup, subset), local, jnp.zeros(setup.drive_steps, setup.dtype))


def draw(key: jax.Array, setup: ferro.Setup, varied: Sequence[str], world: World, count: int) -> World:
    """Return ``count`` worlds that differ from the given one in what is ``varied``."""
    to_subsets, to_local, to_noise = jax.random.split(key, 3)
    several = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf[None], (count, *leaf.shape)), world)
    if "subsets" in varied and world.subsets is not None:
        drawn = [_subsets(setup, each) for each in jax.random.split(to_subsets, count)]
        several = several._replace(subsets=jax.tree.map(lambda *leaves: jnp.stack(leaves), *drawn))
    if "local" in varied:
        fields = [ferro.random_field(each, setup.lattice) for each in jax.random.split(to_local, count)]
        several = several._replace(local=jnp.asarray(setup.coercive_field * np.stack(fields), setup.dtype))
    if "noise" in varied:
        several = several._replace(noise=NOISE * jax.random.normal(to_noise, several.noise.shape, setup.dtype))
    return several


def value_in(setup: ferro.Setup, world: World, curve: Float[Array, " sample"]) -> Float[Array, ""]:
    """Return Σ|curl P| at the end of a history in one world."""
    return value_of(setup, world.subsets, curve + world.noise, world.local)


def robust_value(setup: ferro.Setup, worlds: World, worst: Any, curve: Float[Array, " sample"]) -> Float[Array, ""]:
    """Return the mean of the values of a history in several worlds, or the smallest where ``worst``."""
    values = jax.vmap(lambda world: value_in(setup, world, curve))(worlds)
    return jnp.where(worst, jnp.min(values), jnp.mean(values))


def _subsets(setup: ferro.Setup, key: jax.Array) -> Any:
    """Return the schedule of a key; None where all sites move."""
    if setup.lattice.update == "synchronous":
        return None
    words = tuple(int(word) for word in jax.random.key_data(key))
    return _schedule(words, setup.drive_steps + setup.hold_steps, setup.lattice)


@lru_cache(CACHED)
def _schedule(words: tuple[int, ...], steps: int, lattice: ferro.Lattice) -> Any:
    """Return the schedule of a key, drawn once for all conditions that share it: it takes a tenth of a second."""
    return ferro.subset_schedule(jax.random.wrap_key_data(jnp.asarray(words, jnp.uint32)), steps, lattice)
