"""q evaluations at a time, for objectives that are evaluated side by side; over pools and boxes.

``ask`` and ``tell`` are those of the campaign, q times; ``run`` is ``bo.run`` with q evaluations to a step.
"""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.core import Tracer
from jaxtyping import Array, Float

from bo.campaigns import keys
from bo.campaigns.points import has_context
from bo.campaigns.protocols import Campaign
from bo.campaigns.records import Info, Proposal, State
from bo.campaigns.rules import refit_where
from bo.campaigns.running import flat, schedule
from ferro_jax.values import array


def ask(key: Array, campaign: Campaign, state: State, q: int, *, fantasies: bool = True) -> Proposal:
    """Propose q points, along a leading axis; ``state`` must have room for q more rows (``campaign.grow``).

    With ``fantasies`` each is proposed as if the ones before it had been observed at their expectation: the mean
    stays, the variance shrinks as it really will (the kriging believer, Ginsbourger et al. 2010). Without, all come
    from the same posterior with different keys and differ only if the acquisition is random: with ``bo.thompson`` this
    is parallel Thompson sampling (Kandasamy et al. 2018). No candidate comes twice in a batch, unless the campaign
    allows revisits or a context changes within it. ValueError for q below 1.
    """
    if q < 1:
        raise ValueError(f"q is {q}; a batch has at least 1 evaluation")

    def propose_next(believed, key):
        proposal = campaign.ask(key, believed)
        if fantasies:
            after = believe(campaign, believed, proposal)
        elif state.visited is None or campaign.config.revisit:
            after = believed
        elif has_context(campaign.domain):  # a row without a value: it closes the candidate in its context
            after = believe(campaign, believed, proposal._replace(mean=jnp.full_like(proposal.mean, jnp.nan)))
        else:
            after = believed._replace(visited=believed.visited.at[proposal.index].set(True))
        return after, proposal

    return lax.scan(propose_next, state, keys.one_each(key, q))[1]


def believe(campaign: Campaign, state: State, proposal: Proposal) -> State:
    """Return the state as if the proposal had been observed at its expectation, for choosing the next point.

    What is only imagined is neither a record nor evidence of calibration or success: best, z-scores and labels stay.
    """
    after, _ = campaign.tell(state, proposal, proposal.mean)
    return after._replace(
        best=state.best,
        best_x=state.best_x,
        best_index=state.best_index,
        z_score=state.z_score,
        success=state.success,
        feasibility=state.feasibility,
        within=state.within,
    )


def tell(
    campaign: Campaign,
    state: State,
    proposals: Proposal,
    values: Float[Array, "q"],
    noise: Float[Array, "q"] | None = None,
    outcomes: Any = None,
) -> tuple[State, Info]:
    """Return State after the q observations, and Info of each along the leading axis.

    ``noise`` is the known variance of each value, ``outcomes`` the other named values, F["q k"]. The z-score of each is
    that of the posterior with those before it. ValueError where the state has no room for q more rows, which
    ``campaign.grow`` gives (not seen when traced).
    """
    values = array(values, "values")
    room, q = state.z_score.shape[-1], values.shape[0]
    if not isinstance(state.count, Tracer) and int(state.count) + q > room:
        raise ValueError(
            f"the state holds {int(state.count)} of at most {room} evaluations, and {q} more were told: make room by "
            f"state = campaign.grow(state, {int(state.count) + q})"
        )
    noise = jnp.zeros_like(values) if noise is None else noise
    return lax.scan(lambda state, each: campaign.tell(state, *each), state, (proposals, values, noise, outcomes))


def run(key: Array, campaign: Campaign, q: int, *, fantasies: bool = True) -> tuple[State, Info]:
    """Return the final State, and Info of all initial_points + steps evaluations, as ``bo.run`` gives them.

    The q objectives of a batch are evaluated by one vmap. The hyperparameters are fitted after every ``refit_every``
    evaluations, and at least one batch. ValueError unless q divides ``steps``, and ``refit_every`` if that is larger.
    """
    config = campaign.config
    every = max(config.refit_every, q)
    if q < 1 or config.steps % q or every % q:
        raise ValueError(
            f"q is {q}, steps is {config.steps} and refit_every is {config.refit_every}; q must be at least 1 and "
            "divide steps, and refit_every unless that is smaller"
        )
    plan = replace(config, refit_every=every)
    of_initial, of_steps = keys.split_run(key)

    def step(state, _):
        of_batch, _of_fit = keys.split_step(keys.key_of_step(of_steps, state.count))
        of_ask, of_objective = keys.split_advance(of_batch)
        proposals = ask(of_ask, campaign, state, q, fantasies=fantasies)
        observed = jax.vmap(campaign.evaluate)(keys.one_each(of_objective, q), proposals.x)
        return tell(campaign, state, proposals, *observed)

    def cycle(state, _):
        state, infos = lax.scan(step, state, length=every // q)
        infos = flat(infos)
        _of_batch, of_fit = keys.split_step(keys.key_of_step(of_steps, state.count - 1))
        due = plan.fit_due(state.count) if plan.refit_growth else None
        state, last = refit_where(campaign.refit, due, of_fit, state, jax.tree.map(lambda leaf: leaf[-1], infos))
        return state, jax.tree.map(lambda leaf, end: leaf.at[-1].set(end), infos, last)

    state, info = campaign.init(of_initial)
    parts = [info]
    for capacity, cycles in schedule(plan):
        state, infos = lax.scan(cycle, campaign.grow(state, capacity), length=cycles)
        parts.append(flat(infos))
    if rest := config.steps % every:
        state, infos = lax.scan(step, campaign.grow(state, config.evaluations), length=rest // q)
        parts.append(flat(infos))
    return state, jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *parts)
