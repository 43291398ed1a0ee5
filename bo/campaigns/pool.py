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
import numpy as np
from jax import lax
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Int

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
from bo.campaigns.given import schedule
from bo.campaigns.pool_in_context import in_context
from bo.campaigns.protocols import Campaign
from bo.campaigns.records import CampaignConfig, Info, Pool, Proposal, State
from bo.data import Data
from bo.space import Candidates, Space
from bo.surrogates.base import Prediction, Surrogate
from bo.surrogates.earlier import check_earlier, with_earlier

JOINT_DRAW = 2000  # candidates; beyond them a draw is pathwise: the exact one costs their number cubed


class PoolContext(NamedTuple):
    """What the functions of a campaign over a pool need besides key and state."""

    config: CampaignConfig
    candidates: Float[Array, "pool dim"]  # in the user's units
    cube: Float[Array, "pool dim"]  # the same in the unit cube, in the surrogate's precision
    surrogate: Surrogate
    acquisition: Acquisition
    initial: Int[Array, "initial_points"] | None


def campaign(
    objective: Callable[[Array, Array], Any],
    candidates: Float[Array, "pool dim"] | Candidates,
    surrogate: Surrogate,
    acquisition: Acquisition,
    config: CampaignConfig = CampaignConfig(),
    *,
    initial: Int[Array, "initial_points"] | None = None,
    context: Any = None,
    prior: Data | None = None,
) -> Campaign:
    """Return the campaign that maximises ``objective(key, x)`` over the rows of ``candidates``, in the user's units.

    ``candidates`` may be those of a ``bo.Space`` (``space.grid``, ``space.candidates``), whose ``kernel`` the surrogate
    should have. The objective returns a number or a ``bo.Observation``. The initial design is ``initial`` (indices into
    the pool) or, by default, random candidates from the key. A value that is NaN or infinite says that
    the evaluation failed: the campaign learns where evaluations fail and avoids such places
    (``CampaignConfig.learn_failures``), and a candidate that failed is not evaluated again. ``context`` and ``prior``
    are as in ``bo.box``. ValueError for an empty or non-finite pool, a
    budget it cannot serve, and an initial design of the wrong size.
    """
    check_objective(objective)
    dtype = check_parts(surrogate, acquisition)
    space = candidates.space if isinstance(candidates, Candidates) else None
    rows = candidates.whole() if isinstance(candidates, Candidates) else candidates
    check_pool(rows, config, initial)
    candidates = jnp.asarray(rows)
    to_cube = partial(scaled, candidates) if space is None else space.to_cube
    if prior is not None:
        earlier = check_earlier(prior, candidates.shape[1])
        surrogate = with_earlier(surrogate, earlier._replace(x=to_cube(jnp.asarray(earlier.x, dtype))))
    inner = PoolContext(config, candidates, to_cube(candidates.astype(dtype)), surrogate, acquisition, initial)
    over = partial(assembled, partial(evaluate, objective, dtype), space)
    if space is not None and space.context:
        return in_context(over, inner, space, schedule(space, context, config.evaluations, dtype))
    if context is not None:
        raise ValueError("context is given, but no input of the candidates is one: make it with context=True")
    return over(inner)


def assembled(evaluate: Callable[[Array, Array], Any], space: Space | None, context: PoolContext) -> Campaign:
    """Return the record of the functions of a campaign over a pool."""
    return Campaign(
        config=context.config,
        domain=Pool(context.candidates, space),
        evaluate=evaluate,
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


def begin(context: PoolContext, key: Array, proposal: Proposal, value: Array, noise: Array) -> tuple[State, Info]:
    """Return State and Info after the initial design, with the surrogate fitted and conditioned."""
    index, cube, surrogate = proposal.index, context.cube, context.surrogate
    state, info = first_state(surrogate, key, context.config, proposal, cube[index], value, noise)
    posterior = surrogate.condition(state.params, state.data, cube)
    state = state._replace(
        chosen=index,
        visited=jnp.zeros(cube.shape[0], bool).at[index].set(True),
        best_index=jnp.where(jnp.isfinite(state.best), index[jnp.argmax(jnp.where(info.finite, value, -jnp.inf))], -1),
        posterior=posterior,
    )
    return state, info._replace(retries=info.retries.at[-1].set(posterior.retries))


def surface(context: PoolContext, state: State) -> Prediction:
    """Predict over the whole pool, from the carried posterior."""
    return context.surrogate.surface(state.params, state.posterior)


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
    of_success = failures.log_probability(state)
    log_success = None if of_success is None else of_success(cube)
    view = View(cube, partial(draw, context, state), partial(covariance, context, state), prediction, log_success)
    score = scored(context.acquisition, key, prediction, state, view)
    revisit = context.config.revisit
    closed = failed_candidates(context, state) if revisit else state.visited
    blocked = jnp.isnan(score) | closed
    index = jnp.argmax(jnp.where(blocked, -jnp.inf, score)).astype(jnp.int32)
    # all open scores may be −∞; the argmax is then any, even a closed one
    index = jnp.where(closed[index], jnp.argmin(closed).astype(jnp.int32), index)
    return proposal_of(context, prediction, index, 0.0 if log_success is None else log_success[index])


def failed_candidates(context: PoolContext, state: State) -> Bool[Array, "pool"]:
    """Return which candidates have failed."""
    rows = jnp.where(state.success < 0, state.chosen, context.cube.shape[0])  # others are out of bounds and dropped
    return jnp.zeros(context.cube.shape[0], bool).at[rows].set(True, mode="drop")


def propose(context: PoolContext, state: State, index: Int[Array, ""]) -> Proposal:
    """Propose a candidate by its index."""
    of_success = failures.log_probability(state)
    log_success = 0.0 if of_success is None else of_success(context.cube[index][None])[0]
    return proposal_of(context, surface(context, state), index, log_success)


def proposal_of(context: PoolContext, prediction: Prediction, index: Array, log_success: Array | float) -> Proposal:
    """Return the proposal of a candidate, with what is predicted there."""
    mean, std = prediction.mean[index], prediction.std[index]
    return Proposal(index, context.candidates[index], mean, std, jnp.exp(jnp.asarray(log_success, mean.dtype)))


def tell(
    context: PoolContext, state: State, proposal: Proposal, value: Array | float, noise: Array | float = 0.0
) -> tuple[State, Info]:
    """Return State and Info after the value, with known noise variance, of a proposed candidate; without a fit."""
    index, cube, surrogate = proposal.index, context.cube, context.surrogate
    value, noise = jnp.asarray(value, cube.dtype), jnp.asarray(noise, cube.dtype)
    finite, failed = usable(value, noise, state.stopped), is_failure(value, state.stopped)
    posterior, z_score = surrogate.append(state.params, state.posterior, cube, state.count, index, value, noise, finite)
    live = True if state.stopped is None else ~state.stopped
    row = jnp.where(live, index, -1)
    after, info = next_state(state, proposal, Evaluated(cube[index], value, noise, finite, failed, z_score))
    after = after._replace(
        chosen=lax.dynamic_update_index_in_dim(state.chosen, row, state.count, 0),
        visited=state.visited.at[index].max(live),
        best_index=jnp.where(finite & (value > state.best), index, state.best_index),
        posterior=posterior,
    )
    info = info._replace(index=row)
    after = failures.learned(context.config, after)
    return rules.stop_where_bounded(context.config, state, after, info, partial(bound, context))


def refit(context: PoolContext, key: Array, state: State, info: Info, due: Array | None = None) -> tuple[State, Info]:
    """Fit the hyperparameters again, only where ``due`` if that is given, and rebuild the posterior."""
    params, info = refit_params(context.surrogate, key, state, info, due)
    posterior = context.surrogate.condition(params, state.data, context.cube)
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
    return state._replace(
        data=data.grow(state.data, capacity),
        chosen=jnp.pad(state.chosen, (0, extra), constant_values=-1),
        z_score=jnp.pad(state.z_score, (0, extra), constant_values=jnp.nan),
        success=jnp.pad(state.success, (0, extra)),
        feasibility=failures.grown(state.feasibility, capacity),
        posterior=context.surrogate.grow(state.posterior, capacity),
    )


def unit_cube(candidates: Float[Array, "pool dim"], dtype: Any) -> Float[Array, "pool dim"]:
    """Return the pool with each column scaled to [0, 1]; a constant column becomes 0."""
    x = jnp.asarray(candidates).astype(dtype)
    return scaled(x, x)


def scaled(candidates: Float[Array, "pool dim"], x: Float[Array, "n dim"]) -> Float[Array, "n dim"]:
    """Return points scaled as the pool's columns are to [0, 1]."""
    x, pool = jnp.asarray(x), candidates.astype(x.dtype)
    low, high = jnp.min(pool, axis=0, keepdims=True), jnp.max(pool, axis=0, keepdims=True)
    return (x - low) / jnp.where(high > low, high - low, 1)


def check_pool(candidates: Any, config: CampaignConfig, initial: Any) -> None:
    """ValueError if the pool or the initial design cannot serve the budget."""
    shape = jnp.shape(candidates)
    if len(shape) != 2 or 0 in shape:
        raise ValueError(f"candidates have shape {shape}; expected (pool, dim) with neither of them 0")
    if not isinstance(candidates, Tracer) and not np.all(np.isfinite(candidates)):
        bad = np.flatnonzero(~np.all(np.isfinite(candidates), axis=1))
        raise ValueError(f"{bad.size} candidates are not finite, the first is number {bad[0]}: remove them")
    size = shape[0]
    if config.initial_points > size:
        raise ValueError(
            f"initial_points is {config.initial_points} but there are only {size} candidates: lower initial_points"
        )
    if config.evaluations > size and not config.revisit:
        raise ValueError(
            f"{config.initial_points} initial points + {config.steps} steps exceed the {size} candidates: "
            "lower the budget, or set revisit=True if the objective is noisy"
        )
    if initial is not None:
        check_initial(initial, config, size)


def check_initial(initial: Any, config: CampaignConfig, size: int) -> None:
    """ValueError if the initial design has the wrong size or indices, or names a candidate twice."""
    if jnp.shape(initial) != (config.initial_points,):
        raise ValueError(
            f"initial has shape {jnp.shape(initial)}; expected ({config.initial_points},), "
            "as many as config.initial_points"
        )
    if isinstance(initial, Tracer):
        return
    given = np.asarray(initial)
    if given.min() < 0 or given.max() >= size:
        raise ValueError(f"initial holds {given.min()}..{given.max()}; candidates are 0..{size - 1}")
    if not config.revisit and np.unique(given).size < given.size:
        raise ValueError("initial names a candidate twice: remove the duplicates, or set revisit=True")
