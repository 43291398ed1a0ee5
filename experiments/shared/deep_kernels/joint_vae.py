"""A VAE trained together with the Gaussian process on its latent means, at every refit: LOL-BO without its search.

The loss is the negative log likelihood per labelled datum plus the VAE's −ELBO per value of an example, on a minibatch
of the pool. After Maus et al. (arXiv 2201.11872) and their code: the VAE's cross-entropy per token plus the surrogate's
loss, in one Adam. They retrain only after failures and only on labelled molecules, with sampled latents, a sparse
deep-kernel surrogate and its predictive likelihood, clip gradients, and search a trust region that is recentred in the
new latent space: all that is left out.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bo.deep_kernels.published import PublishedDeepKernelConfig, published_deep_kernel
from bo.features.base import Block
from bo.surrogates.base import Surrogate
from models.parts.networks import Network
from models.vaes.config import VAEConfig
from models.vaes.model import vae

MINIBATCH = 64
RATE = 3e-3  # that of the VAEs' own training


class Encoders(NamedTuple):
    """What campaigns start from: a VAE for each seed, ``params`` (seed, …), and the examples behind a table whose rows
    are theirs: ``low`` + ``width`` · row, (seed, column)."""

    config: VAEConfig
    params: Any
    low: np.ndarray
    width: np.ndarray


def encoders(config: VAEConfig, params: Any, x: np.ndarray) -> Encoders:
    """Those of VAEs (seed, …) of a pool (n, *shape), whose table has every column scaled to [0, 1]."""
    flat, seeds = x.reshape(len(x), -1).astype(float), len(jax.tree.leaves(params)[0])
    return Encoders(config, params, *(np.tile(part, (seeds, 1)) for part in (flat.min(0), np.ptp(flat, 0))))


def examples(start: Encoders, rows: Any) -> Any:
    """What the VAE of one seed sees of rows (n, column) of the table: (n, *shape)."""
    x = start.low[None] + start.width[None] * rows
    return x.astype(jnp.float32).reshape(-1, *start.config.shape)


def joint_vae(blocks: Sequence[Block], rows: Any, start: Encoders, steps: int) -> Surrogate:
    """The Surrogate on the block "raw" of a pool's ``rows``; ``start`` is of one seed, ``steps`` of Adam each fit."""
    model, values = vae(start.config), math.prod(start.config.shape)

    def encode(weights: Any, rows: Any) -> Any:
        return jax.vmap(lambda x: model.encode(weights, x).mean)(examples(start, rows))

    def bound(key: Any, weights: Any) -> Any:
        key_rows, key_draws = jax.random.split(key)
        chosen = jax.random.choice(key_rows, len(rows), (min(MINIBATCH, len(rows)),), replace=False)
        return model.bound(key_draws, weights, examples(start, rows[chosen]))[0] / values

    network = Network(lambda key: start.params, encode)
    return published_deep_kernel(blocks, network, PublishedDeepKernelConfig(steps=steps, rate=RATE), also=bound)
