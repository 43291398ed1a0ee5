"""What a process is to those who optimise it: its control, its outcomes with units, its generated histories."""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

SAMPLES = 200  # of a history


class Control(NamedTuple):
    """What is controlled over time: its name and unit, and the bounds that no history may leave."""

    name: str
    units: str
    low: float
    high: float


class Measured(NamedTuple):
    """An outcome: its name in arrays and logs, its unit, and its meaning in words."""

    name: str
    units: str
    text: str


class Process(NamedTuple):
    """A process: what is controlled, what is measured (the first outcome, "value", is maximised), what is generated.

    ``draw(key, count)`` returns ``Histories`` of the ``families``, in equal shares.
    """

    name: str
    control: Control
    outcomes: tuple[Measured, ...]
    families: tuple[str, ...]
    draw: Callable[[jax.Array, int], "Histories"]


class Histories(NamedTuple):
    """Generated histories: ``values`` in the unit of the control, ``duration`` in s, ``family`` as a number."""

    values: Float[Array, "n samples"]
    duration: Float[Array, " n"]
    family: Int[Array, " n"]


def places() -> Float[Array, "1 samples"]:
    """Return the places of a history's samples in its duration, 0 to 1."""
    return jnp.linspace(0, 1, SAMPLES, dtype=jnp.float32)[None]


def uniform(key: jax.Array, count: int, low: float, high: float, *, columns: int = 0) -> jax.Array:
    """Draw uniform numbers [count], or [count columns]."""
    shape = (count, columns) if columns else (count,)
    return jax.random.uniform(key, shape, jnp.float32, minval=low, maxval=high)


def log_uniform(key: jax.Array, count: int, low: float, high: float) -> jax.Array:
    """Draw numbers [count] whose logarithm is uniform."""
    return jnp.exp(uniform(key, count, math.log(low), math.log(high)))


def stages(edges: Float[Array, "n inner"], levels: Float[Array, "n stage"]) -> Float[Array, "n samples"]:
    """Return histories that are constant between sorted ``edges`` in (0, 1), stage by stage."""
    number = (places()[:, :, None] >= edges[:, None, :]).sum(-1)
    return jnp.take_along_axis(levels, number, axis=1)


def wander(key: jax.Array, count: int, modes: int) -> Float[Array, "n samples"]:
    """Return smooth random curves: a cosine series with amplitudes that fall as 1/k, standard deviation about 1."""
    number = jnp.arange(1, modes + 1, dtype=jnp.float32)
    weights = jax.random.normal(key, (count, modes), jnp.float32) / number[None]
    basis = jnp.cos(jnp.pi * number[:, None] * places())
    return weights @ basis / jnp.sqrt(0.5 * (1 / number**2).sum())


def mixed(families: list[jax.Array]) -> tuple[jax.Array, jax.Array]:
    """Interleave families of equally many histories: values [n samples], family [n]."""
    stacked = jnp.stack(families, 1)
    number = jnp.broadcast_to(jnp.arange(len(families)), stacked.shape[:2])
    return stacked.reshape(-1, SAMPLES), number.reshape(-1)
