"""Campaigns over a box in which every evaluation tells the value and its gradient, for differentiable simulators.

The surrogate is ``bo.gradient_process``. A value with its gradient costs about three values of a simulation, so compare
at equal cost and not at equal evaluations.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from bo.acquisitions.base import Acquisition, View, scored
from bo.campaigns import assembly, chances, failures
from bo.campaigns.box import check_box, covariance, draw_path, near_failure
from bo.campaigns.records import BoxConfig
from bo.campaigns.region import Region, of_reals
from bo.data import Data
from bo.surrogates.base import Surrogate
from bo.surrogates.gradients import GradientData, gradient_process
from ferro_jax import values


class SlopeState(NamedTuple):
    """What the next step needs, and what an acquisition may read; ``data`` has room for all evaluations."""

    count: Int[Array, ""]  # pyright: ignore[reportIncompatibleMethodOverride]
    data: GradientData
    best: Float[Array, ""]
    params: Any
    z_score: Float[Array, " capacity"]
    success: Int[Array, " capacity"]
    feasibility: Any
    visited: None = None


class SlopeInfo(NamedTuple):
    """All evaluations: points and gradients in the user's units, values, the best so far, cost of each fit."""

    x: Float[Array, "evaluation dim"]
    value: Float[Array, " evaluation"]
    slope: Float[Array, "evaluation dim"]
    best: Float[Array, " evaluation"]
    fit_evaluations: Int[Array, " evaluation"]


class _Parts(NamedTuple):
    """What all steps of a run share."""

    evaluate: Callable[[Array, Array], tuple[Array, Array]]
    region: Region
    surrogate: Surrogate
    acquisition: Acquisition
    config: BoxConfig


def run_with_slopes(
    key: Array,
    objective: Callable[[Array, Array], Any],
    bounds: Any,
    acquisition: Acquisition,
    config: BoxConfig = BoxConfig(),
    *,
    surrogate: Surrogate | None = None,
) -> SlopeInfo:
    """Maximise ``objective(key, x)``, a differentiable scalar, over ``bounds`` (dim, 2) by values and gradients.

    A pure function of the key, as ``bo.run``: jit and vmap it. The initial design is Sobol points shifted at random. An
    evaluation whose value or gradient is not finite has failed: it teaches the surrogate nothing, and the campaign
    learns where evaluations fail, as ``bo.box`` does (``learn_failures``). Of ``config``, buckets and stopping rules
    are not used. ``surrogate`` is ``bo.gradient_process()`` by default. ValueError for bounds that are no box,
    a config of other campaigns, several keys, a surrogate that does not read gradients, and an objective that does not
    take (key, x), returns no scalar or cannot be differentiated by JAX.
    """
    assembly.check_objective(objective)
    given, surrogate = surrogate is not None, gradient_process() if surrogate is None else surrogate
    dtype = assembly.check_parts(surrogate, acquisition)
    bounds = values.bounds(bounds)
    check_box(bounds, config, None)
    region = of_reals(bounds, config, dtype)
    if given:
        _check_reads_slopes(surrogate, config, len(bounds), dtype)

    def evaluate(key: Array, x: Array) -> tuple[Array, Array]:
        value, slope = jax.value_and_grad(lambda x: assembly.evaluate(objective, None, dtype, key, x).value)(x)
        return value, jnp.asarray(slope, dtype)

    _check_differentiable(evaluate, region)
    parts = _Parts(evaluate, region, surrogate, acquisition, config)
    of_start, of_steps = jax.random.split(values.key(key, single=True))
    state, first = _begin(parts, of_start)
    keys = jax.random.split(of_steps, config.steps)
    _, rest = lax.scan(partial(_step, parts), state, keys)
    x, value, slope, fits = (jnp.concatenate(pair) for pair in zip(first, rest, strict=True))
    best = lax.cummax(jnp.where(jnp.isfinite(value), value, -jnp.inf))
    return SlopeInfo(x, value, slope, best, fits)


def _check_differentiable(evaluate: Callable[[Array, Array], tuple[Array, Array]], region: Region) -> None:
    """ValueError for an objective without a gradient, such as a callback to NumPy."""
    try:
        jax.eval_shape(evaluate, jax.random.key(0), region.bounds[:, 0])
    except ValueError as error:
        if "JVP" not in str(error):
            raise
        raise ValueError(
            f"the objective has no gradient ({error}): run_with_slopes differentiates it by JAX; for values alone use "
            "bo.run(key, bo.box(...)) or a session"
        ) from error


def _check_reads_slopes(surrogate: Surrogate, config: BoxConfig, dim: int, dtype: Any) -> None:
    """ValueError for a surrogate that is begun on values alone, because gradients would be left out without a word."""
    none = jnp.zeros(config.initial_points, dtype)
    alone = Data(jnp.zeros((config.initial_points, dim), dtype), none, jnp.ones(config.initial_points, bool), none)
    try:
        jax.eval_shape(surrogate.init, jax.random.key(0), alone)
    except AttributeError:  # it has looked for the gradients
        return
    raise ValueError(
        "the surrogate does not read gradients: leave surrogate out, or give bo.gradient_process(GPConfig(...)); for "
        "values alone use bo.run(key, bo.box(...))"
    )


def _begin(parts: _Parts, key: Array) -> tuple[SlopeState, tuple]:
    """Evaluate the initial design and fit the surrogate for the first time."""
    region, config = parts.region, parts.config
    of_design, of_objective, of_fit = jax.random.split(key, 3)
    cube = region.design(of_design)
    x = region.from_cube(cube)
    value, slope = jax.vmap(parts.evaluate)(jax.random.split(of_objective, config.initial_points), x)
    none = jnp.zeros(config.evaluations, value.dtype)
    blank = jnp.zeros((config.evaluations, cube.shape[1]), value.dtype)
    data = GradientData(blank, none, blank, jnp.zeros(config.evaluations, bool), none)
    for row in range(config.initial_points):
        data = _written(region, data, row, x[row], value[row], slope[row])
    params = parts.surrogate.init(of_fit, data)
    best = jnp.max(jnp.where(jnp.isfinite(value), value, -jnp.inf))
    unknown = jnp.full_like(none, jnp.nan)
    good = jnp.isfinite(value) & jnp.isfinite(slope).all(1)
    success = jnp.zeros(config.evaluations, jnp.int32).at[: config.initial_points].set(failures.label(good, ~good))
    feasibility = failures.begun(config, None, _inputs(data), success)
    count = jnp.asarray(config.initial_points, jnp.int32)
    state = SlopeState(count, data, best, params, unknown, success, feasibility)
    return state, (x, value, slope, jnp.zeros(config.initial_points, jnp.int32))


def _step(parts: _Parts, state: SlopeState, key: Array) -> tuple[SlopeState, tuple]:
    """Ask, evaluate, tell, and fit again where the schedule says so; for a scan."""
    region, surrogate, config = parts.region, parts.surrogate, parts.config
    read: Any = state  # has what acquisitions and paths read of the State of other campaigns
    of_raw, of_local, of_score, of_objective, of_fit = jax.random.split(key, 5)
    predict = surrogate.predictor(state.params, state.data)
    raw = region.raw(of_raw, of_local, _inputs(state.data), None)
    reference = predict(raw)
    inputs, classifier = state.data.x, state.feasibility
    of_success = None if classifier is None else failures.log_probability_by(classifier, inputs, state.success)
    gate = chances.gate_of(None, parts.acquisition, None if of_success is None else of_success(raw), False)

    def score(x: Array) -> Array:
        log_success = None if of_success is None else of_success(x)
        view = View(
            x,
            lambda key: draw_path(surrogate, key, read)(x),
            partial(covariance, surrogate, read, x),
            reference,
            log_success,
        )
        scores = scored(parts.acquisition, jax.random.clone(of_score), predict(x), read, view)
        scores = chances.admitted(gate, scores, log_success)
        return jnp.where(near_failure(inputs, state.success, x), -jnp.inf, scores)

    x = region.from_cube(region.maximise(score, raw)[0])
    value, slope = parts.evaluate(of_objective, x)
    data = _written(region, state.data, state.count, x, value, slope)
    good = data.mask[state.count]
    success = state.success.at[state.count].set(failures.label(good, ~good))
    count = state.count + 1
    due = config.fit_due(count)

    def fit() -> tuple[Any, Array]:
        params, info = surrogate.fit(of_fit, state.params, data)
        return params, jnp.asarray(info.evaluations, jnp.int32)

    params, fits = lax.cond(due, fit, lambda: (state.params, jnp.zeros((), jnp.int32)))
    best = jnp.maximum(state.best, jnp.where(jnp.isfinite(value), value, -jnp.inf))
    if classifier is not None:
        classifier = failures.updated(classifier, _inputs(data), success, due)
    after = state._replace(count=count, data=data, best=best, params=params, success=success, feasibility=classifier)
    return after, (x, value, slope, fits)


def _inputs(data: GradientData) -> Data:
    """Return the observations without their gradients."""
    return Data(data.x, data.y, data.mask, data.noise)


def _written(region: Region, data: GradientData, row: Any, x: Array, value: Array, slope: Array) -> GradientData:
    """Return the data with one more observation, its gradient by points of the unit cube."""
    low, high = region.bounds.T
    good = jnp.isfinite(value) & jnp.all(jnp.isfinite(slope))
    return GradientData(
        data.x.at[row].set(region.to_cube(x)),
        data.y.at[row].set(jnp.where(good, value, 0)),
        data.slope.at[row].set(jnp.where(good, slope * (high - low), 0)),
        data.mask.at[row].set(good),
        data.noise,
    )
