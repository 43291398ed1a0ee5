"""Field histories as cubic B-splines, and the limits that a source of voltage sets: amplitude and slew."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.interpolate import BSpline

import ferro_jax as ferro

DEGREE = 3
SLEW_QUANTILE = 0.99  # of the largest steps of the family's histories: the slew that counts as allowed
FAMILY = 4000  # histories that the slew is taken from


def spline_matrix(coefficients: int, samples: int) -> Float[np.ndarray, "samples coefficients"]:
    """Return the matrix of clamped cubic B-splines: a curve stays within the range of its coefficients."""
    inner = np.linspace(0, 1, coefficients - DEGREE + 1)
    knots = np.concatenate([np.zeros(DEGREE), inner, np.ones(DEGREE)])
    return BSpline.design_matrix(np.linspace(0, 1, samples), knots, DEGREE).toarray()


def family_slew(key: jax.Array) -> float:
    """Return the largest change from sample to sample that 99 % of the damped oscillations keep."""
    clean = np.asarray(ferro.damped_oscillation(key, FAMILY).clean)
    return float(np.quantile(np.abs(np.diff(clean, axis=1)).max(1), SLEW_QUANTILE))


def excess_slew(curve: Float[Array, " samples"], slew: float) -> Float[Array, ""]:
    """Return the mean square of what changes from sample to sample exceed ``slew`` by, in units of it."""
    return jnp.mean(jnp.maximum(jnp.abs(jnp.diff(curve)) / slew - 1, 0) ** 2)


def within_limits(curves: Float[np.ndarray, "*n samples"], slew: float) -> Float[np.ndarray, "*n samples"]:
    """Return curves that follow the given ones as fast as ``slew`` and ±1 allow."""
    curves = np.clip(np.asarray(curves, float), -1, 1)
    kept = curves.copy()
    for place in range(1, curves.shape[-1]):
        before = kept[..., place - 1]
        kept[..., place] = before + np.clip(curves[..., place] - before, -slew, slew)
    return kept
