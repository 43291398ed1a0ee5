"""What campaigns over a pool choose from: generated histories, cells over two principal components, latent cells.

Every pool has the same number of candidates, so that one compiled program serves all problems. They are made once
and kept in a file. All histories are evaluated, so that a campaign looks values up; nothing else knows them beforehand.
"""

import os
import warnings
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.campaigns.failures import battery_table
from benchmarks.curves.problem import Problem
from benchmarks.timing import timed
from models import FitConfig, histories, inside_support, latent

COUNT, SMOKE_COUNT = 1000, 60  # candidates of every pool
CELLS = 4  # cells of the grid for each that is needed: the support is a part of the rectangle


class Pool(NamedTuple):
    """Candidates: points of a space [n dim], histories [n samples] and their values [n] (NaN: failed)."""

    points: np.ndarray
    histories: np.ndarray
    values: np.ndarray


class Pools(NamedTuple):
    """The pools of a problem, with the best value in any of them and the median of the generated histories' successes.

    ``generated`` has histories for points, ``latent`` the cells of a VAE with two latents, ``linear`` those over the
    scores of two principal components. A problem that is a table has its histories in all three, at their encoded means
    and their scores. ``learning`` is the CPU seconds of the VAE's training.
    """

    generated: Pool
    latent: Pool
    linear: Pool
    best: float
    median: float
    learning: float


def evaluated(problem: Problem, points: np.ndarray, curves: np.ndarray) -> Pool:
    """Return a pool with the values of its histories."""
    program = jax.jit(lambda curves: jax.lax.map(problem.value, curves, batch_size=problem.chunk))
    values = np.asarray(program(jnp.asarray(curves, float)), float)
    return Pool(np.asarray(points, float), np.asarray(curves, float), values)


def learned_family(key: jax.Array, curves: np.ndarray, bounds: tuple[float, float], smoke: bool) -> histories.Learned:
    """Return a VAE with two latents of histories; what its report warns of is left to the numbers."""
    fit = FitConfig(epochs=10, batch_size=20, learning_rate=2e-3) if smoke else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return histories.learn(histories.from_arrays(curves), key=key, bounds=bounds, fit_config=fit)


def latent_cells(learned: histories.Learned, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return points and histories of ``count`` supported cells, as ``models.latent.pool`` makes them."""
    cells = latent.pool(learned, CELLS * count).supported
    rows = evenly(len(cells.z), count)
    return cells.z[rows], cells.histories[rows]


def linear_cells(curves: np.ndarray, bounds: tuple[float, float], count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return scores [count 2] and histories, clipped to the bounds, of cells that the histories' scores support."""
    mean, axes, scores = components(curves, 2)
    low, high = np.quantile(scores, (0.005, 0.995), axis=0)
    side = np.sqrt((high - low).prod() / (CELLS * count))
    lines = [np.linspace(a, b, max(2, round((b - a) / side))) for a, b in zip(low, high, strict=True)]
    points = np.stack(np.meshgrid(*lines, indexing="ij"), -1).reshape(-1, 2)
    points = points[inside_support(points, scores)]
    points = points[evenly(len(points), count)]
    return points, np.clip(mean + points @ axes, *bounds)


def evenly(cells: int, count: int) -> np.ndarray:
    """Return the rows of ``count`` cells spread over all; ValueError for fewer."""
    if cells < count:
        raise ValueError(f"{cells} cells lie inside the support, {count} are needed: raise CELLS, now {CELLS}")
    return np.linspace(0, cells - 1, count).round().astype(int)


def components(curves: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean [samples], axes [count samples] and scores [n count] of principal components."""
    mean = curves.mean(0)
    axes = np.linalg.svd(curves - mean, full_matrices=False)[2][:count]
    return mean, axes, (curves - mean) @ axes.T


def make(key: jax.Array, problem: Problem, smoke: bool) -> Pools:
    """Generate histories, learn them, decode cells and evaluate all."""
    to_draw, to_learn = jax.random.split(key)
    count = SMOKE_COUNT if smoke else COUNT
    curves = np.asarray(problem.draw(to_draw, count), float)
    learned, learning, _ = timed(learned_family, to_learn, curves, problem.bounds, smoke)
    generated = evaluated(problem, curves, curves)
    of_latent = evaluated(problem, *latent_cells(learned, count))
    of_linear = evaluated(problem, *linear_cells(curves, problem.bounds, count))
    best = max(np.nanmax(pool.values) for pool in (generated, of_latent, of_linear))
    return Pools(generated, of_latent, of_linear, float(best), float(np.nanmedian(generated.values)), learning)


def of_table(key: jax.Array, path: Path, smoke: bool) -> Pools:
    """Return the table of ``experiments.battery`` as pools, with 70 % of its charges failed as in ``failures``."""
    curves = np.asarray(np.load(path)["current"], float)
    scores, values = battery_table(path, 1)
    values = np.asarray(values[0])
    bounds = (float(curves.min()), float(curves.max()))
    learned, learning, _ = timed(learned_family, key, curves, bounds, smoke)
    tables = [Pool(np.asarray(points, float), curves, values) for points in (curves, learned.mean, scores)]
    return Pools(tables[0], tables[1], tables[2], float(np.nanmax(values)), float(np.nanmedian(values)), learning)


def save(pools: Pools, path: Path) -> None:
    """Write pools to a file that is complete as soon as it is there."""
    arrays = {f"{name}_{part}": values for name in ("generated", "latent", "linear")
              for part, values in getattr(pools, name)._asdict().items()}  # fmt: skip
    part = path.with_suffix(".part.npz")
    np.savez(part, numbers=np.array([pools.best, pools.median, pools.learning]), **arrays)
    os.replace(part, path)


def load(path: Path) -> Pools:
    """Return pools that ``save`` has written."""
    with np.load(path) as file:
        a = {name: file[name] for name in file.files}
    tables = [Pool(*[a[f"{name}_{part}"] for part in Pool._fields]) for name in ("generated", "latent", "linear")]
    best, median, learning = a["numbers"].tolist()
    return Pools(tables[0], tables[1], tables[2], best, median, learning)
