"""Numbers of a polarization field, each one small pure function. Curl and sums are in units of p per lattice step."""

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from ferro_jax.presets import Setup
from ferro_jax.types import BOUNDARIES, State


def _difference(field: Float[Array, "ny nx"], axis: int, boundary: str) -> Float[Array, "ny nx"]:
    """Central difference along an axis; at an edge by wrap (periodic), with zero outside (grounded), or one-sided
    (open)."""
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


def curl(
    polarization: Float[Array, "2 ny nx"], boundary: str = "open", x_axis: str = "column"
) -> Float[Array, "ny nx"]:
    """∂py/∂x − ∂px/∂y of every site by central differences. ``x_axis`` says which index of the array is x: the column
    (as a picture is read) or the row (the published work, which also wraps: ``boundary="periodic"``)."""
    if x_axis not in ("column", "row"):
        raise ValueError(f"x_axis={x_axis!r} is unknown: choose one of column, row")
    along_x, along_y = (1, 0) if x_axis == "column" else (0, 1)
    return _difference(polarization[1], along_x, boundary) - _difference(polarization[0], along_y, boundary)


def sum_abs_curl(
    polarization: Float[Array, "2 ny nx"], boundary: str = "open", x_axis: str = "column"
) -> Float[Array, ""]:
    """Σ over sites of |curl|."""
    return jnp.sum(jnp.abs(curl(polarization, boundary, x_axis)))


def unit_vectors(polarization: Float[Array, "2 ny nx"]) -> Float[Array, "2 ny nx"]:
    """p / |p| of every site; zero where p is."""
    squared = jnp.sum(polarization**2, 0, keepdims=True)
    zero = squared == 0
    return jnp.where(zero, 0.0, polarization / jnp.sqrt(jnp.where(zero, 1.0, squared)))


def sum_abs_curl_of_directions(
    polarization: Float[Array, "2 ny nx"], boundary: str = "open", x_axis: str = "column"
) -> Float[Array, ""]:
    """Σ|curl| of the unit vectors p / |p|."""
    return sum_abs_curl(unit_vectors(polarization), boundary, x_axis)


def mean_polarization(polarization: Float[Array, "2 ny nx"]) -> Float[Array, "2"]:
    """<p> over the sites."""
    return polarization.mean((1, 2))


def sum_magnitude(polarization: Float[Array, "2 ny nx"]) -> Float[Array, ""]:
    """Σ over sites of |p|; its derivative at p = 0 is taken as 0."""
    squared = jnp.sum(polarization**2, 0)
    zero = squared == 0
    return jnp.sum(jnp.where(zero, 0.0, jnp.sqrt(jnp.where(zero, 1.0, squared))))


def target(state: State, setup: Setup) -> Float[Array, ""]:
    """The preset's objective: Σ|curl| of what observers see."""
    return sum_abs_curl(state.seen, setup.curl_boundary, setup.curl_x_axis)
