"""Campaigns over a pool whose space has context columns: what is given at each evaluation is not chosen.

The surface over the pool is another one in every context. A step therefore conditions the posterior on the pool in the
context of its evaluation, and none is carried from step to step; all else is as in ``bo.campaigns.pool``, whose
functions are called with the pool as it is in that context. A candidate is closed in the contexts in which it was
evaluated, and open in all others; ``state.visited`` says which were evaluated in any context.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from bo.campaigns import chances
from bo.campaigns.assembly import comparable, first_state, grow_rows, refit_params
from bo.campaigns.given import MISSING, Given, in_same_context, refuse_without_context
from bo.campaigns.protocols import Campaign
from bo.campaigns.records import Info, Proposal, State
from bo.data import Observation
from bo.space import Space
from bo.surrogates.base import Prediction


class PoolInContext(NamedTuple):
    """What the functions of such a campaign need.

    over    (parts) -> the Campaign over a pool of such parts, a ``bo.campaigns.pool.PoolContext``
    parts   those of this pool; its context columns are not used
    given   the schedule; None where a session gives the context
    """

    over: Callable[[Any], Campaign]
    parts: Any
    space: Space
    given: Given | None


def in_context(over: Callable[[Any], Campaign], parts: Any, space: Space, given: Given | None) -> Campaign:
    """Return the campaign over a pool in contexts that are given."""
    context = PoolInContext(over, parts, space, given)
    plain = over(parts)
    return plain._replace(
        evaluate=refuse_without_context if given is None else plain.evaluate,
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


def filled(context: PoolInContext, given: Float[Array, "contexts"]) -> Any:
    """Return the parts with the context columns of the pool as ``given``, in the user's units."""
    candidates, columns = context.parts.candidates, jnp.array(context.space.context)
    given = jnp.broadcast_to(given.astype(candidates.dtype), (candidates.shape[0], given.shape[0]))
    candidates = candidates.at[:, columns].set(given)
    cube = context.space.to_cube(candidates).astype(context.parts.cube.dtype)
    return context.parts._replace(candidates=candidates, cube=cube)


def at(context: PoolInContext, given: Float[Array, "contexts"], state: State) -> tuple[Campaign, State]:
    """Return the campaign over the pool in a context, and the state with the posterior over it."""
    parts = filled(context, given)
    posterior = parts.surrogate.condition(state.params, state.data, parts.cube)
    return context.over(parts), state._replace(posterior=posterior)


def visited_in(context: PoolInContext, given: Float[Array, "contexts"], state: State) -> Bool[Array, "pool"]:
    """Return which candidates were evaluated in a context, in the user's units."""
    size, space = context.parts.cube.shape[0], context.space
    there = filled(context, given).cube[0, jnp.array(space.context)]
    same = in_same_context(space, state.data.x, there.astype(state.data.x.dtype)) & (state.chosen >= 0)
    rows = jnp.where(same, state.chosen, size)  # others are out of bounds and dropped
    return jnp.zeros(size, bool).at[rows].set(True, mode="drop")


def last(context: PoolInContext, state: State) -> Float[Array, "contexts"]:
    """Return the context of the last evaluation, in the user's units."""
    return context.space.from_cube(state.data.x[state.count - 1])[jnp.array(context.space.context)]


def design(context: PoolInContext, key: Array) -> Proposal:
    """Propose the initial design; its context columns are NaN where no schedule gives them."""
    proposal, columns = context.over(context.parts).design(key), jnp.array(context.space.context)
    if context.given is None:
        return proposal._replace(x=proposal.x.at[:, columns].set(jnp.nan))
    given = jax.vmap(context.given)(jnp.arange(proposal.x.shape[0]))
    return proposal._replace(x=proposal.x.at[:, columns].set(given.astype(proposal.x.dtype)))


def begin(context: PoolInContext, key: Array, proposal: Proposal, observed: Observation) -> tuple[State, Info]:
    """Return State and Info after the initial design, with the surrogate fitted."""
    index, parts = proposal.index, context.parts
    x = context.space.to_cube(proposal.x.astype(parts.candidates.dtype)).astype(parts.cube.dtype)
    state, info = first_state(parts.surrogate, key, parts.config, parts.outcomes, parts.space, proposal, x, observed)
    best_index = jnp.where(jnp.isfinite(state.best), index[jnp.argmax(info.best >= info.best[-1])], -1)
    visited = jnp.zeros(parts.cube.shape[0], bool).at[index].set(True)
    return state._replace(chosen=index, visited=visited, best_index=best_index), info


def ask(context: PoolInContext, key: Array, state: State, given: Any = None) -> Proposal:
    """Propose the candidate of the highest score in the context, unless ``revisit`` allows it one that is open there.

    Improvement is over the best mean in that context.
    """
    if given is None and context.given is None:
        raise ValueError(MISSING)
    given = context.given(state.count) if given is None and context.given is not None else given
    campaign, there = at(context, given, state)
    mean = campaign.surface(there).mean[state.chosen]
    best = jnp.max(jnp.where(comparable(state), mean, -jnp.inf))
    return campaign.ask(key, there._replace(best=best, visited=visited_in(context, given, state)))


def propose(context: PoolInContext, state: State, x: Array) -> Proposal:
    """Propose a point in the user's units, the context among them: the first candidate that has its other columns."""
    campaign, there = at(context, x[jnp.array(context.space.context)], state)
    free = jnp.array(context.space.free)
    same = jnp.all(context.parts.candidates[:, free] == x[free].astype(context.parts.candidates.dtype)[None], axis=1)
    return campaign.propose(there, jnp.argmax(same).astype(jnp.int32))


def tell(
    context: PoolInContext,
    state: State,
    proposal: Proposal,
    value: Array | float,
    noise: Array | float = 0.0,
    outcomes: Any = None,
) -> tuple[State, Info]:
    """Return State and Info after the value, with known noise variance, at a proposed point; without a fit."""
    campaign, there = at(context, proposal.x[jnp.array(context.space.context)], state)
    after, info = campaign.tell(there, proposal, value, noise, outcomes)
    return after._replace(posterior=None), info


def refit(context: PoolInContext, key: Array, state: State, info: Info, due: Any = None) -> tuple[State, Info]:
    """Fit the hyperparameters again, only where ``due`` if that is given."""
    params, info = refit_params(context.parts.surrogate, key, state, info, due)
    parts = context.parts
    return chances.refitted(parts.surrogate, parts.outcomes, key, state, due)._replace(params=params), info


def surface(context: PoolInContext, state: State) -> Prediction:
    """Predict over the whole pool in the context of the last evaluation."""
    campaign, there = at(context, last(context, state), state)
    return campaign.surface(there)


def bound(context: PoolInContext, state: State) -> Float[Array, ""]:
    """Bound the simple regret over the pool in the context of the last evaluation."""
    campaign, there = at(context, last(context, state), state)
    return campaign.bound(there)


def grow(context: PoolInContext, state: State, capacity: int) -> State:
    """Return the same state with room for ``capacity`` evaluations."""
    del context
    chosen = jnp.pad(state.chosen, (0, capacity - state.chosen.shape[0]), constant_values=-1)
    return grow_rows(state, capacity)._replace(chosen=chosen)
