"""The best fit of a loop under one draw of the defects: a search of the whole prior, then least squares.

Switching comes in steps, so the squares of the residuals have many minima and kinks: least squares alone ends in the
next one. Differential evolution (SciPy) goes first, over all parameters but those that the response is linear in, which
are solved for at every point. Its first points fill the prior; the scale of the field starts from the loop's width.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.optimize import differential_evolution
from scipy.stats import norm, qmc

from experiments.inverse_parameters import estimating
from experiments.inverse_parameters.config import PARAMETERS
from experiments.inverse_parameters.own_model import LoopProblem, residuals, response, weights_of
from experiments.lab.checkpoints import once

POINTS = 64  # of a generation
REACH, SPREAD = 3.0, 0.7  # standard deviations of the prior: ends of the search, width of its first points
LINEAR = {
    "response_scale": 1.0,
    "offset": 0.0,
    "slope": 0.0,
}  # that the response is linear in, and their factors before
LEAST_FACTOR = 0.05  # of the response of a unit of polarization over that of the start
ITERATIONS = 40  # of least squares
REFUSED = 1e30  # half the sum of squares of a point whose simulation is not finite


class Programs(NamedTuple):
    """Compiled: points [n parameter] and half the squares of their residuals once the linear parameters are solved for;
    and least squares from a point; both for a draw of the defects and the weights of residuals."""

    solved: Callable[[Array, Array, Array], tuple[Array, Array]]
    polished: Callable[[Array, Array, Array], estimating.Fit]


def programs_of(problem: LoopProblem) -> Programs:
    """Return the programs of a loop; the defects of ``problem`` are not used."""

    def solved(defects: Array, weights: Array, points: Array) -> tuple[Array, Array]:
        return jax.vmap(partial(solve_linear, problem.under(defects), weights))(points)

    def polished(defects: Array, weights: Array, start: Array) -> estimating.Fit:
        of = partial(residuals, problem.under(defects), weights)
        return estimating.least_squares(of, start, ITERATIONS)

    return Programs(jax.jit(solved), jax.jit(polished))


def solve_linear(
    problem: LoopProblem, weights: Float[Array, " step"], point: Float[Array, " parameter"]
) -> tuple[Float[Array, " parameter"], Float[Array, ""]]:
    """Return a point with the best linear parameters for its others, and half the squares of its residuals.

    The prior of the factor of the response is taken as normal while it is solved for. Half the squares are exact.
    """
    loop, names = problem.loop, problem.names
    linear = [name for name in LINEAR if name in names]
    places = np.array([names.index(name) for name in linear], int)
    blank = point.at[places].set(0.0)
    switched = response(problem, blank) - loop.middle
    columns = {
        "response_scale": switched,
        "offset": jnp.full_like(switched, loop.half),
        "slope": loop.half * jnp.asarray(loop.bias / np.abs(loop.bias).max()),
    }
    wanted = weights * (loop.response - loop.middle - ("response_scale" not in linear) * switched)
    if not linear:
        return blank, (jnp.sum(wanted**2) + jnp.sum(blank**2)) / 2
    slopes = jnp.stack([weights * columns[name] for name in linear], 1)
    width = np.array([problem.prior[PARAMETERS.index(name)] for name in linear])
    before = np.array([LINEAR[name] for name in linear])
    normal = slopes.T @ slopes + jnp.diag(1 / width**2)
    factor = jnp.linalg.solve(normal, slopes.T @ wanted + before / width**2)
    scale = np.array([name == "response_scale" for name in linear])
    factor = jnp.where(scale, jnp.maximum(factor, LEAST_FACTOR), factor)
    found = blank.at[places].set(jnp.where(scale, jnp.log(jnp.where(scale, factor, 1.0)), factor) / width)
    missed = slopes @ factor - wanted
    return found, (jnp.sum(missed**2) + jnp.sum(found**2)) / 2


@once
def best_fit(
    programs: Programs,
    key: Array,
    problem: LoopProblem,
    generations: int,
    progress: Callable[[], object] = lambda: None,
) -> estimating.Fit:
    """Return the best fit; ``progress`` is called after each generation. Its half squares are infinite if none is."""
    defects, weights = problem.lattice.defects, jnp.asarray(weights_of(problem.loop, problem.loop.noise))
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    moved = [place for place, name in enumerate(problem.names) if name not in LINEAR]

    def points_of(rows: np.ndarray) -> Array:
        points = np.zeros((len(rows), len(problem.names)))
        points[:, moved] = rows
        return jnp.asarray(points)

    def half_squares(columns: np.ndarray) -> np.ndarray:
        values = np.asarray(programs.solved(defects, weights, points_of(columns.T))[1])
        return np.where(np.isfinite(values), values, REFUSED)

    best = np.zeros(len(moved))
    if moved:
        first = SPREAD * norm.ppf(qmc.Sobol(len(moved), rng=rng).random(POINTS))
        first[0] = 0.0
        found = differential_evolution(
            half_squares,
            [(-REACH, REACH)] * len(moved),
            init=np.clip(first, -REACH, REACH),  # pyright: ignore[reportArgumentType]  (words too, by its stub)
            maxiter=generations,
            tol=0,
            polish=False,
            vectorized=True,
            updating="deferred",
            rng=rng,
            callback=lambda *_: progress(),
        )
        best = found.x
    points, values = programs.solved(defects, weights, points_of(np.stack([best, best])))
    fitted = jax.device_get(programs.polished(defects, weights, points[0]))
    finite = bool(np.isfinite(values[0]) and np.isfinite(fitted.half_squares))
    return fitted if finite else fitted._replace(half_squares=np.array(np.inf))
