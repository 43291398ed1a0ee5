"""A BFGS with a bounded number of steps, for objectives that are expensive to evaluate and to compile.

The objective is evaluated once in each turn of one loop, because XLA compiles every place where the objective stands,
and under vmap runs them all: a textbook line search has three of them. The variables are few (hyperparameters, a point
of the domain), so the inverse Hessian is a matrix; limited memory would only add operations.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.extend.core import jaxpr_as_fun
from jaxtyping import Array, Bool, Float, Int

SUFFICIENT = 1e-4  # share of the predicted decrease that a step must reach (Armijo)


class BFGSState(NamedTuple):
    """The state of BFGS: best point so far with its value and gradient, the step tried from it, and the counters."""

    point: Float[Array, "p"]
    value: Float[Array, ""]
    grad: Float[Array, "p"]
    inverse: Float[Array, "p p"]  # of the Hessian, approximately
    move: Float[Array, "p"]
    tries: Int[Array, ""]  # of moves along this direction
    iterations: Int[Array, ""]
    evaluations: Int[Array, ""]
    going: Bool[Array, ""]


class Minimum(NamedTuple):
    """The minimiser that was found, its value, and what finding it took."""

    point: Float[Array, "p"]
    value: Float[Array, ""]
    iterations: Int[Array, ""]
    evaluations: Int[Array, ""]  # of value and gradient


def minimise(
    objective: Callable[[Array], Array],
    start: Float[Array, "p"],
    *,
    iterations: int,
    line_search_steps: int = 5,
    gradient_tolerance: float = 1e-4,
    decrease_tolerance: float = 1e-6,
) -> Minimum:
    """Minimise ``objective``, F["p"] -> F[""], from ``start``.

    Stops when the largest gradient entry OR the decrease of the last iteration is below its tolerance, so the
    objective should be of order one (per datum), or when ``line_search_steps`` of one direction bring no sufficient
    decrease. The best point is returned: a non-finite one is never kept, unless the start is one. BFGS with
    backtracking to the minimum of a parabola (Nocedal & Wright 2006, algorithm 6.1, eq. 6.20 and 3.57).
    """
    traced, shapes = jax.make_jaxpr(jax.value_and_grad(objective), return_shape=True)(start)  # once
    evaluate, eye = jaxpr_as_fun(traced), jnp.eye(start.size, dtype=start.dtype)

    def turn(state):
        first, slope = state.evaluations == 0, state.move @ state.grad
        trial = state.point + state.move
        value, grad = evaluate(trial)
        finite = jnp.isfinite(value) & jnp.all(jnp.isfinite(grad))
        accepted = first | (finite & (value <= state.value + SUFFICIENT * slope))
        count = state.iterations + jnp.where(first, 0, 1)

        change = grad - state.grad
        curvature = state.move @ change
        curved = curvature > 0  # else the matrix would no longer be positive definite
        fresh = eye * curvature / jnp.where(curved, change @ change, 1)
        known = jnp.where(state.iterations > 0, state.inverse, fresh)
        along = known @ change
        rank_one = (1 + change @ along / jnp.where(curved, curvature, 1)) * jnp.outer(state.move, state.move)
        cross = jnp.outer(along, state.move)
        updated = known + (rank_one - cross - cross.T) / jnp.where(curved, curvature, 1)
        inverse = jnp.where(accepted & curved & ~first, updated, state.inverse)

        towards = inverse @ grad
        length = jnp.where(count > 0, 1, jnp.maximum(jnp.linalg.norm(grad), 1))  # the first move is at most 1 long
        bend = value - state.value - slope  # of the parabola through value, slope and trial
        shorter = jnp.where(finite & (bend > 0), -0.5 * slope / jnp.where(bend > 0, bend, 1), 0)
        move = jnp.where(accepted, -towards / length, jnp.clip(shorter, 0.1, 0.5) * state.move)

        steep = jnp.max(jnp.abs(grad)) > gradient_tolerance
        falling = first | (state.value - value > decrease_tolerance)
        tries = jnp.where(accepted, 0, state.tries + 1)
        return BFGSState(
            point=jnp.where(accepted, trial, state.point),
            value=jnp.where(accepted, value, state.value),
            grad=jnp.where(accepted, grad, state.grad),
            inverse=inverse,
            move=move,
            tries=tries,
            iterations=jnp.where(accepted, count, state.iterations),
            evaluations=state.evaluations + 1,
            going=jnp.where(accepted, finite & steep & falling & (count < iterations), tries < line_search_steps),
        )

    zero, still = jnp.zeros((), jnp.int32), jnp.zeros_like(start)
    worst = jnp.full((), jnp.inf, shapes[0].dtype)
    state = BFGSState(start, worst, still, eye, still, zero, zero, zero, jnp.ones((), bool))
    end = jax.lax.while_loop(lambda state: state.going, turn, state)
    return Minimum(end.point, end.value, end.iterations, end.evaluations)
