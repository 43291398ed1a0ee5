"""Bipolar field cycles, and the quantities of the hysteresis loops that they trace."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from ferro_jax import values
from ferro_jax.types import Scalar

SHAPES = ("sine", "triangle")


class Loop(NamedTuple):
    """One closed polarization–field cycle, in the units of its two inputs.

    ``coercive_positive`` and ``coercive_negative`` are the fields where the rising and the falling polarization is
    zero. ``remnant_positive`` and ``remnant_negative`` are the polarizations where the falling and the rising field is
    zero, on the upper and the lower branch. ``imprint`` is half the sum of the two coercive fields, the shift of the
    loop along the field. ``area`` = ∮ E dP = −∮ P dE is positive when the cycle dissipates (traced counter-clockwise
    with the field to the right); with model units and the mean polarization it is the energy lost per site and cycle.
    """

    coercive_positive: Float[Array, ""]
    coercive_negative: Float[Array, ""]
    remnant_positive: Float[Array, ""]
    remnant_negative: Float[Array, ""]
    imprint: Float[Array, ""]
    area: Float[Array, ""]


def _where_zero(x: Float[Array, "time"], y: Float[Array, "time"], rising: bool) -> Float[Array, ""]:
    """Return the mean of y, linearly interpolated, where the closed series x crosses zero upwards or else downwards;
    NaN if it never does."""
    next_x, next_y = jnp.roll(x, -1), jnp.roll(y, -1)
    crosses = (x < 0) & (next_x >= 0) if rising else (x >= 0) & (next_x < 0)
    change = jnp.where(crosses, next_x - x, 1.0)
    at_zero = jnp.where(crosses, y - (next_y - y) * x / change, 0.0)
    count = jnp.sum(crosses)
    return jnp.where(count > 0, jnp.sum(at_zero) / jnp.maximum(count, 1), jnp.nan)


def loop_quantities(field: Float[Array, "time"], polarization: Float[Array, "time"]) -> Loop:
    """Return the ``Loop`` of one cycle, from the field at each time and the mean polarization along it.

    The cycle is closed by a straight line from the last point to the first. Give a settled cycle (not the first one
    from p = 0) and exactly one, because the area of two is twice as large. Crossings are interpolated linearly; of
    several (noise, a pinched loop) the mean is taken, and a quantity without a crossing is NaN. Errors fall with the
    square of the step in field. ValueError for lengths that differ or are below 3, and for NaN.
    """
    field = values.array(field, "field", finite=True)
    polarization = values.array(polarization, "polarization", finite=True)
    if field.shape != polarization.shape or field.ndim != 1 or field.shape[0] < 3:
        raise ValueError(
            f"field has shape {field.shape} and polarization {polarization.shape}: expected two series of the same "
            "length, at least 3; for a batch of loops use jax.vmap"
        )
    positive = _where_zero(polarization, field, rising=True)
    negative = _where_zero(polarization, field, rising=False)
    steps = jnp.roll(polarization, -1) - polarization
    return Loop(
        coercive_positive=positive,
        coercive_negative=negative,
        remnant_positive=_where_zero(field, polarization, rising=False),
        remnant_negative=_where_zero(field, polarization, rising=True),
        imprint=(positive + negative) / 2,
        area=jnp.sum((field + jnp.roll(field, -1)) / 2 * steps),
    )


def cycle(amplitude: Scalar, steps_per_cycle: int, cycles: int = 1, shape: str = "sine") -> Float[Array, "time"]:
    """Return the field history of ``cycles`` bipolar cycles, ``steps_per_cycle`` values each, in units of
    ``amplitude``.

    It rises from zero to +amplitude, falls to −amplitude and comes back. Value n is that at phase (n + 1) /
    steps_per_cycle, so the last value of every cycle is zero, and ±amplitude are among the values if 4 divides the
    number of steps. Stack it with zeros for the other component to drive a lattice. ValueError for an unknown shape,
    too few steps, numbers of steps or cycles that are not whole, and no single finite amplitude.
    """
    if shape not in SHAPES:
        raise ValueError(f"shape={shape!r} is unknown: choose one of {', '.join(SHAPES)}")
    steps_per_cycle, cycles = values.whole(steps_per_cycle, "steps_per_cycle"), values.whole(cycles, "cycles")
    if steps_per_cycle < 4 or cycles < 1:
        raise ValueError(f"steps_per_cycle={steps_per_cycle}, cycles={cycles}: expected at least 4 steps and 1 cycle")
    phase = np.arange(1, steps_per_cycle + 1) / steps_per_cycle
    wave = np.sin(2 * np.pi * phase) if shape == "sine" else 4 * np.abs((phase - 0.25) % 1 - 0.5) - 1
    amplitude = values.array(amplitude, "amplitude", finite=True)
    if amplitude.shape != ():
        raise ValueError(f"amplitude has shape {amplitude.shape}; expected one number: for several use jax.vmap")
    return amplitude * jnp.asarray(np.tile(wave, cycles), amplitude.dtype)
