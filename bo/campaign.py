"""A whole pool campaign as one pure function of a key: ``jax.jit(jax.vmap(lambda key: run(key, campaign)))(keys)``.

An evaluation is ``step``: ask (acquisition on the carried posterior), evaluate the objective, append. After every
``refit_every`` steps the hyperparameters are fitted again and the posterior is rebuilt. ``run`` lays the steps out
in buckets of growing capacity, each one compiled scan, so that early steps do not pay for late ones' arrays.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Int

from bo import types
from bo.acquisition import Acquisition
from bo.types import Data, Observation, Prediction, Surrogate, View, require_precision

JOINT_DRAW = 2000  # candidates; beyond them a draw is pathwise: the exact one costs their number cubed


@dataclass(frozen=True)
class Config:
    """Budget and schedule. ``revisit`` allows a candidate to be evaluated twice: only for noisy objectives."""

    initial_points: int = 100
    steps: int = 500
    refit_every: int = 25
    buckets: int = 4
    revisit: bool = False

    def __post_init__(self):
        for name in ("initial_points", "steps", "refit_every", "buckets"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")

    @property
    def evaluations(self) -> int:
        return self.initial_points + self.steps


class State(NamedTuple):
    """What the next step needs. ``count`` is the same number for all members of a vmapped run.

    chosen, visited, best_index and posterior are of campaigns over a pool; a campaign over a box has None there.
    """

    count: Int[Array, ""]  # pyright: ignore[reportIncompatibleMethodOverride]
    data: Data  # inputs scaled to the unit cube of the pool or box
    chosen: Any  # I["capacity"]: candidate of each row; -1 where there is none yet
    visited: Any  # B["pool"]
    best: Float[Array, ""]
    best_index: Any  # I[""]
    best_x: Float[Array, "dim"]  # in the user's units
    z_score: Float[Array, "capacity"]  # of each row when it was observed; NaN where no surrogate had chosen it
    params: Any
    posterior: Any


class Proposal(NamedTuple):
    """What ``ask`` suggests: a candidate (None in a box), its point in the user's units, and what is expected there."""

    index: Any  # I[""]; pyright: ignore[reportIncompatibleMethodOverride]
    x: Float[Array, "dim"]
    mean: Float[Array, ""]
    std: Float[Array, ""]


class Info(NamedTuple):
    """One evaluation; ``run`` stacks initial design and steps along a leading axis.

    index, x: the candidate (None in a box) and the point in the user's units.
    mean, std, z_score: what the surrogate expected of this candidate before it was evaluated, and
    (value − mean) / sqrt(std² + noise); NaN for the initial design, which no surrogate chose.
    refitted, fit_evaluations, retries: whether a fit followed this evaluation, its cost in evaluations of the
    objective and how often the factorisation needed more jitter. params, observed: after this evaluation and fit.
    """

    index: Any  # I["..."]; pyright: ignore[reportIncompatibleMethodOverride]
    x: Float[Array, "... dim"]
    value: Float[Array, "..."]
    finite: Bool[Array, "..."]
    mean: Float[Array, "..."]
    std: Float[Array, "..."]
    z_score: Float[Array, "..."]
    best: Float[Array, "..."]
    refitted: Bool[Array, "..."]
    fit_evaluations: Int[Array, "..."]
    retries: Int[Array, "..."]
    params: Any
    observed: Any


class Campaign(NamedTuple):
    """init (key) -> (state, info) · step (key, state) -> (state, info), with a refit when one is due.

    The rest are step's parts, which ``run`` puts together: ask (key, state) -> Proposal; tell (state, proposal, value,
    noise) -> (state, info), for experiments outside JAX as well; advance is a step that never refits: ask, evaluate,
    tell; refit (key, state, info) -> (state, info); grow (state, capacity) -> state; surface (state) -> Prediction on
    the pool; evaluate (key, x) -> (value, noise variance) of the objective.
    """

    init: Callable[..., tuple[State, Info]]
    step: Callable[..., tuple[State, Info]]
    ask: Callable[..., Proposal]
    tell: Callable[..., tuple[State, Info]]
    advance: Callable[..., tuple[State, Info]]
    refit: Callable[..., tuple[State, Info]]
    grow: Callable[[State, int], State]
    surface: Callable[[State], Prediction]
    evaluate: Callable[..., tuple[Array, Array]]
    config: Config


def campaign(
    objective: Callable[[Array, Array], Array],
    candidates: Float[Array, "pool dim"],
    surrogate: Surrogate,
    acquisition: Acquisition,
    config: Config = Config(),
    *,
    initial: Int[Array, "initial_points"] | None = None,
) -> Campaign:
    """Maximise ``objective(key, x)`` over the rows of ``candidates``; it returns a number or an ``Observation``.

    The initial design is ``initial`` (indices into the pool) or, by default, random candidates from the key. A
    value that is not finite is recorded in Info and never reaches the surrogate. ValueError for an empty or
    non-finite pool, a budget it cannot serve, and an initial design of the wrong size.
    """
    dtype = require_precision(surrogate.dtype)
    size = check_pool(candidates, config, initial)
    candidates = jnp.asarray(candidates)
    pool = unit_cube(candidates, dtype)

    evaluate = evaluator(objective, dtype)

    def surface(state):
        return surrogate.surface(state.params, state.posterior)

    def init(key):
        key_design, key_objective, key_fit = jax.random.split(key, 3)
        number = config.initial_points
        if initial is None:
            index = jax.random.choice(key_design, size, (number,), replace=False).astype(jnp.int32)
        else:
            index = jnp.asarray(initial, jnp.int32)
        value, noise = jax.vmap(evaluate)(jax.random.split(key_objective, number), candidates[index])
        finite = jnp.isfinite(value) & (noise >= 0) & jnp.isfinite(noise)
        data = Data(pool[index], jnp.where(finite, value, 0), finite, jnp.where(finite, noise, 0))
        best = lax.cummax(jnp.where(finite, value, -jnp.inf))
        params = surrogate.init(key_fit, data)
        posterior = surrogate.condition(params, data, pool)
        best_index = index[jnp.argmax(jnp.where(finite, value, -jnp.inf))]
        unknown = jnp.full(number, jnp.nan, dtype)
        state = State(
            count=jnp.asarray(number, jnp.int32),
            data=data,
            chosen=index,
            visited=jnp.zeros(size, bool).at[index].set(True),
            best=best[-1],
            best_index=best_index,
            best_x=candidates[best_index],
            z_score=unknown,
            params=params,
            posterior=posterior,
        )
        none = jnp.zeros(number, jnp.int32)
        last = jnp.arange(number) == number - 1
        info = Info(
            index=index,
            x=candidates[index],
            value=value,
            finite=finite,
            mean=unknown,
            std=unknown,
            z_score=unknown,
            best=best,
            refitted=last,
            fit_evaluations=none,
            retries=none.at[-1].set(posterior.retries),
            params=at_last(params, number),
            observed=None,
        )
        return state, info

    def look(state, prediction):
        def sample(key):
            if surrogate.path is not None and size > JOINT_DRAW:
                return surrogate.path(key, state.params, state.data)(pool)
            return surrogate.sample(key, state.params, state.data, pool)

        return View(
            x=pool,
            sample=sample,
            covariance=lambda index: surrogate.covariance(state.params, state.posterior, pool, index),
            reference=prediction,
        )

    def ask(key, state):
        prediction = surface(state)
        score = acquisition(key, prediction, state, look(state, prediction))
        blocked = jnp.isnan(score) if config.revisit else jnp.isnan(score) | state.visited
        index = jnp.argmax(jnp.where(blocked, -jnp.inf, score)).astype(jnp.int32)
        if not config.revisit:  # all free scores may be −∞; the argmax is then any, even a visited one
            index = jnp.where(state.visited[index], jnp.argmin(state.visited).astype(jnp.int32), index)
        return Proposal(index, candidates[index], prediction.mean[index], prediction.std[index])

    def advance(key, state):
        key_acquisition, key_objective = jax.random.split(key)
        proposal = ask(key_acquisition, state)
        value, noise = evaluate(key_objective, proposal.x)
        return tell(state, proposal, value, noise)

    def tell(state: State, proposal: Proposal, value: Array | float, noise: Array | float = 0.0):
        index = proposal.index
        value, noise = jnp.asarray(value, dtype), jnp.asarray(noise, dtype)
        finite = jnp.isfinite(value) & (noise >= 0) & jnp.isfinite(noise)
        posterior, z_score = surrogate.append(
            state.params, state.posterior, pool, state.count, index, value, noise, finite
        )
        better = finite & (value > state.best)
        after = State(
            count=state.count + 1,
            data=types.write(state.data, state.count, pool[index], value, noise, finite),
            chosen=lax.dynamic_update_index_in_dim(state.chosen, index, state.count, 0),
            visited=state.visited.at[index].set(True),
            best=jnp.where(better, value, state.best),
            best_index=jnp.where(better, index, state.best_index),
            best_x=jnp.where(better, proposal.x, state.best_x),
            z_score=lax.dynamic_update_index_in_dim(state.z_score, z_score, state.count, 0),
            params=state.params,
            posterior=posterior,
        )
        info = Info(
            index=index,
            x=proposal.x,
            value=value,
            finite=finite,
            mean=proposal.mean,
            std=proposal.std,
            z_score=z_score,
            best=after.best,
            refitted=jnp.zeros((), bool),
            fit_evaluations=jnp.zeros((), jnp.int32),
            retries=jnp.zeros((), jnp.int32),
            params=state.params,
            observed=None,
        )
        return after, info

    def refit(key, state, info):
        params, fitted = surrogate.fit(key, state.params, state.data)
        posterior = surrogate.condition(params, state.data, pool)
        info = info._replace(
            refitted=jnp.ones((), bool),
            fit_evaluations=jnp.asarray(fitted.evaluations, jnp.int32),
            retries=posterior.retries,
            params=params,
        )
        return state._replace(params=params, posterior=posterior), info

    def step(key, state):
        key_advance, key_fit = jax.random.split(key)
        state, info = advance(key_advance, state)
        due = (state.count - config.initial_points) % config.refit_every == 0
        return lax.cond(due, refit, lambda key, state, info: (state, info), key_fit, state, info)

    def grow(state, capacity):
        extra = capacity - state.chosen.shape[0]
        return state._replace(
            data=types.grow(state.data, capacity),
            chosen=jnp.pad(state.chosen, (0, extra), constant_values=-1),
            z_score=jnp.pad(state.z_score, (0, extra), constant_values=jnp.nan),
            posterior=surrogate.grow(state.posterior, capacity),
        )

    return Campaign(init, step, ask, tell, advance, refit, grow, surface, evaluate, config)


def evaluator(objective: Callable[[Array, Array], Any], dtype: Any) -> Callable[[Array, Array], tuple[Array, Array]]:
    """(key, x) -> (value, noise variance) in ``dtype``; ValueError, when traced, unless both are scalars."""

    def evaluate(key, x):
        observed = objective(key, x)
        observed = observed if isinstance(observed, Observation) else Observation(observed, jnp.zeros(()))
        value, variance = (jnp.asarray(part) for part in observed)
        if value.shape != () or variance.shape != ():
            raise ValueError(
                f"the objective returned shape {value.shape} (noise variance {variance.shape}) for one candidate; "
                "it must return a scalar, or an Observation of two scalars"
            )
        return value.astype(dtype), variance.astype(dtype)

    return evaluate


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
    watch = (lambda state: observe(campaign.surface(state), state)) if observe else (lambda state: None)

    def advance(state, _):
        key_advance, _unused = keys_of(key_steps, state.count)
        state, info = campaign.advance(key_advance, state)
        return state, info._replace(observed=watch(state))

    def cycle(state, _):
        state, infos = lax.scan(advance, state, length=config.refit_every)
        last = jax.tree.map(lambda leaf: leaf[-1], infos)
        _unused, key_fit = keys_of(key_steps, state.count - 1)
        state, last = campaign.refit(key_fit, state, last)
        last = last._replace(observed=watch(state))
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


def keys_of(key: Array, count: Array) -> tuple[Array, Array]:
    """(for the advance, for the fit) of the step that makes evaluation number ``count``: ``step``'s own split."""
    key_advance, key_fit = jax.random.split(jax.random.fold_in(key, count))
    return key_advance, key_fit


def schedule(config: Config) -> list[tuple[int, int]]:
    """(capacity, refit cycles) of each bucket: the cycles split as evenly as they go."""
    cycles = config.steps // config.refit_every
    buckets, done = [], 0
    for part in np.array_split(np.arange(cycles), min(config.buckets, cycles)) if cycles else []:
        done += part.size
        buckets.append((config.initial_points + done * config.refit_every, int(part.size)))
    return buckets


def at_last(tree: Any, number: int) -> Any:
    """Each leaf as the last of ``number`` rows, the others NaN (0 for integers and booleans)."""

    def place(leaf):
        leaf = jnp.asarray(leaf)
        missing = jnp.nan if jnp.issubdtype(leaf.dtype, jnp.inexact) else 0
        return jnp.full((number, *leaf.shape), missing, leaf.dtype).at[-1].set(leaf)

    return jax.tree.map(place, tree)


def unit_cube(candidates: Float[Array, "pool dim"], dtype: Any) -> Float[Array, "pool dim"]:
    """The pool with each column scaled to [0, 1]; a constant column becomes 0."""
    x = jnp.asarray(candidates).astype(dtype)
    low, high = jnp.min(x, axis=0, keepdims=True), jnp.max(x, axis=0, keepdims=True)
    return (x - low) / jnp.where(high > low, high - low, 1)


def check_pool(candidates: Any, config: Config, initial: Any) -> int:
    """Number of candidates; ValueError if the pool or the initial design cannot serve the budget."""
    shape = jnp.shape(candidates)
    if len(shape) != 2 or 0 in shape:
        raise ValueError(f"candidates have shape {shape}; expected (pool, dim) with neither of them 0")
    if not isinstance(candidates, Tracer) and not np.all(np.isfinite(candidates)):
        bad = np.flatnonzero(~np.all(np.isfinite(candidates), axis=1))
        raise ValueError(f"{bad.size} candidates are not finite, the first is number {bad[0]}: remove them")
    size = shape[0]
    if config.initial_points > size:
        raise ValueError(
            f"initial_points is {config.initial_points} but there are only {size} candidates: ask for fewer"
        )
    if config.evaluations > size and not config.revisit:
        raise ValueError(
            f"{config.initial_points} initial points + {config.steps} steps exceed the {size} candidates: "
            "lower the budget, or set revisit=True if the objective is noisy"
        )
    if initial is not None:
        if jnp.shape(initial) != (config.initial_points,):
            raise ValueError(
                f"initial has shape {jnp.shape(initial)}; expected ({config.initial_points},), "
                "as many as config.initial_points"
            )
        if not isinstance(initial, Tracer):
            given = np.asarray(initial)
            if given.min() < 0 or given.max() >= size:
                raise ValueError(f"initial holds {given.min()}..{given.max()}; candidates are 0..{size - 1}")
            if not config.revisit and np.unique(given).size < given.size:
                raise ValueError("initial names a candidate twice: remove the duplicates, or set revisit=True")
    return size
