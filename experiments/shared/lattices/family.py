"""Histories of the published family, damped oscillations, from their growth and frequency."""

import numpy as np
from jaxtyping import Float

SAMPLES, TIME = 1200, 4.0  # that a whole oscillation has, and that growth and frequency refer to


def family_curves(
    growth: Float[np.ndarray, "*n"], frequency: Float[np.ndarray, "*n"], samples: int
) -> Float[np.ndarray, "*n samples"]:
    """Return the first ``samples`` of exp(growth t) cos(frequency t), scaled to [−1, 1] over all 1,200; no noise."""
    time = np.linspace(0, TIME, SAMPLES)
    shape = np.exp(growth[..., None] * time) * np.cos(frequency[..., None] * time)
    low, high = shape.min(-1, keepdims=True), shape.max(-1, keepdims=True)
    return (2 * (shape - low) / (high - low) - 1)[..., :samples]
