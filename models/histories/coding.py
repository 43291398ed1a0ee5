"""Histories to points of a learned latent space and back."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from models.data import Batch
from models.evaluation.latent import encode_all
from models.histories.checks import check_histories
from models.histories.records import Decoded, Histories, Learned, with_channels
from models.histories.scaling import from_vector, to_vectors
from models.types import Code, Params, Posterior
from models.vaes.config import VAEConfig
from models.vaes.model import vae


def encode(learned: Learned, histories: Histories) -> Posterior:
    """Return the posterior of each history: mean and std [n latent].

    ValueError for histories of another number of samples or channels than the learned ones.
    """
    shape = with_channels(np.asarray(histories.values)).shape[1:]
    if shape != learned.scaling.centre.shape:
        samples, channels = learned.scaling.centre.shape
        raise ValueError(
            f"histories of {shape[0]} samples and {shape[1]} channel(s), learned were {samples} and {channels}: read "
            f"them with samples={samples}."
        )
    check_histories(histories, 1)
    code = encode_vectors(learned.config, learned.params, to_vectors(histories, learned.scaling))
    return Posterior(code.mean, code.std)


@partial(jax.jit, static_argnums=0)
def encode_vectors(config: VAEConfig, params: Params, batch: Batch) -> Code:
    """Return the Code of every scaled history."""
    return encode_all(vae(config), params, batch)


def decode(learned: Learned, z: Any) -> Decoded:
    """Return histories [*batch samples (channels)] and durations [*batch] at points z [*batch latent].

    Physical units; every value lies within the bounds that were learned with, wherever z is. May be traced and
    differentiated; the gradient of a value at its bound is 0. ValueError for another number of latents.
    """
    z = jnp.asarray(z, jnp.float32)
    if z.shape[-1:] != (learned.config.latent_dim,):
        raise ValueError(f"z has shape {z.shape}: its last axis needs the {learned.config.latent_dim} latents.")
    return _decoded(_Units(learned), learned.params, z)


class _Units:
    """A family without its parameters, equal to every other of the same settings, scaling and bounds."""

    def __init__(self, learned: Learned) -> None:
        scaling = learned.scaling
        arrays = scaling.centre, scaling.spread, scaling.log_duration, learned.low, learned.high
        numbers = float(scaling.shortest), float(scaling.longest), float(scaling.smooth)
        none = np.zeros((0, 0))
        self.learned = learned._replace(params=None, mean=none, std=none)  # kept as long as the program
        self.contents = (
            learned.config, learned.single, numbers,
            tuple((np.shape(each), np.asarray(each, float).tobytes()) for each in arrays),
        )  # fmt: skip

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Units) and self.contents == other.contents

    def __hash__(self) -> int:
        return hash(self.contents)


@partial(jax.jit, static_argnums=0)
def _decoded(units: _Units, params: Params, z: jax.Array) -> Decoded:
    """Return histories and durations: one program for a family and a shape, because decoding begins most searches."""
    flat = z.reshape(-1, z.shape[-1])
    decoded = jax.vmap(lambda point: decode_one(units.learned, params, point))(flat)
    return Decoded(*(part.reshape(*z.shape[:-1], *part.shape[1:]) for part in decoded))


def decode_one(learned: Learned, params: Params, z: jax.Array) -> Decoded:
    """Return the history and duration at ONE point, with the parameters given, so that they may be traced."""
    return from_vector(learned, learned.model.decode(params, z))
