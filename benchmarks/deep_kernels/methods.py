"""The methods that benchmarks/deep_kernels/comparison.py compares on a split, and how a prediction is scored."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.deep_kernels import tasks
from bo.deep_kernels.blocks import block_kernel
from bo.deep_kernels.deep_kernel import deep_kernel
from bo.deep_kernels.published import published_deep_kernel
from bo.deep_kernels.trained import trained_deep_kernel
from bo.features.base import fit_features
from bo.surrogates.base import Prediction
from bo.surrogates.gp import gaussian_process
from bo.surrogates.heteroscedastic import Parts, heteroscedastic
from bo.surrogates.observing import with_noise
from bo.surrogates.process_types import GPConfig
from bo.surrogates.warped import forward, log_slope, moved, restored, warped
from models.features import mlp, skip

PLAIN = "plain Matérn"
OURS = ("frozen", "joint", "frozen, warped", "joint, warped", "frozen, noise of x", "frozen, warped, noise of x")


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
    arguments, so that other splits' features need no new compilation. Blocks are raw first. "warped": the plain process
    chooses the power, which costs six of its fits, and the method sees the targets transformed."""
    settings = GPConfig(starts=2, noise_prior=(-2.0, 1.0))  # those of the frozen ones
    network = skip(next(block.stop - block.start for block in blocks if block.name == "pca"))

    def plain(own, kind="matern52"):
        return gaussian_process(settings, kernel=block_kernel(own[:1], kind))

    def noise_of_x(own):
        second = gaussian_process(GPConfig(starts=1), kernel=block_kernel(own[:1], "rbf"))
        return heteroscedastic(deep_kernel(own), second)

    def program(make, warp=False):
        def run(key, data, x, y, weights):
            own = [block._replace(weights=one) for block, one in zip(blocks, weights, strict=True)]
            made, moving = make(own), None
            if warp:
                moving = warped(plain(own)).init(key, data).warp
                data = moved(moving, data)
            if isinstance(made, Parts):
                params = made.surrogate.init(key, data)
                z = made.observation(params, data, x)
            else:
                params = made.init(key, data)
                z = with_noise(params, made.predict(params, data, x))
            if moving is None:
                return params, z, None
            distance = (forward(moving, y) - z.mean) / z.std
            return params, restored(moving, z), (distance, log_slope(moving, y), z.std)

        return jax.jit(run)

    def joint(own):
        return trained_deep_kernel(own, network)

    found = {PLAIN: program(plain), "plain RBF": program(lambda own: plain(own, "rbf"))}
    found |= {"frozen": program(deep_kernel), "joint": program(joint)}
    if skewed:
        found |= {"frozen, warped": program(deep_kernel, True), "joint, warped": program(joint, True)}
        found |= {"frozen, noise of x": program(noise_of_x), "frozen, warped, noise of x": program(noise_of_x, True)}
    return found | {"paper": program(lambda own: published_deep_kernel(own, mlp((dim, 64, 64, 2), "relu")))}


def tables(task: tasks.Task, seed: int, cache: dict[str, Any]) -> tuple[Any, Any]:
    """The features of a split: of the whole pool, which is the same for all splits, or of all but the test points."""
    if not task.outside:
        kind = task.name.split()[0]
        if kind not in cache:
            cache.clear()
            cache[kind] = fit_features(jax.random.key(0), task.x, tasks.extractors(task))
        return cache[kind], cache[kind].table
    _, test = task.split(seed)
    inside = np.setdiff1d(np.arange(len(task.y)), test)
    found = fit_features(jax.random.key(0), task.x[inside], tasks.extractors(task))
    table = np.empty((len(task.y), found.table.shape[1]))
    table[inside], table[test] = found.table, found.apply(jnp.asarray(task.x[test]))
    return found, jnp.asarray(table)
