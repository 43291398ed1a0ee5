"""Follow differential equations that a sampled history drives."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def between(history: Float[Array, " samples"], duration: Any, substeps: int) -> tuple[jax.Array, jax.Array]:
    """Return the history on a grid of ``substeps`` steps between samples, [samples − 1, substeps + 1], and the step.

    The history is linear between its samples. ``duration`` is the time from the first sample to the last.
    """
    part = (jnp.arange(substeps + 1) / substeps).astype(history.dtype)[None]
    grid = history[:-1, None] + (history[1:] - history[:-1])[:, None] * part
    return grid, jnp.asarray(duration, history.dtype) / ((history.shape[0] - 1) * substeps)


def rk4(
    rate: Callable[[Any, jax.Array], Any], state: Any, history: Float[Array, " samples"], duration: Any, substeps: int
) -> Any:
    """Return ``state`` at the end of ``history`` under state' = ``rate(state, value)``, by Runge and Kutta's rule.

    Fourth order in the step, with ``substeps`` steps between two samples, where the history is linear.
    """
    grid, step = between(history, duration, 2 * substeps)
    nodes = jnp.stack([grid[:, :-2:2], grid[:, 1::2], grid[:, 2::2]], -1).reshape(-1, 3)
    step = 2 * step

    def moved(state: Any, slope: Any, size: Any) -> Any:
        return jax.tree.map(lambda part, change: part + size * change, state, slope)

    def advance(state: Any, values: jax.Array) -> tuple[Any, None]:
        first = rate(state, values[0])
        second = rate(moved(state, first, step / 2), values[1])
        third = rate(moved(state, second, step / 2), values[1])
        fourth = rate(moved(state, third, step), values[2])
        mean = jax.tree.map(lambda a, b, c, d: (a + 2 * b + 2 * c + d) / 6, first, second, third, fourth)
        return moved(state, mean, step), None

    return jax.lax.scan(advance, state, nodes)[0]
