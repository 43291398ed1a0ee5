"""The parameters that a loop's response is linear in (its scale, an offset, a slope): solved for, or integrated out.

Offset and slope are normal before the loop, so given the others and the scale they are normal after it (Bishop, Pattern
Recognition and Machine Learning, 3.3). The scale has a normal logarithm, so the sum over it is made on a grid.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from experiments.inverse_parameters.config import PARAMETERS
from experiments.inverse_parameters.own_model import LoopProblem, response

SCALE, ADDED = "response_scale", ("offset", "slope")
LEAST_FACTOR = 0.05  # of the response of a unit of polarization over that of the start
WIDE, FAR = 81, 5.0  # places of the grid over the prior of the scale, and its ends in standard deviations
NEAR, BEYOND = 49, 8.0  # the same around the best scale, in those of the loop alone


class Parts(NamedTuple):
    """What a loop's weighted responses are compared with at one point: factor · ``switched`` + ``added`` · (offset,
    slope), these two in units of their priors."""

    wanted: Float[Array, " step"]
    switched: Float[Array, " step"]
    added: Float[Array, "step k"]


def others_of(problem: LoopProblem) -> np.ndarray:
    """Return the places, among the fitted parameters, of those that the response is not linear in."""
    return np.array([n for n, name in enumerate(problem.names) if name not in (SCALE, *ADDED)], int)


def parts_of(problem: LoopProblem, weights: Float[Array, " step"], others: Float[Array, " other"]) -> Parts:
    """Return the parts of the response at a point of the other parameters, by one simulation."""
    loop = problem.loop
    blank = filled(problem, others, 0.0, jnp.zeros(len(_added(problem))))
    switched = response(problem, blank) - loop.middle
    columns = {"offset": np.ones(len(loop.bias)), "slope": loop.bias / np.abs(loop.bias).max()}
    widths = dict(zip(PARAMETERS, problem.prior, strict=True))
    added = [widths[name] * loop.half * columns[name] for name in _added(problem)]
    stacked = jnp.asarray(np.stack(added, 1)) if added else jnp.zeros((len(loop.bias), 0))
    return Parts(weights * (loop.response - loop.middle), weights * switched, weights[:, None] * stacked)


def filled(
    problem: LoopProblem, others: Float[Array, " other"], log_factor: Array | float, added: Float[Array, " k"]
) -> Float[Array, " parameter"]:
    """Return the fitted parameters from the others, the logarithm of the factor of the response, and ``added``."""
    point = jnp.zeros(len(problem.names)).at[others_of(problem)].set(others)
    for name, value in zip(_added(problem), added, strict=True):
        point = point.at[problem.names.index(name)].set(value)
    width = _width(problem)
    return point.at[problem.names.index(SCALE)].set(log_factor / width) if width else point


def solved(
    problem: LoopProblem, weights: Float[Array, " step"], others: Float[Array, " other"]
) -> tuple[Float[Array, " parameter"], Float[Array, ""]]:
    """Return all fitted parameters with the best linear ones, and half the squares of their residuals.

    The prior of the factor of the response is taken as normal while it is solved for. Half the squares are exact.
    """
    parts, width = parts_of(problem, weights, others), _width(problem)
    factor = jnp.ones(())
    if width:
        wanted, switched = (_without(parts, f) for f in (parts.wanted, parts.switched))
        best = (parts.switched @ wanted + 1 / width**2) / (parts.switched @ switched + 1 / width**2)
        factor = jnp.maximum(best, LEAST_FACTOR)
    added = jnp.linalg.solve(_normal(parts), parts.added.T @ (parts.wanted - factor * parts.switched))
    point = filled(problem, others, jnp.log(factor), added)
    missed = parts.wanted - factor * parts.switched - parts.added @ added
    return point, (jnp.sum(missed**2) + jnp.sum(point**2)) / 2


def log_marginal(
    problem: LoopProblem, weights: Float[Array, " step"], others: Float[Array, " other"]
) -> Float[Array, ""]:
    """Return the log likelihood of the other parameters, averaged over the prior of the linear ones."""
    parts = parts_of(problem, weights, others)
    of_scales = jax.nn.logsumexp(_scales(problem, parts)[1])
    return of_scales - jnp.linalg.slogdet(_normal(parts))[1] / 2


def completed(
    key: Array, problem: LoopProblem, weights: Float[Array, " step"], others: Float[Array, " other"]
) -> Float[Array, " parameter"]:
    """Return all fitted parameters, the linear ones drawn from their density given the loop and the others."""
    parts = parts_of(problem, weights, others)
    to_cell, to_place, to_added = jax.random.split(key, 3)
    edges, masses = _scales(problem, parts)
    cell = jax.random.categorical(to_cell, masses)
    log_factor = edges[cell] + jax.random.uniform(to_place, dtype=edges.dtype) * (edges[cell + 1] - edges[cell])
    normal, missed = _normal(parts), parts.wanted - jnp.exp(log_factor) * parts.switched
    noise = jax.random.normal(to_added, (len(normal),), edges.dtype)
    spread = jax.scipy.linalg.solve_triangular(jnp.linalg.cholesky(normal).T, noise, lower=False)
    added = jnp.linalg.solve(normal, parts.added.T @ missed) + spread
    return filled(problem, others, log_factor, added)


def _added(problem: LoopProblem) -> list[str]:
    return [name for name in ADDED if name in problem.names]


def _width(problem: LoopProblem) -> float:
    """Return the standard deviation of the logarithm of the scale before the loop, 0 where it is not fitted."""
    return float(problem.prior[PARAMETERS.index(SCALE)]) if SCALE in problem.names else 0.0


def _normal(parts: Parts) -> Float[Array, "k k"]:
    """Return the matrix of the normal equations of offset and slope, their priors included."""
    return jnp.eye(parts.added.shape[1]) + parts.added.T @ parts.added


def _without(parts: Parts, f: Float[Array, " step"]) -> Float[Array, " step"]:
    """Return a response times the inverse covariance that offset and slope leave it before the loop."""
    return f - parts.added @ jnp.linalg.solve(_normal(parts), parts.added.T @ f)


def _scales(problem: LoopProblem, parts: Parts) -> tuple[Float[Array, " edge"], Float[Array, " cell"]]:
    """Return the edges of cells of the log factor of the response, and the log of the likelihood times the prior in
    each; one cell at a factor of 1 where the scale is not fitted."""
    wanted, switched = (_without(parts, f) for f in (parts.wanted, parts.switched))
    square, cross, curve = parts.wanted @ wanted, parts.switched @ wanted, parts.switched @ switched
    width = _width(problem)
    if not width:
        return jnp.zeros(2), jnp.atleast_1d(-(square - 2 * cross + curve) / 2)
    curve = jnp.maximum(curve, jnp.finfo(curve.dtype).tiny)
    best = jnp.maximum(cross / curve, jnp.exp(-FAR * width))
    narrow = jnp.minimum(1 / (jnp.sqrt(curve) * best), width)
    around = jnp.log(best) + BEYOND * narrow * jnp.linspace(-1, 1, NEAR) ** 3
    edges = jnp.sort(jnp.concatenate([width * jnp.linspace(-FAR, FAR, WIDE), around]))
    factor = jnp.exp(edges)
    prior = -((edges / width) ** 2) / 2 - jnp.log(width * jnp.sqrt(2 * jnp.pi))
    logs = prior - (square - 2 * factor * cross + factor**2 * curve) / 2
    length = jnp.maximum(jnp.diff(edges), jnp.finfo(edges.dtype).tiny)
    return edges, jnp.logaddexp(logs[1:], logs[:-1]) + jnp.log(length / 2)
