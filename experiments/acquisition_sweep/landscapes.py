"""Pools of candidates with known values: a simulated map and classical test functions."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bo import problems
from experiments.acquisition_sweep.config import Config
from experiments.lab import scores
from experiments.lab.run import RunError, read
from experiments.shared.lattices import histories, latent_map, setups
from experiments.shared.lattices.options import HistorySettings

POOL_SEED = 20  # of the random pools, the same whatever the seeds of the campaigns


class Landscape(NamedTuple):
    """Candidates and their values; ``good`` marks those of which a campaign is to find one."""

    name: str
    pool: np.ndarray  # (candidate, axis), float64
    table: np.ndarray  # (candidate,), float64
    good: np.ndarray  # (candidate,)


def make(name: str, config: Config) -> Landscape:
    """Compute the landscape of that name. RunError if it has fewer candidates than the campaigns evaluate."""
    pool, table = simulated_map(config) if name == "ferrosim" else function_values(name, config)
    if len(table) < config.evaluations:
        raise RunError(
            f"{name} has {len(table)} candidates, fewer than the {config.evaluations} evaluations: lower --steps"
        )
    return Landscape(name, pool, table, scores.top_cells(table, config.top_share))


def function_values(name: str, config: Config) -> tuple[np.ndarray, np.ndarray]:
    """Return the pool (candidate, axis) and the values (candidate,) of a classical test function."""
    problem, on_grid = {
        "branin": (problems.branin(), True),
        "levy": (problems.levy(2), True),
        "hartmann6": (problems.hartmann6(), False),
        "ackley": (problems.ackley(3), False),
    }[name]
    if on_grid:
        pool = problems.grid(2, config.grid_side, jnp.float64)
    else:
        pool = problems.scatter(jax.random.key(POOL_SEED), problem.dim, config.pool, jnp.float64)
    return np.asarray(pool), np.asarray(jax.vmap(lambda x: problem.objective(None, x))(pool))


def simulated_map(config: Config) -> tuple[np.ndarray, np.ndarray]:
    """Return every so many rows and columns of ``latent_bo``'s map: latents (cell, z) and Σ|curl P| (cell,).

    The map is read from a finished run, or computed with the same keys and set-up.
    """
    if config.map is not None:
        results, _, _ = read(config.map)
        if not {"latent", "target_lecture"} <= set(results):
            raise RunError(f"{config.map} holds no map: give the folder of a finished latent_bo run")
        latent, truth = (results[name].to_numpy().astype(float) for name in ("latent", "target_lecture"))
        rows = every_row_and_column(len(truth), config.map_stride)
        return latent[rows], truth[rows]
    settings = HistorySettings(histories=config.map_histories, epochs=config.map_epochs, grid_points=config.map_side)
    keys = setups.keys(config.map_seed)
    family = histories.learn(keys, histories.draw(keys["data"], settings), settings)
    cells = latent_map.decode_grid(family.learned, settings)
    cells = cells.take(every_row_and_column(len(cells.z), config.map_stride))
    simulated = latent_map.simulate(latent_map.lattices(keys), "lecture", cells.histories)
    return cells.z.astype(float), simulated.target.astype(float)


def every_row_and_column(cells: int, stride: int) -> np.ndarray:
    """Return the indices of every ``stride``-th row and column of a square grid of that many cells."""
    side = round(np.sqrt(cells))
    return np.arange(cells).reshape(side, side)[::stride, ::stride].ravel()
