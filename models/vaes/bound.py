"""The bound of ONE example at ONE candidate, an angle bin and a class."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from models.parts.losses import Schedule, kl_circle, kl_normal_each, log_bin, scheduled
from models.types import Params, Posterior, Terms
from models.vaes.examples import Example
from models.vaes.family import Family, pose_of


class Candidate(NamedTuple):
    """One bin and class of one example: the Gaussian of ``u``, the bin's angle and the class as a vector (or none)."""

    mean: Float[Array, " u"]
    std: Float[Array, " u"]
    angle: Float[Array, ""]
    classes: Float[Array, " class"]


def terms_at(
    family: Family,
    params: Params,
    example: Example,
    candidate: Candidate,
    noise: Float[Array, " u"],
    pixels: Array | None = None,
) -> Terms:
    """Return the terms of the bound at u = mean + std · ``noise``, in nats.

    ``reconstruction`` is −log p(x | u), ``kl`` the divergence of the content, ``kl_<component>`` of the pose and
    ``kl_factor`` of unknown factors; ``factor_surprise`` is −log q(known factors | x), ``squares`` the squared error.

    ``pixels`` estimates the sums over pixels from some of them, unbiased if every pixel is expected equally often.
    """
    config, entries = family.config, family.layout
    u = candidate.mean + candidate.std * noise
    parts = [u[entries.content], candidate.classes]
    known = None
    if example.factor is not None:
        known = jnp.isfinite(example.factor)
        given = jnp.where(known, example.factor, 0.0)
        parts.append(jnp.where(known, given, u[entries.factors]) if config.factor_mode == "regression" else given)
    latents = jnp.concatenate(parts)
    output = family.decoder.apply(params["decoder"], latents, pose_of(family, u, candidate.angle), pixels)
    terms = _data_terms(family, params, example, output, pixels)
    divergence = kl_normal_each(Posterior(candidate.mean, candidate.std))
    terms["kl"] = jnp.sum(divergence[entries.content])
    for name, part in entries.pose.items():
        terms[f"kl_{name}"] = jnp.sum(divergence[part])
    if "angle" in entries.pose and config.angle_posterior == "circular":
        terms["kl_angle"] = _kl_of_circular_angle(family, candidate, u)
    if example.factor is not None and known is not None and config.factor_mode == "regression":
        terms["kl_factor"] = jnp.sum(jnp.where(known, 0.0, divergence[entries.factors]))
        terms["factor_surprise"] = _surprise(candidate, entries.factors, example.factor, known)
    return terms


def _data_terms(family: Family, params: Params, example: Example, output: jax.Array, pixels: Array | None) -> Terms:
    """Return ``reconstruction`` and ``squares`` of the decoder's output."""
    x, mask, share = example.x, example.mask, 1.0
    if pixels is not None:
        x, mask, share = x[pixels], None if mask is None else mask[pixels], len(pixels) / len(example.x)
    log_prob = family.likelihood.log_prob(output, x, mask, params.get("log_sigma"))
    squares = (family.likelihood.mean(output) - x) ** 2
    return {
        "reconstruction": -log_prob / share if share < 1 else -log_prob,
        "squares": jnp.sum(squares if mask is None else squares * mask) / share,
    }


def _kl_of_circular_angle(family: Family, candidate: Candidate, u: jax.Array) -> jax.Array:
    """Return the part of KL(angle) inside one bin; the cost of choosing the bin is added where bins are weighed."""
    part, unit = family.layout.pose["angle"], family.units["angle"]
    mean, std = candidate.mean[part][0] * unit, candidate.std[part][0] * unit
    inside = kl_circle(mean + candidate.angle, std, 1 / family.config.angle_std**2)
    if family.config.bins == 1:
        return inside
    bins = jnp.asarray(family.bins)
    at = jnp.argmin(jnp.abs(bins - candidate.angle))
    return inside - log_bin(u[part][0] * unit + candidate.angle, bins)[at]


def _surprise(candidate: Candidate, part: slice, factor: jax.Array, known: jax.Array) -> jax.Array:
    """Return −log q(factor | x) of the known factors."""
    mean, std = candidate.mean[part], candidate.std[part]
    away = jnp.where(known, (jnp.where(known, factor, 0.0) - mean) / std, 0.0)
    return jnp.sum(jnp.where(known, 0.5 * away**2 + jnp.log(std) + 0.5 * math.log(2 * math.pi), 0.0))


def gaussian_weights(family: Family, fraction: float | jax.Array) -> dict[str, jax.Array]:
    """Return the weight of every divergence in ``terms_at`` when a share ``fraction`` of the training has passed."""
    config = family.config
    schedules: dict[str, Schedule] = {"kl": config.kl_weight}
    schedules |= {f"kl_{name}": getattr(config, f"{name}_weight") for name in family.layout.pose}
    if config.factor_mode == "regression":
        schedules["kl_factor"] = 1.0
    return {name: scheduled(schedule, fraction) for name, schedule in schedules.items()}
