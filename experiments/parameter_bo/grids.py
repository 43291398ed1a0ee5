"""Grid searches: coarse to fine, plain grids, and Gaussian processes fitted to plain grids."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import bo
from bo.campaigns.cube import unit_cube
from experiments.lab import grid_search
from experiments.lab.checkpoints import once
from experiments.lab.parallel import over_devices
from experiments.parameter_bo.campaigns import Evaluated, surrogate
from experiments.parameter_bo.config import Config
from experiments.parameter_bo.problem import Problem, by_response, lanes

GRIDS = (4, 8)  # sides of the plain grids to whose values a Gaussian process is fitted


def shifts(config: Config) -> np.ndarray:
    """Draw the shift of every seed's grids, (seed, 2) in [0, 1)."""
    return np.random.default_rng(config.seed + 1).random((config.campaigns, 2))


@once
def zooming(problem: Problem) -> dict[str, Evaluated]:
    """Search from coarse to fine with every seed's own shift."""
    config = problem.config
    random = np.random.default_rng(config.seed + 2)
    cells = [
        [grid_search.coarse_to_fine(random, table, config.zoom, shift, config.evaluations) for shift in shifts(config)]
        for table in problem.tables
    ]
    return {"zoom": Evaluated(np.array(cells))}


class PlainGrids(NamedTuple):
    """Shifted k × k grids: their best cells, the smallest that holds a good cell, surfaces fitted to some of them."""

    sides: list[int]  # (grid,) k
    best: np.ndarray  # (response, grid, seed) value of the best cell
    smallest: np.ndarray  # (response, seed) k of the smallest grid with a good cell
    refined: np.ndarray  # (response, seed) distinct cells of all grids from 3 × 3 up to that one
    smallest_with_ends: dict[str, int]  # by response: k of the smallest unshifted grid with a good cell
    fitted_sides: list[int]  # (fitted grid,) k
    fitted_rmse: np.ndarray  # (response, fitted grid, seed) RMSE of the surface over all cells


@once
def plain_grids(problem: Problem) -> PlainGrids:
    """Evaluate plain grids with every seed's own shift."""
    config, n = problem.config, problem.config.grid_points
    sides = [k for k in range(3, n + 1) if k * k <= config.evaluations]
    cells = [[grid_search.shifted_grid(n, k, shift) for shift in shifts(config)] for k in sides]
    best = np.array([[[table[grid].max() for grid in of_k] for of_k in cells] for table in problem.tables])
    smallest = np.array([[grid_search.smallest_grid(g, shift) for shift in shifts(config)] for g in problem.good()])
    with_ends = {
        name: grid_search.smallest_grid(good, least=2)[0]
        for name, good in zip(config.responses, problem.good(), strict=True)
    }
    fitted = [k for k in GRIDS if k in sides]
    rmse = _fitted(problem, [cells[sides.index(k)] for k in fitted])
    return PlainGrids(sides, best, smallest[..., 0], smallest[..., 1], with_ends, fitted, rmse)


def _fitted(problem: Problem, grids: list[list[np.ndarray]]) -> np.ndarray:
    """RMSE over all cells of a Gaussian process fitted to each grid, (response, grid, seed)."""
    capacity, model = problem.config.evaluations, surrogate(starts=2)
    pool = unit_cube(jnp.asarray(problem.pool), jnp.float64)

    def one_lane(table: Any, key: Any, chosen: Any, count: Any) -> jax.Array:
        mask = jnp.arange(capacity) < count
        data = bo.observations(pool[chosen], jnp.where(mask, table[chosen], 0), mask)
        mean = model.predict(model.init(key, data), data, pool).mean
        return jnp.sqrt(jnp.mean((mean - table) ** 2))

    call, rmse = over_devices(one_lane, options=bo.compiler_options()), []
    for grid in grids:
        count = len(grid[0])
        chosen = np.stack([np.pad(cells, (0, capacity - count)) for cells in grid])
        counts = np.full(problem.config.campaigns, count)
        rmse.append(by_response(problem, call(*lanes(problem, problem.keys, chosen, counts))))
    return np.stack(rmse, axis=1)
