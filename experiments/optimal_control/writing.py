"""Patterns that a field leaves behind on the lattice: by a uniform field, and by pulses of a tip.

A pattern counts by its overlap with what is left at zero field, Σ p·q / √(Σ p² Σ q²). Whether the lattice can hold a
pattern at all is asked first: the overlap of the pattern with itself after 1,000 steps without field.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import ferro_jax as ferro
from experiments.lab.checkpoints import once
from experiments.lab.run import Outcome
from experiments.optimal_control.config import Config
from experiments.shared.lattices.splines import spline_matrix
from models.parts.climbing import Climbed, climb

MAGNITUDE = 0.256  # of p in a well of the tetragonal set, model units
FREE_STEPS = 1000  # without field, that a pattern has to outlast
DRIVE, RAMP, HOLD, COEFFICIENTS = 450, 30, 300, 30  # steps of a uniform field, of its end, of zero field; its splines
PULSE, GAP, WIDTH, STRONGEST = 40, 20, 2.0, 20.0  # steps, steps, sites, model units: pulses of the tip
LATER = 2000  # steps without field after which a written pattern is looked at again
STEPS, RATE = 80, 0.1
TINY = 1e-9


def patterns_of(shape: tuple[int, int]) -> dict[str, np.ndarray]:
    """Return patterns [2 row column] that are wanted: a vortex, stripes, two halves."""
    row, column = np.mgrid[: shape[0], : shape[1]].astype(float)
    y, x = row - (shape[0] - 1) / 2, column - (shape[1] - 1) / 2
    radius = np.hypot(x, y)
    zero = np.zeros(shape)
    return {
        "vortex": MAGNITUDE * np.stack([-y, x]) / radius * np.tanh(radius / 2),
        "stripes": MAGNITUDE * np.stack([zero, np.sign(np.sin(np.pi * (column + 0.5) / 5))]),
        "halves": MAGNITUDE * np.stack([zero, np.where(column < shape[1] / 2, 1.0, -1.0)]),
    }


@once
def writing(config: Config, defects: np.ndarray) -> Outcome:
    """Write every pattern on a lattice with and without defects [2 row column] (coercive fields)."""
    setup = ferro.physical()
    patterns = patterns_of(setup.lattice.shape)
    fields = {"clean": np.zeros_like(defects), "defects": setup.coercive_field * defects}
    scores = np.zeros((len(patterns), len(fields), 4))
    written = np.zeros((len(patterns), len(fields), 2, *setup.lattice.shape), np.float32)
    steps = 4 if config.smoke else STEPS
    uniform, tip = (jax.jit(partial(_climbs, write, setup, steps)) for write in (by_uniform_field, by_tip))
    for number, pattern in enumerate(patterns.values()):
        wanted = jnp.asarray(pattern, jnp.float32)
        for which, local in enumerate(fields.values()):
            local = jnp.asarray(local, jnp.float32)
            rng = np.random.default_rng([config.seed, number, which])
            alone = jax.jit(partial(at_rest, setup, FREE_STEPS))(wanted, local)
            first = uniform(
                wanted, local, jnp.asarray(rng.normal(0, 0.5, (config.writing_starts, 2, COEFFICIENTS)), jnp.float32)
            )
            second = tip(wanted, local, jnp.asarray(pulses_at_random(rng, pattern, config), jnp.float32))
            best = second.point[int(np.argmax(second.value))]
            left = jax.jit(partial(by_tip, setup))(best, local)
            later = jax.jit(partial(at_rest, setup, LATER))(left, local)
            written[number, which] = left
            scores[number, which] = [
                float(overlap(alone, wanted)), float(first.value.max()), float(second.value.max()),
                float(overlap(later, wanted)),
            ]  # fmt: skip
    arrays = {
        "pattern": np.array(list(patterns), dtype=object),
        "lattice_of": np.array(list(fields), dtype=object),
        "way": np.array(["alone", "uniform", "tip", "tip_later"], dtype=object),
        "overlap": scores,
        "wanted_pattern": np.stack(list(patterns.values())),
        "written_pattern": written,
    }
    numbers = {
        f"{pattern}_{of}_{way}_overlap": float(scores[i, j, k])
        for i, pattern in enumerate(patterns)
        for j, of in enumerate(fields)
        for k, way in enumerate(arrays["way"])
    }
    return Outcome(arrays, numbers | {"pulses": config.pulses})


def overlap(left: Float[Array, "2 row column"], wanted: Float[Array, "2 row column"]) -> Float[Array, ""]:
    """Return Σ p·q / √(Σ p² Σ q²), 0 for an empty lattice."""
    return jnp.sum(left * wanted) / jnp.sqrt(jnp.sum(left**2) * jnp.sum(wanted**2) + TINY)


def at_rest(setup: ferro.Setup, steps: int, field: Array, local: Array) -> Float[Array, "2 row column"]:
    """Return what is left of a polarization field after ``steps`` without applied field."""
    return _driven(setup, field, jnp.zeros((steps, 2), jnp.float32), local)


def by_uniform_field(setup: ferro.Setup, numbers: Float[Array, "2 coefficient"], local: Array) -> Array:
    """Return what a uniform field (Ex, Ey) of B-splines, tanh of ``numbers`` of the largest field, leaves behind."""
    matrix = jnp.asarray(spline_matrix(COEFFICIENTS, DRIVE), jnp.float32)
    field = setup.field_scale * setup.coercive_field * (matrix @ jnp.tanh(numbers).T)
    ramp = jnp.minimum(1, jnp.arange(DRIVE, 0, -1, dtype=jnp.float32) / RAMP)
    field = field * ramp[:, None]
    applied = jnp.concatenate([field, jnp.zeros((HOLD, 2), field.dtype)])
    return _driven(setup, jnp.zeros((2, *setup.lattice.shape), field.dtype), applied, local)


def by_tip(setup: ferro.Setup, pulses: Float[Array, "pulse 4"], local: Array) -> Array:
    """Return what Gaussian pulses of a tip leave behind, each (row, column, Ex, Ey), the last two before tanh."""
    row, column = jnp.mgrid[: setup.lattice.shape[0], : setup.lattice.shape[1]].astype(jnp.float32)

    def pulse(field: Array, values: Array) -> tuple[Array, None]:
        near = jnp.exp(-((row - values[0]) ** 2 + (column - values[1]) ** 2) / (2 * WIDTH**2))
        tip = STRONGEST * jnp.tanh(values[2:])[:, None, None] * near[None]
        field = _driven(setup, field, jnp.zeros((PULSE, 2), jnp.float32), local + tip)
        return _driven(setup, field, jnp.zeros((GAP, 2), jnp.float32), local), None

    start = jnp.zeros((2, *setup.lattice.shape), jnp.float32)
    return at_rest(setup, HOLD, jax.lax.scan(pulse, start, pulses)[0], local)


def pulses_at_random(rng: np.random.Generator, pattern: np.ndarray, config: Config) -> Float[np.ndarray, "n pulse 4"]:
    """Return starts: pulses at random places, along what the pattern has there."""
    shape = (config.writing_starts, config.pulses)
    place = rng.uniform(2, np.array(pattern.shape[1:]) - 3, (*shape, 2))
    row, column = place.round().astype(int).transpose(2, 0, 1)
    return np.concatenate([place, 3 * pattern[:, row, column].transpose(1, 2, 0)], -1)


def _climbs(write, setup: ferro.Setup, steps: int, wanted: Array, local: Array, starts: Array) -> Climbed:
    """Climb the overlap from every start."""

    def one(start: Array) -> Climbed:
        return climb(
            lambda x: overlap(write(setup, x, local), wanted), start, lambda trial, _: trial, steps=steps, rate=RATE
        )

    return jax.vmap(one)(starts)


def _driven(setup: ferro.Setup, field: Array, applied: Array, local: Array) -> Float[Array, "2 row column"]:
    """Return the polarization after a run from ``field``."""
    state = ferro.initial_state(setup.lattice, polarization=field)
    return ferro.run(None, state, applied, local, setup.params, setup.lattice, check=False)[0].visible
