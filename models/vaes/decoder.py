"""The decoder, and the bound of ONE example at ONE candidate (angle bin and class)."""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from models.parts.coordinates import affine, pixel_grid
from models.parts.likelihoods import LIKELIHOODS
from models.parts.losses import Schedule, kl_circle, kl_normal_each, log_bin, scheduled
from models.parts.networks import coordinate_decoder, mlp
from models.types import Params, Pose, Posterior, Terms
from models.vaes.config import VAEConfig
from models.vaes.encoder import bins_of, layout, pose_of, units


class Example(NamedTuple):
    """One example as the bound needs it: values and mask [pixels channel], the factors known of it (NaN unknown)."""

    x: Float[Array, "pixels channel"]
    mask: Float[Array, "pixels channel"] | None
    factor: Float[Array, " factor"] | None


class Candidate(NamedTuple):
    """One bin and class of one example: the Gaussian of ``u``, the bin's angle and the class as a vector (or none)."""

    mean: Float[Array, " u"]
    std: Float[Array, " u"]
    angle: Float[Array, ""]
    classes: Float[Array, " class"]


class Decoder(NamedTuple):
    """``init(key) -> params``; ``apply(params, latents, pose, pixels=None) -> output [pixels channel]``, ONE example.

    ``latents`` are content, class vector and factors in one; ``pixels`` picks some of them (coordinate decoder only).
    The output is the likelihood's, before its ``mean``.
    """

    init: Callable[[jax.Array], Params]
    apply: Callable[..., jax.Array]


def decoder(config: VAEConfig) -> Decoder:
    """The plain decoder, or the coordinate decoder with a pose."""
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


def terms_at(
    config: VAEConfig,
    decode: Decoder,
    params: Params,
    example: Example,
    candidate: Candidate,
    noise: Float[Array, " u"],
    pixels: Array | None = None,
) -> Terms:
    """At u = mean + std · ``noise``: ``reconstruction`` −log p(x|u), ``kl`` of the content, ``kl_<component>`` of the
    pose and ``kl_factor`` in nats; ``squares``, the squared error.

    ``pixels`` estimates the sums over pixels from some of them, unbiased if every pixel is expected equally often.
    """
    likelihood, entries = LIKELIHOODS[config.likelihood](config.sigma), layout(config)
    u = candidate.mean + candidate.std * noise
    parts = [u[entries.content], candidate.classes]
    known = None
    if example.factor is not None:
        known = jnp.isfinite(example.factor)
        given = jnp.where(known, example.factor, 0.0)
        parts.append(jnp.where(known, given, u[entries.factors]) if config.factor_mode == "regression" else given)
    output = decode.apply(params["decoder"], jnp.concatenate(parts), pose_of(config, u, candidate.angle), pixels)
    x, mask, share = example.x, example.mask, 1.0
    if pixels is not None:
        x, mask, share = x[pixels], None if mask is None else mask[pixels], len(pixels) / len(example.x)
    log_prob = likelihood.log_prob(output, x, mask, params.get("log_sigma"))
    squares = (likelihood.mean(output) - x) ** 2
    terms = {
        "reconstruction": -log_prob / share if share < 1 else -log_prob,
        "squares": jnp.sum(squares if mask is None else squares * mask) / share,
    }
    divergence = kl_normal_each(Posterior(candidate.mean, candidate.std))
    terms["kl"] = jnp.sum(divergence[entries.content])
    for name, part in entries.pose.items():
        terms[f"kl_{name}"] = jnp.sum(divergence[part])
    if "angle" in entries.pose and config.angle_posterior == "circular":
        terms["kl_angle"] = _kl_of_circular_angle(config, candidate, u)
    if example.factor is not None and known is not None and config.factor_mode == "regression":
        terms["kl_factor"] = jnp.sum(jnp.where(known, 0.0, divergence[entries.factors]))
        terms["factor_surprise"] = _surprise(candidate, entries.factors, example.factor, known)
    return terms


def _kl_of_circular_angle(config: VAEConfig, candidate: Candidate, u: jax.Array) -> jax.Array:
    """The part of KL(angle) inside one bin; what the choice of the bin costs is added where bins are weighed."""
    part, unit = layout(config).pose["angle"], units(config)["angle"]
    mean, std = candidate.mean[part][0] * unit, candidate.std[part][0] * unit
    inside = kl_circle(mean + candidate.angle, std, 1 / config.angle_std**2)
    if config.bins == 1:
        return inside
    bins = jnp.asarray(bins_of(config))
    own = jnp.argmin(jnp.abs(bins - candidate.angle))
    return inside - log_bin(u[part][0] * unit + candidate.angle, bins)[own]


def _surprise(candidate: Candidate, part: slice, factor: jax.Array, known: jax.Array) -> jax.Array:
    """−log q(factor | x) of the known factors."""
    mean, std = candidate.mean[part], candidate.std[part]
    away = jnp.where(known, (jnp.where(known, factor, 0.0) - mean) / std, 0.0)
    return jnp.sum(jnp.where(known, 0.5 * away**2 + jnp.log(std) + 0.5 * math.log(2 * math.pi), 0.0))


def gaussian_weights(config: VAEConfig, fraction: float | jax.Array) -> dict[str, jax.Array]:
    """The weight of every divergence in ``terms_at`` at this share of the training."""
    schedules: dict[str, Schedule] = {"kl": config.kl_weight}
    schedules |= {f"kl_{name}": getattr(config, f"{name}_weight") for name in layout(config).pose}
    if config.factor_mode == "regression":
        schedules["kl_factor"] = 1.0
    return {name: scheduled(schedule, fraction) for name, schedule in schedules.items()}


def class_vectors(config: VAEConfig) -> Float[np.ndarray, "head class"]:
    """One-hot class vectors; one empty vector without classes."""
    return np.eye(config.classes, dtype=np.float32) if config.classes else np.zeros((1, 0), np.float32)
