"""A map under a preset with all that searches it: by values of its cells, by ascents, by evolution."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from experiments.gradient_latent import ascents, evolution, maps
from experiments.gradient_latent.accounting import Search
from experiments.gradient_latent.config import Config
from experiments.gradient_latent.maps import LANES, Map, Place, Programs
from experiments.gradient_latent.searches import over_cells
from experiments.lab import scores
from experiments.shared.lattices.evolution import INSTALLED
from experiments.shared.lattices.setups import unsettled
from models.evaluation.support import to_support
from models.parts.climbing import Climbed


class Ground(NamedTuple):
    """A map under a preset: its place, the programs that serve it, the values of its cells, and what counts as arrived:
    the lowest value of the best share of the cells."""

    map: Map
    place: Place
    programs: Programs
    values: Float[np.ndarray, " cell"]
    threshold: float

    def ascend(self, points: Float[np.ndarray, "n latent"]) -> Climbed:
        """Ascend from points."""
        return maps.in_chunks(self.programs.ascend, self.place, points, LANES)

    @property
    def best_cell(self) -> Float[np.ndarray, " latent"]:
        """The cell of the highest value."""
        return self.map.cells[int(np.argmax(self.values))]


def ground_of(found: Map, preset: str, programs: Programs, config: Config) -> Ground:
    """Return a map under a preset, with all its cells simulated."""
    place = maps.place_of(unsettled(preset), found)
    size = maps.CHUNK if len(found.cells) >= maps.CHUNK else maps.LANES  # a small map needs no program of its own
    values = maps.values_of(programs, place, found.cells, f"the map ({preset})", size)
    lowest = values[scores.top_cells(values, config.top_share)].min()
    return Ground(found, place, programs, values, float(lowest))


def by_cells(ground: Ground, orders: dict[str, Int[np.ndarray, "seed evaluation"]]) -> dict[str, Search]:
    """Return the searches that evaluate cells in the given orders."""
    return {name: over_cells(order, ground.map.cells, ground.values) for name, order in orders.items()}


def by_ascents(
    ground: Ground, orders: dict[str, Int[np.ndarray, "seed evaluation"]], config: Config
) -> dict[str, Search]:
    """Return the searches with ascents: from the best cells of log EI and of a random order, and from random cells."""
    cells, spread = ground.map.cells, np.asarray(ground.place.spread)
    handed = {
        f"{name}_gradient": ascents.handed_over(ground.ascend, orders[name], cells, ground.values, spread, config)
        for name in ("log_ei", "random")
    }
    return handed | {"gradient": ascents.from_nowhere(ground.ascend, orders["random"], cells, config)}


def by_evolution(ground: Ground, config: Config) -> dict[str, Search]:
    """Return CMA-ES, each point brought into the support before its value counts; nothing where it is not installed."""
    if not INSTALLED:
        return {}
    means = ground.place.support.means
    near = jax.jit(jax.vmap(lambda z: means[jnp.argmin(jnp.sum((means - z[None]) ** 2, 1))]))
    pulled = jax.jit(jax.vmap(partial(to_support, ground.place.support)))

    def project(points: np.ndarray) -> np.ndarray:
        z = jnp.asarray(points, jnp.float32)
        return np.asarray(pulled(z, near(z)), float)

    def evaluate(points: np.ndarray) -> np.ndarray:
        return maps.values_of(ground.programs, ground.place, points, "CMA-ES")

    seeds = list(range(config.seed, config.seed + config.seeds))
    return {"cma_es": evolution.by_evolution(evaluate, project, ground.map.cells, seeds, config.budget)}
