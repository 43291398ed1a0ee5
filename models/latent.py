"""Latent space: grids, their decoding, the part of them that training data supports, held-out quality."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float
from scipy.spatial import KDTree

from models.types import Code, Model, Params


def latent_grid(low: float, high: float, points: int) -> Float[Array, "cells 2"]:
    """A square grid of ``points``² cells over [low, high]², ends included.

    Row-major with the second coordinate fastest: cell ``i * points + j`` is (axis[i], axis[j]), so a value
    per cell reshapes to ``[points, points]`` with z₁ down the rows and z₂ along the columns.
    """
    if points < 1 or not low < high:
        raise ValueError(f"low={low}, high={high}, points={points}: give low < high and one point or more per axis.")
    axis = jnp.linspace(low, high, points, dtype=jnp.float32)
    return jnp.stack(jnp.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)


def decode_all(
    model: Model, params: Params, z: Float[Array, "cells latent"], chunk: int = 1000
) -> Float[Array, "cells features"]:
    """Every row of ``z`` decoded, ``chunk`` rows at a time."""
    return lax.map(lambda one: model.decode(params, one), z, batch_size=chunk)


def encode_all(model: Model, params: Params, x: Float[Array, "n features"], chunk: int = 1000) -> Code:
    """Posterior of every row of ``x`` (leading axis n), ``chunk`` rows at a time."""
    return lax.map(lambda one: model.encode(params, one), x, batch_size=chunk)


def inside_support(
    grid: Float[np.ndarray, "cells latent"],
    means: Float[np.ndarray, "n latent"],
    neighbours: int = 5,
    coverage: float = 0.99,
) -> Bool[np.ndarray, " cells"]:
    """Which cells the training data supports: those as near to latents of training examples as examples are.

    A cell is inside where the distance to its ``neighbours``-th nearest posterior mean is at most the one that a share
    ``coverage`` of the training examples keep from their own ``neighbours``-th nearest. (The density of the
    aggregated posterior would be the textbook choice, but a good decoder makes posteriors a hundred times narrower
    than the gaps between them, and then it is zero nearly everywhere.) NumPy, outside jit. ValueError for a coverage
    outside (0, 1] and for too few examples.
    """
    if not 0 < coverage <= 1:
        raise ValueError(f"coverage={coverage}: give a share above 0 and up to 1, for instance 0.99.")
    if len(means) <= neighbours:
        raise ValueError(f"{len(means)} training examples given: {neighbours} neighbours need more than that.")
    tree = KDTree(means)
    among_examples = tree.query(means, k=neighbours + 1)[0][:, -1]  # the nearest is the example itself
    to_cells = tree.query(grid, k=neighbours)[0].reshape(len(grid), -1)[:, -1]
    return to_cells <= np.quantile(among_examples, coverage)


def evaluate(
    key: jax.Array, model: Model, params: Params, data: Float[Array, "n features"], samples: int = 8
) -> dict[str, jax.Array]:
    """Quality on ``data``: the model's loss and terms averaged over ``samples`` draws of z per example, and
    ``rmse_mean``, the root mean square error of the reconstruction through the posterior mean.
    """
    data = jnp.asarray(data, jnp.float32)

    def once(key: jax.Array) -> dict[str, jax.Array]:
        loss, terms = model.loss(key, params, data)
        return {"loss": loss, **terms}

    averages = jax.tree.map(jnp.mean, lax.map(once, jax.random.split(key, samples)))
    reconstruction = decode_all(model, params, encode_all(model, params, data).mean)
    return averages | {"rmse_mean": jnp.sqrt(jnp.mean((reconstruction - data) ** 2))}
