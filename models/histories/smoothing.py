"""Decoded histories smoothed in time, because a dense decoder adds an error of its own to every sample."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from models.parts.smoothing import smoothing_matrix

WIDTHS = (0.0, 0.005, 0.01, 0.02, 0.04)  # standard deviations of the weights, as shares of the duration


def smoothed(scaled: Any, width: float) -> Any:
    """Return scaled histories [*batch samples channels] smoothed in time; as they are for width 0."""
    if not width > 0:
        return scaled
    return jnp.einsum("ts,...sc->...tc", jnp.asarray(smoothing_matrix(scaled.shape[-2], width), scaled.dtype), scaled)


def check_smooth(smooth: Any) -> None:
    """Raise ValueError for a width that is neither "auto" nor a share of the duration."""
    if isinstance(smooth, str) and smooth == "auto":
        return
    if isinstance(smooth, str) or not 0 <= float(smooth) < 0.25:
        raise ValueError(f"smooth={smooth!r}: give 'auto', or a share of the duration from 0 (off) to below 0.25.")


def width_of(smooth: Any, scaled: np.ndarray, decoded: np.ndarray, measured: np.ndarray) -> float:
    """Return the width for decoded histories: ``smooth`` itself, or for "auto" the one that held-out histories choose.

    ``scaled``, ``decoded`` and ``measured`` (where there are values) are [held_out samples channels]. Of WIDTHS the one
    of the smallest root mean square error is taken, so that steps, pulses and oscillations are kept.
    """
    if not isinstance(smooth, str):
        return float(smooth)
    errors = [np.sqrt(np.mean(((scaled - smoothed(decoded, width)) ** 2)[measured])) for width in WIDTHS]
    return WIDTHS[int(np.argmin(errors))]
