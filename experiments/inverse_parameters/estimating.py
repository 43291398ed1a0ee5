"""Posteriors of the parameters: least squares, and importance sampling around the best fit."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from experiments.inverse_parameters.config import NAMES, Config
from experiments.inverse_parameters.measuring import Problem, in_units_of_noise, measured, with_slopes

ITERATIONS = 20  # of Levenberg and Marquardt
DAMPING, LESS, MORE = 1e-2, 5.0, 4.0  # at the start, factors after a step that was taken and one that was not
FREEDOM = 6.0  # degrees of Student's t that draws are made from


class Fit(NamedTuple):
    """The best point of a posterior, the Cholesky factor L of its curvature L Lᵀ, and half the sum of squares there."""

    mode: Float[Array, " parameter"]
    factor: Float[Array, "parameter parameter"]
    half_squares: Float[Array, ""]


class Draws(NamedTuple):
    """Points drawn around a fit, their weights (sum 1), and how many draws these are worth."""

    points: Float[Array, "draw parameter"]
    weights: Float[Array, " draw"]
    effective: Float[Array, ""]


def residuals(problem: Problem, field: Array, data: Array, logs: Array, gradient: str = "forward") -> Array:
    """Return the residuals of the measurement and of the prior, all of standard deviation 1."""
    found = in_units_of_noise(problem, measured(problem, logs, field, gradient=gradient))
    return jnp.concatenate([found - data, logs / problem.config.prior])


def fit(problem: Problem, field: Array, data: Array, start: Array) -> Fit:
    """Minimise the squares of the residuals from ``start`` [parameter]."""
    return least_squares(partial(residuals, problem, field, data), start, ITERATIONS)


def least_squares(of: Callable[[Array], Array], start: Array, iterations: int) -> Fit:
    """Minimise half the sum of squares of ``of(point)`` by Levenberg's and Marquardt's steps from ``start``."""

    def step(carry: tuple[Array, Array], _: None) -> tuple[tuple[Array, Array], None]:
        point, damping = carry
        values, slopes = with_slopes(of, point)
        curvature = slopes.T @ slopes
        trial = point - jnp.linalg.solve(curvature + damping * jnp.diag(jnp.diag(curvature)), slopes.T @ values)
        better = jnp.sum(of(trial) ** 2) < jnp.sum(values**2)
        return (jnp.where(better, trial, point), jnp.where(better, damping / LESS, damping * MORE)), None

    (point, _), _ = jax.lax.scan(step, (start, jnp.asarray(DAMPING)), None, length=iterations)
    values, slopes = with_slopes(of, point)
    return Fit(point, jnp.linalg.cholesky(slopes.T @ slopes), jnp.sum(values**2) / 2)


def part_of(fitted: Fit, places: np.ndarray) -> Fit:
    """Return the fit of some of the parameters, as a normal density around it leaves them without the others."""
    covariance = jnp.linalg.inv(fitted.factor @ fitted.factor.T)[np.ix_(places, places)]
    return Fit(fitted.mode[places], jnp.linalg.cholesky(jnp.linalg.inv(covariance)), fitted.half_squares)


def log_posterior(problem: Problem, field: Array, data: Array, logs: Array) -> Float[Array, ""]:
    """Return the logarithm of the posterior density but for a constant; −∞ where the simulation is not finite."""
    values = -jnp.sum(residuals(problem, field, data, logs, "adjoint") ** 2) / 2
    return jnp.where(jnp.isfinite(values), values, -jnp.inf)


def importance(key: Array, problem: Problem, field: Array, data: Array, fitted: Fit, draws: int) -> Draws:
    """Draw around a fit, weighted by the posterior."""
    return weighed(key, partial(log_posterior, problem, field, data), fitted, draws)


def weighed(key: Array, log_density: Callable[[Array], Array], fitted: Fit, draws: int) -> Draws:
    """Draw around a fit, and weight the draws by a density."""
    points = around(key, fitted, draws)
    weights = jax.nn.softmax(jax.vmap(log_density)(points) - log_around(fitted, points))
    return Draws(points, weights, 1 / jnp.sum(weights**2))


def around(key: Array, fitted: Fit, draws: int) -> Float[Array, "draw parameter"]:
    """Draw from Student's t around a fit, in its own axes."""
    to_normal, to_width = jax.random.split(key)
    normal = jax.random.normal(to_normal, (draws, len(fitted.mode)), jnp.float64)
    wide = normal / jnp.sqrt(jax.random.chisquare(to_width, FREEDOM, (draws, 1), jnp.float64) / FREEDOM)
    return fitted.mode[None] + jax.scipy.linalg.solve_triangular(fitted.factor.T, wide.T, lower=False).T


def log_around(fitted: Fit, points: Float[Array, "*n parameter"]) -> Float[Array, "*n"]:
    """Return the logarithm of the density that ``around`` draws from, but for a constant."""
    wide = (points - jnp.expand_dims(fitted.mode, range(points.ndim - 1))) @ fitted.factor
    return -(FREEDOM + points.shape[-1]) / 2 * jnp.log1p(jnp.sum(wide**2, -1) / FREEDOM)


def rank_of(draws: Draws, truth: Float[Array, " parameter"]) -> Float[Array, " parameter"]:
    """Return the weight of the draws below the truth: uniform over data sets where posteriors are right."""
    return jnp.sum(draws.weights[:, None] * (draws.points < truth[None]), 0)


def moments(draws: Draws) -> tuple[Array, Array]:
    """Return mean and standard deviation of every parameter's logarithm."""
    mean = jnp.sum(draws.weights[:, None] * draws.points, 0)
    return mean, jnp.sqrt(jnp.maximum(jnp.sum(draws.weights[:, None] * (draws.points - mean[None]) ** 2, 0), 0))


def truths(key: Array, config: Config) -> Float[np.ndarray, "set parameter"]:
    """Draw the logarithms of the parameters of every data set from the prior."""
    return np.asarray(config.prior * jax.random.normal(key, (config.data_sets, len(NAMES)), jnp.float64))
