"""Maximise a cheap function over the unit cube: score points that fill it, climb from the most promising ones."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, Int
from scipy.stats import qmc

from bo.data import Data
from bo.numerics.optimise import minimise


def maximise(
    score: Callable[[Array], Array],
    raw: Float[Array, "raw dim"],
    filling: int,
    *,
    starts: int,
    iterations: int,
) -> tuple[Float[Array, "dim"], Bool[Array, ""]]:
    """Return the best point found for ``score``, F["q dim"] -> F["q"], by BFGS from ``starts`` of the ``raw`` points,
    and whether any point has a score.

    One start is the best of the raw points after the first ``filling``; the others are each the best of an even
    share of the filling ones, so that they lie in different basins where there are several. A point without a
    finite score is passed over.
    """
    values = score(raw)
    values = jnp.where(jnp.isnan(values), -jnp.inf, values)
    spread = jnp.std(values, where=jnp.isfinite(values))
    unit = jnp.where(spread > 0, spread, 1)  # so that the optimiser's tolerances mean the same for all scores

    def climb(start):
        def loss(u):
            return -score(fold(u)[None])[0] / unit

        end = minimise(loss, start, iterations=iterations, gradient_tolerance=1e-4, decrease_tolerance=1e-6)
        return end.point, end.value

    first = first_of_shares(values, filling, starts)
    ends, value = jax.vmap(climb)(unfold(raw[first]))
    value = jnp.where(jnp.isnan(value), jnp.inf, value)
    winner = jnp.argmin(value)
    found = jnp.isfinite(value[winner])
    point = jnp.where(found, fold(ends[winner]), raw[jnp.argmax(values)])
    return point, found | jnp.any(values > -jnp.inf)


def first_of_shares(values: Float[Array, "raw"], filling: int, starts: int) -> Int[Array, "starts"]:
    """Return the place of the highest value in each even share of the first ``filling``, and in the rest."""
    shares = np.array_split(np.arange(filling), starts - 1)
    shares.append(np.arange(filling, values.shape[0]))
    return jnp.stack([int(share[0]) + jnp.argmax(values[share[0] : share[-1] + 1]) for share in shares])


def fold(u: Float[Array, "..."]) -> Float[Array, "..."]:
    """Return sin²(πu/2), in the unit cube for any u; a maximum on a face becomes a smooth one (as in MINUIT)."""
    return jnp.sin(0.5 * jnp.pi * u) ** 2


def unfold(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """Return the u in [0, 1] with fold(u) = x, kept off the faces, because the gradient in u is always 0 there."""
    return jnp.arcsin(jnp.sqrt(jnp.clip(x, 1e-6, 1 - 1e-6))) * (2 / jnp.pi)


def sobol(dim: int, size: int) -> np.ndarray:
    """Return the first ``size`` points of the Sobol sequence, (size, dim)."""
    return qmc.Sobol(dim, scramble=False).random_base2(max(size - 1, 1).bit_length())[:size]


def shifted(key: Array, points: Float[Array, "n dim"]) -> Float[Array, "n dim"]:
    """Shift points of the unit cube by one random vector, modulo 1: uniform, and as even as before.

    Cranley & Patterson 1976.
    """
    return (points + jax.random.uniform(key, (1, points.shape[1]), points.dtype)) % 1


def around_best(key: Array, data: Data, number: int, leaders: int) -> Float[Array, "number dim"]:
    """Draw points around the ``leaders`` best observations, at distances from 1e-3 to 0.3, reflected into the cube."""
    key_distance, key_direction = jax.random.split(key)
    _, best = lax.top_k(jnp.where(data.mask, data.y, -jnp.inf), leaders)
    centres = data.x[best][jnp.arange(number) % leaders]
    distance = 10 ** jax.random.uniform(key_distance, (number, 1), data.x.dtype, -3.0, -0.5)
    return 1 - jnp.abs(1 - (centres + distance * jax.random.normal(key_direction, centres.shape, data.x.dtype)) % 2)
