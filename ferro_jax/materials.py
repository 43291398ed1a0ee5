"""Landau sets, and closed forms of wells and coercive fields from the homogeneous free energy.

For a uniform p the depolarizing field −a_dep p adds ½ a_dep |p|² per site, so a1 acts as A = a1 + a_dep/2, and the
closed forms below use A. ``params._replace(depolarization=0.0)`` is the bare material, whose coercive field is the unit
of field of the ``physical`` preset. A lattice that may break into domains, or has defects, switches earlier.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float

from ferro_jax import values
from ferro_jax.types import Params, Scalar

# alpha1, alpha2, alpha3 of the free energy in types.Params
LANDAU_SETS = {
    "tetragonal": (-1.6, 12.2, 40.0),
    "rhombohedral": (-10.6, 10.2, -10.0),
    # published as the force −(a1 p + a2 p³) per component, with a1 = −1.85 and a2 = 1.25
    "square_electric": (-1.85 / 2, 1.25 / 4, 0.0),
    "uniaxial": (-1.85 / 2, 1.25 / 4, 0.0),  # the same of py alone: goes with Lattice(axes="y")
}


class Wells(NamedTuple):
    """The minima of the homogeneous free energy without field.

    ``magnitude`` is |p|, ``depth`` the energy per site (≤ 0; p = 0 has 0), ``diagonal`` whether p points along
    (±1, ±1)/√2 and not along ±x and ±y.
    """

    magnitude: Float[Array, ""]
    depth: Float[Array, ""]
    diagonal: Bool[Array, ""]


def landau_params(
    name: str = "tetragonal",
    dtype: Any = jnp.float32,
    *,
    coupling: float = 12.5,
    depolarization: float = 0.3,
    mobility: float = 1.0,
    dt: float = 4 / 1199,
    thermal_energy: float = 0.0,
) -> Params:
    """Return the params of a named Landau set, each a scalar of ``dtype``.

    ValueError for an unknown name, and for double precision where JAX is set to single.
    """
    check_name(name)
    if jax.dtypes.canonicalize_dtype(dtype) != jnp.dtype(dtype):
        raise ValueError(
            f"dtype={jnp.dtype(dtype).name} needs double precision: jax.config.update('jax_enable_x64', True) "
            "first, or JAX_ENABLE_X64=1 in the environment"
        )
    with jax.ensure_compile_time_eval():
        values = (*LANDAU_SETS[name], coupling, depolarization, mobility, dt, thermal_energy)
        return Params(*(jnp.asarray(value, dtype) for value in values))


def check_name(landau: str) -> None:
    """Raise ValueError for a name that is not in ``LANDAU_SETS``."""
    if landau not in LANDAU_SETS:
        raise ValueError(f"Landau set {landau!r} is unknown: choose one of {', '.join(LANDAU_SETS)}")


def axes_of(landau: str) -> str:
    """Return the components of a named set, "y" (py alone) or "xy", for ``Lattice.axes``."""
    check_name(landau)
    return "y" if landau == "uniaxial" else "xy"


def spinodal_field(linear: Any, quartic: Any) -> Any:
    """Return the field at which the well that opposes it disappears, for the energy linear p² + quartic p⁴.

    It is the largest slope between the wells, (4/3) |linear| sqrt(|linear| / (6 quartic)). Numbers or arrays.
    """
    return 4 / 3 * abs(linear) * (abs(linear) / (6 * quartic)) ** 0.5


def nominal_coercive_field(landau: str) -> float:
    """Return the coercive field of a named set along its easy direction, without depolarization (model units).

    It is 0.3154 for the tetragonal set. ValueError for an unknown name.
    """
    check_name(landau)
    alpha1, alpha2, alpha3 = LANDAU_SETS[landau]
    along_diagonal = (2 * alpha2 + alpha3) / 4
    return spinodal_field(alpha1, alpha2 if axes_of(landau) == "y" else min(alpha2, along_diagonal))


def published_coercive_field(landau: str) -> float:
    """Return the unit of field of the published work, (2/3) |a1| sqrt(|a1| / (3 a2)) with the published coefficients.

    It is the coercive field along one axis for the two sets that were published as a force. It is √2 below
    ``nominal_coercive_field`` for the tetragonal set (0.22302), and has no relation to the diagonal wells of the
    rhombohedral one. ValueError for an unknown name.
    """
    check_name(landau)
    alpha1, alpha2, _ = LANDAU_SETS[landau]
    if landau in ("square_electric", "uniaxial"):
        alpha1, alpha2 = 2 * alpha1, 4 * alpha2
    return 2 / 3 * abs(alpha1) * (abs(alpha1) / (3 * alpha2)) ** 0.5


class _Easy(NamedTuple):
    """F = linear |p|² + quartic |p|⁴ along the easy direction; 2 linear + transverse |p|² is the curvature across
    it."""

    linear: Array
    quartic: Array
    transverse: Array
    diagonal: Array


def _easy(params: Params, axes: str) -> _Easy:
    if axes not in ("xy", "y"):
        raise ValueError(f"axes={axes!r} is unknown: choose one of xy, y")
    a1, a2, a3, dep = (jnp.asarray(v) for v in (params.alpha1, params.alpha2, params.alpha3, params.depolarization))
    along_diagonal = (2 * a2 + a3) / 4
    diagonal = (along_diagonal < a2) & (axes == "xy")
    quartic = jnp.where(diagonal, along_diagonal, a2)
    return _Easy(a1 + dep / 2, quartic, jnp.where(diagonal, 6 * a2 - a3, 2 * a3), diagonal)


def _or_nan(value: Array, easy: _Easy) -> Array:
    return jnp.where((easy.quartic > 0) & ~jnp.isnan(easy.linear), value, jnp.nan)


def wells(params: Params, axes: str = "xy") -> Wells:
    """Return the ``Wells`` of the uniform lattice.

    |p|² = −A / (2 q) and depth −A² / (4 q), with A = a1 + a_dep/2 and q the smaller of a2 (along the axes) and
    (2 a2 + a3)/4 (along the diagonals); ``axes="y"`` has py alone, so q = a2. p = 0 with depth 0 where A ≥ 0; NaN where
    q ≤ 0 and the energy has no minimum. All numbers may be traced. Domains of opposite direction, whose mean is zero,
    lie at the wells of ``params._replace(depolarization=0.0)``.
    """
    easy = _easy(params, axes)
    split = (easy.linear < 0) & (easy.quartic > 0)
    squared = jnp.where(split, -easy.linear / (2 * jnp.where(split, easy.quartic, 1.0)), 1.0)
    magnitude = jnp.where(split, jnp.sqrt(squared), 0.0)
    depth = jnp.where(split, easy.linear * squared / 2, 0.0)
    return Wells(_or_nan(magnitude, easy), _or_nan(depth, easy), easy.diagonal)


def coercive_field(params: Params, axes: str = "xy") -> Float[Array, ""]:
    """Return the field along the easy direction at which a uniform lattice that opposes it loses its well.

    In model units; p stays on the line of the field. It is the longitudinal spinodal (4/3) |A| sqrt(|A| / (6 q)),
    reached at |p|² = −A / (6 q), with A and q as in ``wells``; 0 where A ≥ 0, NaN where q ≤ 0. Where p is free to turn
    away, ``transverse_instability`` may come first.
    """
    easy = _easy(params, axes)
    split = (easy.linear < 0) & (easy.quartic > 0)
    linear, quartic = jnp.where(split, easy.linear, -1.0), jnp.where(split, easy.quartic, 1.0)
    return _or_nan(jnp.where(split, spinodal_field(linear, quartic), 0.0), easy)


def transverse_instability(params: Params, axes: str = "xy") -> Float[Array, ""]:
    """Return the field along the easy direction at which p of a uniform lattice that opposes it starts to turn.

    In model units; infinity where that is not below ``coercive_field``. On the line of the field the curvature across
    it is 2 A + c |p|², with c = 2 a3 for axis wells and 6 a2 − a3 for diagonal ones. It vanishes at |p|² = −2 A / c,
    reached at the field |2 A p + 4 q p³|, before the spinodal if 0 < c < 12 q. For the tetragonal set without
    depolarization that is |p| = 0.2 and a field of 0.2496, against 0.3154. This is uniform rotation: a wave of
    wavelength λ has the curvature 2 a1 + c |p|² + 2 K (2π/λ)², without depolarization, and becomes unstable first where
    that is less.
    """
    easy = _easy(params, axes)
    first = (easy.linear < 0) & (easy.transverse > 0) & (easy.transverse < 12 * easy.quartic) & (axes == "xy")
    linear, transverse = jnp.where(first, easy.linear, -1.0), jnp.where(first, easy.transverse, 1.0)
    p = jnp.sqrt(-2 * linear / transverse)
    return _or_nan(jnp.where(first, abs(2 * linear * p + 4 * easy.quartic * p**3), jnp.inf), easy)


def at_temperature(
    params: Params, temperature: Scalar, transition: Scalar = 400.0, reference: Scalar = 300.0
) -> Params:
    """Return params with a1 scaled by (T0 − T) / (T0 − T_ref), the linear law of Landau–Devonshire theory.

    T0 is the ``transition`` temperature and T_ref the ``reference`` at which the given a1 holds, in kelvin; all may be
    traced. Above T0 a1 is positive, and p = 0 is the only minimum. The published code multiplies a1 by T0 − T with
    T0 = 400, which is ``reference=399``; that its coefficients hold at 300 K is a convention of this function. The
    coercive field scales with the 3/2 power of a1, while ``Setup.coercive_field`` and ``thermal_energy`` stay as they
    are. ValueError where T0 is T_ref.
    """
    temperature, transition, reference = (
        values.coefficient(temperature, "temperature"),
        values.coefficient(transition, "transition"),
        values.coefficient(reference, "reference"),
    )
    if values.is_known(transition, reference) and np.any(np.equal(transition, reference)):
        raise ValueError(f"transition and reference are both {reference}: give a reference at which alpha1 is not 0")
    return params._replace(alpha1=params.alpha1 * ((transition - temperature) / (transition - reference)))
