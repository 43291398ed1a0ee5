"""Ascent of an objective by projected Adam: the best value is kept, steps to values that are not finite are not."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float

MEMORY = 0.95  # of squared gradients: Adam's usual 0.999 would make steps tiny for good after one steep place
FINAL_RATE = 0.02  # of the first rate: a cosine leads there
BACK = 0.5  # factor of a step that led to a value that is not finite
FORTH = 1.2  # factor of the next one after a step that did not, up to the whole step


class Climbed(NamedTuple):
    """The best point of an ascent with its value, the value at the start, the value at every step (NaN where the
    objective was not finite), and the points of these values if the ascent keeps its path."""

    point: Float[Array, "*shape"]
    value: Float[Array, ""]
    start: Float[Array, ""]
    values: Float[Array, " steps"]
    path: Float[Array, "steps *shape"] | None = None


class _State(NamedTuple):
    """The point to evaluate next; the last good point with the direction from it and Adam's moments; the best."""

    trial: Float[Array, "*shape"]
    good: Float[Array, "*shape"]
    direction: Float[Array, "*shape"]
    moments: Any
    scale: Float[Array, ""]
    best: Float[Array, "*shape"]
    value: Float[Array, ""]


def climb(
    objective: Callable[[Array], Array],
    start: Float[Array, "*shape"],
    project: Callable[[Array, Array], Array],
    *,
    steps: int,
    rate: float | jax.Array,
    keep_path: bool = False,
) -> Climbed:
    """Climb ``objective`` from ``start``, which keeps its constraints, by ``steps`` steps of Adam.

    ``project(trial, good)`` brings a trial back within the constraints, given the good point that it comes from.
    ``rate`` is the length of a first step in each coordinate; it falls by a cosine to a fiftieth. Where the value is
    not finite, the step is tried again from the last good point at half its length; entries of a gradient that are not
    finite count as 0. The value is −inf where no point was finite. Pure; vmap over starts.
    """
    evaluate, adam = jax.value_and_grad(objective), optax.scale_by_adam(b2=MEMORY)
    falling = optax.cosine_decay_schedule(1.0, steps, FINAL_RATE)(jnp.arange(steps))
    lengths = jnp.asarray(rate * falling, start.dtype)

    def step(state: _State, length: Array) -> tuple[_State, tuple[Array, Array | None]]:
        value, grad = evaluate(state.trial)
        fine = jnp.isfinite(value)
        grad = jnp.where(jnp.isfinite(grad), grad, 0)
        direction, moments = adam.update(grad, state.moments)
        good, direction, moments = _pick(
            fine, (state.trial, direction, moments), (state.good, state.direction, state.moments)
        )
        scale = jnp.where(fine, jnp.minimum(1, FORTH * state.scale), BACK * state.scale)
        better = fine & (value > state.value)
        best, top = _pick(better, (state.trial, value), (state.best, state.value))
        trial = project(good + length * scale * direction, good)
        seen = jnp.where(fine, value, jnp.nan), state.trial if keep_path else None
        return _State(trial, good, direction, moments, scale, best, top), seen

    lowest = jnp.asarray(-jnp.inf, jax.eval_shape(objective, start).dtype)
    first = _State(start, start, jnp.zeros_like(start), adam.init(start), jnp.ones((), start.dtype), start, lowest)
    last, (values, path) = jax.lax.scan(step, first, lengths)
    return Climbed(last.best, last.value, values[0], values, path)


def _pick(condition: Bool[Array, ""], yes: Any, no: Any) -> Any:
    """Return one of two trees."""
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), yes, no)
