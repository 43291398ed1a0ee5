"""What drives a lattice and changes with time: fields of every shape, and a temperature; checked where they enter."""

import warnings
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ferro_jax import values
from ferro_jax.stability import check_finite
from ferro_jax.types import Lattice, Params, Patterns


class Drives(NamedTuple):
    """Floats: ``uniform`` (time, 2), and None without them ``site_field`` (time, 2, ny, nx), patterns, ``alpha1``
    (time,)."""

    uniform: Any
    site_field: Any
    patterns: Patterns | None
    alpha1: Any


def checked_drives(applied: Any, patterns: Patterns | None, alpha1: Any, lattice: Lattice) -> Drives:
    """Return the drives of a run as floats; ValueError for wrong shapes, also under tracing.

    ``applied`` is (time, 2), or (time, 2, ny, nx) with a field per site. The shape of the first is checked by
    ``stability.validate_shapes``.
    """
    applied = values.floats(applied, "applied")
    uniform, site_field = applied, None
    if np.ndim(applied) == 4:
        if np.shape(applied)[0] < 1 or np.shape(applied)[1:] != (2, *lattice.shape):
            raise ValueError(
                f"applied has shape {np.shape(applied)}, expected (time, 2, {lattice.shape[0]}, {lattice.shape[1]}) "
                "with time at least 1: a field (Ex, Ey) per site and step; or (time, 2) for one field on all sites"
            )
        uniform, site_field = np.zeros((len(applied), 2)), applied
    steps = np.shape(applied)[0] if np.ndim(applied) else 0
    if patterns is not None:
        patterns = _checked_patterns(patterns, steps, lattice)
    if alpha1 is not None:
        alpha1 = values.floats(alpha1, "alpha1")
        if np.shape(alpha1) != (steps,):
            raise ValueError(
                f"alpha1 has shape {np.shape(alpha1)}, expected ({steps},): one for each step of applied, in simulate "
                "drive_steps + hold_steps; leave it out for the constant params.alpha1"
            )
    return Drives(uniform, site_field, patterns, alpha1)


def _checked_patterns(patterns: Patterns, steps: int, lattice: Lattice) -> Patterns:
    if not isinstance(patterns, Patterns):
        raise ValueError(
            f"patterns is a {type(patterns).__name__}: give ferro_jax.Patterns(amplitude, pattern), of shapes "
            "(time, k) and (k, 2, ny, nx)"
        )
    amplitude = values.floats(patterns.amplitude, "patterns.amplitude")
    pattern = values.floats(patterns.pattern, "patterns.pattern")
    count = np.shape(pattern)[0] if np.ndim(pattern) == 4 else 1
    for name, value, expected in (
        ("patterns.pattern", pattern, (count, 2, *lattice.shape)),
        ("patterns.amplitude", amplitude, (steps, count)),
    ):
        if np.shape(value) != expected:
            raise ValueError(
                f"{name} has shape {np.shape(value)}, expected {expected}: patterns (k, 2, ny, nx) of a lattice of "
                f"shape {lattice.shape}, and an amplitude (time, k) for each of the {steps} steps (in simulate "
                "drive_steps + hold_steps) and each pattern"
            )
    return Patterns(amplitude, pattern)


def check_drives(drives: Drives) -> None:
    """Raise ValueError for NaN and infinity, with the place in the array that was given; tracers are passed over."""
    named = {"applied": drives.uniform if drives.site_field is None else drives.site_field, "alpha1": drives.alpha1}
    if drives.patterns is not None:
        named |= {f"patterns.{name}": value for name, value in drives.patterns._asdict().items()}
    for name, value in named.items():
        if value is not None:
            check_finite(name, value)


def fields_of(drives: Drives) -> Any:
    """Return fields (n, 2) with one as large as any that a site feels, for the check of the time step; what is traced
    is left out."""
    fields, known = drives.uniform, values.is_known(drives.uniform)
    if known and drives.site_field is not None and values.is_known(drives.site_field):
        fields = np.moveaxis(np.asarray(drives.site_field), 1, -1).reshape(-1, 2)
    if drives.patterns is None or not known or not values.is_known(*drives.patterns):
        return fields
    sizes = np.linalg.norm(np.asarray(drives.patterns.pattern), axis=1).max((1, 2))
    most = (np.abs(np.asarray(drives.patterns.amplitude)) @ sizes).max()
    largest = np.linalg.norm(np.asarray(fields), axis=-1).max() + most
    return np.concatenate([np.asarray(fields), [[largest, 0.0]]])


def stiffest(params: Params, alpha1: Any) -> Params:
    """Return the params with the smallest and the largest alpha1 of a run, because either may need the shorter dt."""
    if alpha1 is None or not values.is_known(alpha1):
        return params
    known = np.asarray(alpha1)  # because operations on an array of JAX's would be traced inside of a jit
    return params._replace(alpha1=np.array([known.min(), known.max()]))


def warn_of_rounding(fields: dict[str, Any], dtype: Any) -> None:
    """Warn of JAX arrays of higher precision than the state, in whose type a run is computed."""
    for name, field in fields.items():
        if isinstance(field, jax.Array) and field.dtype.itemsize > jnp.dtype(dtype).itemsize:
            warnings.warn(
                f"{name} is {field.dtype} and the state {jnp.dtype(dtype)}, in which the run is computed: cast {name}, "
                f"or start from initial_state(lattice, jnp.{field.dtype})",
                stacklevel=3,
            )
