"""Simulated measurements of a lattice as functions of the logarithms of its parameters."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import ferro_jax as ferro
from experiments.inverse_parameters.config import NAMES, Config

PERIOD, SECOND_PERIOD = 400, 260  # steps of a loop, and of the second component of a rotating field
FRACTION, MEAN, STD = 0.15, 3.0, 1.0  # share of the sites with a defect, its field in coercive fields


class Measured(NamedTuple):
    """The mean polarization [time 2] at the measured steps, and the polarization [2 row column] at the end."""

    loop: Float[Array, "time 2"]
    snapshot: Float[Array, "2 row column"]


class Problem(NamedTuple):
    """A lattice with known defects [2 row column] (model units) and the parameters that count as 1."""

    lattice: ferro.Lattice
    reference: ferro.Params
    defects: Float[Array, "2 row column"]
    coercive_field: float
    config: Config


def problem_of(key: jax.Array, config: Config) -> Problem:
    """Return the lattice of these options with drawn defects."""
    lattice = ferro.Lattice((config.size, config.size))
    unit = ferro.nominal_coercive_field("tetragonal")
    defects = ferro.random_field(key, lattice, coercive_field=unit, fraction=FRACTION, mean=MEAN, std=STD).astype(
        jnp.float64
    )
    return Problem(lattice, ferro.landau_params("tetragonal", jnp.float64), defects, float(unit), config)


def params_of(problem: Problem, logs: Float[Array, " parameter"]) -> ferro.Params:
    """Return the parameters whose ratios to the reference have the logarithms ``logs``."""
    ratio = jnp.exp(logs)
    return problem.reference._replace(
        **{name: getattr(problem.reference, name) * ratio[number] for number, name in enumerate(NAMES)}
    )


def courses(problem: Problem) -> dict[str, Float[np.ndarray, "time 2"]]:
    """Return fields of several courses in model units: loops along x, y and the diagonal, a rotating field."""
    time = np.arange(problem.config.time_steps)
    strength = problem.config.amplitude * problem.coercive_field
    along, zero = strength * np.sin(2 * np.pi * time / PERIOD), np.zeros(len(time))
    across = strength * np.cos(2 * np.pi * time / SECOND_PERIOD)
    return {
        "x": np.stack([along, zero], 1),
        "y": np.stack([zero, along], 1),
        "diagonal": np.stack([along, along], 1) / np.sqrt(2),
        "rotating": np.stack([along, across], 1),
    }


def measured(
    problem: Problem,
    logs: Float[Array, " parameter"],
    field: Float[Array, "time 2"],
    local: Float[Array, "2 row column"] | None = None,
    gradient: str = "adjoint",
) -> Measured:
    """Return what is measured without noise; ``local`` in place of the defects where given."""
    state, mean = ferro.run(
        None,
        ferro.initial_state(problem.lattice, jnp.float64),
        field,
        problem.defects if local is None else local,
        params_of(problem, logs),
        problem.lattice,
        observe=lambda state: ferro.mean_polarization(state.visible),
        gradient=gradient,
        check=False,
    )
    every = problem.config.every
    return Measured(mean[every - 1 :: every], state.visible)


def in_units_of_noise(problem: Problem, found: Measured) -> Float[Array, " value"]:
    """Return all measured values over the standard deviation of their noise."""
    config = problem.config
    return jnp.concatenate([found.loop.ravel() / config.loop_noise, found.snapshot.ravel() / config.snapshot_noise])


def noisy(key: jax.Array, values: Float[Array, "*any"]) -> Float[Array, "*any"]:
    """Return values in units of their noise with noise."""
    return values + jax.random.normal(key, values.shape, values.dtype)


def with_slopes(
    function: Callable[[Array], Array], x: Float[Array, " parameter"]
) -> tuple[Float[Array, " value"], Float[Array, "value parameter"]]:
    """Return the values of a function and their derivatives, by forward differentiation."""
    return jax.vmap(lambda way: jax.jvp(function, (x,), (way,)), out_axes=(None, 1))(jnp.eye(len(x), dtype=x.dtype))
