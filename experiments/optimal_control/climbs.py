"""The best history of the family, and histories climbed by gradient, for the Σ|curl P| at the end."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

import ferro_jax as ferro
from experiments.lab.checkpoints import once
from experiments.lab.parallel import over_devices
from experiments.lab.run import RunError
from experiments.optimal_control.config import FREE, Config
from experiments.shared.lattices import setups
from experiments.shared.lattices.evolution import evolve, started
from experiments.shared.lattices.family import family_curves
from experiments.shared.lattices.splines import excess_slew, spline_matrix, within_limits
from experiments.shared.lattices.targets import value_of
from models.parts.climbing import Climbed, climb

CHUNK = 512  # histories per device and call
PENALTY = 500.0  # of the mean square excess over the slew
FREE_PENALTY = 5000.0  # each sample of a free history changes two steps only
RATE, FREE_RATE = 0.1, 0.05  # of Adam's steps in the coefficients before tanh
EDGE = 0.95  # of the amplitude, that starts are within
SPREAD = 0.7  # of coefficients drawn at random, before tanh
SMOOTH = 30  # coefficients of random starts whose samples are free


class Problem(NamedTuple):
    """A lattice to control: its set-up without settling, the key of its subsets, the largest change of the field from
    sample to sample in units of its largest value, and the compiled Σ|curl P| of histories [n sample] under local
    fields [n 2 row column]."""

    setup: ferro.Setup
    subset: jax.Array
    slew: float
    evaluate: Callable[..., np.ndarray]


class Search(NamedTuple):
    """The best history [sample] that a search found within the limits, its value, and the best objective by step."""

    curve: Float[np.ndarray, " sample"]
    value: float
    path: Float[np.ndarray, " step"]


def problem_of(name: str, subset: jax.Array, slew: float) -> Problem:
    """Return the problem of a preset."""
    setup = setups.preset(name)._replace(settle=None)
    return Problem(setup, subset, slew, over_devices(partial(value_of, setup, subset), CHUNK))


def values_of(
    problem: Problem, curves: Float[np.ndarray, "n sample"], local: Float[np.ndarray, "*n 2 row column"]
) -> Float[np.ndarray, " n"]:
    """Return Σ|curl P| at the end of every history, under one local field or one for each."""
    fields = np.broadcast_to(local, (len(curves), *np.shape(local)[-3:]))
    return np.asarray(problem.evaluate(np.asarray(curves, np.float32), fields), float)


def family_of(config: Config, samples: int) -> Float[np.ndarray, "n sample"]:
    """Return noiseless histories of the family on a grid of growth and frequency, with both signs."""
    growth, frequency = np.meshgrid(
        np.linspace(-2.75, 2.75, config.family_grid),
        np.linspace(2 * np.pi, 8 * np.pi / 3, config.family_grid),
        indexing="ij",
    )
    curves = family_curves(growth, frequency, samples).reshape(-1, samples)
    return np.concatenate([curves, -curves]).astype(np.float32)


@once
def best_of_family(
    problem: Problem, local: np.ndarray, family: Float[np.ndarray, "n sample"], budget: int, seed: int
) -> Search:
    """Return the best of all histories of the family, and how the best of a random order grows up to ``budget``."""
    values = values_of(problem, family, local)
    order = np.random.default_rng(seed).permutation(len(values))
    return _best(family, values, values[order][:budget])


@once
def drawn_at_random(problem: Problem, local: np.ndarray, coefficients: int, budget: int, seed: int) -> Search:
    """Return the best of ``budget`` histories of random B-spline coefficients, brought within the slew."""
    matrix = spline_matrix(coefficients, problem.setup.drive_steps)
    numbers = np.random.default_rng(seed).normal(0, SPREAD, (budget, coefficients))
    curves = within_limits(np.tanh(numbers) @ matrix.T, problem.slew)
    values = values_of(problem, curves, local)
    return _best(curves, values, values)


@once
def evolved(
    problem: Problem, local: Float[np.ndarray, "seed 2 row column"], coefficients: int, budget: int
) -> tuple[Search, ...]:
    """Return the best history of a CMA-ES search of ``budget`` histories for each local field, seeds 0, 1, ….

    It searches the numbers before tanh; every history is brought within the slew before its value counts.
    """
    matrix = spline_matrix(coefficients, problem.setup.drive_steps)
    rollouts = jax.jit(jax.vmap(partial(value_of, problem.setup, problem.subset)))

    def curves_of(numbers: np.ndarray) -> np.ndarray:
        return within_limits(np.tanh(numbers) @ matrix.T, problem.slew)

    def evaluate(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        fields = np.repeat(local, len(numbers) // len(local), axis=0)
        return np.asarray(rollouts(curves_of(numbers).astype(np.float32), fields), float), numbers

    def begin(generator: np.random.Generator) -> Any:
        return started(generator.normal(0, SPREAD, coefficients), SPREAD, generator)

    values, numbers = evolve(begin, evaluate, range(len(local)), budget)
    best = np.nanargmax(values, 1)
    curves = curves_of(numbers[np.arange(len(local)), best])
    return tuple(_best(curve[None], own[[at]], own) for curve, own, at in zip(curves, values, best, strict=True))


def climber(problem: Problem, coefficients: int, config: Config) -> Callable[..., Climbed]:
    """Return the compiled climbs of Σ|curl P| less a penalty on the slew, from starts [n coefficient], local field.

    A history is B-splines times tanh of the coefficients, or tanh of a number for each sample (``FREE``), so that its
    amplitude is kept.
    """
    matrix = jnp.asarray(matrix_of(problem, coefficients), jnp.float32)
    penalty, rate = (FREE_PENALTY, FREE_RATE) if coefficients == FREE else (PENALTY, RATE)

    def objective(local: jax.Array, numbers: jax.Array) -> jax.Array:
        curve = matrix @ jnp.tanh(numbers)
        value = value_of(problem.setup, problem.subset, curve, local)
        return value - penalty * excess_slew(curve, problem.slew)

    def one(local: jax.Array, start: jax.Array) -> Climbed:
        return climb(partial(objective, local), start, lambda trial, _: trial, steps=config.steps, rate=rate)

    return jax.jit(jax.vmap(one, (None, 0)))


@once
def climbed(
    problem: Problem, program: Callable[..., Climbed], coefficients: int, local: np.ndarray, starts: np.ndarray
) -> Search:
    """Climb from every start, and return the best of what is found, brought within the slew before its value counts."""
    found = jax.device_get(program(jnp.asarray(local, jnp.float32), jnp.asarray(starts, jnp.float32)))
    matrix = matrix_of(problem, coefficients)
    curves = within_limits(np.tanh(found.point.astype(float)) @ matrix.T, problem.slew)
    return _best(curves, values_of(problem, curves, local), np.nanmax(found.values, 0))


def matrix_of(problem: Problem, coefficients: int) -> Float[np.ndarray, "sample coefficient"]:
    """Return what leads from coefficients to samples."""
    samples = problem.setup.drive_steps
    return np.eye(samples) if coefficients == FREE else spline_matrix(coefficients, samples)


def starts_of(
    problem: Problem, coefficients: int, family: Float[np.ndarray, "n sample"], count: int, seed: int
) -> Float[np.ndarray, "count coefficient"]:
    """Return starts before tanh: half of them histories of the family, as near as splines come, half random splines."""
    rng, matrix = np.random.default_rng(seed), matrix_of(problem, coefficients)
    chosen = family[rng.choice(len(family), (count + 1) // 2)]
    like_family = np.linalg.lstsq(matrix, chosen.T, rcond=None)[0].T
    smooth = coefficients or SMOOTH
    drawn = np.tanh(rng.normal(0, SPREAD, (count // 2, smooth)))
    if coefficients == FREE:
        drawn = drawn @ spline_matrix(smooth, problem.setup.drive_steps).T
    return np.arctanh(np.clip(np.concatenate([like_family, drawn]), -EDGE, EDGE))


def _best(curves: np.ndarray, values: np.ndarray, path: np.ndarray) -> Search:
    """Return the best curve; RunError where none has a finite value."""
    if not np.isfinite(values).any():
        raise RunError("no history has a finite value: the field is beyond what the time step bears")
    best = int(np.nanargmax(values))
    return Search(np.asarray(curves[best], float), float(values[best]), np.fmax.accumulate(path))
