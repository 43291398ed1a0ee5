"""Features that are learned from a pool of unlabelled points: blocks for deep kernels.

    >>> features = bo.fit_features(key, images, (bo.raw(), bo.pca(), bo.diffusion()))
    >>> surrogate = bo.deep_kernel(features.blocks)  # its points are rows of features.table, or of features.apply(new)
    >>> problem = bo.campaign(objective, features.table, surrogate, bo.log_expected_improvement())

An ``Extractor`` is fitted once to the whole pool, in NumPy, SciPy and scikit-learn, outside any compiled loop. The
result is the pool's ``table``, which campaigns take as their candidates, and ``apply`` for new points. Each block is in
units of its own spread: the mean squared distance of two points of the pool is 2 in every block.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bo.surrogates.base import require_precision
from ferro_jax import values as given

_SMALLEST = 1e-12  # a column whose variance is below this share of its block's is constant


class Extractor(NamedTuple):
    """A way to compute the features of one block, whose ``name`` is given.

    fit   (key, pool F["pool dim"]) -> (params, F["pool features"]), once per pool and on the host
    apply (params, x F["n dim"]) -> F["n features"], pure and differentiable, for points that are not in the pool
    """

    name: str
    fit: Callable[[Array, np.ndarray], tuple[Any, np.ndarray]]
    apply: Callable[[Any, Array], Array]


class Block(NamedTuple):
    """Columns ``start:stop`` of the table, and the length of each column's unit interval in the block's units.

    Distances of the block are those of ``weights * table[:, start:stop]``, whatever is later added to a column.
    """

    name: str
    start: int
    stop: int
    weights: np.ndarray


class Features(NamedTuple):
    """Features of a pool and of new points.

    ``table`` has every column scaled to [0, 1] over the pool, so that ``bo.campaigns.pool`` leaves it as it is.
    ``apply`` returns rows of the table for new points F["n dim"], beyond [0, 1] where they lie outside the pool.
    """

    table: Float[Array, "pool columns"]
    blocks: tuple[Block, ...]
    apply: Callable[[Array], Array]

    def values(self, name: str) -> Float[Array, "pool features"]:
        """Return a block of the pool in its own units; ValueError if no block has this name."""
        block = find(self.blocks, name)
        return self.table[:, block.start : block.stop] * jnp.asarray(block.weights, self.table.dtype)[None]


def fit_features(key: Array, pool: Any, extractors: Sequence[Extractor], *, dtype: str = "float64") -> Features:
    """Compute the features of a pool [pool *shape], one block for each extractor.

    ValueError for fewer than 3 points, pixels that are not finite, points that are all the same, names that are not
    distinct, and a block that is the same for all points.
    """
    precision, key = require_precision(dtype), given.key(key, single=True)
    x = flatten(pool)
    size = x.shape[1]
    if isinstance(extractors, Extractor):
        raise ValueError("one extractor: expected a sequence of them, (raw(), pca()) for instance")
    if wrong := [one for one in extractors if not isinstance(one, Extractor)]:
        raise ValueError(f"extractors hold {wrong[0]!r}; expected those of bo.raw(), bo.pca(), … : a tuple of them")
    names = [extractor.name for extractor in extractors]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"the blocks are {names}; expected one or more distinct names")
    params, columns, scalings, blocks = [], [], [], []
    for place, extractor in enumerate(extractors):
        fitted, values = extractor.fit(jax.random.fold_in(key, place), x)
        values = np.asarray(values, float)
        if not np.all(np.isfinite(values)):
            raise ValueError(f"the features {extractor.name!r} of this pool are not finite: leave the block out")
        variance = values.var(0)
        spread = np.sqrt(variance.sum())
        if not spread > 8 * np.finfo(float).eps * np.abs(values).max():
            raise ValueError(f"the features {extractor.name!r} are the same for all points: leave the block out")
        low, width = values.min(0), np.ptp(values, 0)
        width[variance < _SMALLEST * spread**2] = 0
        start = sum(block.stop - block.start for block in blocks)
        blocks.append(Block(extractor.name, start, start + values.shape[1], width / spread))
        columns.append((values - low) / np.where(width > 0, width, 1) * (width > 0))
        scalings.append((low, np.where(width > 0, 1 / np.where(width > 0, width, 1), 0)))
        params.append(fitted)

    def apply(new):
        new = rows_of(new, size)
        new = new.astype(jnp.promote_types(new.dtype, precision))
        parts = []
        for extractor, fitted, (low, inverse) in zip(extractors, params, scalings, strict=True):
            values = jnp.asarray(extractor.apply(fitted, new))
            values = (values - jnp.asarray(low, values.dtype)[None]).astype(precision)
            parts.append(values * jnp.asarray(inverse, precision)[None])
        return jnp.concatenate(parts, 1)

    return Features(jnp.asarray(np.concatenate(columns, 1), precision), tuple(blocks), apply)


def flatten(pool: Any) -> np.ndarray:
    """Return the pool as float64 rows; ValueError for fewer than 3 points and for numbers that are not finite."""
    x = np.asarray(given.floats(pool, "the pool"), float)
    if x.ndim < 2 or len(x) < 3:
        raise ValueError(f"the pool has shape {x.shape}; expected (points, ...) with 3 points or more")
    x = x.reshape(len(x), -1)
    finite = np.isfinite(x).all(1)
    if not finite.all():
        bad = np.flatnonzero(~finite)
        raise ValueError(f"{bad.size} points have pixels that are not finite, the first is {bad[0]}: remove them")
    if np.ptp(x, 0).max() <= 8 * np.finfo(float).eps * np.abs(x).max():
        raise ValueError(f"all {len(x)} points of the pool are the same: there is nothing to tell them apart")
    return x


def rows_of(points: Any, columns: int) -> Array:
    """Return points [n *shape] as rows of ``columns`` finite numbers; ValueError for points of another size."""
    x = given.array(points, "points", finite=True)
    if x.ndim < 2 or x[0].size != columns:
        hint = "; for one point give points[None]" if x.size == columns else ""
        raise ValueError(f"points have shape {x.shape}; expected (n, ...) with {columns} numbers each{hint}")
    return x.reshape(x.shape[0], -1)


def find(blocks: Sequence[Block], name: str) -> Block:
    """Return the block of that name; ValueError if there is none."""
    for block in blocks:
        if block.name == name:
            return block
    raise ValueError(f"there is no block {name!r}; there are {[block.name for block in blocks]}")


def raw() -> Extractor:
    """Return the Extractor of the points themselves."""
    return Extractor("raw", lambda key, pool: ((), pool), lambda params, x: x)


def pca(components: int = 10, *, whiten: float = 0.5, name: str = "pca") -> Extractor:
    """Return the Extractor of principal components, each divided by its standard deviation to the power ``whiten``.

    A power of 0 keeps the pool's distances, 1 makes all components equally long; between them small components count
    without dominating. There are at most as many components as the pool has points or columns. ValueError for fewer
    than one component and a power outside [0, 1].
    """
    components, whiten = given.whole(components, "components"), given.number(whiten, "whiten")
    if components < 1 or not 0 <= whiten <= 1:
        raise ValueError(f"components={components}, whiten={whiten}: expected 1 or more, and a power in [0, 1]")

    def learn(key, pool):
        del key
        centre = pool.mean(0)
        _, singular, directions = np.linalg.svd(pool - centre, full_matrices=False)
        kept = min(components, int(np.sum(singular > 1e-9 * singular[0])) or 1)
        deviation = singular[:kept] / np.sqrt(len(pool))
        params = centre, directions[:kept].T / np.where(deviation > 0, deviation, 1) ** whiten
        return params, (pool - centre) @ params[1]

    def apply(params, x):
        centre, directions = (jnp.asarray(part, x.dtype) for part in params)
        return (x - centre[None]) @ directions

    return Extractor(name, learn, apply)


def function(name: str, encode: Callable[[Array], Array], *, chunk: int = 1000) -> Extractor:
    """Return the Extractor of a pure function [n dim] -> [n features]: the means of a trained encoder, known factors.

    The pool is encoded in pieces of ``chunk`` points.
    """

    def learn(key, pool):
        del key
        encoded = jax.jit(encode)
        parts = [encoded(jnp.asarray(pool[start : start + chunk])) for start in range(0, len(pool), chunk)]
        return (), np.concatenate([np.asarray(part) for part in parts])

    return Extractor(name, learn, lambda params, x: encode(x))
