"""Many examples encoded and decoded, quality on held-out data, the part of a latent grid that the data supports."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer
from jaxtyping import Array, Bool, Float
from scipy.spatial import KDTree

from ferro_jax import values
from models.data import Batch, Data, Pair, as_data, count, measured, take
from models.types import Code, Model, Params, Pose
from models.vaes.model import decode_code


def latent_grid(low: float, high: float, points: int) -> Float[Array, "cells 2"]:
    """Return a square grid of ``points``² cells over [low, high]², ends included.

    Row-major with the second coordinate fastest: cell ``i * points + j`` is (axis[i], axis[j]), so a value
    per cell reshapes to ``[points, points]`` with z₁ down the rows and z₂ along the columns. ValueError for an empty
    grid, for bounds that are not finite, and for cells that single precision cannot tell apart.
    """
    axis = regular_axis(low, high, points)
    return jnp.stack(jnp.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)


def regular_axis(low: Any, high: Any, points: Any) -> Float[Array, " points"]:
    """Return equal steps from low to high, ends included, in single precision; ValueError as of ``latent_grid``."""
    low, high, points = values.number(low, "low"), values.number(high, "high"), values.whole(points, "points")
    if points < 1 or not low < high:
        raise ValueError(f"low={low}, high={high}, points={points}: give low < high and one point or more.")
    with np.errstate(over="ignore"):
        known = np.linspace(low, high, points).astype(np.float32)
    if not np.isfinite(known).all() or not (np.diff(known) > 0).all():
        raise ValueError(
            f"low={low}, high={high}, points={points}: single precision cannot tell these points apart. Give fewer of "
            "them, or latents of a smaller size (subtract the offset, divide by the scale)."
        )
    return jnp.linspace(low, high, points, dtype=jnp.float32)


def decode_all(
    model: Model,
    params: Params,
    z: Float[Array, "cells latent"],
    chunk: int = 1000,
    *,
    pose: Pose = Pose(),  # noqa: B008  (a tuple cannot be changed)
    label: Any = None,
    factor: Any = None,
) -> Float[Array, "cells *shape"]:
    """Decode every row of ``z``, ``chunk`` rows at a time.

    ``pose``, ``label`` and ``factor`` are one for all rows (scalars; a shift or factor as a vector) or one per row,
    with the rows along their first axis; class probabilities need one row each. ValueError for a class that the model
    does not have.
    """
    z, chunk = values.array(z, "z", finite=True), values.whole(chunk, "chunk", 1)
    if z.ndim != 2:
        raise ValueError(f"z has shape {z.shape}: give rows [n latent]; for one point z[None].")
    cells = len(z)
    classes = getattr(model.config, "classes", 0)
    known = None if label is None or isinstance(label, Tracer) else np.asarray(label)
    if known is not None and classes and known.ndim < 2 and not np.isin(known, range(classes)).all():
        raise ValueError(f"label is {label}: give classes from 0 to {classes - 1}, or one row of probabilities each.")
    dimensions = {"angle": 0, "shift": 1, "scale": 0, "shear": 0}
    poses = {name: _per_cell(value, cells, dimensions[name]) for name, value in pose._asdict().items()}
    rest = {"label": _per_cell(label, cells, 0), "factor": _per_cell(factor, cells, 1)}

    return _decoded(_functions(model), chunk, params, z, poses, rest)


def _functions(model: Model) -> Model:
    """Return the model without its config, which need not be hashable."""
    return model._replace(config=None)


# What follows is compiled as a whole, and kept for the same functions of a model and the same shapes, because a user
# who calls it outside jit would else compile every small operation, and each loop anew at each call.


@partial(jax.jit, static_argnums=(0, 1))
def _decoded(model: Model, chunk: int, params: Params, z: Array, poses: dict, rest: dict) -> Any:
    """Return the decoded rows of ``z``."""

    def of_row(inputs: tuple) -> jax.Array:
        z, poses, rest = inputs
        given = {name: value for name, value in rest.items() if value is not None}
        return model.decode(params, z, pose=Pose(**poses), **given)

    return lax.map(of_row, (z, poses, rest), batch_size=chunk)


@partial(jax.jit, static_argnums=(0, 1, 2))
def _encoded(model: Model, chunk: int, search: bool, params: Params, batch: Batch) -> Code:
    """Return the Code of every example."""

    def of_example(example: Batch) -> Code:
        given = {
            name: value for name, value in example._asdict().items() if name not in ("x", "guess") and value is not None
        }
        return model.encode(params, example.x, **given, search=search)

    return lax.map(of_example, batch, batch_size=chunk)


@partial(jax.jit, static_argnums=(0, 1, 2))
def _reconstructed(model: Model, chunk: int, search: bool, params: Params, batch: Batch) -> Array:
    """Return the expected image at the code of every example."""
    code = _encoded(model, chunk, search, params, batch)
    return lax.map(lambda code: decode_code(model, params, code), code, batch_size=chunk)


@partial(jax.jit, static_argnums=(0, 1, 2, 3))
def _quality(
    model: Model, samples: int, search: bool, chunk: int | None, key: Array, params: Params, batch: Batch
) -> dict[str, Array]:
    """Return the terms of the bound and the error of the reconstruction."""
    terms = _bound_terms(model, samples, search, chunk, key, params, batch)
    reconstruction = _reconstructed(model, chunk or 1000, search, params, batch)
    measured = jnp.ones_like(batch.x) if batch.mask is None else (batch.mask > 0).astype(batch.x.dtype)
    error = jnp.where(measured > 0, reconstruction - batch.x, 0.0) ** 2
    return terms | {"rmse_mean": jnp.sqrt(jnp.sum(error) / jnp.sum(measured))}


@partial(jax.jit, static_argnums=(0, 1, 2, 3))
def _bound_terms(
    model: Model, samples: int, search: bool, chunk: int | None, key: Array, params: Params, batch: Batch | Pair
) -> dict[str, Array]:
    """Return the terms of the bound, means over the examples and over ``samples`` draws."""
    rows = count(batch)
    chunk = min(chunk or rows, rows)
    whole = rows // chunk * chunk

    def terms_of(key: jax.Array, part: Batch | Pair) -> dict[str, jax.Array]:
        value, terms = model.bound(key, params, part, search=search)
        return {**terms, "negative_elbo": value}

    def draw(key: jax.Array) -> dict[str, jax.Array]:
        if chunk == rows:
            return terms_of(key, batch)
        to_whole, to_rest = jax.random.split(key)
        parts = jax.tree.map(lambda leaf: leaf[:whole].reshape(-1, chunk, *leaf.shape[1:]), batch)
        terms = lax.map(lambda pair: terms_of(*pair), (jax.random.split(to_whole, whole // chunk), parts))
        sums = jax.tree.map(lambda value: jnp.mean(value) * (whole / rows), terms)
        if whole == rows:
            return sums
        rest = terms_of(to_rest, take(batch, jnp.arange(whole, rows)))
        return jax.tree.map(lambda total, value: total + value * (1 - whole / rows), sums, rest)

    return jax.tree.map(jnp.mean, lax.map(draw, jax.random.split(key, samples)))


def _per_cell(value: Any, cells: int, ndim: int) -> jax.Array | None:
    """Return one value per cell; a single value of ``ndim`` axes is repeated."""
    if value is None:
        return None
    if jnp.asarray(value).dtype.kind in "iu":
        value = jnp.asarray(value)
    else:
        value = values.array(value, "pose, label or factor", dtype=jnp.float32)
    if value.ndim == ndim:
        return jnp.broadcast_to(value[None], (cells, *value.shape))
    if len(value) != cells:
        raise ValueError(f"{len(value)} poses, labels or factors for {cells} rows of z: give one, or one per row.")
    return value


def encode_all(model: Model, params: Params, data: Data, chunk: int = 1000, *, search: bool = False) -> Code:
    """Return the Code of every example (leading axis n), encoding ``chunk`` examples at a time.

    Masks, labels and factors of a Batch are used: leave the labels out to have classes inferred. ``search`` scores
    every angle and class by decoding it.
    """
    return _encoded(_functions(model), values.whole(chunk, "chunk", 1), search, params, _batch(data))


def reconstruct_all(
    model: Model, params: Params, data: Data, chunk: int = 1000, *, search: bool = False
) -> Float[Array, "n *shape"]:
    """Return the expected image at the code of every example: its content, pose, most probable class and factors."""
    return _reconstructed(_functions(model), values.whole(chunk, "chunk", 1), search, params, _batch(data))


def evaluate(
    key: jax.Array,
    model: Model,
    params: Params,
    data: Data,
    samples: int = 8,
    *,
    search: bool = False,
    chunk: int | None = None,
) -> dict[str, jax.Array]:
    """Return the quality of a model on ``data``, by name.

    The terms of the bound (``negative_elbo`` is their sum, nats per example, every weight 1) are averaged over
    ``samples`` draws per example. ``rmse_mean`` is the root mean square error, over measured values, of the
    reconstruction from the posterior mean of content and pose. ``search`` scores every angle and class by decoding it.

    ``chunk`` examples at a time (all at once without); a root mean square among the terms is averaged over chunks.
    """
    samples, chunk = _numbers(samples, chunk)
    return _quality(_functions(model), samples, search, chunk, values.key(key), params, _batch(data))


def negative_elbo(
    key: jax.Array,
    model: Model,
    params: Params,
    data: Data,
    *,
    samples: int = 8,
    search: bool = False,
    chunk: int | None = None,
) -> Float[Array, ""]:
    """Return the mean −ELBO per example (of a dual VAE per pair) in nats, every weight 1, over ``samples`` draws."""
    samples, chunk = _numbers(samples, chunk)
    examples = as_data(data) if isinstance(data, Pair) else _batch(data)
    terms = _bound_terms(_functions(model), samples, search, chunk, values.key(key), params, examples)
    return terms["negative_elbo"]


def _numbers(samples: Any, chunk: Any) -> tuple[int, int | None]:
    """Return the number of draws and that of examples at a time; ValueError unless both are one or more."""
    return values.whole(samples, "samples", 1), None if chunk is None else values.whole(chunk, "chunk", 1)


def _batch(data: Data) -> Batch:
    """Return the data as a Batch of float32 arrays; ValueError for values that are measured and not finite."""
    data = as_data(data)
    if isinstance(data, Pair):
        raise ValueError("a Pair is given: this takes images or curves, an array [n *shape] or a Batch.")
    batch = data if isinstance(data, Batch) else Batch(data)
    x, mask = measured(batch.x, batch.mask, finite=True)
    return batch._replace(x=x, mask=mask)


def inside_support(
    grid: Float[np.ndarray, "cells latent"],
    means: Float[np.ndarray, "n latent"],
    neighbours: int = 5,
    coverage: float = 0.99,
) -> Bool[np.ndarray, " cells"]:
    """Return whether the training data supports each cell: whether it is as near to examples as examples are.

    ``means`` are the posterior means of the training examples. A cell is inside where the distance to its
    ``neighbours``-th nearest mean is at most the distance that a share ``coverage`` of the training examples keeps from
    its own ``neighbours``-th nearest. The textbook choice, the density of the aggregated posterior, is not used because
    a good decoder makes posteriors a hundred times narrower than the gaps between them, and the density is then zero
    nearly everywhere. NumPy, outside jit. ValueError for a coverage outside (0, 1], for too few examples, and for rows
    of another width.
    """
    neighbours = values.whole(neighbours, "neighbours", 1)
    grid, means = (
        np.asarray(values.floats(each, name, finite=True)) for each, name in ((grid, "grid"), (means, "means"))
    )
    if grid.ndim != 2 or means.ndim != 2 or grid.shape[1] != means.shape[1]:
        raise ValueError(
            f"grid has shape {grid.shape}, means {means.shape}: give rows of as many latents, [cells latent] and "
            "[n latent]."
        )
    radius = support_radius(means, neighbours, coverage)
    to_cells = KDTree(means).query(grid, k=neighbours)[0].reshape(len(grid), -1)[:, -1]
    return to_cells <= radius


def support_radius(means: Float[np.ndarray, "n latent"], neighbours: int = 5, coverage: float = 0.99) -> np.float64:
    """Return the distance to its ``neighbours``-th nearest mean within which a point counts as supported.

    It is the one that a share ``coverage`` of the examples keeps from its own ``neighbours``-th nearest. ValueError for
    a coverage outside (0, 1] and for too few examples.
    """
    neighbours, coverage = values.whole(neighbours, "neighbours", 1), values.number(coverage, "coverage")
    if not 0 < coverage <= 1:
        raise ValueError(f"coverage={coverage}: give a share above 0 and up to 1, for instance 0.99.")
    if len(means) <= neighbours:
        raise ValueError(f"{len(means)} training examples given: {neighbours} neighbours need more than that.")
    among_examples = KDTree(means).query(means, k=neighbours + 1)[0][:, -1]  # the nearest is the example itself
    return np.quantile(among_examples, coverage)
