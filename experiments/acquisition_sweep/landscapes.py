"""Pools of candidates with known values: simulated, measured, drawn, and classical test functions."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bo import problems
from experiments.acquisition_sweep.config import Config
from experiments.datasets import cleaning, loops
from experiments.lab import scores
from experiments.lab.run import RunError, read
from experiments.shared.lattices import histories, latent_map, setups
from experiments.shared.lattices.options import HistorySettings
from experiments.shared.processes import battery

POOL_SEED = 20  # of the random pools and the draw, the same whatever the seeds of the campaigns
ROUGH = 0.3  # lengthscale of the draw, in units of the square's edge


class Landscape(NamedTuple):
    """Candidates and their values; ``good`` marks those of which a campaign is to find one."""

    name: str
    pool: np.ndarray  # (candidate, axis), float64
    table: np.ndarray  # (candidate,), float64
    good: np.ndarray  # (candidate,)


def make(name: str, config: Config) -> Landscape:
    """Compute the landscape of that name.

    RunError if it has fewer candidates than the campaigns evaluate, or values that are not finite.
    """
    others = {"ferrosim": simulated_map, "matern12": rough_draw, "battery": battery_table, "loops": loop_areas}
    pool, table = others[name](config) if name in others else function_values(name, config)
    if not np.isfinite(table).all():
        raise RunError(f"{name} has {np.sum(~np.isfinite(table))} values of {len(table)} that are not finite")
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
        "ackley4": (problems.ackley(4), False),
    }[name]
    if on_grid:
        pool = problems.grid(2, config.grid_side, jnp.float64)
    else:
        pool = problems.scatter(jax.random.key(POOL_SEED), problem.dim, config.pool, jnp.float64)
    return np.asarray(pool), np.asarray(jax.vmap(lambda x: problem.objective(None, x))(pool))


def rough_draw(config: Config) -> tuple[np.ndarray, np.ndarray]:
    """Return a grid on the unit square (candidate, 2) and a draw of a Matérn-1/2 process on it (candidate,).

    Its covariance is exp(−d/ROUGH). Such a draw is continuous and nowhere smooth.
    """
    pool = np.asarray(problems.grid(2, config.grid_side, jnp.float64))
    distance = np.linalg.norm(pool[:, None] - pool[None], axis=-1)
    normal = np.random.default_rng(POOL_SEED).standard_normal(len(pool))
    return pool, np.linalg.cholesky(np.exp(-distance / ROUGH)) @ normal


def battery_table(config: Config) -> tuple[np.ndarray, np.ndarray]:
    """Return charging histories as two principal components (history, 2), and their values in Ah (history,).

    They are those of the project's 1,000 generated histories that were not cut off, because the others have no value.
    """
    del config
    drawn, charged = battery.table()
    current = np.asarray(drawn.values, float)
    current = current - current.mean(0)
    axes = np.linalg.svd(current, full_matrices=False)[2][:2]
    return (current @ axes.T)[~charged.failed], charged.value[~charged.failed].astype(float)


def loop_areas(config: Config) -> tuple[np.ndarray, np.ndarray]:
    """Return row and column of the points of a measured scan (point, 2), and log10 of their loops' areas (point,).

    Points that are broken are left out. ValueError for a file that holds no loops.
    """
    assert config.loops is not None
    scan = loops.of_file(config.loops)
    bad = cleaning.bad_samples(scan.response)
    kept = ~cleaning.broken_points(bad)
    whole = cleaning.filled(scan.response[kept], bad[kept])
    return np.argwhere(kept).astype(float), loops.log_area(loops.area(whole, scan.bias))


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
