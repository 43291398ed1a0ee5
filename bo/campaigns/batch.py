"""q evaluations at a time: for objectives that are evaluated side by side. Over pools and boxes alike.

``ask`` and ``tell`` are the campaign's, q times; ``run`` is ``campaign.run`` with q evaluations to a step.
"""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from bo.campaigns.records import Campaign, Info, Proposal, State
from bo.campaigns.running import keys_of, schedule


def ask(key: Array, campaign: Campaign, state: State, q: int, *, fantasies: bool = True) -> Proposal:
    """q proposals, along a leading axis; ``state`` must have room for q more rows (``campaign.grow``).

    With ``fantasies`` each is asked for as if the ones before it had been observed at their expectation: the mean
    stays, the variance shrinks as it really will (the kriging believer, Ginsbourger et al. 2010). Without, all are
    asked of the same posterior with different keys and differ only if the acquisition is random: with
    ``acquisition.thompson`` this is parallel Thompson sampling (Kandasamy et al. 2018). No candidate comes twice in a
    batch, unless the campaign allows revisits.
    """
    if q < 1:
        raise ValueError(f"q is {q}; a batch has at least 1 evaluation")

    def one(believed, key):
        proposal = campaign.ask(key, believed)
        if fantasies:
            after, _ = campaign.tell(believed, proposal, proposal.mean)
            # what is only imagined is neither a record nor evidence of calibration
            after = after._replace(best=state.best, best_x=state.best_x, z_score=state.z_score)
            after = after._replace(best_index=state.best_index)
        elif state.visited is None or campaign.config.revisit:
            after = believed
        else:
            after = believed._replace(visited=believed.visited.at[proposal.index].set(True))
        return after, proposal

    return lax.scan(one, state, jax.random.split(key, q))[1]


def tell(
    campaign: Campaign,
    state: State,
    proposals: Proposal,
    values: Float[Array, "q"],
    noise: Float[Array, "q"] | None = None,
) -> tuple[State, Info]:
    """State after the q observations, and Info of each along the leading axis.

    The z-score of each is that of the posterior with those before it.
    """
    noise = jnp.zeros_like(values) if noise is None else noise
    return lax.scan(lambda state, each: campaign.tell(state, *each), state, (proposals, values, noise))


def run(key: Array, campaign: Campaign, q: int, *, fantasies: bool = True) -> tuple[State, Info]:
    """Final state, and Info of all initial_points + steps evaluations, as ``campaign.run`` gives them.

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
    key_init, key_steps = jax.random.split(key)

    def batch(state, _):
        key_batch, _unused = keys_of(key_steps, state.count)
        key_ask, key_objective = jax.random.split(key_batch)
        proposals = ask(key_ask, campaign, state, q, fantasies=fantasies)
        values, noise = jax.vmap(campaign.evaluate)(jax.random.split(key_objective, q), proposals.x)
        return tell(campaign, state, proposals, values, noise)

    def cycle(state, _):
        state, infos = lax.scan(batch, state, length=every // q)
        infos = flat(infos)
        _unused, key_fit = keys_of(key_steps, state.count - 1)
        state, last = campaign.refit(key_fit, state, jax.tree.map(lambda leaf: leaf[-1], infos))
        return state, jax.tree.map(lambda leaf, end: leaf.at[-1].set(end), infos, last)

    state, info = campaign.init(key_init)
    parts = [info]
    for capacity, cycles in schedule(replace(config, refit_every=every)):
        state, infos = lax.scan(cycle, campaign.grow(state, capacity), length=cycles)
        parts.append(flat(infos))
    if rest := config.steps % every:
        state, infos = lax.scan(batch, campaign.grow(state, config.evaluations), length=rest // q)
        parts.append(flat(infos))
    return state, jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *parts)


def flat(infos: Any) -> Any:
    """The first two axes of each leaf joined."""
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), infos)
