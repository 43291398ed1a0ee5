"""Pools of field histories and of cards with their targets, and the designs of the campaigns on them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from scipy.spatial.distance import pdist, squareform

import bo
import ferro_jax as ferro
from experiments import datasets
from experiments.lab import designs
from experiments.latent_quality.config import Config
from experiments.shared.deep_kernels.tables import Table, extractors, table_of
from experiments.shared.lattices import setups
from experiments.shared.lattices.targets import targets_of

POOL_OF = {"curl": "histories", "smooth": "histories", "rotation": "cards", "shear": "cards"}
UNITS = {"curl": "model unit", "smooth": "1", "rotation": "degree", "shear": "degree"}


class Pool(NamedTuple):
    """Candidates, and what spaces of them are judged by."""

    x: np.ndarray  # (candidate, *shape)
    targets: dict[str, np.ndarray]  # (candidate,), by task
    table: Table  # all blocks of features
    sample: np.ndarray  # (point,) candidates that spaces are judged on
    distances: np.ndarray  # (point, point) between these candidates
    hidden: np.ndarray | None  # (candidate,) a target that does not depend on the candidates


def smooth(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return sin 3a cos 2w + aw/2 of numbers a, w in [−1, 1]."""
    return np.sin(3 * first) * np.cos(2 * second) + first * second / 2


def histories(config: Config, progress: Callable[[int], Any] | None = None) -> Pool:
    """Draw and simulate field histories; ``progress(done)`` is called as they are simulated."""
    data = ferro.damped_oscillation(setups.keys(config.seed)["data"], config.pool)
    curl = targets_of(np.asarray(data.curves), config.seed, progress)["curl"]
    shown = smooth(np.asarray(data.growth, float) / 2.75, np.asarray(data.frequency, float) / np.pi * 3 - 7)
    hidden = smooth(np.asarray(data.amplitude, float) / 0.375 - 1, np.asarray(data.offset, float) * 2)
    kept = np.linspace(0, data.curves.shape[1] - 1, config.samples).round().astype(int)
    return _pool(np.asarray(data.curves)[:, kept], {"curl": curl, "smooth": shown}, hidden, config)


def cards(config: Config) -> Pool:
    """Draw cards, a quarter of each suit."""
    key = jax.random.fold_in(setups.keys(config.seed)["data"], 1)
    images = datasets.load(key, "cards_deep_kernel", size=config.size, per_suit=config.pool // 4)
    angle, shear = (np.rad2deg(np.asarray(images.factors[name], float)) for name in ("angle", "shear"))
    return _pool(np.asarray(images.x), {"rotation": angle, "shear": shear}, None, config)


def _pool(x: np.ndarray, targets: dict[str, np.ndarray], hidden: np.ndarray | None, config: Config) -> Pool:
    """Extract the features of all candidates and draw those on which spaces are judged."""
    flat = x.reshape(len(x), -1).astype(float)
    features = bo.fit_features(jax.random.key(config.seed), flat, extractors(flat.shape[1:]))
    sample = np.random.default_rng(config.seed).permutation(len(x))[: config.judged]
    return Pool(x, targets, table_of(features), sample, squareform(pdist(flat[sample])), hidden)


def orders(config: Config) -> np.ndarray:
    """Return random orders (seed, evaluation) that begin with the initial designs."""
    return designs.orders(config.seed, config.seeds, config.pool, config.evaluations)


def initial(config: Config) -> np.ndarray:
    """Return initial designs (seed, candidate), the same for all tasks and representations."""
    return orders(config)[:, : config.initial_points]
