"""A bounded L-BFGS for objectives that are dear to evaluate: stops early, never evaluates twice."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float


def minimise(
    objective: Callable[[Array], Array],
    start: Float[Array, "p"],
    *,
    iterations: int,
    line_search_steps: int = 5,
    gradient_tolerance: float = 1e-4,
    decrease_tolerance: float = 1e-6,
) -> tuple[Float[Array, "p"], Float[Array, ""], Array, Array]:
    """The minimiser found from ``start``, its value, and the iterations and evaluations it took.

    Stops when the largest gradient entry OR the decrease of the last iteration is below its tolerance, so the
    objective should be of order one (per datum). Returns the best point seen: a non-finite one is never kept.
    Value and gradient of an iteration are those that its line search ended with, so nothing is computed twice.
    """
    search = optax.scale_by_zoom_linesearch(max_linesearch_steps=line_search_steps, initial_guess_strategy="one")
    solver = optax.lbfgs(memory_size=max(start.size, 5), linesearch=search)

    def unfinished(carry):
        _, _, value, grad, previous, count, _ = carry
        steep = jnp.max(jnp.abs(grad)) > gradient_tolerance
        falling = previous - value > decrease_tolerance
        return (count < iterations) & jnp.isfinite(value) & steep & ((count == 0) | falling)

    def iterate(carry):
        point, state, value, grad, _, count, evaluations = carry
        updates, state = solver.update(grad, state, point, value=value, grad=grad, value_fn=objective)
        moved = point + updates
        found, slope, info = (optax.tree_utils.tree_get(state, name) for name in ("value", "grad", "info"))
        better = jnp.isfinite(found) & jnp.all(jnp.isfinite(slope)) & (found <= value)
        return (
            jnp.where(better, moved, point),
            state,
            jnp.where(better, found, value),
            jnp.where(better, slope, grad),
            value,
            count + 1,
            evaluations + jnp.asarray(info.num_linesearch_steps, jnp.int32),
        )

    value, grad = jax.value_and_grad(objective)(start)
    zero = jnp.zeros((), jnp.int32)
    carry = (start, solver.init(start), value, grad, jnp.full_like(value, jnp.inf), zero, zero + 1)
    point, _, value, _, _, count, evaluations = jax.lax.while_loop(unfinished, iterate, carry)
    return point, value, count, evaluations
