"""Problems with known optima on the unit cube, to be maximised, on which campaigns can be judged."""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ferro_jax import values


class Problem(NamedTuple):
    """An ``objective(key, x)`` for x in the unit cube, (dim); its largest value ``optimum`` is reached at ``where``."""

    objective: Callable[[Array | None, Array], Array]
    dim: int
    optimum: float
    where: tuple[float, ...]


def _branin(key, x):
    del key
    a, b = 15 * x[0] - 5, 15 * x[1]
    bowl = (b - 5.1 / (4 * jnp.pi**2) * a**2 + 5 / jnp.pi * a - 6) ** 2
    return -(bowl + 10 * (1 - 1 / (8 * jnp.pi)) * jnp.cos(a) + 10)


def _hartmann6(key, x):
    del key
    weights = jnp.array([1.0, 1.2, 3.0, 3.2], x.dtype)
    steepness = jnp.array(
        [
            [10, 3, 17, 3.5, 1.7, 8],
            [0.05, 10, 17, 0.1, 8, 14],
            [3, 3.5, 1.7, 10, 17, 8],
            [17, 8, 0.05, 10, 0.1, 14],
        ],
        x.dtype,
    )
    centres = jnp.array(
        [
            [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
            [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
            [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
            [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
        ],
        x.dtype,
    )
    return weights @ jnp.exp(-jnp.sum(steepness * (x[None] - centres) ** 2, axis=1))


def _levy(key, x):
    del key
    w = 1 + (20 * x - 11) / 4  # box [−10, 10]
    middle = jnp.sum((w[:-1] - 1) ** 2 * (1 + 10 * jnp.sin(jnp.pi * w[:-1] + 1) ** 2))
    ends = jnp.sin(jnp.pi * w[0]) ** 2 + (w[-1] - 1) ** 2 * (1 + jnp.sin(2 * jnp.pi * w[-1]) ** 2)
    return -(middle + ends)


def _ackley(key, x):
    del key
    z = 65.536 * x - 32.768
    root = jnp.sqrt(jnp.maximum(jnp.mean(z**2), jnp.finfo(z.dtype).tiny))  # guarded: its gradient at 0 is taken too
    return 20 * jnp.exp(-0.2 * root) + jnp.exp(jnp.mean(jnp.cos(2 * jnp.pi * z))) - 20 - jnp.e


def branin() -> Problem:
    """Return minus Branin's function on [−5, 10] × [0, 15]; three optima of −0.397887."""
    return Problem(_branin, 2, -0.39788735772973816, ((math.pi + 5) / 15, 2.275 / 15))


def hartmann6() -> Problem:
    """Return minus the six-dimensional Hartmann function; optimum 3.32237."""
    return Problem(_hartmann6, 6, 3.3223680114155, (0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573))


def levy(dim: int = 4) -> Problem:
    """Return minus Levy's function on [−10, 10]^dim; optimum 0. ValueError for fewer than one dimension."""
    dim = values.whole(dim, "dim", 1)
    return Problem(_levy, dim, 0.0, (0.55,) * dim)


def ackley(dim: int = 5) -> Problem:
    """Return minus Ackley's function on [−32.768, 32.768]^dim; optimum 0. ValueError for fewer than one dimension."""
    dim = values.whole(dim, "dim", 1)
    return Problem(_ackley, dim, 0.0, (0.5,) * dim)


def grid(dim: int, side: int, dtype=None) -> Float[Array, "pool dim"]:
    """Return the regular grid of side^dim candidates of the unit cube, ends included; ValueError for counts below 1."""
    dim, side = values.whole(dim, "dim", 1), values.whole(side, "side", 1)
    axes = [jnp.linspace(0, 1, side, dtype=dtype)] * dim
    return jnp.stack(jnp.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, dim)


def scatter(key: Array, dim: int, size: int, dtype=None) -> Float[Array, "pool dim"]:
    """Return ``size`` uniformly random candidates of the unit cube: a pool where a grid would be too large."""
    dim, size = values.whole(dim, "dim", 1), values.whole(size, "size", 1)
    return jax.random.uniform(values.key(key), (size, dim), dtype or float)
