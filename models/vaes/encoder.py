"""The encoder of the family, q(class, angle bin, u | x): one network on a copy of the image for each angle bin."""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from models.parts.coordinates import rotated_copies, rotation_taps
from models.parts.networks import conv, mlp
from models.types import Params
from models.vaes.config import VAEConfig
from models.vaes.latents import Layout

SMALLEST_STD, LARGEST_STD = 1e-6, 7.5
"""Soft bounds of the posterior's standard deviation, far outside the values that any fit ends with. They are needed
because a single outlying example can make exp(...) overflow, or log std infinite, and its gradient then makes every
weight NaN."""

NEVER = -1e9
"""log 0 that multiplies to 0 with probability 0, where −inf would give NaN."""

POSE_OFFSET = -2.0
"""Added to log std of the pose at the start. Poses start narrow because images blurred over the prior's whole width
would look the same in every pose."""


class Candidates(NamedTuple):
    """The posterior of ONE example: log q(bin, class | x), and the Gaussian of ``u`` for each bin and class."""

    log_q: Float[Array, "bin class"]
    mean: Float[Array, "bin class u"]
    std: Float[Array, "bin class u"]


class Encoder(NamedTuple):
    """``init(key) -> params`` and ``apply(params, x [pixels channel], label, factor) -> Candidates`` for ONE example.

    ``label`` and ``factor`` are used where the model is conditional on them.
    """

    init: Callable[[jax.Array], Params]
    apply: Callable[..., Candidates]


def encoder(config: VAEConfig, entries: Layout) -> Encoder:
    """Make the encoder: one network on every rotated copy of the image, with outputs for every class.

    A class-conditional model reads the outputs of its own class alone, so its ``Candidates`` has one class.
    """
    heads = max(config.classes, 1)
    scored = config.bins * heads > 1
    outputs = heads * 2 * entries.size + (heads if scored else 0)
    extra = config.factors if config.factor_mode == "conditional" else 0
    pixels = math.prod(config.shape)
    if config.encoder == "conv":
        body = conv((*config.grid, config.depth), config.channels, (*config.hidden, outputs), extra, config.activation)
    else:
        body = mlp((pixels + extra, *config.hidden, outputs), config.activation)
    taps = rotation_taps((config.grid[0], config.grid[1]), config.bins) if config.bins > 1 else None
    offset, top = _log_std_bounds(config, entries)

    def apply(
        params: Params, x: Float[Array, "pixels channel"], label: Int[Array, ""], factor: Float[Array, " factor"] | None
    ) -> Candidates:
        copies = (x[None] if taps is None else rotated_copies(taps, x)).reshape(config.bins, pixels)
        known = jnp.zeros((config.bins, 0), jnp.float32)
        if extra and factor is not None:
            known = jnp.broadcast_to(factor[None], (config.bins, extra))
        if config.encoder == "conv":
            output = body.apply(params, copies, known)
        else:
            output = body.apply(params, jnp.concatenate([copies, known], -1) if extra else copies)
        gaussian = output[:, : heads * 2 * entries.size].reshape(config.bins, heads, 2, entries.size)
        mean, raw = gaussian[:, :, 0], gaussian[:, :, 1] + offset[None, None]
        limit = jnp.asarray(top)[None, None]
        std = SMALLEST_STD + jnp.exp(limit - jax.nn.softplus(limit - raw))
        scores = output[:, -heads:] if scored else jnp.zeros((1, 1), jnp.float32)
        if config.class_mode == "conditional":
            mean, std = (leaf[:, label][:, None] for leaf in (mean, std))
            scores = scores[:, label][:, None] if scored else scores
        return Candidates(jax.nn.log_softmax(scores.reshape(-1)).reshape(scores.shape), mean, std)

    return Encoder(body.init, apply)


def _log_std_bounds(config: VAEConfig, entries: Layout) -> tuple[np.ndarray, np.ndarray]:
    """Return what is added to the network's log std, and the largest log std, for every entry of ``u``."""
    offset, top = np.zeros(entries.size, np.float32), np.full(entries.size, math.log(LARGEST_STD), np.float32)
    for name, part in entries.pose.items():
        offset[part] = POSE_OFFSET
        if name == "angle" and config.angle_posterior == "circular":
            top[part] = min(0.0, math.log(config.bins / math.pi))  # at most half a bin and 1 rad
    return offset, top


def restrict(log_q: Float[Array, "bin class"], label: Int[Array, ""]) -> Float[Array, "bin class"]:
    """Return log q(bin, class | x, label) of ONE example: a known label (≥ 0) leaves probability to its class alone."""
    if log_q.shape[1] == 1:
        return log_q
    other = (label >= 0) & (jnp.arange(log_q.shape[1]) != label)
    masked = jnp.where(other[None], NEVER, log_q)
    return jax.nn.log_softmax(masked.reshape(-1)).reshape(log_q.shape)


def log_class(log_q: Float[Array, "*batch bin class"]) -> Float[Array, "*batch class"]:
    """Return log q(class | x), the sum over the angle bins."""
    return jax.nn.logsumexp(log_q, axis=-2)
