"""The methods that benchmarks/dkl.py compares on a split, and how a prediction is scored."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import dkl_tasks
from bo import dkl, dkl_joint, dkl_noise, dkl_paper, dkl_targets, features
from bo.dkl_kernel import block_kernel
from bo.gp import GPConfig, gaussian_process
from bo.types import Prediction
from models.features import mlp, skip

PLAIN = "plain Matérn"
OURS = ("frozen", "joint", "frozen, warped", "frozen, noise of x", "frozen, warped, noise of x")


def scores(y: np.ndarray, seen: Prediction, density: Any = None) -> dict[str, float]:
    """Root mean square error, NLL per point, coverage of the central 95 %; ``density``: (z, log |dz/dy|) if warped."""
    mean, std = np.asarray(seen.mean), np.asarray(seen.std)
    z = (y - mean) / std
    nll = 0.5 * z**2 + np.log(std) + 0.5 * np.log(2 * np.pi)
    if density is not None:
        z, slope, spread = (np.asarray(part) for part in density)
        nll = 0.5 * z**2 + np.log(spread) + 0.5 * np.log(2 * np.pi) - slope
    rmse = np.sqrt(np.mean((y - mean) ** 2))
    return {"rmse": float(rmse), "nll": float(nll.mean()), "coverage": float(np.mean(np.abs(z) < 1.96))}


def programs_of(blocks: Any, dim: int, skewed: bool) -> dict[str, Any]:
    """Name -> compiled (key, data, x, y, weights) -> (params, observation at x, density). The weights of the blocks are
    arguments, so that other splits' features need no new compilation. Blocks are raw first."""

    def simple(make):
        def run(key, data, x, y, weights):
            surrogate = make([block._replace(weights=own) for block, own in zip(blocks, weights, strict=True)])
            params = surrogate.init(key, data)
            return params, dkl_targets.with_noise(params, surrogate.predict(params, data, x)), None

        return jax.jit(run)

    def with_warp(make):
        def run(key, data, x, y, weights):
            inner = make([block._replace(weights=own) for block, own in zip(blocks, weights, strict=True)])
            params = dkl_targets.warped(inner).init(key, data)
            seen, z, warp = dkl_targets.observation(inner, params, data, x)
            distance = (dkl_targets.forward(warp, y) - z.mean) / z.std
            return params, seen, (distance, dkl_targets.log_slope(warp, y), z.std)

        return jax.jit(run)

    def with_noise_of_x(warp):
        def run(key, data, x, y, weights):
            own = [block._replace(weights=one) for block, one in zip(blocks, weights, strict=True)]
            second = gaussian_process(GPConfig(starts=1), kernel=block_kernel(own[:1], "rbf"))
            parts = dkl_noise.heteroscedastic(dkl.frozen(own), second)
            if not warp:
                params = parts.surrogate.init(key, data)
                return params, parts.observation(params, data, x), None
            plain = gaussian_process(settings, kernel=block_kernel(own[:1]))  # chooses the power: six fits
            moving = dkl_targets.warped(plain).init(key, data).warp
            data = dkl_targets.moved(moving, data)
            params = parts.surrogate.init(key, data)
            z = parts.observation(params, data, x)
            distance = (dkl_targets.forward(moving, y) - z.mean) / z.std
            return params, dkl_targets.restored(moving, z), (distance, dkl_targets.log_slope(moving, y), z.std)

        return jax.jit(run)

    settings = GPConfig(starts=2, noise_prior=(-2.0, 1.0))  # those of the frozen ones
    found = {
        name: simple(lambda blocks, kind=kind: gaussian_process(settings, kernel=block_kernel(blocks[:1], kind)))
        for name, kind in ((PLAIN, "matern52"), ("plain RBF", "rbf"))
    }
    network = skip(next(block.stop - block.start for block in blocks if block.name == "pca"))
    found["frozen"] = simple(dkl.frozen)
    found["joint"] = simple(lambda blocks: dkl_joint.joint(blocks, network))
    if skewed:
        found["frozen, warped"] = with_warp(dkl.frozen)
        found["frozen, noise of x"] = with_noise_of_x(False)
        found["frozen, warped, noise of x"] = with_noise_of_x(True)
    found["paper"] = simple(lambda blocks: dkl_paper.paper(blocks, mlp((dim, 64, 64, 2), "relu")))
    return found


def tables(task: dkl_tasks.Task, seed: int, cache: dict[str, Any]) -> tuple[Any, Any]:
    """The features of a split: of the whole pool, which is the same for all splits, or of all but the test points."""
    if not task.outside:
        kind = task.name.split()[0]
        if kind not in cache:
            cache.clear()
            cache[kind] = features.fit(jax.random.key(0), task.x, dkl_tasks.extractors(task))
        return cache[kind], cache[kind].table
    _, test = task.split(seed)
    inside = np.setdiff1d(np.arange(len(task.y)), test)
    found = features.fit(jax.random.key(0), task.x[inside], dkl_tasks.extractors(task))
    table = np.empty((len(task.y), found.table.shape[1]))
    table[inside], table[test] = found.table, found.apply(jnp.asarray(task.x[test]))
    return found, jnp.asarray(table)
