"""Ways to optimise a curve: each returns the values of its evaluations, (seed, evaluation), in order.

A method is a function of keys, one for each seed, a ``Task`` and the number of evaluations. Campaigns run inside one
compiled program, seed after seed, with log EI, ten initial points and a fit of the hyperparameters every ten steps.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import bo
from benchmarks.curves.pools import Pool, Pools, components
from benchmarks.curves.problem import Problem
from benchmarks.timing import timed
from bo.deep_kernels.blocks import block_kernel
from experiments.lab.objectives import look_up
from experiments.shared.lattices.splines import spline_matrix
from models import latent
from models.parts.smoothing import smoothing_matrix

INITIAL, REFIT_EVERY, DEEP_REFIT_EVERY, BUCKETS = 10, 10, 30, 3
COEFFICIENTS = 8
MOST_IN_A_BOX = 100  # evaluations: 300 of them cost 10 CPU-seconds a seed, five times a campaign over cells
MOST_OVER_CURVES = 100  # evaluations: by then the best of 1,000 histories is mostly found
SMOOTH, RATE = 0.01, 0.03  # the defaults of models.latent.refine
FIRST_SHARE = 30  # evaluations in the latent space before the gradient takes over


class Task(NamedTuple):
    """A problem with its pools; ``problem`` is None where only a table of histories and values is known."""

    problem: Problem | None
    pools: Pools


class Measured(NamedTuple):
    """Values (seed, evaluation), NaN where an evaluation failed; CPU seconds of compiling and of all seeds."""

    values: np.ndarray
    compiling: float
    running: float


_PROGRAMS: dict[Any, Any] = {}  # compiled programs by function, static arguments and shapes


def measured(function: Callable[..., Any], static: tuple, *arguments: Any) -> Measured:
    """Compile ``function(*static, *arguments)``, unless that was done for the same shapes, run it and time both."""
    shapes = jax.tree.map(lambda leaf: (jnp.shape(leaf), jnp.asarray(leaf).dtype), arguments)
    name, compiling = (function, static, str(shapes)), 0.0
    if name not in _PROGRAMS:
        program = jax.jit(partial(function, *static))
        _PROGRAMS[name], compiling, _ = timed(lambda: program.lower(*arguments).compile())
    values, running, _ = timed(_PROGRAMS[name], *arguments)
    return Measured(np.asarray(values), compiling, running)


def seed_after_seed(search: bo.Campaign, keys: jax.Array) -> jax.Array:
    """Run the campaigns of all seeds, and return their values (seed, evaluation)."""
    return jax.lax.map(lambda key: bo.run(key, search)[1].value, keys)


def at_random(keys: jax.Array, task: Task, evaluations: int) -> Measured:
    """Follow random orders of the generated histories."""
    return measured(_random_orders, (evaluations,), keys, task.pools.generated.values)


def _random_orders(evaluations: int, keys: jax.Array, values: jax.Array) -> jax.Array:
    return jax.lax.map(lambda key: jax.random.permutation(key, values)[:evaluations], keys)


def over_latent_cells(keys: jax.Array, task: Task, evaluations: int) -> Measured:
    """VAE-BO: run campaigns over the supported cells of a latent space."""
    pool = task.pools.latent
    return measured(_over_cells, (evaluations,), keys, pool.points, pool.values)


def over_linear_cells(keys: jax.Array, task: Task, evaluations: int) -> Measured:
    """PCA-BO: run campaigns over the supported cells of two principal components."""
    pool = task.pools.linear
    return measured(_over_cells, (evaluations,), keys, pool.points, pool.values)


def _over_cells(evaluations: int, keys: jax.Array, points: jax.Array, values: jax.Array) -> jax.Array:
    """Run campaigns over cells with a Gaussian process on their coordinates."""
    plan = bo.CampaignConfig(INITIAL, evaluations - INITIAL, refit_every=REFIT_EVERY, buckets=BUCKETS)
    objective, surrogate = look_up(points, values), bo.gaussian_process()
    return seed_after_seed(bo.campaign(objective, points, surrogate, bo.log_expected_improvement(), plan), keys)


def over_curves(keys: jax.Array, task: Task, evaluations: int, deep: bool) -> Measured:
    """Run campaigns over the generated histories: a Matérn kernel of their L2 distance, or a deep kernel."""
    pool = task.pools.generated
    extractors = (bo.raw(), bo.pca(), bo.diffusion()) if deep else (bo.raw(),)
    features = bo.fit_features(jax.random.key(0), pool.histories, extractors)
    columns = tuple((block.name, block.start, block.stop) for block in features.blocks)
    weights = [block.weights for block in features.blocks]
    count = min(evaluations, MOST_OVER_CURVES)
    return measured(_over_curves, (count, deep, columns), keys, features.table, weights, pool.values)


def _over_curves(
    evaluations: int, deep: bool, columns: Any, keys: jax.Array, table: jax.Array, weights: Any, values: jax.Array
) -> jax.Array:
    blocks = [bo.Block(name, start, stop, weight) for (name, start, stop), weight in zip(columns, weights, strict=True)]
    if deep:
        surrogate = bo.deep_kernel(blocks, bo.DeepKernelConfig(noise_alone=False))
    else:
        surrogate = bo.gaussian_process(kernel=block_kernel(blocks))
    every = DEEP_REFIT_EVERY if deep else REFIT_EVERY
    plan = bo.CampaignConfig(INITIAL, evaluations - INITIAL, refit_every=every)
    search = bo.campaign(bo.lookup(values), table, surrogate, bo.log_expected_improvement(), plan)
    return seed_after_seed(search, keys)


def in_splines(keys: jax.Array, task: Task, evaluations: int) -> Measured:
    """Run campaigns in the box of eight B-spline coefficients, each between the bounds of the history."""
    assert task.problem is not None
    low, high = task.problem.bounds
    axes = spline_matrix(COEFFICIENTS, task.problem.samples).T
    count = min(evaluations, MOST_IN_A_BOX)
    return measured(_in_box, (task.problem, count), keys, low * axes.sum(0), (high - low) * axes)


def in_scores(keys: jax.Array, task: Task, evaluations: int) -> Measured:
    """Run campaigns in the box of the generated histories' first eight scores; histories are clipped to the bounds."""
    assert task.problem is not None
    mean, axes, scores = components(task.pools.generated.histories, COEFFICIENTS)
    low, width = scores.min(0), np.ptp(scores, axis=0)
    count = min(evaluations, MOST_IN_A_BOX)
    return measured(_in_box, (task.problem, count), keys, mean + low @ axes, width[:, None] * axes)


def _in_box(problem: Problem, evaluations: int, keys: jax.Array, offset: jax.Array, axes: jax.Array) -> jax.Array:
    """Run campaigns over x in the unit cube of eight coefficients; the history is ``offset + x @ axes``, clipped."""
    plan = bo.BoxConfig(
        INITIAL, evaluations - INITIAL, refit_every=REFIT_EVERY, raw_points=256, local_points=64, starts=3,
        iterations=15,
    )  # fmt: skip

    def objective(key: Any, x: jax.Array) -> jax.Array:
        del key
        return problem.value(jnp.clip(offset + x @ axes, problem.low, problem.high))

    cube = np.tile([0.0, 1.0], (COEFFICIENTS, 1))
    return seed_after_seed(bo.box(objective, cube, bo.gaussian_process(), bo.log_expected_improvement(), plan), keys)


def starts(keys: jax.Array, pool: Pool) -> np.ndarray:
    """Return a generated history for each seed."""
    return pool.histories[np.asarray(jax.vmap(lambda key: jax.random.randint(key, (), 0, len(pool.values)))(keys))]


def along_gradient(keys: jax.Array, task: Task, evaluations: int) -> Measured:
    """Refine a random generated history in its samples, as ``models.latent.refine`` does, all seeds at once.

    Each step is an evaluation with a gradient.
    """
    return measured(_refined, (task.problem, evaluations), starts(keys, task.pools.generated))


def latent_then_gradient(keys: jax.Array, task: Task, evaluations: int) -> Measured:
    """Run VAE-BO for the first evaluations, and refine the best history found.

    The ascent is the program of ``along_gradient``, cut where the evaluations end.
    """
    begun, pool = min(FIRST_SHARE, evaluations // 2), task.pools.latent
    first = measured(_over_cells, (begun,), keys, pool.points, pool.values)
    best = np.array([pool.histories[np.flatnonzero(pool.values == row.max())[0]] for row in first.values])
    rest = measured(_refined, (task.problem, evaluations), best)
    values = np.concatenate([first.values, rest.values[:, : evaluations - begun]], 1)
    return Measured(values, first.compiling + rest.compiling, first.running + rest.running)


def _refined(problem: Problem, steps: int, histories: jax.Array) -> jax.Array:
    """Return the value at every step, (seed, step), of the refinement of histories [seed samples]."""
    first = histories[..., None]
    limits, scale = latent._limits(problem.bounds, None, np.zeros(first.shape[1:]), first.dtype)
    smoother = jnp.asarray(smoothing_matrix(problem.samples, SMOOTH))

    def climb(start: jax.Array) -> jax.Array:
        return latent._refine(problem.value, True, steps, limits, scale, smoother, start, (), RATE).values

    return jax.vmap(climb)(first)
