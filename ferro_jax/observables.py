"""Observables of a polarization field, each a small pure function.

Fields are P[component, row, column], component 0 along x and 1 along y; ``x_axis`` selects the index of the array that
runs along x, the column (default) or the row. Lengths are in lattice steps, so curl and divergence are in units of p
per step.
"""

from typing import Any

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Real

from ferro_jax import values
from ferro_jax.lattice import field_of
from ferro_jax.presets import Setup
from ferro_jax.types import BOUNDARIES, Scalar, State

AXES = ("column", "row")


def _difference(field: Float[Array, "ny nx"], axis: int, boundary: str) -> Float[Array, "ny nx"]:
    """Return the central difference along an axis; at an edge it wraps (periodic), has zero outside (grounded) or is
    one-sided (open)."""
    if boundary == "periodic":
        return (jnp.roll(field, -1, axis) - jnp.roll(field, 1, axis)) / 2
    if boundary == "grounded":
        padded = jnp.moveaxis(jnp.pad(field, [(1, 1) if a == axis else (0, 0) for a in (0, 1)]), axis, 0)
        return jnp.moveaxis((padded[2:] - padded[:-2]) / 2, 0, axis)
    if boundary != "open":
        raise ValueError(f"boundary={boundary!r} is unknown: choose one of {', '.join(BOUNDARIES)}")
    f = jnp.moveaxis(field, axis, 0)
    inside = (f[2:] - f[:-2]) / 2
    return jnp.moveaxis(jnp.concatenate([f[1:2] - f[:1], inside, f[-1:] - f[-2:-1]]), 0, axis)


def index_of_x_and_y(x_axis: str) -> tuple[int, int]:
    """Return the array axes, of (row, column), along which x and y run; ValueError for an unknown ``x_axis``."""
    if x_axis not in AXES:
        raise ValueError(f"x_axis={x_axis!r} is unknown: choose one of {', '.join(AXES)}")
    return (1, 0) if x_axis == "column" else (0, 1)


def curl(
    polarization: Float[Array, "2 ny nx"], boundary: str = "open", x_axis: str = "column"
) -> Float[Array, "ny nx"]:
    """Return ∂py/∂x − ∂px/∂y of every site by central differences.

    ``x_axis`` selects the index of the array that runs along x: the column (as in a picture) or the row (as in the
    published work, which also wraps: ``boundary="periodic"``).
    """
    polarization = field_of(polarization)
    along_x, along_y = index_of_x_and_y(x_axis)
    return _difference(polarization[1], along_x, boundary) - _difference(polarization[0], along_y, boundary)


def divergence(
    polarization: Float[Array, "2 ny nx"], boundary: str = "open", x_axis: str = "column"
) -> Float[Array, "ny nx"]:
    """Return ∂px/∂x + ∂py/∂y of every site by central differences, minus the density of bound charge.

    Options as for ``curl``.
    """
    polarization = field_of(polarization)
    along_x, along_y = index_of_x_and_y(x_axis)
    return _difference(polarization[0], along_x, boundary) + _difference(polarization[1], along_y, boundary)


def smooth_abs(x: Float[Array, "*shape"], width: float) -> Float[Array, "*shape"]:
    """Return sqrt(x² + width²) − width, which is |x| with a rounded kink, at most ``width`` below |x|.

    It is meant for gradient-based optimisation of a sum of |curl|. That sum has a kink wherever the curl of a site is
    zero; descent zigzags there, and second derivatives are zero or meaningless. A width of 1e-3 to 1e-2 of the typical
    |x| changes the value little; the gradient is at most 1 in size and 0 at x = 0. ValueError unless the width is
    positive.
    """
    if not width > 0:
        raise ValueError(f"width={width}: expected a positive number, about 1e-3 to 1e-2 of the typical |x|")
    x = values.array(x, "x")
    return x**2 / (jnp.sqrt(x**2 + width**2) + width)  # the difference of the two would cancel near x = 0


def sum_abs_curl(
    polarization: Float[Array, "2 ny nx"], boundary: str = "open", x_axis: str = "column", smooth: float = 0.0
) -> Float[Array, ""]:
    """Return Σ over sites of |curl|, or of ``smooth_abs(curl, smooth)`` with a positive ``smooth``.

    ``smooth`` is a Python float in the units of the curl; other options as for ``curl``.
    """
    turning = curl(polarization, boundary, x_axis)
    return jnp.sum(smooth_abs(turning, smooth) if smooth else jnp.abs(turning))


def unit_vectors(polarization: Float[Array, "2 ny nx"]) -> Float[Array, "2 ny nx"]:
    """Return p / |p| of every site, zero where p is zero."""
    polarization = field_of(polarization)
    squared = jnp.sum(polarization**2, 0, keepdims=True)
    zero = squared == 0
    return jnp.where(zero, 0.0, polarization / jnp.sqrt(jnp.where(zero, 1.0, squared)))


def sum_abs_curl_of_directions(
    polarization: Float[Array, "2 ny nx"], boundary: str = "open", x_axis: str = "column", smooth: float = 0.0
) -> Float[Array, ""]:
    """Return Σ|curl| of the unit vectors p / |p|; ``smooth`` as in ``sum_abs_curl``, in units of 1 per lattice step."""
    return sum_abs_curl(unit_vectors(polarization), boundary, x_axis, smooth)


def mean_polarization(polarization: Float[Array, "2 ny nx"]) -> Float[Array, "2"]:
    """Return the mean of p over the sites."""
    return field_of(polarization).mean((1, 2))


def sum_magnitude(polarization: Float[Array, "2 ny nx"]) -> Float[Array, ""]:
    """Return Σ over sites of |p|; its derivative at p = 0 is taken as 0."""
    squared = jnp.sum(field_of(polarization) ** 2, 0)
    zero = squared == 0
    return jnp.sum(jnp.where(zero, 0.0, jnp.sqrt(jnp.where(zero, 1.0, squared))))


def target(state: State, setup: Setup, smooth: float = 0.0) -> Float[Array, ""]:
    """Return the objective of the set-up: Σ|curl| of the visible field; ``smooth`` as in ``sum_abs_curl``.

    ValueError for what is no State; of a polarization alone take ``sum_abs_curl``.
    """
    if not isinstance(state, State):
        raise ValueError(
            f"state is a {type(state).__name__}, expected a ferro_jax.State, simulate(...).state for instance; of a "
            "polarization take sum_abs_curl(polarization, setup.curl_boundary, setup.curl_x_axis)"
        )
    return sum_abs_curl(state.visible, setup.curl_boundary, setup.curl_x_axis, smooth)


def tip_response(
    polarization: Float[Array, "2 ny nx"],
    centre: Real[Array, "2"] | tuple[Any, Any],
    radius: Real[Array, ""] | float | int,
    boundary: str = "open",
) -> Float[Array, "2"]:
    """Return the mean of p over the sites within ``radius`` lattice steps of ``centre`` = (row, column).

    The tip of a scanning probe averages over such a disc; ``jax.vmap`` over centres gives a scanned image. The disc
    wraps on a periodic boundary and is cut off at the others. If no site lies in it (a small radius between sites, a
    centre off the lattice), the nearest site counts, or the mean of those equally near. The result is piecewise
    constant in centre and radius, which may be traced; their derivative is zero. Source: the tip radius of the
    published simulator (arXiv 2206.12435), which sums over the disc where this function takes the mean.
    """
    polarization = field_of(polarization, finite=True)
    shape = polarization.shape[1:]
    offsets = []
    for axis, size in enumerate(shape):
        away = jnp.abs(jnp.arange(size) - jnp.asarray(centre[axis], polarization.dtype))
        if boundary == "periodic":
            away = jnp.minimum(away % size, -away % size)
        offsets.append(away)
    squared = offsets[0][:, None] ** 2 + offsets[1][None, :] ** 2
    inside = squared <= jnp.maximum(jnp.asarray(radius, squared.dtype) ** 2, squared.min())
    return jnp.where(inside[None], polarization, 0.0).sum((1, 2)) / inside.sum()


def relaxation_rate(
    series: Float[Array, "time *shape"], dt: Scalar, final: Float[Array, "*shape"] | float | None = None
) -> Float[Array, "*shape"]:
    """Return the rate, per unit of time, at which a quantity relaxes after the field is switched off.

    It is the inverse of the integral relaxation time, (q₀ − q∞) / ∫(q − q∞) dt by the trapezoidal rule: the rate of an
    exponential decay, an average rate of others. ``series`` has time first; its first value is q₀, and its values are
    ``dt`` apart (times the stride, if only every few steps are observed). q∞ is ``final``, by default the last value:
    give a series that has come to rest, or the known limit, because a series cut off at a fraction ε of its decay gives
    a rate too high by about ε log(1/ε). 0 where nothing relaxes (q₀ = q∞ or no net integral).
    """
    series = values.array(series, "series")
    end = jnp.asarray(series[-1] if final is None else final, series.dtype)
    rest = series - jnp.broadcast_to(end, series.shape[1:])[None]
    integral = dt * (jnp.sum(rest, 0) - (rest[0] + rest[-1]) / 2)
    still = (rest[0] == 0) | (integral == 0)
    return jnp.where(still, 0.0, rest[0] / jnp.where(still, 1.0, integral))
