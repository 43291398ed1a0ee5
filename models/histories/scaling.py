"""Histories scaled to the vectors that a VAE learns, and vectors scaled back to histories within their bounds."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from models.data import Batch
from models.histories.records import Decoded, Histories, Learned, Scaling, missing, with_channels
from models.histories.smoothing import smoothed

SCALES = ("auto", "unit", "standard")
Scale = str | tuple[float, float]


def scaling_of(histories: Histories, scale: Scale, duration: str) -> Scaling:
    """Return the scaling of histories. ValueError for an unknown ``scale`` and for a channel without spread.

    "auto" takes deviations from the mean history in units of their root mean square: what all histories have in common
    (a ramp from room temperature) would otherwise hide how they differ. "standard" takes the mean and the standard
    deviation of all values, "unit" maps the smallest and the largest value to −1 and 1, a pair (low, high) these two.
    """
    values = with_channels(np.asarray(histories.values, float))
    absent = with_channels(missing(histories.mask, histories.values))
    known = np.where(absent, np.nan, values)
    samples, channels = values.shape[1:]
    overall = np.nanmean(known, (0, 1))
    if isinstance(scale, str) and scale == "auto":
        counts = (~absent).sum(0)
        centre = np.where(counts > 0, np.where(absent, 0, values).sum(0) / np.maximum(counts, 1), overall[None])
        spread = np.sqrt(np.nanmean((known - centre[None]) ** 2, (0, 1)))
    elif isinstance(scale, str):
        if scale not in SCALES:
            raise ValueError(f"scale={scale!r}: give one of {', '.join(SCALES)} or a pair (low, high).")
        low, high = np.nanmin(known, (0, 1)), np.nanmax(known, (0, 1))
        middle, spread = (low + high) / 2, (high - low) / 2
        if scale == "standard":
            middle, spread = overall, np.nanstd(known, (0, 1))
        centre = np.broadcast_to(middle[None], (samples, channels))
    else:
        low, high = scale
        if not low < high:
            raise ValueError(f"scale={scale}: give (low, high) with low below high.")
        centre = np.full((samples, channels), (low + high) / 2)
        spread = np.full(channels, (high - low) / 2)
    flat = np.flatnonzero(~(spread > 1e-9 * (np.abs(overall) + np.finfo(float).tiny)))
    if flat.size and channels > 1:
        name = histories.names[flat[0]] or str(flat[0] + 1)
        raise ValueError(f"channel {name} is alike in all histories: leave it out, there is nothing to learn in it.")
    if flat.size:  # histories that differ in their durations alone
        spread = np.ones(channels)
    return Scaling(np.array(centre, float), spread, *_durations(histories.duration, duration))


def _durations(durations: np.ndarray, duration: str) -> tuple[np.ndarray, float, float]:
    """Return mean and spread of the log durations, and the shortest and the longest; the spread is 0 if ignored."""
    if duration not in ("keep", "ignore"):
        raise ValueError(f"duration={duration!r}: give 'keep' or 'ignore'.")
    logs = np.log(durations)
    spread = float(logs.std()) if duration == "keep" and np.ptp(logs) > 1e-6 else 0.0
    return np.array([logs.mean(), spread]), float(durations.min()), float(durations.max())


def to_vectors(histories: Histories, scaling: Scaling) -> Batch:
    """Return the scaled histories as vectors [n features], with their masks where something is missing.

    Features are the samples (channels within each) and, where durations are learned, the scaled log duration times
    √samples, which is as far from its mean as a channel that held it constantly would be. The weight is needed because
    one number among hundreds would not be worth a latent.
    """
    values = with_channels(np.asarray(histories.values, float))
    absent = with_channels(missing(histories.mask, histories.values))
    samples = values.shape[1]
    scaled = np.where(absent, 0.0, (values - scaling.centre[None]) / scaling.spread[None, None])
    x, mask = scaled.reshape(len(values), -1), (~absent).reshape(len(values), -1)
    mean, spread = scaling.log_duration
    if spread > 0:
        extra = math.sqrt(samples) * (np.log(histories.duration) - mean) / spread
        x, mask = np.column_stack([x, extra]), np.column_stack([mask, np.ones(len(x), bool)])
    return Batch(x.astype(np.float32), None if mask.all() else mask.astype(np.float32))


def from_vector(learned: Learned, vector: Float[Array, " features"]) -> Decoded:
    """Return the history and duration of ONE vector, in physical units and within the bounds.

    Values are smoothed in time (``Scaling.smooth``) and set to a bound where they lie beyond it; the duration is kept
    between the shortest and the longest that were learned.
    """
    scaling, dtype = learned.scaling, vector.dtype
    samples, channels = scaling.centre.shape
    scaled = smoothed(vector[: samples * channels].reshape(samples, channels), scaling.smooth)
    values = jnp.asarray(scaling.centre, dtype) + jnp.asarray(scaling.spread, dtype)[None] * scaled
    low, high = _inside(learned.low, learned.high, dtype)
    values = jnp.clip(values, low[None], high[None])
    mean, spread = scaling.log_duration
    log_duration = jnp.asarray(mean, dtype)
    if spread > 0:
        log_duration = log_duration + jnp.asarray(spread / math.sqrt(samples), dtype) * vector[-1]
    duration = jnp.exp(jnp.clip(log_duration, math.log(scaling.shortest), math.log(scaling.longest)))
    return Decoded(values[:, 0] if learned.single else values, duration)


def _inside(low: np.ndarray, high: np.ndarray, dtype: Any) -> tuple[jax.Array, jax.Array]:
    """Return bounds in ``dtype`` that do not lie outside the given ones by rounding."""
    lower, upper = low.astype(dtype), high.astype(dtype)
    lower = np.where(lower < low, np.nextafter(lower, np.asarray(np.inf, dtype)), lower)
    upper = np.where(upper > high, np.nextafter(upper, np.asarray(-np.inf, dtype)), upper)
    return jnp.asarray(lower), jnp.asarray(upper)
