"""Domain walls and vortices, from the directions of a polarization field P[component, row, column]."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int

from ferro_jax.lattice import field_of
from ferro_jax.observables import index_of_x_and_y
from ferro_jax.types import BOUNDARIES, Scalar

EASY = ("axis", "diagonal")


class Vortices(NamedTuple):
    """The numbers of plaquettes with winding +1 (``vortices``) and −1 (``antivortices``)."""

    vortices: Int[Array, ""]
    antivortices: Int[Array, ""]


def _has_direction(polarization: Float[Array, "2 ny nx"], minimum: Scalar) -> Bool[Array, "ny nx"]:
    squared = jnp.sum(polarization**2, 0)
    return squared > jnp.asarray(minimum, squared.dtype) ** 2 * jnp.mean(squared)


def _next(values: Array, axis: int, boundary: str) -> Array:
    """Return the neighbour of each site below (axis 0) or on the right (axis 1), only where there is one."""
    if boundary not in BOUNDARIES:
        raise ValueError(f"boundary={boundary!r} is unknown: choose one of {', '.join(BOUNDARIES)}")
    if boundary == "periodic":
        return jnp.roll(values, -1, axis)
    return values[1:] if axis == 0 else values[:, 1:]


def _first(values: Array, axis: int, boundary: str) -> Array:
    """Return the sites whose neighbours ``_next`` returns."""
    if boundary == "periodic":
        return values
    return values[:-1] if axis == 0 else values[:, :-1]


def domain_wall_density(
    polarization: Float[Array, "2 ny nx"], boundary: str = "open", easy: str = "axis", minimum: Scalar = 0.0
) -> Float[Array, ""]:
    """Return the share of nearest-neighbour bonds whose two ends lie in different domains, 0 to 1.

    A site belongs to the easy direction nearest to its vector: ±x or ±y for ``easy="axis"`` (the tetragonal and the
    uniaxial set), the diagonals for ``"diagonal"`` (rhombohedral, square-electric). So a wall is crossed once, however
    many sites it is wide. A limit on the angle between neighbours would find none of the walls at the coupling of the
    presets, where a bond turns by less than 30°. Bonds to missing neighbours do not exist, not on a grounded edge
    either. Sites with |p| ≤ ``minimum`` times the root mean square have no direction (by default only those with
    p = 0), and bonds that end there count as no wall. ValueError for an unknown ``easy`` or ``boundary``.
    """
    if easy not in EASY:
        raise ValueError(f"easy={easy!r} is unknown: choose one of {', '.join(EASY)}")
    polarization = field_of(polarization, finite=True)
    px, py = polarization
    if easy == "axis":
        domain = jnp.where(jnp.abs(px) >= jnp.abs(py), jnp.where(px < 0, 2, 0), jnp.where(py < 0, 3, 1))
    else:
        domain = 2 * (py < 0) + (px < 0)
    directed = _has_direction(polarization, minimum)
    walls, bonds = jnp.zeros((), int), 0
    for axis in (0, 1):
        differ = _first(domain, axis, boundary) != _next(domain, axis, boundary)
        both = _first(directed, axis, boundary) & _next(directed, axis, boundary)
        walls, bonds = walls + jnp.sum(differ & both), bonds + differ.size
    return walls.astype(polarization.dtype) / bonds


def winding_number(
    polarization: Float[Array, "2 ny nx"], boundary: str = "open", x_axis: str = "column", minimum: Scalar = 0.0
) -> Int[Array, "rows columns"]:
    """Return the turns of p around each plaquette of four sites: +1 for a vortex, −1 for an antivortex, 0 else.

    Turns count as positive when p turns the same way as the path, so a vortex curls either way or is radial. Plaquette
    (r, c) has its corners on rows r, r + 1 and columns c, c + 1: the shape is (ny − 1, nx − 1), or (ny, nx) on a
    periodic boundary, where the sum of all is 0. ``x_axis`` selects the index of the array that runs along x, as for
    ``curl``. Each bond turns by the angle between its ends, at most 180°. Between exactly opposite neighbours both
    senses are equal (the same one is taken at both ends of a wall, so a straight wall has no charge), and close to that
    the sense depends on small deviations. A plaquette with a corner of |p| ≤ ``minimum`` times the root mean square (by
    default only p = 0) counts as 0.
    """
    x_index, y_index = index_of_x_and_y(x_axis)
    polarization = field_of(polarization, finite=True)
    angle = jnp.arctan2(polarization[1], polarization[0])

    def whole_turns(axis: int) -> Array:  # subtracted from the difference of angles of a bond when it wraps to ±180°
        difference = _next(angle, axis, boundary) - _first(angle, axis, boundary)
        return jnp.round(difference / (2 * jnp.pi)).astype(int)

    def along(values: Array, axis: int) -> tuple[Array, Array]:
        return _first(values, axis, boundary), _next(values, axis, boundary)

    # The differences sum to zero around the plaquette: the near side along x, then up along y, back, and down.
    near, far = along(whole_turns(x_index), y_index)
    left, right = along(whole_turns(y_index), x_index)
    directed = _has_direction(polarization, minimum)
    rows_directed = jnp.logical_and(*along(directed, 0))
    return jnp.where(jnp.logical_and(*along(rows_directed, 1)), far + left - near - right, 0)


def count_vortices(
    polarization: Float[Array, "2 ny nx"], boundary: str = "open", x_axis: str = "column", minimum: Scalar = 0.0
) -> Vortices:
    """Return the numbers of vortices and antivortices; arguments as for ``winding_number``."""
    winding = winding_number(polarization, boundary, x_axis, minimum)
    return Vortices(jnp.sum(winding > 0), jnp.sum(winding < 0))
