"""Maps to search: histories that a VAE has learned, cells inside its support, and the rollouts of points of its space.

What differs between the maps of a preset is an argument of the compiled programs (``Place``), so that one program of
each kind serves all of them.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import ferro_jax as ferro
from experiments.lab.checkpoints import once
from experiments.lab.run import refuse_non_finite
from experiments.shared.lattices import histories, latent_map, setups
from experiments.shared.lattices.ascent import ascent
from experiments.shared.lattices.options import HistorySettings
from experiments.shared.lattices.targets import value_of
from models.evaluation.support import Support, support_of
from models.histories import Learned
from models.histories.coding import decode_one
from models.parts.climbing import Climbed

CHUNK, LANES = 500, 32  # cells of a map, and other points or ascents, in a call


class Map(NamedTuple):
    """A learned family, cells inside its support [cell latent], defects in coercive fields, the key of the subsets."""

    learned: Learned
    cells: Float[np.ndarray, "cell latent"]
    defects: Float[np.ndarray, "2 row column"]
    subset: jax.Array


class Place(NamedTuple):
    """What a rollout from a latent point depends on, as data: weights, support, spread of the means, lattice."""

    params: Any
    support: Support
    spread: Float[Array, " latent"]
    local: Float[Array, "2 row column"]
    subsets: Any


class Programs(NamedTuple):
    """The compiled programs of a set-up, over points [n latent] of a place: Σ|curl P|, ascents of it from these points,
    its value with its gradient."""

    evaluate: Callable[[Place, Array], Array]
    ascend: Callable[[Place, Array], Climbed]
    slope: Callable[[Place, Array], tuple[Array, Array]]


@once
def learn(seed: int, settings: HistorySettings, cells: int) -> Map:
    """Learn the histories of a seed, and lay cells over the support; defects and subsets are those of ``latent_bo``."""
    keys = setups.keys(seed)
    learned = histories.learn(keys, histories.draw(keys["data"], settings), settings).learned
    lattices = latent_map.lattices(keys)
    return Map(learned, latent_map.supported_cells(learned, cells), lattices.defects, keys["subset"])


def place_of(setup: ferro.Setup, found: Map) -> Place:
    """Return a map as the data of a set-up's programs."""
    subsets = None
    if setup.lattice.update == "random_subset":
        subsets = ferro.subset_schedule(found.subset, setup.drive_steps + setup.hold_steps, setup.lattice)
    local = jnp.asarray(setup.coercive_field * found.defects, setup.dtype)
    spread = jnp.asarray(found.learned.mean.std(0), jnp.float32)
    return Place(found.learned.params, support_of(found.learned.mean), spread, local, subsets)


def value_at(
    setup: ferro.Setup, learned: Learned, smooth: float, place: Place, z: Float[Array, " latent"]
) -> Float[Array, ""]:
    """Return Σ|curl P| at the end of the history at a latent point, through decoder and rollout."""
    curve = decode_one(learned, place.params, z).values
    return value_of(setup, place.subsets, curve, place.local, smooth)


def programs_of(setup: ferro.Setup, learned: Learned, steps: int, smooth: float = 0.0) -> Programs:
    """Return the programs of a set-up; ``learned`` gives the layout that all maps share, not the weights."""
    value = partial(value_at, setup, learned, smooth)

    def one(place: Place, start: Array) -> Climbed:
        return ascent(partial(value, place), place.support, place.spread, steps, start)

    return Programs(
        jax.jit(jax.vmap(value, (None, 0))),
        jax.jit(jax.vmap(one, (None, 0))),
        jax.jit(jax.vmap(jax.value_and_grad(value, 1), (None, 0))),
    )


@once
def in_chunks(program: Callable[..., Any], place: Place, points: Float[np.ndarray, "n latent"], size: int) -> Any:
    """Return what a program gives for points [n latent], ``size`` at a time, so that it is compiled once."""
    parts = []
    for first in range(0, len(points), size):
        rows = np.minimum(np.arange(first, first + size), len(points) - 1)
        parts.append(jax.device_get(program(place, jnp.asarray(points[rows], jnp.float32))))
    return jax.tree.map(lambda *leaves: np.concatenate(leaves)[: len(points)], *parts)


def values_of(
    programs: Programs, place: Place, points: Float[np.ndarray, "n latent"], what: str, size: int = LANES
) -> np.ndarray:
    """Return Σ|curl P| at points; RunError, with ``what`` was simulated, for values that are not finite."""
    values = np.asarray(in_chunks(programs.evaluate, place, points, size), float)
    refuse_non_finite(what, values)
    return values
