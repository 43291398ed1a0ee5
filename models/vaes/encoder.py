"""The encoder of the family, q(class, angle bin, content, pose, factors | x), on a copy of the image for each bin.

Content, pose and factors are one vector ``u`` of length content + pose + factors, a Gaussian for each bin and class.
All of it is in units of the prior, N(0, 1), but a circular angle: its entry is the distance from the bin's centre in
units of half a bin's width.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from models.parts.coordinates import COMPONENTS, bin_angles, rotated_copies, rotation, rotation_taps
from models.parts.networks import conv, mlp
from models.types import Params, Pose
from models.vaes.config import VAEConfig

SMALLEST_STD, LARGEST_STD = 1e-6, 7.5
"""Soft bounds of the posterior's standard deviation, far outside what any fit ends with. Without them one outlying
example can make exp(...) overflow, or log std infinite, and its gradient then spoils every weight."""

NEVER = -1e9
"""log 0 that multiplies to 0 with probability 0, where −inf would give NaN."""


class Candidates(NamedTuple):
    """The posterior of ONE example: log q(bin, class | x) and the Gaussian of ``u`` for each."""

    log_q: Float[Array, "bin class"]
    mean: Float[Array, "bin class u"]
    std: Float[Array, "bin class u"]


class Layout(NamedTuple):
    """Which entries of ``u`` are the content, each pose component and the inferred factors."""

    content: slice
    pose: dict[str, slice]
    factors: slice
    size: int


class Encoder(NamedTuple):
    """``init(key) -> params`` and ``apply(params, x [pixels channel], label, factor) -> Candidates`` for ONE example.

    ``label`` and ``factor`` enter where the model is conditional on them.
    """

    init: Callable[[jax.Array], Params]
    apply: Callable[..., Candidates]


def layout(config: VAEConfig) -> Layout:
    """The entries of ``u``, pose components in the order of models.types.Pose."""
    end, pose = config.latent_dim, {}
    for name in COMPONENTS:
        if name in config.pose:
            width = len(config.grid) if name == "shift" else 1
            pose[name] = slice(end, end + width)
            end += width
    inferred = config.factors if config.factor_mode == "regression" else 0
    return Layout(slice(0, config.latent_dim), pose, slice(end, end + inferred), end + inferred)


def units(config: VAEConfig) -> dict[str, float]:
    """What 1 in ``u`` is, in the pose's own units."""
    scale = {name: getattr(config, f"{name}_std") for name in config.pose}
    if "angle" in scale and config.angle_posterior == "circular":
        scale["angle"] = math.pi / config.bins
    return scale


def pose_of(config: VAEConfig, u: Float[Array, " u"], angle: Float[Array, ""]) -> Pose:
    """The pose that ``u`` means in the copy turned back by ``angle``; its shift is turned into the image's axes."""
    entries = layout(config).pose
    parts: dict[str, Any] = {name: u[entries[name]] * scale for name, scale in units(config).items()}
    for name in parts:
        if name != "shift":
            parts[name] = parts[name][0]
    if config.bins > 1:
        parts["angle"] = jnp.mod(parts["angle"] + angle + math.pi, 2 * math.pi) - math.pi
        if "shift" in parts:
            parts["shift"] = rotation(angle) @ parts["shift"]
    return Pose(**parts)


def pose_std_of(config: VAEConfig, std: Float[Array, " u"], angle: Float[Array, ""]) -> Pose:
    """Standard deviations of ``pose_of`` from those of ``u``, component by component."""
    entries = layout(config).pose
    parts: dict[str, Any] = {name: std[entries[name]] * scale for name, scale in units(config).items()}
    for name in parts:
        if name != "shift":
            parts[name] = parts[name][0]
    if config.bins > 1 and "shift" in parts:
        parts["shift"] = jnp.sqrt(rotation(angle) ** 2 @ parts["shift"] ** 2)
    return Pose(**parts)


def encoder(config: VAEConfig) -> Encoder:
    """The networks behind ``Candidates``: one body on every copy, with an output for every class.

    A class-conditional model reads the output of its class alone, so its ``Candidates`` has one class.
    """
    entries, heads = layout(config), max(config.classes, 1)
    scored = config.bins * heads > 1
    outputs = heads * 2 * entries.size + (heads if scored else 0)
    extra = config.factors if config.factor_mode == "conditional" else 0
    pixels = math.prod(config.shape)
    if config.encoder == "conv":
        body = conv((*config.grid, config.depth), config.channels, (*config.hidden, outputs), extra, config.activation)
    else:
        body = mlp((pixels + extra, *config.hidden, outputs), config.activation)
    taps = rotation_taps((config.grid[0], config.grid[1]), config.bins) if config.bins > 1 else None
    # poses start narrow: blurred over the prior's whole width nothing would tell one pose from another
    offset, top = np.zeros(entries.size, np.float32), np.full(entries.size, math.log(LARGEST_STD), np.float32)
    for name, part in entries.pose.items():
        offset[part] = -2.0
        if name == "angle" and config.angle_posterior == "circular":
            top[part] = min(0.0, math.log(config.bins / math.pi))  # at most half a bin and 1 rad

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


def restrict(log_q: Float[Array, "bin class"], label: Int[Array, ""]) -> Float[Array, "bin class"]:
    """log q(bin, class | x, label): a known label (≥ 0) leaves its class alone."""
    if log_q.shape[1] == 1:
        return log_q
    other = (label >= 0) & (jnp.arange(log_q.shape[1]) != label)
    masked = jnp.where(other[None], NEVER, log_q)
    return jax.nn.log_softmax(masked.reshape(-1)).reshape(log_q.shape)


def log_class(log_q: Float[Array, "*batch bin class"]) -> Float[Array, "*batch class"]:
    """log q(class | x)."""
    return jax.nn.logsumexp(log_q, axis=-2)


def bins_of(config: VAEConfig) -> Float[np.ndarray, " bins"]:
    """The centres of the bins; one bin is centred at 0."""
    return bin_angles(config.bins)
