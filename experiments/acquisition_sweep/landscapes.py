"""Pools with known values for ``experiments/acquisition_sweep/compute.py``: a simulated map and classical test functions."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bo import problems
from experiments import latent_bo
from experiments.acquisition_sweep.config import Config
from experiments.lab import scores
from experiments.lab.run import Run, RunError, read
from experiments.shared.lattices import histories, latent_map, setups

POOL_SEED = 20  # of the random pools, the same whatever the seeds of the campaigns


class Landscape(NamedTuple):
    """Candidates and their values; ``good`` marks what a campaign is to find one of."""

    name: str
    pool: np.ndarray  # (candidate, axis), float64
    table: np.ndarray  # (candidate,), float64
    good: np.ndarray  # (candidate,)


def make(name: str, run: Run, config: "Config") -> Landscape:
    """The landscape of that name, its numbers recorded and its arrays saved."""

    pool, table = _ferrosim(run, config) if name == "ferrosim" else _function(name, config)
    if len(table) < config.evaluations:
        raise RunError(
            f"{name} has {len(table)} candidates, fewer than the {config.evaluations} evaluations: lower --steps"
        )
    good = scores.top_cells(table, config.top_share)
    units = "model unit" if name == "ferrosim" else "1"
    run.add(f"{name}_pool", (f"{name}_candidate", f"{name}_axis"), pool, "1", f"{name}: candidates")
    run.add(f"{name}_value", (f"{name}_candidate",), table, units, f"{name}: value of each candidate")
    run.record(**{
        f"{name}_candidates": len(table), f"{name}_good_candidates": int(good.sum()),
        f"{name}_min": table.min(), f"{name}_median": np.median(table), f"{name}_max": table.max(),
        f"{name}_good_within_share_of_range": (table.max() - table[good].min()) / np.ptp(table),
        f"{name}_random_expected_evaluations": (len(table) + 1) / (good.sum() + 1),
    })  # fmt: skip
    return Landscape(name, pool, table, good)


def _function(name: str, config: "Config") -> tuple[np.ndarray, np.ndarray]:
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


def _ferrosim(run: Run, config: "Config") -> tuple[np.ndarray, np.ndarray]:
    """Every so many rows and columns of the main job's map: Σ|curl P| over the latent plane of its VAE."""
    if config.map is not None:
        results, _, _ = read(config.map)
        if not {"latent", "target_lecture"} <= set(results):
            raise RunError(f"{config.map} holds no map: give the folder of a finished latent_bo run")
        latent, truth = (results[name].to_numpy().astype(float) for name in ("latent", "target_lecture"))
        rows = every(len(truth), config.map_stride)
        return latent[rows], truth[rows]
    plan = latent_bo.Config(
        seed=config.map_seed, trajectories=config.map_trajectories, epochs=config.map_epochs,
        grid_points=config.map_side, initial_points=1, steps=1,
    )  # fmt: skip
    unsaved = Run(run.folder, plan, latent_bo.STAGES, writes=False)  # the main job's arrays are not this job's
    keys = setups.keys(plan.seed)
    data = histories.trajectories(unsaved, keys, plan)
    cells = histories.latent_grid(unsaved, histories.vae(unsaved, keys, data, plan), plan)
    rows = every(len(cells[0]), config.map_stride)
    unsaved = Run(run.folder, plan, latent_bo.STAGES, writes=False)
    latent, curves, inside = cells
    problem = latent_map.ground_truth(unsaved, keys, (latent[rows], curves[rows], inside[rows]))
    return problem.latent, problem.truth.astype(float)


def every(cells: int, stride: int) -> np.ndarray:
    """Indices of every ``stride``-th row and column of a square grid of that many cells."""
    side = round(np.sqrt(cells))
    return np.arange(cells).reshape(side, side)[::stride, ::stride].ravel()
