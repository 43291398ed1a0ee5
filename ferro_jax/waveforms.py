"""Families of field histories, and the field that a history applies to the lattice."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from ferro_jax import values
from ferro_jax.presets import Setup

FORMS = ("cos", "sin")


class Oscillations(NamedTuple):
    """Field histories A exp(αt) trig(ωt) + B: ``curves`` with noise, ``clean`` without, and the parameters A
    (``amplitude``), α (``growth``), ω (``frequency``) and B (``offset``)."""

    curves: Float[Array, "n time"]
    clean: Float[Array, "n time"]
    amplitude: Float[Array, "n"]
    growth: Float[Array, "n"]
    frequency: Float[Array, "n"]
    offset: Float[Array, "n"]


def damped_oscillation(
    key: Array,
    n: int,
    form: str = "cos",
    *,
    noise: float = 0.02,
    samples: int = 1200,
    keep: int = 900,
    dtype: Any = jnp.float32,
) -> Oscillations:
    """Return ``n`` curves A exp(αt) cos(ωt) + B (or sin) at ``samples`` times from 0 to 4, the first ``keep`` of each.

    A ∈ [0, 0.75], α ∈ [−2.75, 2.75], ω ∈ [2π, 8π/3], B ∈ [−0.5, 0.5], uniform. Each curve is scaled to [−1, 1] by its
    minimum and maximum over all samples (which removes A and B), then gets normal noise of standard deviation
    ``noise``. Source: arXiv 2206.12435, whose code has cos where the lecture prints sin. ValueError for an unknown
    ``form`` and impossible numbers of curves or samples.
    """
    if form not in FORMS:
        raise ValueError(f"form={form!r} is unknown: choose one of {', '.join(FORMS)}")
    n, keep, samples = values.whole(n, "n"), values.whole(keep, "keep"), values.whole(samples, "samples")
    if n < 1 or not 1 <= keep <= samples:
        raise ValueError(f"n={n}, keep={keep}, samples={samples}: expected n ≥ 1 and 1 ≤ keep ≤ samples")
    keys = jax.random.split(values.key(key), 5)

    def uniform(key: Array, low: float, high: float) -> Array:
        return jax.random.uniform(key, (n,), dtype, low, high)

    amplitude = uniform(keys[0], 0.0, 0.75)
    growth = uniform(keys[1], -2.75, 2.75)
    frequency = uniform(keys[2], 2 * jnp.pi, 8 * jnp.pi / 3)
    offset = uniform(keys[3], -0.5, 0.5)
    time = jnp.linspace(0, 4, samples, dtype=dtype)[None]
    phase = frequency[:, None] * time
    # A and B drop out of the scaling; left out before it, a tiny A costs no precision
    shape = jnp.exp(growth[:, None] * time) * (jnp.cos(phase) if form == "cos" else jnp.sin(phase))
    low, high = shape.min(1, keepdims=True), shape.max(1, keepdims=True)
    clean = (2 * (shape - low) / (high - low) - 1)[:, :keep]
    curves = clean + noise * jax.random.normal(keys[4], clean.shape, dtype)
    return Oscillations(curves, clean, amplitude, growth, frequency, offset)


def applied_field(curve: Float[Array, "drive"], setup: Setup) -> Float[Array, "time 2"]:
    """Return (Ex, Ey) of every step in model units: ``field_scale · coercive_field · curve`` along ``field_axis``.

    The last value is held for ``hold_steps`` more. ValueError if the length of the curve is not ``setup.drive_steps``
    or the axis is neither "x" nor "y".
    """
    curve = values.array(curve, "curve")
    if curve.shape != (setup.drive_steps,):
        raise ValueError(
            f"curve has shape {curve.shape}, expected ({setup.drive_steps},): resample it or replace "
            "setup.drive_steps; for a batch of curves use jax.vmap"
        )
    if setup.field_axis not in ("x", "y"):
        raise ValueError(f"setup.field_axis={setup.field_axis!r} is unknown: choose one of x, y")
    hold = values.whole(setup.hold_steps, "setup.hold_steps", 0)
    along = setup.field_scale * setup.coercive_field * curve.astype(setup.dtype)
    along = jnp.concatenate([along, jnp.broadcast_to(along[-1:], (hold,))])
    across = jnp.zeros_like(along)
    return jnp.stack([along, across] if setup.field_axis == "x" else [across, along], axis=-1)
