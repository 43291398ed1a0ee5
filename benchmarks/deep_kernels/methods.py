"""The methods that ``comparison`` scores on a split, and the scores of a prediction."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.deep_kernels import tasks
from bo.deep_kernels.blocks import block_kernel
from bo.deep_kernels.deep_kernel import DeepKernelConfig, deep_kernel
from bo.deep_kernels.published import published_deep_kernel
from bo.deep_kernels.trained import trained_deep_kernel
from bo.features.base import fit_features
from bo.surrogates.base import Prediction, with_noise
from bo.surrogates.gp import gaussian_process
from bo.surrogates.heteroscedastic import Heteroscedastic, heteroscedastic
from bo.surrogates.process_types import GPConfig
from bo.surrogates.warped import forward, log_slope, unwarp, warp_data, warped
from models.features import mlp, skip

PLAIN = "plain Matérn"
PUBLISHED = "published deep kernel"
OURS = (
    "deep kernel",
    "trained deep kernel",
    "deep kernel, warped",
    "trained deep kernel, warped",
    "deep kernel, noise of x",
    "deep kernel, warped, noise of x",
)


def scores(y: np.ndarray, prediction: Prediction, density: Any = None) -> dict[str, float]:
    """Return root mean square error, NLL of a point and coverage of the central 95 %.

    ``density`` is (standardised distance, log |dz/dy|, standard deviation of z) of a warped target z.
    """
    mean, std = np.asarray(prediction.mean), np.asarray(prediction.std)
    z = (y - mean) / std
    nll = 0.5 * z**2 + np.log(std) + 0.5 * np.log(2 * np.pi)
    if density is not None:
        z, slope, spread = (np.asarray(part) for part in density)
        nll = 0.5 * z**2 + np.log(spread) + 0.5 * np.log(2 * np.pi) - slope
    rmse = np.sqrt(np.mean((y - mean) ** 2))
    return {"rmse": float(rmse), "nll": float(nll.mean()), "coverage": float(np.mean(np.abs(z) < 1.96))}


def programs_of(blocks: Any, dim: int, skewed: bool, noise_floor: float) -> dict[str, Any]:
    """Return the methods by name, compiled functions (key, data, x, y, weights) -> (params, observation at x, density).

    The weights of the blocks are arguments, so that the features of other splits need no new compilation. The first
    block holds the raw inputs. "warped": the plain process chooses the power, which costs six of its fits, and the
    method gets the transformed targets. ``noise_floor`` is that of the deep kernel on frozen blocks.
    """
    settings = GPConfig(starts=2, noise_prior=(-2.0, 1.0))  # as in the deep kernel on blocks
    floored = DeepKernelConfig(gp=dataclasses.replace(settings, noise_floor=noise_floor))
    network = skip(next(block.stop - block.start for block in blocks if block.name == "pca"))

    def plain(blocks, kind="matern52"):
        return gaussian_process(settings, kernel=block_kernel(blocks[:1], kind))

    def noise_of_x(blocks):
        second = gaussian_process(GPConfig(starts=1), kernel=block_kernel(blocks[:1], "rbf"))
        return heteroscedastic(deep_kernel(blocks), second)

    def program(make, warp_targets=False):
        def run(key, data, x, y, weights):
            of_split = [block._replace(weights=values) for block, values in zip(blocks, weights, strict=True)]
            method, warp = make(of_split), None
            if warp_targets:
                warp = warped(plain(of_split)).init(key, data).warp
                data = warp_data(warp, data)
            if isinstance(method, Heteroscedastic):
                params = method.surrogate.init(key, data)
                z = method.observation(params, data, x)
            else:
                params = method.init(key, data)
                z = with_noise(method.predict(params, data, x), method.noise(params))
            if warp is None:
                return params, z, None
            distance = (forward(warp, y) - z.mean) / z.std
            return params, unwarp(warp, z), (distance, log_slope(warp, y), z.std)

        return jax.jit(run)

    def trained(blocks):
        return trained_deep_kernel(blocks, network)

    def published(blocks):
        return published_deep_kernel(blocks, mlp((dim, 64, 64, 2), "relu"))

    methods = {PLAIN: program(plain), "plain RBF": program(lambda blocks: plain(blocks, "rbf"))}
    methods |= {
        "deep kernel": program(lambda blocks: deep_kernel(blocks, floored)),
        "trained deep kernel": program(trained),
    }
    if skewed:
        methods |= {
            "deep kernel, warped": program(deep_kernel, True),
            "trained deep kernel, warped": program(trained, True),
            "deep kernel, noise of x": program(noise_of_x),
            "deep kernel, warped, noise of x": program(noise_of_x, True),
        }
    return methods | {PUBLISHED: program(published)}


def tables(task: tasks.Task, seed: int, cache: dict[Any, Any], shift: int, vectors: int) -> tuple[Any, Any]:
    """Return the features of a split: of the whole pool, the same for all splits, or of all but the test points."""
    if not task.outside:
        kind = task.name.split()[0]
        if kind not in cache:
            cache.clear()
            cache[kind] = fit_features(jax.random.key(0), task.x, tasks.extractors(task, shift, vectors))
        return cache[kind], cache[kind].table
    _, test = task.split(seed)
    inside = np.setdiff1d(np.arange(len(task.y)), test)
    features = fit_features(jax.random.key(0), task.x[inside], tasks.extractors(task, shift, vectors))
    table = np.empty((len(task.y), features.table.shape[1]))
    table[inside], table[test] = features.table, features.apply(jnp.asarray(task.x[test]))
    return features, jnp.asarray(table)
