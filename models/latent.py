"""Latent space: grids, their decoding, the part of them that training data supports, held-out quality."""

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float

from models.losses import reparameterise
from models.types import Model, Params, Posterior


def latent_grid(low: float, high: float, points: int) -> Float[Array, "cells 2"]:
    """A square grid of ``points``² cells over [low, high]², ends included.

    Row-major with the second coordinate fastest: cell ``i * points + j`` is (axis[i], axis[j]), so a value
    per cell reshapes to ``[points, points]`` with z₁ down the rows and z₂ along the columns.
    """
    if points < 1 or not low < high:
        raise ValueError(
            f"low={low}, high={high}, points={points}: give low < high and one point or more per axis."
        )
    axis = jnp.linspace(low, high, points, dtype=jnp.float32)
    return jnp.stack(jnp.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)


def decode_all(
    model: Model, params: Params, z: Float[Array, "cells latent"], chunk: int = 1000
) -> Float[Array, "cells features"]:
    """Every row of ``z`` decoded, ``chunk`` rows at a time."""
    return lax.map(lambda one: model.decode(params, one), z, batch_size=chunk)


def encode_all(model: Model, params: Params, x: Float[Array, "n features"], chunk: int = 1000) -> Posterior:
    """Posterior of every row of ``x`` (leading axis n), ``chunk`` rows at a time."""
    return lax.map(lambda one: model.encode(params, one), x, batch_size=chunk)


def aggregated_density(
    z: Float[Array, "cells latent"], posterior: Posterior, chunk: int = 500
) -> Float[Array, " cells"]:
    """The aggregated posterior q(z) = mean over training examples of N(z; mean, std²), at rows of ``z``."""

    def density(point: Float[Array, " latent"]) -> Float[Array, ""]:
        return jnp.mean(_component(point, posterior))

    return lax.map(density, z, batch_size=chunk)


def support_level(
    key: jax.Array, posterior: Posterior, coverage: float = 0.99, samples: int = 2000
) -> jax.Array:
    """The density that a share ``coverage`` of fresh posterior samples exceeds (leave-one-out).

    ``samples`` training examples are drawn, one z from each posterior, and q(z) is taken without the
    example's own component, so that an isolated example does not vouch for itself.
    """
    if not 0 < coverage < 1:
        raise ValueError(f"coverage={coverage}: give a share strictly between 0 and 1, for instance 0.99.")
    count = posterior.mean.shape[0]
    if count < 2:
        raise ValueError(f"{count} posterior given: leaving one out needs two training examples or more.")
    to_rows, to_noise = jax.random.split(key)
    chosen = jax.random.permutation(to_rows, count)[: min(samples, count)]
    own = Posterior(posterior.mean[chosen], posterior.std[chosen])
    z = reparameterise(to_noise, own)
    others = count * aggregated_density(z, posterior) - jax.vmap(lambda p, q: _component(p, q))(z, own)
    return jnp.quantile(jnp.maximum(others, 0.0) / (count - 1), 1 - coverage)


def inside_support(
    key: jax.Array,
    grid: Float[Array, "cells latent"],
    posterior: Posterior,
    coverage: float = 0.99,
    samples: int = 2000,
) -> Bool[Array, " cells"]:
    """Which cells the training data supports: the region of highest density of the aggregated posterior
    that holds a share ``coverage`` of it.

    A cell is inside where q(z) = mean_i N(z; μ_i, σ_i²) is at least the level that ``coverage`` of
    posterior samples exceed (``support_level``). ``posterior`` has the training examples' means and stds,
    leading axis n.
    """
    return aggregated_density(grid, posterior) >= support_level(key, posterior, coverage, samples)


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


def _component(z: Float[Array, " latent"], posterior: Posterior) -> Float[Array, "*n"]:
    """N(z; mean, std²) of each posterior. Written as a product of densities: far cells underflow to zero,
    which is what "outside" means here."""
    scaled = (jnp.broadcast_to(z, posterior.mean.shape) - posterior.mean) / posterior.std
    norm = jnp.prod(posterior.std, axis=-1) * (2 * jnp.pi) ** (z.shape[-1] / 2)
    return jnp.exp(-0.5 * jnp.sum(scaled**2, axis=-1)) / norm
