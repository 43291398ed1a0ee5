"""The search for the highest score over a space of reals, integers and categories, with linear constraints.

Integers with many values are first climbed by BFGS together with the reals, as if they were real. Then each start takes
turns: the best change of an integer or a category, and a climb of the reals. Where all combinations of integers and
categories are few, every one is tried at each turn. Constraints are kept by drawing a point that lies beyond one back
along the line to a point deep inside: the score of the point drawn back is what is climbed, so a climb can follow a
face.
"""

from collections.abc import Callable
from itertools import product
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float

from bo.campaigns import linear
from bo.campaigns.feasible import Feasible, anchor, drawn_back, feasible_of, kept_inside
from bo.campaigns.maximise import around_best, first_of_shares, fold, shifted, sobol, unfold
from bo.data import Data
from bo.numerics.optimise import minimise
from bo.space import Space

FEW = 64  # combinations of integers and categories that are all tried
MANY = 8  # values of an integer beyond which it is first climbed as a real number
TURNS = 4  # of a change and a climb, at most
SPARE = 8  # feasible points held for each raw point of a step, where there are constraints


class Moves(NamedTuple):
    """Changes of a point: row m sets the columns where ``fixed`` to ``value`` and adds ``step`` to the others."""

    fixed: Bool[Array, "moves dim"]
    value: Float[Array, "moves dim"]
    step: Float[Array, "moves dim"]


class Mixed(NamedTuple):
    """What the search needs of a space; points are of the unit cube.

    levels       number of values of each column, 0 for a real
    filling      points that fill the space: all raw points of a step or, with constraints, more, to draw them from
    feasible     the linear constraints; None without any
    """

    space: Space
    levels: np.ndarray
    filling: Float[Array, "filling dim"]
    feasible: Feasible | None
    moves: Moves


def mixed(space: Space, raw_points: int, dtype: Any) -> Mixed:
    """Return what the search needs of a space; ValueError if its constraints leave no room."""
    levels = linear.levels_of(space)
    if not space.linear:
        filling, kept = linear.shared_out(levels, sobol(len(space.inputs), raw_points)), None
    else:
        filling = linear.fill(space, SPARE * raw_points)
        kept = feasible_of(space, filling, dtype)
    fixed, value, step = moves_of(space, levels)
    moves = Moves(jnp.asarray(fixed), jnp.asarray(value, dtype), jnp.asarray(step, dtype))
    return Mixed(space, levels, jnp.asarray(filling, dtype), kept, moves)


def moves_of(space: Space, levels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the fields of ``Moves``: all combinations of integers and categories if they are few, else changes of one.

    A category changes to any other choice, an integer by 1, 2, 4 … values up or down.
    """
    dim, discrete = len(levels), [n for n in space.free if levels[n]]
    if not discrete:
        return np.zeros((0, dim), bool), np.zeros((0, dim)), np.zeros((0, dim))
    if np.prod([float(levels[n]) for n in discrete]) <= FEW:
        rows = np.array(list(product(*(np.arange(levels[n]) / (levels[n] - 1) for n in discrete))))
        fixed, value = np.zeros((len(rows), dim), bool), np.zeros((len(rows), dim))
        fixed[:, discrete], value[:, discrete] = True, rows
        return fixed, value, np.zeros_like(value)
    changes = []
    for n in discrete:
        if space.inputs[n].kind == "category":
            changes += [(n, True, choice / (levels[n] - 1)) for choice in range(levels[n])]
        else:
            jumps = 2 ** np.arange(max(1, int(np.log2(levels[n]))))
            changes += [(n, False, sign * jump / (levels[n] - 1)) for jump in jumps for sign in (1, -1)]
    fixed = np.zeros((len(changes), dim), bool)
    value, step = np.zeros((2, len(changes), dim))
    for row, (n, absolute, number) in enumerate(changes):
        fixed[row, n] = absolute
        (value if absolute else step)[row, n] = number
    return fixed, value, step


def snap(levels: np.ndarray, z: Float[Array, "*rows dim"]) -> Float[Array, "*rows dim"]:
    """Return points of the cube with integers and codes moved to the nearest value."""
    gaps = jnp.broadcast_to(jnp.asarray(np.maximum(levels - 1, 1), z.dtype), z.shape)
    nearest = jnp.clip(jnp.round(z * gaps), 0, gaps) / gaps
    return jnp.where(jnp.broadcast_to(jnp.asarray(levels > 0), z.shape), nearest, z)


def put(space: Space, z: Float[Array, "*rows dim"], given: Any) -> Float[Array, "*rows dim"]:
    """Return points with the context columns as ``given``, F["contexts"] in the cube; unchanged without a context."""
    if not space.context:
        return z
    columns = jnp.array(space.context)
    return z.at[..., columns].set(jnp.broadcast_to(given, (*z.shape[:-1], len(space.context))))


def design(mixed: Mixed, key: Array, spread: Float[Array, "number dim"]) -> Float[Array, "number dim"]:
    """Return the initial design: ``spread``, Sobol points, shifted at random or, with constraints, points far apart."""
    if mixed.feasible is None:
        return linear.shared_out(mixed.levels, shifted(key, spread))
    return far_apart(mixed, key, spread.shape[0])


def far_apart(mixed: Mixed, key: Array, number: int) -> Float[Array, "number dim"]:
    """Return points of a random part of the filling ones, each the farthest from those before it."""
    size = mixed.filling.shape[0]
    several = mixed.filling[jax.random.permutation(key, size)[: min(4 * number, size)]]
    category = jnp.asarray([one.kind == "category" for one in mixed.space.inputs])

    def distance(z):
        apart = jnp.abs(several - z[None])
        apart = jnp.where(jnp.broadcast_to(category, apart.shape), apart > 0, apart)
        return jnp.sum(apart**2, axis=1)

    def pick(nearest, _):
        index = jnp.argmax(nearest)
        return jnp.minimum(nearest, distance(several[index])), index

    first = jnp.full(several.shape[0], jnp.inf, several.dtype)
    return several[lax.scan(pick, first, length=number)[1]]


def raw_points(
    mixed: Mixed, key: Array, key_local: Array, data: Data, number: int, local: int, leaders: int, given: Any
) -> Float[Array, "raw dim"]:
    """Return ``number`` points that fill the space and ``local`` ones around the best observations."""
    key_local, key_swap, key_choice = jax.random.split(key_local, 3)
    if mixed.feasible is None:
        filling = linear.shared_out(mixed.levels, shifted(key, mixed.filling))
    else:
        filling = mixed.filling[jax.random.permutation(key, mixed.filling.shape[0])[:number]]
    around = snap(mixed.levels, around_best(key_local, data, local, leaders))
    # a number of a category says nothing of its neighbours: some of the points get another one, at random
    anywhere = linear.shared_out(mixed.levels, jax.random.uniform(key_choice, around.shape, around.dtype))
    category = jnp.asarray([one.kind == "category" for one in mixed.space.inputs])
    _, best = lax.top_k(jnp.where(data.mask, data.y, -jnp.inf), leaders)
    kept = data.x[best][jnp.arange(local) % leaders]
    share = 1 / max(len(mixed.space.columns("category")), 2)
    swapped = jnp.where(jax.random.uniform(key_swap, around.shape) < share, anywhere, kept)
    around = jnp.where(jnp.broadcast_to(category, around.shape), swapped, around)
    return put(mixed.space, jnp.concatenate([filling, around]), given)


def maximise(
    mixed: Mixed,
    score: Callable[[Array], Array],
    raw: Float[Array, "raw dim"],
    filling: int,
    *,
    starts: int,
    iterations: int,
) -> tuple[Float[Array, "dim"], Bool[Array, ""]]:
    """Return the best point found for ``score``, F["q dim"] -> F["q"], that is whole and keeps the constraints, and
    whether any point has a score.

    The starts are chosen among ``raw`` as ``bo.campaigns.maximise.maximise`` chooses them.
    """
    raw, possible = kept_inside(mixed.feasible, raw)
    values = score(raw)
    values = jnp.where(jnp.isnan(values) | ~possible, -jnp.inf, values)
    spread = jnp.std(values, where=jnp.isfinite(values))
    unit = jnp.where(spread > 0, spread, 1)
    first = first_of_shares(values, filling, starts)
    free = np.isin(np.arange(mixed.levels.size), mixed.space.free)
    many = free & ((mixed.levels == 0) | (mixed.levels > MANY))
    few = free & (mixed.levels == 0)

    def change(z, value):
        fixed, absolute, step = mixed.moves
        tried = jnp.where(fixed, absolute, jnp.clip(z[None] + step, 0, 1))
        tried, possible = kept_inside(mixed.feasible, snap(mixed.levels, tried))
        values = score(tried)
        values = jnp.where(jnp.isnan(values) | ~possible, -jnp.inf, values)
        best = jnp.argmax(values)
        better = values[best] > value
        return jnp.where(better, tried[best], z), jnp.where(better, values[best], value)

    def turn(carry):
        z, value, _, turns = carry
        changed, there = change(z, value)
        end, new = climb(mixed, score, unit, few, changed, there, iterations)
        return end, new, new > value + 1e-6 * unit, turns + 1

    def search(z, value):
        if not len(mixed.moves.fixed):
            return climb(mixed, score, unit, few, z, value, iterations)
        if np.any(many & ~few):
            z, value = climb(mixed, score, unit, many, z, value, iterations)
        start = (z, value, jnp.ones((), bool), jnp.zeros((), jnp.int32))
        end, new, _, _ = lax.while_loop(lambda carry: carry[2] & (carry[3] < TURNS), turn, start)
        return end, new

    ends, found = jax.vmap(search)(raw[first], values[first])
    winner = jnp.argmax(jnp.where(jnp.isnan(found), -jnp.inf, found))
    good = jnp.isfinite(found[winner])
    return jnp.where(good, ends[winner], raw[jnp.argmax(values)]), good | jnp.any(values > -jnp.inf)


def climb(
    mixed: Mixed,
    score: Callable[[Array], Array],
    unit: Array,
    columns: np.ndarray,
    start: Float[Array, "dim"],
    value: Float[Array, ""],
    iterations: int,
) -> tuple[Float[Array, "dim"], Float[Array, ""]]:
    """Return the end of a climb in some columns and its score, or the start and its ``value`` if that is higher.

    Integers among the columns are climbed as reals, and the end is made whole.
    """
    places = np.flatnonzero(columns)
    if not places.size:
        return start, value
    kept = mixed.feasible
    deep = None if kept is None else anchor(kept, start)
    rounded = bool(np.any(mixed.levels[places]))

    def at(u):
        z = start.at[places].set(fold(u))
        return z if kept is None or deep is None else drawn_back(kept, z, deep)

    def loss(u):
        return -score(at(u)[None])[0] / unit

    end = minimise(loss, unfold(start[places]), iterations=iterations, gradient_tolerance=1e-4, decrease_tolerance=1e-6)
    z, new = at(end.point), -end.value * unit
    if rounded:
        several, possible = kept_inside(mixed.feasible, snap(mixed.levels, z)[None])
        z, new = several[0], jnp.where(possible[0], score(several)[0], -jnp.inf)
    better = new > value
    return jnp.where(better, z, start), jnp.where(better, new, value)
