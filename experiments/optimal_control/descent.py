"""Quasi-Newton descent."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

MEMORY = 20  # steps that the curvature is estimated from


def descend(
    objective: Callable[[Array], Array], start: Float[Array, "..."], steps: int
) -> tuple[Float[Array, "..."], Float[Array, ""]]:
    """Descend ``objective`` by L-BFGS with a line search; return the point and its value. vmap over starts."""
    solver, evaluate = optax.lbfgs(memory_size=MEMORY), optax.value_and_grad_from_state(objective)

    def step(carry: tuple, _: None) -> tuple[tuple, None]:
        point, memory = carry
        value, grad = evaluate(point, state=memory)
        change, memory = solver.update(grad, memory, point, value=value, grad=grad, value_fn=objective)
        return (jnp.asarray(optax.apply_updates(point, change)), memory), None

    (point, _), _ = jax.lax.scan(step, (start, solver.init(start)), None, length=steps)
    return point, objective(point)
