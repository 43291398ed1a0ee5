"""Campaigns over a continuous box: the same ``Campaign`` record and ``run`` as over a pool.

The surrogate works in the unit cube; objective, proposals and Info are in the user's units. Every step scores points
that fill the box and points around the best observations, then climbs from the most promising ones by BFGS.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Int

from bo.acquisitions.base import Acquisition, View, scored
from bo.campaigns import chances, failures, rules
from bo.campaigns.assembly import (
    Evaluated,
    check_objective,
    check_outcomes,
    check_parts,
    comparable,
    evaluate,
    first_state,
    grow_rows,
    is_failure,
    next_state,
    outcome_row,
    refit_params,
    usable,
)
from bo.campaigns.cube import check_rows
from bo.campaigns.given import Given, best_in_context, given_next, refuse_without_context, schedule
from bo.campaigns.keys import split_ask_in_box
from bo.campaigns.problem import Parts
from bo.campaigns.protocols import Campaign
from bo.campaigns.records import Box, BoxConfig, Info, Proposal, State
from bo.campaigns.region import Region, of_reals, of_space
from bo.data import Data, Observation
from bo.outcomes import Outcomes
from bo.space import Space
from bo.surrogates.base import Prediction, Surrogate
from bo.surrogates.earlier import check_earlier, with_earlier
from ferro_jax import values

SAME_POINT = 1e-3  # in units of the cube's edge


class BoxContext(NamedTuple):
    """What the functions of a campaign over a box need besides key and state."""

    config: BoxConfig
    region: Region
    surrogate: Surrogate
    acquisition: Acquisition
    initial: Any  # F["initial_points dim"] in the user's units, or None
    given: Given | None  # the context columns of each evaluation; None where there are none, or only a session has them
    outcomes: Outcomes | None


def box(
    objective: Callable[[Array, Array], Any],
    bounds: Any,
    surrogate: Surrogate,
    acquisition: Acquisition,
    config: BoxConfig = BoxConfig(),
    *,
    initial: Any = None,
    context: Any = None,
    prior: Data | None = None,
    outcomes: Outcomes | None = None,
) -> Campaign:
    """Return the campaign that maximises ``objective(key, x)`` over ``bounds``, (dim, 2), in the user's units.

    A row of ``bounds`` is (low, high) of one input; or ``bounds`` is a ``bo.Space``, whose ``kernel`` the surrogate
    should have, and x a row as it encodes it. The objective returns a number or a ``bo.Observation``. The initial
    design is ``initial``, (initial_points, dim) in the user's units, or by default Sobol points shifted at random.
    ``predict(state, x)`` of the campaign predicts at points in the user's units, F["n dim"], ``surface`` at Sobol
    points that fill the box. A NaN or infinite value says that the evaluation failed: the campaign learns where
    that happens and avoids it (``CampaignConfig.learn_failures``). With ``outcomes`` it returns a dict of named values.

    ``context`` gives the context columns of a space, as ``bo.campaigns.given.schedule`` takes them; a session may give
    them at each ask instead. Improvement is then over the highest mean of the points observed, were they evaluated in
    that context. ``prior`` holds observations of earlier campaigns: the surrogate knows them, ``best`` does not.

    ValueError for bounds that are no box, an initial design of the wrong shape or outside of it, constraints that leave
    no room, context columns that do not fit, and a prior with another number of inputs.
    """
    check_objective(objective)
    dtype = check_parts(surrogate, acquisition)
    check_outcomes(outcomes, initial, prior)
    space = bounds if isinstance(bounds, Space) else None
    if space is None:
        bounds = values.bounds(bounds)
        initial = None if initial is None else values.floats(initial, "initial")
    else:
        bounds = space.bounds
        initial = initial if initial is None or isinstance(initial, Tracer) else space.encode(initial)
    dim = check_box(bounds, config, initial)
    region = of_reals(bounds, config, dtype) if space is None else of_space(space, config, dtype)
    if prior is not None:
        earlier = check_earlier(prior, dim)
        surrogate = with_earlier(surrogate, earlier._replace(x=region.to_cube(jnp.asarray(earlier.x, dtype))))
    given = None if space is None else schedule(space, context, config.evaluations, dtype)
    inner = BoxContext(config, region, surrogate, acquisition, initial, given, outcomes)
    missing = space is not None and space.context and given is None
    return Campaign(
        config=config,
        outcomes=outcomes,
        domain=Box(bounds, space),
        evaluate=refuse_without_context if missing else partial(evaluate, objective, outcomes, dtype),
        design=partial(design, inner),
        begin=partial(begin, inner),
        ask=partial(ask, inner),
        propose=partial(propose, inner),
        tell=partial(tell, inner),
        refit=partial(refit, inner),
        grow=partial(grow, inner),
        surface=partial(surface, inner),
        predict=partial(predict, inner),
        bound=partial(bound, inner),
        parts=Parts(objective, surrogate, acquisition, initial, context, prior),
    )


def design(context: BoxContext, key: Array) -> Proposal:
    """Propose the initial design: the given points, or Sobol points shifted at random."""
    region, number, dtype = context.region, context.config.initial_points, context.region.bounds.dtype
    points = region.from_cube(region.design(key)) if context.initial is None else jnp.asarray(context.initial, dtype)
    if context.initial is not None and region.space is None:  # rounding may have moved a point beyond its bound
        points = jnp.clip(points, *region.bounds.T[:, None])
    if region.space is not None and region.space.context:  # NaN where only the session will know
        given = jnp.nan if context.given is None else jax.vmap(context.given)(jnp.arange(number))
        points = points.at[:, jnp.array(region.space.context)].set(given)
    unknown = jnp.full(number, jnp.nan, dtype)
    return Proposal(None, points, unknown, unknown, unknown)


def begin(context: BoxContext, key: Array, proposal: Proposal, observed: Observation) -> tuple[State, Info]:
    """Return State and Info after the initial design, with the surrogate fitted."""
    x = context.region.to_cube(proposal.x)
    space = context.region.space
    return first_state(context.surrogate, key, context.config, context.outcomes, space, proposal, x, observed)


def surface(context: BoxContext, state: State) -> Prediction:
    """Predict at the Sobol points that fill the box."""
    return context.surrogate.predict(state.params, state.data, context.region.filling)


def predict(context: BoxContext, state: State, x: Array) -> Prediction:
    """Predict at points in the user's units, F["n dim"]."""
    check_rows(x, context.region.bounds.shape[0])
    points = context.region.to_cube(jnp.asarray(x, context.region.bounds.dtype))
    return context.surrogate.predict(state.params, state.data, points)


def ask(context: BoxContext, key: Array, state: State, given: Any = None) -> Proposal:
    """Propose the point of the highest score that the climbs find."""
    region, surrogate, acquisition = context.region, context.surrogate, context.acquisition
    keys = split_ask_in_box(key)
    predict = surrogate.predictor(state.params, state.data)
    there = given_next(region.space, context.given, state.count, given)
    seen = state
    if region.space is not None and there is not None:
        best = best_in_context(region.space, predict, state.data.x, comparable(state), there)
        seen = state._replace(best=best)
    raw = region.raw(keys.raw, keys.local, state.data, there)
    reference = predict(raw)
    # one draw for this ask, made when it is first called: for the raw points, outside the optimiser's loops
    path = cache(partial(draw_path, surrogate, keys.path, state))
    believe = chances.believe(surrogate, context.outcomes, state)
    gate = chances.gate_of(context.outcomes, acquisition, believe(raw).log_gated, False)

    def score(x):
        log_success, log_gated, others = believe(x)
        view = View(x, lambda key: path()(x), partial(covariance, surrogate, state, x), reference, log_success, others)
        same = jax.random.clone(keys.acquisition)  # the same numbers for all points: one function is maximised
        scores = chances.admitted(gate, scored(acquisition, same, predict(x), seen, view), log_gated)
        return jnp.where(near_failure(state.data.x, state.success, x), -jnp.inf, scores)

    def most_probable(points):
        log_success = jnp.where(
            near_failure(state.data.x, state.success, points), -jnp.inf, believe(points).log_success
        )
        return region.from_cube(points[jnp.argmax(log_success)])

    best_point, any_score = region.maximise(score, raw)
    x = region.from_cube(best_point)
    x = chances.if_safe(
        context.outcomes, x, lambda: believe(region.to_cube(x)[None]).log_success[0], lambda: most_probable(raw)
    )
    return chances.marked(proposal_at(context, predict, believe, x), any_score)


def near_failure(
    inputs: Float[Array, "capacity dim"], success: Int[Array, "capacity"], x: Float[Array, "query dim"]
) -> Bool[Array, "query"]:
    """Return which points of the unit cube lie closer than ``SAME_POINT`` to a failed evaluation: not asked again."""
    squared = jnp.sum((x[:, None] - inputs[None]) ** 2, axis=-1)
    return jnp.any((squared < SAME_POINT**2) & (success < 0)[None], axis=1)


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
    believe: chances.Believe,
    x: Float[Array, "dim"],
) -> Proposal:
    """Return the proposal of a point in the user's units, with what is predicted there."""
    point = context.region.to_cube(x)[None]
    prediction = predict(point)
    log_success = believe(point).log_success
    probability = jnp.ones((), x.dtype) if log_success is None else jnp.exp(log_success[0])
    return Proposal(None, x, prediction.mean[0], prediction.std[0], probability)


def propose(context: BoxContext, state: State, x: Array) -> Proposal:
    """Propose a point in the user's units."""
    predict = context.surrogate.predictor(state.params, state.data)
    believe = chances.believe(context.surrogate, context.outcomes, state)
    return proposal_at(context, predict, believe, jnp.asarray(x, context.region.bounds.dtype))


def tell(
    context: BoxContext,
    state: State,
    proposal: Proposal,
    value: Array | float,
    noise: Array | float = 0.0,
    outcomes: Any = None,
) -> tuple[State, Info]:
    """Return State and Info after the value, with known noise variance, at a proposed point; without a fit."""
    surrogate, dtype = context.surrogate, context.region.bounds.dtype
    value, noise = jnp.asarray(value, dtype), jnp.asarray(noise, dtype)
    finite, others = usable(value, noise, state.stopped), outcome_row(context.outcomes, outcomes, value)
    failed = is_failure(context.outcomes, value, noise, others, state.stopped)
    x = context.region.to_cube(proposal.x)
    posterior = surrogate.condition(state.params, state.data, x[None])
    first = jnp.zeros((), jnp.int32)
    _, z_score = surrogate.append(state.params, posterior, x[None], state.count, first, value, noise, finite)
    evaluated = Evaluated(x, value, noise, finite, failed, z_score, others)
    after, info = next_state(state, context.outcomes, proposal, evaluated)
    info = info._replace(retries=posterior.retries)
    after = failures.learned(context.config, after)
    return rules.stop_where_bounded(context.config, state, after, info, partial(bound, context))


def refit(context: BoxContext, key: Array, state: State, info: Info, due: Array | None = None) -> tuple[State, Info]:
    """Fit the hyperparameters again, only where ``due`` if that is given."""
    params, info = refit_params(context.surrogate, key, state, info, due)
    return chances.refitted(context.surrogate, context.outcomes, key, state, due)._replace(params=params), info


def bound(context: BoxContext, state: State) -> Float[Array, ""]:
    """Bound the simple regret over the Sobol points and the observations, in units of the objective."""
    filling = context.region.filling
    everywhere = context.surrogate.predict(state.params, state.data, jnp.concatenate([filling, state.data.x]))
    observed = jax.tree.map(lambda leaf: leaf[filling.shape[0] :], everywhere)
    return rules.regret_bound(everywhere, observed, state.data.mask, context.config.stop_kappa)


def grow(context: BoxContext, state: State, capacity: int) -> State:
    """Return the same state with room for ``capacity`` evaluations."""
    del context
    return grow_rows(state, capacity)


def check_box(bounds: Any, config: BoxConfig, initial: Any) -> int:
    """Return the number of dimensions; ValueError for an initial design of another shape or outside the bounds."""
    shape, concrete = np.shape(bounds), values.is_known(bounds)
    if initial is None:
        return shape[0]
    expected = (config.initial_points, shape[0])
    if np.shape(initial) != expected:
        raise ValueError(f"initial has shape {np.shape(initial)}; expected {expected}: (initial_points, dim)")
    if concrete and values.is_known(initial):
        given, edges = np.asarray(initial), np.asarray(bounds)
        outside = np.flatnonzero(~((given >= edges[:, 0]) & (given <= edges[:, 1])).all(axis=1))
        if outside.size:
            raise ValueError(
                f"{outside.size} initial points are outside the bounds, the first is number {outside[0]}: "
                "move them inside, or widen the bounds"
            )
    return shape[0]
