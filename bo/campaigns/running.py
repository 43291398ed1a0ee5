"""A whole campaign as a sequence of compiled scans, in buckets of growing capacity.

Early steps then do not pay for the arrays of late ones. Called as it is, ``run`` compiles the campaign, and a second
call with another key finds the program; inside a ``jax.jit`` or ``jax.vmap`` it is a part of that program.
"""

import operator
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array

from bo.campaigns import keys, rules
from bo.campaigns.assembly import at_last
from bo.campaigns.protocols import Campaign
from bo.campaigns.records import IN_A_BOX, OVER_A_POOL, BoxConfig, CampaignConfig, Info, State
from bo.compiling import compiler_options
from bo.surrogates.base import Prediction
from ferro_jax import values

Observe = Callable[[Prediction, State], Any]
Progress = Callable[[Any], None]


class Runner(NamedTuple):
    """What all steps of one run share: the campaign, the key of all steps, and what is observed after each."""

    campaign: Campaign
    key_steps: Array
    observe: Observe | None


class Bucket(NamedTuple):
    """A part of a campaign whose arrays have one size: room for ``capacity`` evaluations, and ``cycles`` of steps."""

    capacity: int
    cycles: int


def run(
    key: Array,
    campaign: Campaign,
    *,
    observe: Observe | None = None,
    progress: Progress | None = None,
) -> tuple[State, Info]:
    """Return the final State, and Info of all initial_points + steps evaluations along the leading axis.

    It compiles by itself, with ``bo.compiler_options()``; inside a ``jax.jit`` it is part of that program. A simulator
    in the objective runs up to a quarter slower with these options: where that costs more than ten seconds of
    compilation, write ``jax.jit(lambda key: bo.run(key, campaign))(key)``.
    ``observe(prediction, state)`` gets the surface over the pool after every step and returns numbers that come
    back in ``info.observed`` (NaN or 0 before the first surface); it cannot influence the campaign.
    ``progress(evaluations)`` is called on the host, unordered, after each refit: once for all members of a
    vmapped run, once per device of a sharded one. ValueError for more than one key (``bo.run_seeds`` takes many).
    """
    key = values.key(key, single=True)
    if values.is_known(jax.random.key_data(key)):  # traced inside a jit, also where the key is a constant
        return _program(Whole(campaign), observe, progress)(key)
    return parts_of(key, campaign, observe, progress)


class Whole:
    """A campaign that is told from others by the functions and arrays it holds, because arrays have no hash."""

    def __init__(self, campaign: Campaign):
        self.campaign = campaign

    def __hash__(self) -> int:
        return hash(tuple(map(id, self.campaign)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Whole) and all(map(operator.is_, self.campaign, other.campaign))


@lru_cache(maxsize=4)
def _program(whole: Whole, observe: Observe | None, progress: Progress | None) -> Callable[[Array], tuple[State, Info]]:
    """Return the compiled function from a key to what ``run`` returns."""

    def program(key):
        return parts_of(key, whole.campaign, observe, progress)

    return jax.jit(program, compiler_options=compiler_options())


def parts_of(key: Array, campaign: Campaign, observe: Observe | None, progress: Progress | None) -> tuple[State, Info]:
    """Return what ``run`` does, from the initial design and one scan for each bucket."""
    config = campaign.config
    of_initial, of_steps = keys.split_run(key)
    runner = Runner(campaign, of_steps, observe)
    step = partial(advance, runner)

    def cycle(state, _):
        state, infos = lax.scan(step, state, length=config.refit_every)
        state, infos = refit(runner, state, infos)
        if progress is not None:
            jax.debug.callback(progress, state.count)
        return state, infos

    state, info = begin(campaign, of_initial, observe)
    parts = [info]
    for capacity, cycles in schedule(config):
        state, infos = lax.scan(cycle, campaign.grow(state, capacity), length=cycles)
        parts.append(flat(infos))
    if rest := config.steps % config.refit_every:
        state, infos = lax.scan(step, campaign.grow(state, config.evaluations), length=rest)
        parts.append(infos)
    return state, jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *parts)


def begin(campaign: Campaign, key: Array, observe: Observe | None) -> tuple[State, Info]:
    """Make the initial design; ``info`` is (initial_points), with what was observed after the last of them."""
    state, info = campaign.init(key)
    observed = at_last(observed_in(campaign, state, observe), campaign.config.initial_points)
    return state, info._replace(observed=observed)


def observed_in(campaign: Campaign, state: State, observe: Observe | None) -> Any:
    """Return what ``observe`` makes of a state; None without it."""
    return observe(campaign.surface(state), state) if observe else None


def advance(runner: Runner, state: State, _: Any) -> tuple[State, Info]:
    """Make one step, without the refit at the end of a cycle; for a scan. A stopped member makes none."""
    if runner.campaign.config.stop_regret is None:
        return evaluate(runner, state)
    assert state.stopped is not None
    return lax.cond(rules.anywhere(~state.stopped), partial(evaluate, runner), partial(skip, runner), state)


def evaluate(runner: Runner, state: State) -> tuple[State, Info]:
    """Make one evaluation, and the refit that a surprise brings forward."""
    campaign = runner.campaign
    of_advance, of_fit = keys.split_step(keys.key_of_step(runner.key_steps, state.count))
    state, info = campaign.advance(of_advance, state)
    if campaign.config.surprise is not None:  # where the cycle ends there is a refit anyway, with the same key
        due = ~campaign.config.fit_due(state.count) & rules.surprised(info, campaign.config)
        state, info = rules.refit_where(campaign.refit, due, of_fit, state, info)
    return state, info._replace(observed=observed_in(campaign, state, runner.observe))


def skip(runner: Runner, state: State) -> tuple[State, Info]:
    """Make no evaluation: Info has NaN, False and 0, and −1 for the candidate."""

    def blank(leaf):
        return jnp.full(leaf.shape, jnp.nan if jnp.issubdtype(leaf.dtype, jnp.inexact) else 0, leaf.dtype)

    after = state._replace(count=state.count + 1)
    info = jax.tree.map(blank, jax.eval_shape(partial(evaluate, runner), state)[1])
    index = None if info.index is None else jnp.full_like(info.index, -1)
    return after, info._replace(index=index, best=state.best, params=state.params, stopped=jnp.ones((), bool))


def refit(runner: Runner, state: State, infos: Info) -> tuple[State, Info]:
    """Refit at the end of a cycle, whose ``infos`` are stacked: the last of them reports it."""
    campaign = runner.campaign
    _, of_fit = keys.split_step(keys.key_of_step(runner.key_steps, state.count - 1))
    last = jax.tree.map(lambda leaf: leaf[-1], infos)
    due = None if state.stopped is None else ~state.stopped
    if campaign.config.refit_growth:
        grown = campaign.config.fit_due(state.count)
        due = grown if due is None else due & grown
    state, last = rules.refit_where(campaign.refit, due, of_fit, state, last)
    last = last._replace(observed=observed_in(campaign, state, runner.observe))
    return state, jax.tree.map(lambda leaf, end: leaf.at[-1].set(end), infos, last)


def schedule(config: CampaignConfig) -> list[Bucket]:
    """Return the buckets of a campaign: its refit cycles split as evenly as they go."""
    cycles = config.steps // config.refit_every
    buckets, done = [], 0
    for part in np.array_split(np.arange(cycles), min(number_of_buckets(config), cycles)) if cycles else []:
        done += part.size
        buckets.append(Bucket(config.initial_points + done * config.refit_every, int(part.size)))
    return buckets


def number_of_buckets(config: CampaignConfig) -> int:
    """Return how many sizes the arrays of a campaign grow through."""
    if config.buckets is not None:
        return config.buckets
    one, two = IN_A_BOX if isinstance(config, BoxConfig) else OVER_A_POOL
    return 1 if config.evaluations <= one else 2 if config.evaluations <= two else 4


def flat(infos: Any) -> Any:
    """Join the first two axes of each leaf."""
    return jax.tree.map(lambda leaf: leaf.reshape(leaf.shape[0] * leaf.shape[1], *leaf.shape[2:]), infos)
