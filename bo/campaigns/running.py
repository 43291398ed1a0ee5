"""A whole campaign as a sequence of compiled scans, in buckets of growing capacity: early steps do not pay for late
ones' arrays."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array

from bo.campaigns import rules
from bo.campaigns.assembly import at_last, refit_where, surprised
from bo.campaigns.records import Campaign, CampaignConfig, Info, State
from bo.surrogates.base import Prediction


def run(
    key: Array,
    campaign: Campaign,
    *,
    observe: Callable[[Prediction, State], Any] | None = None,
    progress: Callable[[Any], None] | None = None,
) -> tuple[State, Info]:
    """Final state, and Info of all initial_points + steps evaluations along the leading axis.

    ``observe(prediction, state)`` sees the surface over the pool after every step and returns numbers that come
    back in ``info.observed`` (NaN or 0 before the first surface); it cannot influence the campaign.
    ``progress(evaluations)`` is called on the host, unordered, after each refit: once for all members of a
    vmapped run, once per device of a sharded one.
    """
    config = campaign.config
    key_init, key_steps = jax.random.split(key)
    watch = watching(campaign, observe)
    advance, refit = moves(campaign, key_steps, watch)

    def cycle(state, _):
        state, infos = lax.scan(advance, state, length=config.refit_every)
        state, last = refit(state, jax.tree.map(lambda leaf: leaf[-1], infos))
        if progress is not None:
            jax.debug.callback(progress, state.count)
        return state, jax.tree.map(lambda leaf, end: leaf.at[-1].set(end), infos, last)

    state, info = campaign.init(key_init)
    parts = [info._replace(observed=at_last(watch(state), config.initial_points))]
    for capacity, cycles in schedule(config):
        state, infos = lax.scan(cycle, campaign.grow(state, capacity), length=cycles)
        parts.append(jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), infos))
    if rest := config.steps % config.refit_every:
        state, infos = lax.scan(advance, campaign.grow(state, config.evaluations), length=rest)
        parts.append(infos)
    return state, jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *parts)


def watching(campaign: Campaign, observe: Callable[[Prediction, State], Any] | None) -> Callable[[State], Any]:
    """What goes into ``info.observed`` of a state."""
    return (lambda state: observe(campaign.surface(state), state)) if observe else (lambda state: None)


def moves(campaign: Campaign, key_steps: Array, watch: Callable[[State], Any]) -> tuple[Callable, Callable]:
    """The two moves of a run: advance (state, _) -> (state, info), for a scan; refit (state, info) -> (state, info),
    at the end of a cycle. Everything that runs a campaign is made of them."""
    config = campaign.config

    def one(state):
        key_advance, key_fit = keys_of(key_steps, state.count)
        state, info = campaign.advance(key_advance, state)
        if config.surprise is not None:  # where the cycle ends there is a refit anyway, with the same key
            inside = (state.count - config.initial_points) % config.refit_every != 0
            state, info = refit_where(campaign.refit, inside & surprised(info, config), key_fit, state, info)
        return state, info._replace(observed=watch(state))

    def idle(state):
        return state._replace(count=state.count + 1), nothing(jax.eval_shape(one, state)[1], state)

    def advance(state, _):
        if config.stop_regret is None:
            return one(state)
        return lax.cond(rules.anywhere(~state.stopped), one, idle, state)

    def refit(state, info):
        _unused, key_fit = keys_of(key_steps, state.count - 1)
        if config.stop_regret is None:
            state, info = campaign.refit(key_fit, state, info)
        else:
            state, info = refit_where(campaign.refit, ~state.stopped, key_fit, state, info)
        return state, info._replace(observed=watch(state))

    return advance, refit


def nothing(shapes: Any, state: State) -> Info:
    """Info of an evaluation that was not made: NaN, False, 0, and −1 for the candidate."""

    def blank(leaf):
        return jnp.full(leaf.shape, jnp.nan if jnp.issubdtype(leaf.dtype, jnp.inexact) else 0, leaf.dtype)

    info = jax.tree.map(blank, shapes)
    index = None if info.index is None else jnp.full_like(info.index, -1)
    return info._replace(index=index, best=state.best, params=state.params, stopped=jnp.ones((), bool))


def keys_of(key: Array, count: Array) -> tuple[Array, Array]:
    """(for the advance, for the fit) of the step that makes evaluation number ``count``: ``step``'s own split."""
    key_advance, key_fit = jax.random.split(jax.random.fold_in(key, count))
    return key_advance, key_fit


def schedule(config: CampaignConfig) -> list[tuple[int, int]]:
    """(capacity, refit cycles) of each bucket: the cycles split as evenly as they go."""
    cycles = config.steps // config.refit_every
    buckets, done = [], 0
    for part in np.array_split(np.arange(cycles), min(config.buckets, cycles)) if cycles else []:
        done += part.size
        buckets.append((config.initial_points + done * config.refit_every, int(part.size)))
    return buckets
