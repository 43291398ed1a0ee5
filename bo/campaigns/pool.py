"""Campaigns over a pool of candidates.

A step asks (the acquisition on the carried posterior), evaluates the objective, and appends the value to the posterior.
After every ``refit_every`` steps the hyperparameters are fitted again and the posterior is rebuilt. A whole campaign is
``bo.run``; ``jax.jit(jax.vmap(lambda key: bo.run(key, campaign)))(keys)`` is a study of many seeds.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from bo.acquisitions.base import Acquisition, View, scored
from bo.campaigns import chances, failures, rules
from bo.campaigns.assembly import (
    Evaluated,
    check_objective,
    check_outcomes,
    check_parts,
    evaluate,
    first_state,
    grow_rows,
    is_failure,
    next_state,
    outcome_row,
    refit_params,
    usable,
)
from bo.campaigns.cube import check_rows, in_precision, scaled
from bo.campaigns.given import schedule
from bo.campaigns.pool_checks import check_contexts, check_pool
from bo.campaigns.pool_in_context import in_context
from bo.campaigns.problem import Parts
from bo.campaigns.protocols import Campaign
from bo.campaigns.records import CampaignConfig, Info, Pool, Proposal, State
from bo.campaigns.tables import Indexed, by_number, check_table
from bo.data import Data, Observation
from bo.outcomes import Outcomes
from bo.space import Candidates, Space
from bo.surrogates.base import Prediction, Surrogate
from bo.surrogates.earlier import check_earlier, with_earlier
from ferro_jax import values

JOINT_DRAW = 2000  # candidates; beyond them a draw is pathwise: the exact one costs their number cubed


class PoolContext(NamedTuple):
    """What the functions of a campaign over a pool need besides key and state."""

    config: CampaignConfig
    candidates: Float[Array, "pool dim"]  # in the user's units
    cube: Float[Array, "pool dim"]  # the same in the unit cube, in the surrogate's precision
    to_cube: Callable[[Any], Any]  # points in the user's units -> the same in the unit cube
    space: Space | None  # of the candidates, if they are those of a space
    surrogate: Surrogate
    acquisition: Acquisition
    initial: Int[Array, "initial_points"] | None
    outcomes: Outcomes | None


def campaign(
    objective: Callable[[Array, Array], Any],
    candidates: Float[Array, "pool dim"] | Candidates | Indexed,
    surrogate: Surrogate,
    acquisition: Acquisition,
    config: CampaignConfig = CampaignConfig(),
    *,
    initial: Int[Array, "initial_points"] | None = None,
    context: Any = None,
    prior: Data | None = None,
    outcomes: Outcomes | None = None,
) -> Campaign:
    """Return the campaign that maximises ``objective(key, x)`` over the rows of ``candidates``, in the user's units.

    ``candidates`` may be those of a ``bo.Space`` (``space.grid``, ``space.candidates``), whose ``kernel`` the surrogate
    should have. The objective returns a number or a ``bo.Observation``. The initial design is ``initial`` (indices into
    the pool) or, by default, random candidates from the key. A value that is NaN or infinite says that the evaluation
    failed: the campaign learns where evaluations fail and avoids such places (``CampaignConfig.learn_failures``), and
    a candidate that failed is not evaluated again. ``context`` and ``prior`` are as in ``bo.box``; with ``outcomes``
    the objective returns a dict of named values. ``bo.lookup`` is the objective where all values stand in a table;
    with ``bo.indexed`` candidates your own objective gets x with the candidate's number as a last entry. ValueError for
    an empty or non-finite pool, a table of another length, a budget that the pool cannot serve, and an initial design
    of the wrong size.
    """
    check_objective(objective)
    dtype = check_parts(surrogate, acquisition)
    check_outcomes(outcomes, initial, prior)
    candidates, numbered = by_number(objective, candidates)
    space = candidates.space if isinstance(candidates, Candidates) else None
    rows = candidates.whole() if isinstance(candidates, Candidates) else values.floats(candidates, "candidates")
    initial = None if initial is None else jnp.asarray(values.integers(initial, "initial"))
    check_pool(rows, config, initial, in_context=space is not None and bool(space.context))
    check_table(objective, len(rows))
    candidates = values.array(rows, "candidates", by_column=True)
    to_cube = partial(scaled, rows) if space is None else space.to_cube
    if prior is not None:
        earlier = check_earlier(prior, candidates.shape[1])
        surrogate = with_earlier(surrogate, earlier._replace(x=in_precision(to_cube, earlier.x, dtype)))
    inner = PoolContext(
        config,
        candidates,
        in_precision(to_cube, rows, dtype),
        to_cube,
        space,
        surrogate,
        acquisition,
        initial,
        outcomes,
    )
    over = partial(assembled, partial(evaluate, objective, outcomes, dtype))
    parts = Parts(objective, surrogate, acquisition, initial, context, prior)
    domain = Pool(candidates, space, numbered)
    if space is not None and space.context:
        given = schedule(space, context, config.evaluations, dtype)
        check_contexts(given, config, len(rows))
        return in_context(over, inner, space, given)._replace(parts=parts, domain=domain)
    if context is not None:
        raise ValueError("context is given, but no input of the candidates is one: make it with context=True")
    return over(inner)._replace(parts=parts, domain=domain)


def assembled(evaluate: Callable[[Array, Array], Any], context: PoolContext) -> Campaign:
    """Return the record of the functions of a campaign over a pool."""
    return Campaign(
        config=context.config,
        outcomes=context.outcomes,
        domain=Pool(context.candidates, context.space),
        evaluate=evaluate,
        design=partial(design, context),
        begin=partial(begin, context),
        ask=partial(ask, context),
        propose=partial(propose, context),
        tell=partial(tell, context),
        refit=partial(refit, context),
        grow=partial(grow, context),
        surface=partial(surface, context),
        predict=partial(predict, context),
        bound=partial(bound, context),
    )


def design(context: PoolContext, key: Array) -> Proposal:
    """Propose the initial design: the given candidates, or random ones without repeats."""
    number = context.config.initial_points
    if context.initial is None:
        size = context.candidates.shape[0]
        index = jax.random.choice(key, size, (number,), replace=False).astype(jnp.int32)
    else:
        index = jnp.asarray(context.initial, jnp.int32)
    unknown = jnp.full(number, jnp.nan, context.cube.dtype)
    return Proposal(index, context.candidates[index], unknown, unknown, unknown)


def begin(context: PoolContext, key: Array, proposal: Proposal, observed: Observation) -> tuple[State, Info]:
    """Return State and Info after the initial design, with the surrogate fitted and conditioned."""
    index, cube, surrogate = proposal.index, context.cube, context.surrogate
    x = cube[index]
    state, info = first_state(surrogate, key, context.config, context.outcomes, context.space, proposal, x, observed)
    posterior = surrogate.condition(state.params, state.data, cube)
    state = state._replace(
        chosen=index,
        visited=jnp.zeros(cube.shape[0], bool).at[index].set(True),
        best_index=jnp.where(jnp.isfinite(state.best), index[jnp.argmax(info.best >= info.best[-1])], -1),
        posterior=posterior,
    )
    return state, info._replace(retries=info.retries.at[-1].set(posterior.retries))


def surface(context: PoolContext, state: State) -> Prediction:
    """Predict over the whole pool, from the carried posterior."""
    return context.surrogate.surface(state.params, state.posterior)


def predict(context: PoolContext, state: State, x: Array) -> Prediction:
    """Predict at points in the user's units, F["n dim"], candidates or others."""
    check_rows(x, context.cube.shape[1])
    points = in_precision(context.to_cube, values.floats(x, "x"), context.cube.dtype)
    return context.surrogate.predict(state.params, state.data, points)


def draw(context: PoolContext, state: State, key: Array) -> Float[Array, "pool"]:
    """Draw the latent function over the whole pool: jointly on small pools, as a path on large ones."""
    surrogate, cube = context.surrogate, context.cube
    if surrogate.path is not None and cube.shape[0] > JOINT_DRAW:
        return surrogate.path(key, state.params, state.data)(cube)
    return surrogate.sample(key, state.params, state.data, cube)


def covariance(context: PoolContext, state: State, index: Int[Array, ""]) -> Float[Array, "pool"]:
    """Return the posterior covariance of one candidate with the whole pool."""
    return context.surrogate.covariance(state.params, state.posterior, context.cube, index)


def ask(context: PoolContext, key: Array, state: State, given: Any = None) -> Proposal:
    """Propose the candidate of the highest score; unless ``revisit`` allows it, one that was not visited."""
    if given is not None:
        raise ValueError("a context is given, but the campaign's inputs have none: make them with context=True")
    prediction, cube = surface(context, state), context.cube
    log_success, log_gated, others = chances.believe(context.surrogate, context.outcomes, state)(cube)
    view = View(
        cube, partial(draw, context, state), partial(covariance, context, state), prediction, log_success, others
    )
    score = scored(context.acquisition, key, prediction, state, view)
    revisit = context.config.revisit
    closed = failed_candidates(context, state) if revisit else state.visited
    blocked = jnp.isnan(score) | closed
    any_score = jnp.any((score > -jnp.inf) & ~closed)
    gate = chances.gate_of(context.outcomes, context.acquisition, log_gated, closed)
    score = chances.admitted(gate, score, log_gated)
    index = jnp.argmax(jnp.where(blocked, -jnp.inf, score)).astype(jnp.int32)
    # all open scores may be −∞; the argmax is then any, even a closed one
    index = jnp.where(closed[index], jnp.argmin(closed).astype(jnp.int32), index)

    def most_probable():
        return jnp.argmax(jnp.where(closed, -jnp.inf, log_success)).astype(jnp.int32)

    index = chances.if_safe(context.outcomes, index, lambda: log_success[index], most_probable)
    proposal = proposal_of(context, prediction, index, 0.0 if log_success is None else log_success[index])
    return chances.marked(proposal, any_score)


def failed_candidates(context: PoolContext, state: State) -> Bool[Array, "pool"]:
    """Return which candidates have failed."""
    rows = jnp.where(state.success < 0, state.chosen, context.cube.shape[0])  # others are out of bounds and dropped
    return jnp.zeros(context.cube.shape[0], bool).at[rows].set(True, mode="drop")


def propose(context: PoolContext, state: State, index: Int[Array, ""]) -> Proposal:
    """Propose a candidate by its index."""
    believed = chances.believe(context.surrogate, context.outcomes, state)(context.cube[index][None])
    log_success = 0.0 if believed.log_success is None else believed.log_success[0]
    return proposal_of(context, surface(context, state), index, log_success)


def proposal_of(context: PoolContext, prediction: Prediction, index: Array, log_success: Array | float) -> Proposal:
    """Return the proposal of a candidate, with what is predicted there."""
    mean, std = prediction.mean[index], prediction.std[index]
    return Proposal(index, context.candidates[index], mean, std, jnp.exp(jnp.asarray(log_success, mean.dtype)))


def tell(
    context: PoolContext,
    state: State,
    proposal: Proposal,
    value: Array | float,
    noise: Array | float = 0.0,
    outcomes: Any = None,
) -> tuple[State, Info]:
    """Return State and Info after the value, with known noise variance, of a proposed candidate; without a fit."""
    index, cube, surrogate = proposal.index, context.cube, context.surrogate
    value, noise = jnp.asarray(value, cube.dtype), jnp.asarray(noise, cube.dtype)
    finite, others = usable(value, noise, state.stopped), outcome_row(context.outcomes, outcomes, value)
    failed = is_failure(context.outcomes, value, noise, others, state.stopped)
    posterior, z_score = surrogate.append(state.params, state.posterior, cube, state.count, index, value, noise, finite)
    live = True if state.stopped is None else ~state.stopped
    row = jnp.where(live, index, -1)
    evaluated = Evaluated(cube[index], value, noise, finite, failed, z_score, others)
    after, info = next_state(state, context.outcomes, proposal, evaluated)
    after = after._replace(
        chosen=lax.dynamic_update_index_in_dim(state.chosen, row, state.count, 0),
        visited=state.visited.at[index].max(live),
        best_index=jnp.where(after.best > state.best, index, state.best_index),
        posterior=posterior,
    )
    info = info._replace(index=row)
    after = failures.learned(context.config, after)
    return rules.stop_where_bounded(context.config, state, after, info, partial(bound, context))


def refit(context: PoolContext, key: Array, state: State, info: Info, due: Array | None = None) -> tuple[State, Info]:
    """Fit the hyperparameters again, only where ``due`` if that is given, and rebuild the posterior."""
    params, info = refit_params(context.surrogate, key, state, info, due)
    posterior = context.surrogate.condition(params, state.data, context.cube)
    state = chances.refitted(context.surrogate, context.outcomes, key, state, due)
    return state._replace(params=params, posterior=posterior), info._replace(retries=posterior.retries)


def bound(context: PoolContext, state: State) -> Float[Array, ""]:
    """Bound the simple regret over the pool, in units of the objective."""
    prediction = surface(context, state)
    none = jnp.zeros(context.cube.shape[0], bool)
    observed = none.at[state.chosen].max(state.data.mask)  # an empty row's −1 has no mask
    return rules.regret_bound(prediction, prediction, observed, context.config.stop_kappa)


def grow(context: PoolContext, state: State, capacity: int) -> State:
    """Return the same state with room for ``capacity`` evaluations."""
    extra = capacity - state.chosen.shape[0]
    return grow_rows(state, capacity)._replace(
        chosen=jnp.pad(state.chosen, (0, extra), constant_values=-1),
        posterior=context.surrogate.grow(state.posterior, capacity),
    )
