"""Hold the candidates of a pool as rows that surrogates work on, and return the spaces that surrogates make of them.

A representation of the pool is a ``Table``. Campaigns differ in nothing but their table and their kind of surrogate.
"""

from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.decomposition import PCA

import bo
from bo.features.base import Extractor, Features
from models.features import mlp

Spans = tuple[tuple[str, int, int], ...]  # name, first column, end


class Table(NamedTuple):
    """Candidates as rows (lane, candidate, column), every column in [0, 1]; a single lane serves all seeds.

    ``weights`` (lane, column) are the lengths of the columns in units of their block.
    """

    rows: np.ndarray
    weights: np.ndarray
    spans: Spans


def extractors(shape: tuple[int, ...], shift: int = 0, vectors: int = 40) -> list[Extractor]:
    """Return the extractors of features for a pool of curves, ``shape`` (n,), or of images (ny, nx).

    Neighbours of images are compared over shifts of up to ``shift`` whole pixels; those of curves are not shifted.
    There are ``vectors`` diffusion coordinates.
    """
    image = shape if len(shape) == 2 else None
    blocks = [bo.raw(), bo.pca(), bo.diffusion(vectors, image=image, shift=shift if image else 0)]
    if len(shape) == 2:
        small = shape[0] < 16
        blocks.append(bo.random_conv((*shape, 1), width=3 if small else 7, regions=2 if small else 3))
    return blocks


def table_of(features: Features) -> Table:
    """Return the table of all blocks of features, the same for all seeds."""
    spans = tuple((block.name, block.start, block.stop) for block in features.blocks)
    weights = np.concatenate([block.weights for block in features.blocks])
    return Table(np.asarray(features.table)[None], weights[None], spans)


def pick(table: Table, name: str) -> Table:
    """Return the block ``name`` as a table of its own, whose block is called "raw"."""
    (columns,) = [slice(start, stop) for block, start, stop in table.spans if block == name]
    rows = table.rows[:, :, columns]
    return Table(rows, table.weights[:, columns], (("raw", 0, rows.shape[2]),))


def units(table: Table) -> np.ndarray:
    """Return the points (lane, candidate, column) in the units of their blocks."""
    return table.rows * table.weights[:, None]


@cache
def network_of(columns: int) -> Any:
    """Return the network of the published deep kernel, whose last layer has two units."""
    return mlp((columns, 64, 64, 2), "relu")


def table_of_latents(latents: np.ndarray, width: int = 10) -> Table:
    """Return a table of one block of ``width`` columns from latents (lane, candidate, z).

    Missing columns are constant, so that they count for nothing. Latents of all sizes then share a compiled campaign.
    """
    blank = np.zeros((*latents.shape[:2], max(0, width - latents.shape[2])))
    padded = np.concatenate([np.asarray(latents, float), blank], 2)
    parts = [bo.fit_features(jax.random.key(0), points, (bo.raw(),)) for points in padded]
    span = (("raw", 0, parts[0].table.shape[1]),)
    rows, weights = np.stack([part.table for part in parts]), np.stack([part.blocks[0].weights for part in parts])
    return Table(rows, weights, span)


def kernel_embedding(table: Table, lane: int, learned: Any) -> np.ndarray:
    """Return points (candidate, column) whose squared distances are those of the kernel to first order.

    These are Σ_b variance_b |difference in block b|² / lengthscale_b². The points are the latent space of a kernel on
    several blocks. Where noise alone was chosen, no block has a variance, and all blocks count alike.
    """
    lane, variance = min(lane, len(table.rows) - 1), np.asarray(learned["variance"])
    variance = variance if variance.any() else np.ones_like(variance)
    parts = [
        table.rows[lane, :, start:stop]
        * (table.weights[lane, start:stop] * np.sqrt(variance[b]) / learned["lengthscale"][b])
        for b, (_, start, stop) in enumerate(table.spans)
    ]
    return np.concatenate(parts, 1)


def network_latents(table: Table, weights: Any) -> np.ndarray:
    """Return the outputs (seed, candidate, 2) of published deep kernels' networks (seed, …) for the whole pool."""
    network = network_of(table.rows.shape[2])
    seeds = len(jax.tree.leaves(weights)[0])
    outputs = []
    for seed in range(seeds):
        rows = jnp.asarray(table.rows[min(seed, len(table.rows) - 1)], jnp.float32)
        outputs.append(network.apply(jax.tree.map(lambda leaf, seed=seed: leaf[seed], weights), rows))
    return np.stack(outputs)


def plane(points: np.ndarray) -> np.ndarray:
    """Return two principal components (candidate, 2) of points (candidate, column); points in a plane as they are."""
    return PCA(2, svd_solver="randomized", random_state=0).fit_transform(points) if points.shape[1] > 2 else points


def aligned(points: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Centre points (candidate, 2), scale them to spread 1, and turn or mirror them to lie nearest to ``reference``."""
    points = (points - points.mean(0)) / np.sqrt(points.var(0).sum() or 1.0)
    left, _, right = np.linalg.svd(points.T @ reference)
    return points @ (left @ right)
