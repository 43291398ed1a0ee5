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

from bo import rules, types
from bo.acquisition import Acquisition
from bo.types import Data, Observation, Prediction, Surrogate, View, require_precision

JOINT_DRAW = 2000  # candidates; beyond them a draw is pathwise: the exact one costs their number cubed


@dataclass(frozen=True)
class Config:
    """Budget and schedule. ``revisit`` allows a candidate to be evaluated twice: only for noisy objectives.

    surprise     fit again at once when the new observation's |z| exceeds this, between the refits that are due anyway
    stop_regret  end a member when the bound on its regret (``bo.rules.regret_bound``, with ``stop_kappa`` standard
                 deviations) falls below this, in units of the objective; its remaining evaluations are not made
    """

    initial_points: int = 100
    steps: int = 500
    refit_every: int = 25
    buckets: int = 4
    revisit: bool = False
    surprise: float | None = None
    stop_regret: float | None = None
    stop_kappa: float = 2.0

    def __post_init__(self):
        for name in ("initial_points", "steps", "refit_every", "buckets"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        for name in ("surprise", "stop_regret", "stop_kappa"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} is {value}; it must be positive (surprise and stop_regret may be None)")

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
    stopped: Bool[Array, ""] | None = None  # None without a stopping rule


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
    regret_bound, stopped: after this evaluation, None without a stopping rule. A member that has stopped evaluates
    nothing any more: its index is −1, its value NaN, its row of the data empty.
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
    regret_bound: Float[Array, "..."] | None = None
    stopped: Bool[Array, "..."] | None = None


class Pool(NamedTuple):
    """The points that a campaign may propose: these rows."""

    candidates: Float[Array, "pool dim"]


class Box(NamedTuple):
    """The points that a campaign may propose: all between the columns."""

    bounds: Float[Array, "dim 2"]


class Campaign(NamedTuple):
    """init (key) -> (state, info) · step (key, state) -> (state, info), with a refit when one is due.

    The rest are their parts, which ``run`` and ``bo.session`` put together. init: design (key) -> Proposal, all initial
    points at once; begin (key, proposal, value, noise) -> (state, info). step: ask (key, state) -> Proposal; tell
    (state, proposal, value, noise) -> (state, info); advance is a step that never refits: ask, evaluate, tell; refit
    (key, state, info, due) -> (state, info), where due; follow (key, state, info) -> (state, info): the refit that the
    schedule asks for after this observation, if any. propose (state, index or x) -> Proposal of a point of one's
    own choice; grow (state, capacity) -> state; surface (state) -> Prediction on the pool; bound (state) on the regret;
    evaluate (key, x) -> (value, noise variance) of the objective.
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
    domain: Pool | Box
    design: Callable[[Array], Proposal]
    begin: Callable[..., tuple[State, Info]]
    propose: Callable[..., Proposal]
    bound: Callable[[State], Array]
    follow: Callable[..., tuple[State, Info]]


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

    def design(key):
        number = config.initial_points
        if initial is None:
            index = jax.random.choice(key, size, (number,), replace=False).astype(jnp.int32)
        else:
            index = jnp.asarray(initial, jnp.int32)
        unknown = jnp.full(number, jnp.nan, dtype)
        return Proposal(index, candidates[index], unknown, unknown)

    def begin(key, proposal, value, noise):
        index, number, unknown = proposal.index, config.initial_points, proposal.mean
        finite = usable(value, noise)
        data = Data(pool[index], jnp.where(finite, value, 0), finite, jnp.where(finite, noise, 0))
        best = lax.cummax(jnp.where(finite, value, -jnp.inf))
        params = surrogate.init(key, data)
        posterior = surrogate.condition(params, data, pool)
        best_index = index[jnp.argmax(jnp.where(finite, value, -jnp.inf))]
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
            stopped=None if config.stop_regret is None else jnp.zeros((), bool),
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
        return propose(state, index)

    def propose(state, index):
        prediction = surface(state)
        return Proposal(index, candidates[index], prediction.mean[index], prediction.std[index])

    def tell(state: State, proposal: Proposal, value: Array | float, noise: Array | float = 0.0):
        index = proposal.index
        value, noise = jnp.asarray(value, dtype), jnp.asarray(noise, dtype)
        finite = usable(value, noise, state.stopped)
        posterior, z_score = surrogate.append(
            state.params, state.posterior, pool, state.count, index, value, noise, finite
        )
        better = finite & (value > state.best)
        live = True if state.stopped is None else ~state.stopped
        row = jnp.where(live, index, -1)
        after = State(
            count=state.count + 1,
            data=types.write(state.data, state.count, pool[index], value, noise, finite),
            chosen=lax.dynamic_update_index_in_dim(state.chosen, row, state.count, 0),
            visited=state.visited.at[index].max(live),
            best=jnp.where(better, value, state.best),
            best_index=jnp.where(better, index, state.best_index),
            best_x=jnp.where(better, proposal.x, state.best_x),
            z_score=lax.dynamic_update_index_in_dim(state.z_score, z_score, state.count, 0),
            params=state.params,
            posterior=posterior,
            stopped=state.stopped,
        )
        info = Info(
            index=row,
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

    def refit(key, state, info, due=None):
        params, info = fit_and_note(surrogate, key, state, info, due)
        posterior = surrogate.condition(params, state.data, pool)
        return state._replace(params=params, posterior=posterior), info._replace(retries=posterior.retries)

    def bound(state):
        prediction = surface(state)
        known = jnp.zeros(size, bool).at[state.chosen].max(state.data.mask)  # an empty row's −1 has no mask
        return rules.regret_bound(prediction, prediction, known, config.stop_kappa)

    def grow(state, capacity):
        extra = capacity - state.chosen.shape[0]
        return state._replace(
            data=types.grow(state.data, capacity),
            chosen=jnp.pad(state.chosen, (0, extra), constant_values=-1),
            z_score=jnp.pad(state.z_score, (0, extra), constant_values=jnp.nan),
            posterior=surrogate.grow(state.posterior, capacity),
        )

    domain = Pool(candidates)
    return assemble(ask, tell, refit, grow, surface, evaluate, config, domain, design, begin, propose, bound)


def assemble(ask, tell, refit, grow, surface, evaluate, config, domain, design, begin, propose, bound) -> Campaign:
    """The Campaign of these parts: init, step and the stopping rule are the same for pools and boxes."""

    def judged_begin(key, proposal, value, noise):
        state, info = begin(key, proposal, value, noise)
        if config.stop_regret is not None:
            info = info._replace(regret_bound=jnp.full_like(info.best, jnp.nan), stopped=jnp.zeros_like(info.finite))
        return state, info

    def judged_tell(state, proposal, value, noise=0.0):
        before = state.stopped
        state, info = tell(state, proposal, value, noise)
        if config.stop_regret is None:
            return state, info
        limit = bound(state)
        stopped = before | (limit < config.stop_regret)
        value = jnp.where(before, jnp.nan, info.value)
        return state._replace(stopped=stopped), info._replace(value=value, regret_bound=limit, stopped=stopped)

    def init(key):
        key_design, key_objective, key_fit = jax.random.split(key, 3)
        proposal = design(key_design)
        keys = jax.random.split(key_objective, config.initial_points)
        return judged_begin(key_fit, proposal, *jax.vmap(evaluate)(keys, proposal.x))

    def advance(key, state):
        key_ask, key_objective = jax.random.split(key)
        proposal = ask(key_ask, state)
        return judged_tell(state, proposal, *evaluate(key_objective, proposal.x))

    def step(key, state):
        key_advance, key_fit = jax.random.split(key)
        return follow(key_fit, *advance(key_advance, state))

    def follow(key, state, info):
        due = (state.count - config.initial_points) % config.refit_every == 0
        if config.surprise is not None:
            due |= surprised(info, config)
        return refit_where(refit, due, key, state, info)

    parts = (ask, judged_tell, advance, refit, grow, surface, evaluate, config, domain, design, judged_begin, propose)
    return Campaign(init, step, *parts, bound, follow)


def usable(value: Array, noise: Array, stopped: Array | None = None) -> Array:
    """Whether an observation may reach the surrogate."""
    good = jnp.isfinite(value) & (noise >= 0) & jnp.isfinite(noise)
    return good if stopped is None else good & ~stopped


def surprised(info: Info, config: Config) -> Array:
    """|z| of the new observation is beyond the threshold (never for one that is not finite)."""
    assert config.surprise is not None
    return jnp.abs(info.z_score) > config.surprise


def fit_and_note(surrogate: Surrogate, key: Array, state: State, info: Info, due: Array | None) -> tuple[Any, Info]:
    """New params, and Info that says so; only where ``due``, if that is given."""
    if due is None:
        params, fitted = surrogate.fit(key, state.params, state.data)
        due, evaluations = jnp.ones((), bool), jnp.asarray(fitted.evaluations, jnp.int32)
    else:
        params, evaluations = rules.fit_where(due, surrogate.fit, key, state.params, state.data)
    return params, info._replace(refitted=due, fit_evaluations=evaluations, params=params)


def refit_where(refit: Callable[..., tuple[State, Info]], due: Array, key: Array, state: State, info: Info):
    """Refit the members that are due; when none is, nothing is computed."""
    return lax.cond(rules.anywhere(due), refit, lambda key, state, info, due: (state, info), key, state, info, due)


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
