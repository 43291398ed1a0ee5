"""The decoder of the family: fully connected, or a function of the spatial coordinate, which a pose can move."""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from models.parts.coordinates import affine, pixel_grid
from models.parts.networks import coordinate_decoder, mlp
from models.types import Params, Pose
from models.vaes.config import VAEConfig


class Decoder(NamedTuple):
    """``init(key) -> params``; ``apply(params, latents, pose, pixels=None) -> output [pixels channel]``, ONE example.

    ``latents`` are content, class vector and factors in one; ``pixels`` picks some of them (coordinate decoder only).
    The output is what the likelihood takes, before its ``mean``.
    """

    init: Callable[[jax.Array], Params]
    apply: Callable[..., jax.Array]


def decoder(config: VAEConfig) -> Decoder:
    """Make the plain decoder, or the coordinate decoder, which takes a pose."""
    latents = config.latent_dim + config.classes + config.factors
    sizes = config.hidden[::-1]
    if config.decoder == "plain":
        network = mlp((latents, *sizes, math.prod(config.shape)), config.activation)
        return Decoder(
            network.init,
            lambda params, latents, pose, pixels=None: network.apply(params, latents).reshape(-1, config.depth),
        )
    grid = pixel_grid(config.grid)
    network = coordinate_decoder(grid.shape[1], latents, (*sizes, config.depth), config.activation, config.detail)

    def apply(params: Params, latents: jax.Array, pose: Pose, pixels: jax.Array | None = None) -> jax.Array:
        positions = jnp.asarray(grid) if pixels is None else jnp.asarray(grid)[pixels]
        return network.apply(params, latents, *affine(pose, grid.shape[1]), positions)

    return Decoder(network.init, apply)
