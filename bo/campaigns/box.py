"""Campaigns over a continuous box: the same ``Campaign`` record and ``run`` as over a pool.

The surrogate works in the unit cube; objective, proposals and Info are in the user's units. Every step scores points
that fill the box and points around the best observations, then climbs from the most promising ones by BFGS.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Float

from bo import data
from bo.acquisitions.base import Acquisition, View, scored
from bo.campaigns import failures, rules
from bo.campaigns.assembly import (
    Evaluated,
    check_objective,
    check_parts,
    evaluate,
    first_state,
    is_failure,
    next_state,
    refit_params,
    usable,
)
from bo.campaigns.keys import split_ask_in_box
from bo.campaigns.maximise import around_best, maximise, shifted, sobol
from bo.campaigns.protocols import Campaign
from bo.campaigns.records import Box, CampaignConfig, Info, Proposal, State
from bo.surrogates.base import Prediction, Surrogate

SAME_POINT = 1e-3  # in units of the cube's edge


@dataclass(frozen=True)
class BoxConfig(CampaignConfig):
    """Budget and schedule, as of ``CampaignConfig``, and the effort of the inner maximisation.

    raw_points    points that fill the box, scored at each step
    local_points  points around the best observations, scored at each step
    leaders       how many of the best observations they surround
    starts        points that are climbed from
    iterations    of BFGS, at most, in each climb

    The hyperparameters are fitted after every step unless ``refit_every`` says otherwise. ``buckets`` above 1 compile
    several sizes: worth it for hundreds of evaluations. ValueError for a count below 1 and counts that do not fit.
    """

    initial_points: int = 10
    steps: int = 50
    refit_every: int = 1
    buckets: int = 1
    revisit: bool = True
    raw_points: int = 512
    local_points: int = 128
    leaders: int = 4
    starts: int = 8
    iterations: int = 30

    def __post_init__(self):
        super().__post_init__()
        for name in ("raw_points", "local_points", "leaders", "starts", "iterations"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if not self.revisit:
            raise ValueError("revisit is False; a box has no list of points to cross off: leave it True")
        if self.starts < 2 or self.starts - 1 > self.raw_points:
            raise ValueError(f"starts is {self.starts}; expected 2 to raw_points + 1 = {self.raw_points + 1}")
        if self.leaders > self.initial_points:
            raise ValueError(f"leaders is {self.leaders}; there are only {self.initial_points} initial points")


class BoxContext(NamedTuple):
    """What the functions of a campaign over a box need besides key and state."""

    config: BoxConfig
    low: Float[Array, "dim"]  # edges of the box, in the user's units and the surrogate's precision
    high: Float[Array, "dim"]
    spread: Float[Array, "initial_points dim"]  # Sobol points of the unit cube, for the initial design
    filling: Float[Array, "raw_points dim"]  # Sobol points of the unit cube, for each step
    surrogate: Surrogate
    acquisition: Acquisition
    initial: Any  # F["initial_points dim"] in the user's units, or None


def box(
    objective: Callable[[Array, Array], Any],
    bounds: Any,
    surrogate: Surrogate,
    acquisition: Acquisition,
    config: BoxConfig = BoxConfig(),
    *,
    initial: Any = None,
) -> Campaign:
    """Return the campaign that maximises ``objective(key, x)`` over ``bounds``, (dim, 2), in the user's units.

    A row of ``bounds`` is (low, high) of one input. The objective returns a number or a ``bo.Observation``. The initial
    design is ``initial``, (initial_points, dim) in the user's units, or by default Sobol points shifted at random.
    ``surface`` of the campaign predicts at the Sobol points that fill the box. A value that is NaN or infinite says
    that the evaluation failed: the campaign learns where evaluations fail and avoids such places
    (``CampaignConfig.learn_failures``). ValueError for bounds that are no box and an initial design of the wrong
    shape or outside of it.
    """
    check_objective(objective)
    dtype = check_parts(surrogate, acquisition)
    dim = check_box(bounds, config, initial)
    low, high = jnp.asarray(bounds, dtype).T
    spread, filling = (jnp.asarray(sobol(dim, size), dtype) for size in (config.initial_points, config.raw_points))
    context = BoxContext(config, low, high, spread, filling, surrogate, acquisition, initial)
    return Campaign(
        config=config,
        domain=Box(jnp.asarray(bounds, dtype)),
        evaluate=partial(evaluate, objective, dtype),
        design=partial(design, context),
        begin=partial(begin, context),
        ask=partial(ask, context),
        propose=partial(propose, context),
        tell=partial(tell, context),
        refit=partial(refit, context),
        grow=partial(grow, context),
        surface=partial(surface, context),
        bound=partial(bound, context),
    )


def from_cube(context: BoxContext, x: Float[Array, "dim"]) -> Float[Array, "dim"]:
    """Return a point of the unit cube in the user's units, never outside the box by rounding."""
    return jnp.clip(context.low + (context.high - context.low) * x, context.low, context.high)


def to_cube(context: BoxContext, x: Float[Array, "dim"]) -> Float[Array, "dim"]:
    """Return a point in the user's units as one of the unit cube."""
    return (x - context.low) / (context.high - context.low)


def design(context: BoxContext, key: Array) -> Proposal:
    """Propose the initial design: the given points, or Sobol points shifted at random."""
    if context.initial is None:
        points = jax.vmap(partial(from_cube, context))(shifted(key, context.spread))
    else:
        points = jnp.asarray(context.initial, context.low.dtype)
    unknown = jnp.full(context.config.initial_points, jnp.nan, context.low.dtype)
    return Proposal(None, points, unknown, unknown, unknown)


def begin(context: BoxContext, key: Array, proposal: Proposal, value: Array, noise: Array) -> tuple[State, Info]:
    """Return State and Info after the initial design, with the surrogate fitted."""
    x = (proposal.x - context.low[None]) / (context.high - context.low)[None]
    return first_state(context.surrogate, key, context.config, proposal, x, value, noise)


def surface(context: BoxContext, state: State) -> Prediction:
    """Predict at the Sobol points that fill the box."""
    return context.surrogate.predict(state.params, state.data, context.filling)


def ask(context: BoxContext, key: Array, state: State) -> Proposal:
    """Propose the point of the highest score that the climbs find."""
    config, surrogate, acquisition = context.config, context.surrogate, context.acquisition
    keys = split_ask_in_box(key)
    predict = surrogate.predictor(state.params, state.data)
    local = around_best(keys.local, state.data, config.local_points, config.leaders)
    raw = jnp.concatenate([shifted(keys.raw, context.filling), local])
    reference = predict(raw)
    # one draw for this ask, made when it is first called: for the raw points, outside the optimiser's loops
    path = cache(partial(draw_path, surrogate, keys.path, state))
    of_success = failures.log_probability(state)

    def score(x):
        log_success = None if of_success is None else of_success(x)
        view = View(x, lambda key: path()(x), partial(covariance, surrogate, state, x), reference, log_success)
        same = jax.random.clone(keys.acquisition)  # the same numbers for all points: one function is maximised
        return jnp.where(near_failure(state, x), -jnp.inf, scored(acquisition, same, predict(x), state, view))

    x = maximise(score, raw, config.raw_points, starts=config.starts, iterations=config.iterations)
    return proposal_at(context, predict, of_success, from_cube(context, x))


def near_failure(state: State, x: Float[Array, "query dim"]) -> Bool[Array, "query"]:
    """Return which points of the unit cube lie closer than ``SAME_POINT`` to a failed evaluation: not asked again."""
    squared = jnp.sum((x[:, None] - state.data.x[None]) ** 2, axis=-1)
    return jnp.any((squared < SAME_POINT**2) & (state.success < 0)[None], axis=1)


def draw_path(surrogate: Surrogate, key: Array, state: State) -> Callable[[Array], Array]:
    """Draw the latent function as a function of points of the unit cube; ValueError for a surrogate without paths."""
    if surrogate.path is None:
        raise ValueError("this surrogate has no `path`: Thompson sampling in a box needs draws as functions")
    return surrogate.path(key, state.params, state.data)


def covariance(surrogate: Surrogate, state: State, x: Float[Array, "query dim"], index: Array) -> Float[Array, "query"]:
    """Return the posterior covariance of query point ``index`` with all points ``x``."""
    posterior = surrogate.condition(state.params, state.data, x)
    return surrogate.covariance(state.params, posterior, x, index)


def proposal_at(
    context: BoxContext,
    predict: Callable[[Array], Prediction],
    of_success: failures.LogProbability | None,
    x: Float[Array, "dim"],
) -> Proposal:
    """Return the proposal of a point in the user's units, with what is predicted there."""
    point = to_cube(context, x)[None]
    prediction = predict(point)
    log_success = jnp.zeros(1, x.dtype) if of_success is None else of_success(point)
    return Proposal(None, x, prediction.mean[0], prediction.std[0], jnp.exp(log_success[0]))


def propose(context: BoxContext, state: State, x: Array) -> Proposal:
    """Propose a point in the user's units."""
    predict = context.surrogate.predictor(state.params, state.data)
    return proposal_at(context, predict, failures.log_probability(state), jnp.asarray(x, context.low.dtype))


def tell(
    context: BoxContext, state: State, proposal: Proposal, value: Array | float, noise: Array | float = 0.0
) -> tuple[State, Info]:
    """Return State and Info after the value, with known noise variance, at a proposed point; without a fit."""
    surrogate, dtype = context.surrogate, context.low.dtype
    value, noise = jnp.asarray(value, dtype), jnp.asarray(noise, dtype)
    finite, failed = usable(value, noise, state.stopped), is_failure(value, state.stopped)
    x = to_cube(context, proposal.x)
    posterior = surrogate.condition(state.params, state.data, x[None])
    first = jnp.zeros((), jnp.int32)
    _, z_score = surrogate.append(state.params, posterior, x[None], state.count, first, value, noise, finite)
    after, info = next_state(state, proposal, Evaluated(x, value, noise, finite, failed, z_score))
    info = info._replace(retries=posterior.retries)
    after = failures.learned(context.config, after)
    return rules.stop_where_bounded(context.config, state, after, info, partial(bound, context))


def refit(context: BoxContext, key: Array, state: State, info: Info, due: Array | None = None) -> tuple[State, Info]:
    """Fit the hyperparameters again, only where ``due`` if that is given."""
    params, info = refit_params(context.surrogate, key, state, info, due)
    return state._replace(params=params), info


def bound(context: BoxContext, state: State) -> Float[Array, ""]:
    """Bound the simple regret over the Sobol points and the observations, in units of the objective."""
    points = jnp.concatenate([context.filling, state.data.x])
    everywhere = context.surrogate.predict(state.params, state.data, points)
    observed = jax.tree.map(lambda leaf: leaf[context.filling.shape[0] :], everywhere)
    return rules.regret_bound(everywhere, observed, state.data.mask, context.config.stop_kappa)


def grow(context: BoxContext, state: State, capacity: int) -> State:
    """Return the same state with room for ``capacity`` evaluations."""
    del context
    extra = capacity - state.z_score.shape[0]
    z_score = jnp.pad(state.z_score, (0, extra), constant_values=jnp.nan)
    return state._replace(
        data=data.grow(state.data, capacity),
        z_score=z_score,
        success=jnp.pad(state.success, (0, extra)),
        feasibility=failures.grown(state.feasibility, capacity),
    )


def check_box(bounds: Any, config: BoxConfig, initial: Any) -> int:
    """Return the number of dimensions; ValueError for bounds that are no box and an initial design outside of it."""
    shape = np.shape(bounds)
    if len(shape) != 2 or shape[1] != 2 or shape[0] == 0:
        raise ValueError(f"bounds have shape {shape}; expected (dim, 2): a row (low, high) for each input")
    concrete = not isinstance(bounds, Tracer)
    if concrete:
        edges = np.asarray(bounds)
        bad = np.flatnonzero(~(np.isfinite(edges).all(axis=1) & (edges[:, 0] < edges[:, 1])))
        if bad.size:
            raise ValueError(f"bounds of input {bad[0]} are {edges[bad[0]]}; expected finite low < high")
    if initial is None:
        return shape[0]
    expected = (config.initial_points, shape[0])
    if np.shape(initial) != expected:
        raise ValueError(f"initial has shape {np.shape(initial)}; expected {expected}: (initial_points, dim)")
    if concrete and not isinstance(initial, Tracer):
        given, edges = np.asarray(initial), np.asarray(bounds)
        outside = np.flatnonzero(~((given >= edges[:, 0]) & (given <= edges[:, 1])).all(axis=1))
        if outside.size:
            raise ValueError(
                f"{outside.size} initial points are outside the bounds, the first is number {outside[0]}: "
                "move them inside, or widen the bounds"
            )
    return shape[0]
