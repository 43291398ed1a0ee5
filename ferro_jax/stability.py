"""Checks before a run: shapes, non-finite numbers, a time step that is too long."""

from typing import Any

import numpy as np

from ferro_jax import values
from ferro_jax.types import Lattice, Params, State


def reachable_polarization(params: Params, largest_field: float) -> float:
    """Return the largest |p| that a site can reach from rest, for |E + E_d| ≤ ``largest_field`` (model units).

    At the site of largest |p| = ρ the bonds pull inwards and the depolarizing field is at most a_dep ρ, so |p| cannot
    grow where 4 m ρ³ + (2 a1 − a_dep) ρ ≥ field, with m = min(a2, (2 a2 + a3)/4) the smallest quartic coefficient of
    any direction. The result is the root of that; infinity where there is none (m < 0, or m = 0 without a quadratic
    well).
    """
    a1, a2, a3, dep = (float(v) for v in (params.alpha1, params.alpha2, params.alpha3, params.depolarization))
    quartic = min(a2, (2 * a2 + a3) / 4)
    if quartic == 0 and 2 * a1 > abs(dep):
        return largest_field / (2 * a1 - abs(dep))
    if quartic <= 0:
        return np.inf
    roots = np.roots([4 * quartic, 0.0, 2 * a1 - abs(dep), -largest_field])
    return float(max(roots[np.abs(roots.imag) < 1e-9].real, default=0.0))


def stability_bound(
    params: Params, lattice: Lattice, largest_field: float, start: float = 0.0, largest_bond: float = 1.0
) -> float:
    """Return the largest dt for which a synchronous Euler step is stable, 2 / (mobility · λ).

    λ bounds the curvature of the free energy. It is 2 a1 + ρ² (6 a2 + a3 + max(|6 a2 − a3|, 2 |a3|)), the largest
    Landau curvature over all directions at |p| = ρ, plus 16 K times the largest bond factor, the stiffest mode of the
    bonds (a checkerboard: twice 8 K), plus a_dep. ρ is the larger of ``start``, the largest |p| at the beginning, and
    ``reachable_polarization``. The bound is sufficient for the synchronous update. For the random-subset update, where
    the extrapolated values of neighbours enter, it is a guide; the step of ``lecture`` lies within it. The numbers must
    be concrete. ValueError for numbers that are not finite.
    """
    largest_field, start = values.number(largest_field, "largest_field"), values.number(start, "start")
    a1, a2, a3 = (float(v) for v in (params.alpha1, params.alpha2, params.alpha3))
    rho = max(start, reachable_polarization(params, largest_field))
    if lattice.clip is not None:
        rho = min(rho, np.sqrt(2) * lattice.clip)
    if not np.isfinite(rho):
        return 0.0
    landau = 2 * a1 + rho**2 * (6 * a2 + a3 + max(abs(6 * a2 - a3), 2 * abs(a3)))
    curvature = max(landau, 0.0) + 16 * largest_bond * abs(float(params.coupling)) + abs(float(params.depolarization))
    return 2 / (abs(float(params.mobility)) * curvature)


def check_records(state: Any, params: Any, lattice: Any) -> None:
    """Raise ValueError for what is no State, Params and Lattice, and for a ``state.step`` that is no whole number."""
    for name, value, kind in (("state", state, State), ("params", params, Params), ("lattice", lattice, Lattice)):
        if not isinstance(value, kind):
            held = f", which holds one: give its .{name}" if hasattr(value, name) else ""
            raise ValueError(f"{name} is a {type(value).__name__}{held}; expected a ferro_jax.{kind.__name__}")
    if np.ndim(state.step) or not np.issubdtype(getattr(state.step, "dtype", type(state.step)), np.integer):
        raise ValueError(
            f"state.step is {state.step}: expected one whole number, the steps done; that of a vmapped run has a batch "
            "axis, so resume with state._replace(step=number)"
        )


def validate_params(params: Params) -> None:
    """Raise ValueError for a parameter that is not a scalar."""
    for name, value in params._asdict().items():
        if np.shape(value) != ():
            raise ValueError(
                f"params.{name} has shape {np.shape(value)}, expected a scalar; to sweep it use jax.vmap over a "
                "function that replaces it in params"
            )


def validate_shapes(state: State, applied: Any, local_field: Any, lattice: Lattice, bonds: Any = None) -> None:
    """Raise ValueError for wrong shapes. It works under jit, vmap and grad too, where shapes are known."""
    expected = (2, *lattice.shape)
    named = {
        "state.polarization": state.polarization,
        "state.visible": state.visible,
        "state.projected": state.projected,
        "local_field": local_field,
    }
    if bonds is not None:
        named["bonds"] = bonds
    for name, value in named.items():
        if np.shape(value) != expected:
            raise ValueError(
                f"{name} has shape {np.shape(value)}, expected {expected}: (component, row, column) of a lattice of "
                f"shape {lattice.shape}; change the array or Lattice(shape=...)"
            )
    if np.ndim(applied) != 2 or np.shape(applied)[1] != 2 or np.shape(applied)[0] < 1:
        raise ValueError(
            f"applied has shape {np.shape(applied)}, expected (time, 2) with time at least 1: one (Ex, Ey) a step; "
            "for a batch of histories use jax.vmap"
        )


def check_finite(name: str, value: Any) -> None:
    """Raise ValueError for NaN and infinity among concrete values; tracers are passed over."""
    if not values.is_known(value):
        return
    value = np.asarray(values.floats(value, name))
    bad = ~np.isfinite(value)
    if bad.any():
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ValueError(
            f"{name} is not finite: {value[first]} at index {first} ({int(bad.sum())} of {value.size} values); "
            "check its source, for instance a decoded history, the end of a sweep or a division by zero"
        )


def validate(state: State, applied: Any, local_field: Any, params: Params, lattice: Lattice, bonds: Any = None) -> None:
    """Raise ValueError for non-finite fields and parameters, and for a dt beyond ``stability_bound``.

    Only concrete values are checked, tracers are passed over. ``run`` calls it too, but inside jit the fields are
    tracers: call it before on concrete arrays that come from elsewhere. Parameters may be arrays here, to be swept by
    vmap; each distinct combination is checked.
    """
    numbers = {
        "applied": applied,
        "local_field": local_field,
        "state.polarization": state.polarization,
        **{f"params.{name}": value for name, value in params._asdict().items()},
    }
    if bonds is not None:
        numbers["bonds"] = bonds
    for name, value in numbers.items():
        check_finite(name, value)
    if not values.is_known(params):
        return

    def largest(value: Any, axis: int) -> float:
        return float(np.linalg.norm(np.asarray(value), axis=axis).max()) if values.is_known(value) else 0.0

    field = largest(applied, -1) + largest(local_field, 0)
    factor = float(np.abs(np.asarray(bonds)).max()) if bonds is not None and values.is_known(bonds) else 1.0
    columns = np.broadcast_arrays(*(np.asarray(leaf, float) for leaf in params))
    for row in np.unique(np.stack([column.ravel() for column in columns], 1), axis=0):
        _validate_scalars(Params(*row), lattice, field, largest(state.polarization, 0), factor)


def _validate_scalars(params: Params, lattice: Lattice, field: float, start: float, largest_bond: float) -> None:
    if float(params.dt) <= 0:
        raise ValueError(f"params.dt={float(params.dt):.6g}: expected a positive time step")
    if float(params.mobility) <= 0:
        raise ValueError(
            f"params.mobility={float(params.mobility):.6g}: expected a positive one, because sites move downhill"
        )
    if float(params.thermal_energy) < 0 or (float(params.thermal_energy) > 0 and not lattice.thermal):
        raise ValueError(
            f"params.thermal_energy={float(params.thermal_energy):.6g}: expected a number of at least 0, and "
            "Lattice(thermal=True) for it to act"
        )
    bound = stability_bound(params, lattice, field, start, largest_bond)
    if float(params.dt) > bound:
        raise ValueError(
            f"params.dt={float(params.dt):.6g} is beyond the stability bound {bound:.6g} of the Landau and coupling "
            f"terms for fields up to {field:.6g} and coupling={float(params.coupling):.6g}: use a dt below {bound:.6g} "
            "(and more steps), a smaller coupling or field, or check=False to run in spite of it"
        )
