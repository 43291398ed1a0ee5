"""TODO docstring of experiments.shared.deep_kernels.tables"""

from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.decomposition import PCA

from bo.features.base import Extractor, Features, fit_features, pca, raw
from bo.features.convolution import random_conv
from bo.features.diffusion import diffusion
from models.features import mlp

Spans = tuple[tuple[str, int, int], ...]  # name, first column, end


class Table(NamedTuple):
    """``rows`` (lane, candidate, column) with every column in [0, 1], ``weights`` (lane, column) its length in units of
    the block; a single lane serves all seeds."""

    rows: np.ndarray
    weights: np.ndarray
    spans: Spans


def extractors(shape: tuple[int, ...]) -> list[Extractor]:
    """The blocks for a pool of curves (n,) or of images (ny, nx)."""
    blocks = [raw(), pca(), diffusion()]
    if len(shape) == 2:
        small = shape[0] < 16
        blocks.append(random_conv((*shape, 1), width=3 if small else 7, regions=2 if small else 3))
    return blocks


def table_of(found: Features) -> Table:
    """The table of all blocks of features, the same for all seeds."""
    spans = tuple((block.name, block.start, block.stop) for block in found.blocks)
    return Table(np.asarray(found.table)[None], np.concatenate([block.weights for block in found.blocks])[None], spans)


def pick(table: Table, name: str) -> Table:
    """One block as a table of its own, called "raw"."""
    (columns,) = [slice(start, stop) for own, start, stop in table.spans if own == name]
    rows = table.rows[:, :, columns]
    return Table(rows, table.weights[:, columns], (("raw", 0, rows.shape[2]),))


def units(table: Table) -> np.ndarray:
    """Points (lane, candidate, column) in the units of their blocks."""
    return table.rows * table.weights[:, None]


@cache
def network_of(columns: int) -> Any:
    """The paper's network."""
    return mlp((columns, 64, 64, 2), "relu")


def table_of_latents(latents: np.ndarray, width: int = 10) -> Table:
    """One block of ``width`` columns from latents (lane, candidate, z), the missing ones constant: they count for
    nothing, and latents of all sizes share a compiled campaign."""
    blank = np.zeros((*latents.shape[:2], max(0, width - latents.shape[2])))
    parts = [
        fit_features(jax.random.key(0), one, (raw(),)) for one in np.concatenate([np.asarray(latents, float), blank], 2)
    ]
    span = (("raw", 0, parts[0].table.shape[1]),)
    rows, weights = np.stack([part.table for part in parts]), np.stack([part.blocks[0].weights for part in parts])
    return Table(rows, weights, span)


def kernel_embedding(table: Table, lane: int, learned: Any) -> np.ndarray:
    """Points (candidate, column) whose squared distances are those of the kernel to first order:
    Σ_b variance_b |difference in block b|² / lengthscale_b². The latent space of a kernel on several blocks; where
    noise alone was chosen, and no block has a variance, all count alike."""
    lane, variance = min(lane, len(table.rows) - 1), np.asarray(learned["variance"])
    variance = variance if variance.any() else np.ones_like(variance)
    parts = [
        table.rows[lane, :, start:stop]
        * (table.weights[lane, start:stop] * np.sqrt(variance[b]) / learned["lengthscale"][b])
        for b, (_, start, stop) in enumerate(table.spans)
    ]
    return np.concatenate(parts, 1)


def network_latents(table: Table, weights: Any) -> np.ndarray:
    """What the networks of the paper's form (seed, …) make of the pool: (seed, candidate, 2)."""
    network = network_of(table.rows.shape[2])
    seeds = len(jax.tree.leaves(weights)[0])
    return np.stack([
        network.apply(jax.tree.map(lambda leaf, n=n: leaf[n], weights),
                      jnp.asarray(table.rows[min(n, len(table.rows) - 1)], jnp.float32))
        for n in range(seeds)
    ])  # fmt: skip


def plane(points: np.ndarray) -> np.ndarray:
    """The two principal components of points (candidate, column): how spaces of more dimensions are shown."""
    return PCA(2, svd_solver="randomized", random_state=0).fit_transform(points) if points.shape[1] > 2 else points


def aligned(points: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Centred, of spread 1, and turned or mirrored (not sheared) to lie as near to ``reference`` as they can."""
    points = (points - points.mean(0)) / np.sqrt(points.var(0).sum() or 1.0)
    left, _, right = np.linalg.svd(points.T @ reference)
    return points @ (left @ right)
