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
from jaxtyping import Array
from scipy.optimize import differential_evolution
from scipy.stats import norm, qmc

from experiments.inverse_parameters import estimating, own_linear
from experiments.inverse_parameters.own_model import LoopProblem, residuals, weights_of
from experiments.lab.checkpoints import once

POINTS = 64  # of a generation
REACH, SPREAD = 3.0, 0.7  # standard deviations of the prior: ends of the search, width of its first points
ITERATIONS = 40  # of least squares
REFUSED = 1e30  # half the sum of squares of a point whose simulation is not finite


class Programs(NamedTuple):
    """Compiled: points [n parameter] and half the squares of their residuals, the linear parameters solved for, from
    the others [n other]; and least squares from a point; both for a draw of the defects and the weights of residuals.
    """

    solved: Callable[[Array, Array, Array], tuple[Array, Array]]
    polished: Callable[[Array, Array, Array], estimating.Fit]


def programs_of(problem: LoopProblem) -> Programs:
    """Return the programs of a loop; the defects of ``problem`` are not used."""

    def solved(defects: Array, weights: Array, others: Array) -> tuple[Array, Array]:
        return jax.vmap(partial(own_linear.solved, problem.under(defects), weights))(others)

    def polished(defects: Array, weights: Array, start: Array) -> estimating.Fit:
        of = partial(residuals, problem.under(defects), weights)
        return estimating.least_squares(of, start, ITERATIONS)

    return Programs(jax.jit(solved), jax.jit(polished))


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
    count = len(own_linear.others_of(problem))

    def half_squares(columns: np.ndarray) -> np.ndarray:
        values = np.asarray(programs.solved(defects, weights, jnp.asarray(columns.T))[1])
        return np.where(np.isfinite(values), values, REFUSED)

    best = np.zeros(count)
    if count:
        first = SPREAD * norm.ppf(qmc.Sobol(count, rng=rng).random(POINTS))
        first[0] = 0.0
        found = differential_evolution(
            half_squares,
            [(-REACH, REACH)] * count,
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
    points, values = programs.solved(defects, weights, jnp.asarray(np.stack([best, best])))
    fitted = jax.device_get(programs.polished(defects, weights, points[0]))
    finite = bool(np.isfinite(values[0]) and np.isfinite(fitted.half_squares))
    return fitted if finite else fitted._replace(half_squares=np.array(np.inf))
