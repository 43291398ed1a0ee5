"""Map of the target over a grid of the latent space: every cell decoded to a field history and simulated."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import ferro_jax as ferro
from experiments.lab.keys import Keys
from experiments.lab.parallel import over_devices
from experiments.lab.run import RunError, refuse_non_finite
from experiments.shared.lattices.options import HistorySettings
from experiments.shared.lattices.setups import synchronous
from models import latent
from models.histories import Learned
from models.latent import Pool

VARIANTS = {
    "lecture": "lecture preset",
    "synchronous": "lecture preset, but all sites move in each step",
    "physical": "physical preset",
}
MAP_CHUNK, SETTLING_CHUNK = 640, 32  # histories per device and call
FINER, GRIDS = 1.03, 12  # cells of a grid over those wanted, and grids that are tried, for cells inside the support
FIRST_LIMIT = 250  # steps beyond the hold that every settling history gets


class Lattices(NamedTuple):
    """Set-ups by the name of their variant, and what is random in all of them alike."""

    setups: dict[str, ferro.Setup]
    defects: np.ndarray  # (component, row, column) in coercive fields
    subset_key: jax.Array


class LatentMap(NamedTuple):
    """The search problem of a campaign, and what the campaign is scored against."""

    cells: Pool
    lattices: Lattices
    targets: dict[str, np.ndarray]  # Σ|curl P| of every cell (cell,), by variant

    @property
    def latent(self) -> np.ndarray:
        """Latents of every cell, (cell, z), in the precision of campaigns."""
        return self.cells.z.astype(float)

    @property
    def truth(self) -> np.ndarray:
        """Target of every cell under the lecture preset, (cell,): for scores only."""
        return self.targets["lecture"]


def decode_grid(learned: Learned, settings: HistorySettings) -> Pool:
    """Decode the square grid of the latent space."""
    axis = jnp.linspace(-settings.grid_extent, settings.grid_extent, settings.grid_points, dtype=jnp.float32)
    return latent.pool_at(learned, [axis, axis])


def supported_cells(learned: Learned, count: int) -> np.ndarray:
    """Return ``count`` cells [cell latent] inside the support, of a square grid just fine enough to have so many.

    Where it has more, they are left out evenly. RunError where no grid has as many.
    """
    wanted, found = float(count), np.zeros((0, 2))
    for _ in range(GRIDS):
        found = latent.pool(learned, int(FINER * wanted)).supported.z
        if len(found) >= count:
            return found[np.linspace(0, len(found) - 1, count).round().astype(int)]
        wanted *= max(count / max(len(found), 1), FINER)
    raise RunError(f"{count} cells were wanted inside the support, {len(found)} were found: raise --histories")


def lattices(keys: Keys) -> Lattices:
    """Draw the defects, and set up the lattice in every variant.

    Defects are drawn in coercive fields, so the same defects are √2 stronger (model units) under the physical preset.
    """
    lecture, physical = ferro.lecture(jnp.float32), ferro.physical(jnp.float32)
    setups = {"lecture": lecture, "synchronous": synchronous(lecture), "physical": physical}
    defects = np.asarray(ferro.random_field(keys["field"], lecture.lattice), np.float32)
    return Lattices(setups, defects, keys["subset"])


class Simulated(NamedTuple):
    """Ends of simulations, (cell,) each."""

    target: np.ndarray  # Σ|curl P|, model units
    residual: np.ndarray  # largest rate of change at the end


def simulate(
    lattices: Lattices, variant: str, curves: np.ndarray, progress: Callable[[int], Any] | None = None
) -> Simulated:
    """Simulate every history (cell, time) under a variant; ``progress(done)`` is called after each chunk.

    Where lanes settle, a chunk takes as long as its slowest lane: one history in twenty needs many times the steps of
    the others. So all get a short limit first, and those still moving are simulated again, in order of their rates.

    RunError if the largest decoded field is more than the time step can carry, or if a target is not finite.
    """
    setup, defects, key = lattices.setups[variant], lattices.defects, lattices.subset_key
    _refuse_unstable(setup, defects, curves)
    short = setup if setup.settle is None else setup._replace(settle=setup.settle._replace(limit=FIRST_LIMIT))
    values, residual = over_devices(target_of(short, key, defects), MAP_CHUNK)(curves, progress=progress)
    if setup.settle is not None:
        late = np.flatnonzero(~(residual < setup.settle.tolerance))
        late = late[np.argsort(residual[late])]
        if len(late):
            again = over_devices(target_of(setup, key, defects), SETTLING_CHUNK)(curves[late])
            values[late], residual[late] = again
    refuse_non_finite(f"simulation of the map ({variant})", values)
    return Simulated(values, residual)


def target_of(setup: ferro.Setup, key: jax.Array, defects: np.ndarray) -> Callable[[jax.Array], tuple]:
    """Return ``curve -> (target, residual rate)`` of a simulation under a set-up."""
    local = jnp.asarray(setup.coercive_field * defects, setup.dtype)

    def target(curve: jax.Array) -> tuple[jax.Array, jax.Array]:
        end = ferro.simulate(key, curve, local, setup, check=False)
        return ferro.target(end.state, setup), end.residual

    return target


def applied_fields(lattices: Lattices, curves: np.ndarray) -> np.ndarray:
    """Return E_x of each step under the lecture preset (cell, step), model units; E_y is zero."""
    setup = lattices.setups["lecture"]
    return np.asarray(jax.jit(jax.vmap(lambda curve: ferro.applied_field(curve, setup)[:, 0]))(curves))


def moving_sites(lattices: Lattices, steps: int) -> np.ndarray:
    """Return which sites move in each step under the lecture preset, (step, site row-major), bool."""
    lattice = lattices.setups["lecture"].lattice
    return np.asarray(ferro.subset_masks(lattices.subset_key, steps, lattice)).reshape(steps, -1)


def _refuse_unstable(setup: ferro.Setup, defects: np.ndarray, curves: np.ndarray) -> None:
    """RunError if the largest decoded field is more than the time step can carry."""
    largest = float(np.abs(curves).max())
    field = np.array([[setup.field_scale * setup.coercive_field * largest, 0.0]])
    state = ferro.initial_state(setup.lattice, setup.dtype)
    try:
        ferro.validate(state, field, setup.coercive_field * defects, setup.params, setup.lattice)
    except ValueError as error:
        raise RunError(
            f"the decoder extrapolates to {largest:.2f} times the largest training field, too much for the "
            f"{setup.name} preset ({error}). Lower --grid-extent, or raise --epochs or --histories"
        ) from error
