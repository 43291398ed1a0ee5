"""What a problem is to a method: a history to choose within bounds, and its value, which is maximised."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from experiments.shared.processes.records import SAMPLES, mixed, places, stages, uniform, wander

SHARES = ("ramps", "steps", "smooth random curves")
MOST_STAGES = 4


class Problem(NamedTuple):
    """A curve to optimise.

    ``value`` is a JAX function of one history [samples] in the unit of the control; NaN says that it failed.
    ``optimum`` is the largest value, known as ``known`` says; NaN where it is found by exhaustion when the benchmark
    runs. ``draw(key, count)`` returns histories [count samples] as a user would invent them, none tuned to the optimum.
    ``gradient`` says whether ``value`` can be differentiated in reverse. ``chunk`` histories are evaluated at once.
    """

    name: str
    text: str
    samples: int
    duration: float
    low: float
    high: float
    value: Callable[[Float[Array, " samples"]], Float[Array, ""]]
    optimum: float
    known: str
    gradient: bool
    draw: Callable[[Any, int], Float[Array, "n samples"]]
    chunk: int = 250

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest value that a history may have."""
        return self.low, self.high


def invented(low: float, high: float) -> Callable[[Any, int], Float[Array, "n samples"]]:
    """Return the function (key, count) -> histories within bounds: ramps, steps and smooth random curves by turns.

    A ramp leads from one random level to another between two random times. Steps are two to four random levels.
    A smooth curve is a random level and a cosine series of six terms, clipped to the bounds. All levels are uniform.
    """

    def draw(key: Any, count: int) -> Float[Array, "n samples"]:
        each = -(-count // len(SHARES))
        keys = jax.random.split(key, 8)
        times = jnp.sort(uniform(keys[0], each, 0.0, 1.0, columns=2), 1)
        start, end = uniform(keys[1], each, 0.0, 1.0)[:, None], uniform(keys[2], each, 0.0, 1.0)[:, None]
        run = jnp.clip((places() - times[:, :1]) / jnp.maximum(times[:, 1:] - times[:, :1], 1e-3), 0, 1)
        ramps = start + (end - start) * run
        number = jax.random.randint(keys[3], (each, 1), 1, MOST_STAGES)
        edges = uniform(keys[4], each, 0.0, 1.0, columns=MOST_STAGES - 1)
        edges = jnp.sort(jnp.where(jnp.arange(MOST_STAGES - 1)[None] < number, edges, 2.0), 1)
        steps = stages(edges, uniform(keys[5], each, 0.0, 1.0, columns=MOST_STAGES))
        smooth = uniform(keys[6], each, 0.0, 1.0)[:, None] + 0.25 * wander(keys[7], each, 6)
        values = mixed([ramps, steps, smooth])[0][:count]
        return low + (high - low) * jnp.clip(values, 0, 1)

    return draw


__all__ = ["SAMPLES", "Problem", "invented"]
