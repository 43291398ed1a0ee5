"""Train a VAE together with the Gaussian process on its latent means, at every refit: LOL-BO without its search.

The loss is the negative log likelihood per labelled datum plus the VAE's −ELBO per value of an example, on a minibatch
of the pool. After Maus et al. (arXiv 2201.11872) and their code: the VAE's cross-entropy per token plus the surrogate's
loss, in one Adam. They retrain only after failures and only on labelled molecules, with sampled latents, a sparse
deep-kernel surrogate and its predictive likelihood, clip gradients, and search a trust region that is recentred in the
new latent space. None of this is done here.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import bo
from models import VAEConfig, vae
from models.parts.networks import Network

MINIBATCH = 64
RATE = 3e-3  # that of the VAEs' own training


class Encoders(NamedTuple):
    """VAEs that campaigns start from, one for each seed: ``params`` (seed, …).

    ``low`` and ``width`` (seed, column) turn rows of a table into examples, ``low`` + ``width`` · row.
    """

    config: VAEConfig
    params: Any
    low: np.ndarray
    width: np.ndarray


def encoders(config: VAEConfig, params: Any, x: np.ndarray) -> Encoders:
    """Return the record for VAEs (seed, …) of a pool ``x`` (n, *shape), whose table has columns scaled to [0, 1]."""
    flat, seeds = x.reshape(len(x), -1).astype(float), len(jax.tree.leaves(params)[0])
    return Encoders(config, params, *(np.tile(part, (seeds, 1)) for part in (flat.min(0), np.ptp(flat, 0))))


def examples(start: Encoders, rows: Any) -> Any:
    """Turn rows (n, column) of a table into the examples (n, *shape) that the VAE of one seed encodes."""
    x = start.low[None] + start.width[None] * rows
    return x.astype(jnp.float32).reshape(-1, *start.config.shape)


def joint_vae(blocks: Sequence[bo.Block], rows: Any, start: Encoders, steps: int) -> bo.Surrogate:
    """Return the surrogate on the block "raw" of a pool's ``rows`` (n, column).

    ``start`` is of one seed; every fit takes ``steps`` of Adam.
    """
    model, values = vae(start.config), math.prod(start.config.shape)

    def encode(weights: Any, rows: Any) -> Any:
        return jax.vmap(lambda x: model.encode(weights, x).mean)(examples(start, rows))

    def bound(key: Any, weights: Any) -> Any:
        key_rows, key_draws = jax.random.split(key)
        chosen = jax.random.choice(key_rows, len(rows), (min(MINIBATCH, len(rows)),), replace=False)
        return model.bound(key_draws, weights, examples(start, rows[chosen]))[0] / values

    network = Network(lambda key: start.params, encode)
    config = bo.PublishedDeepKernelConfig(steps=steps, rate=RATE)
    return bo.published_deep_kernel(blocks, network, config, also=bound)
