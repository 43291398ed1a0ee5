"""What campaigns over pools and boxes share: the evaluation of an objective, the stopping rule, when to refit."""

import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from bo.acquisitions.base import Acquisition
from bo.campaigns import rules
from bo.campaigns.records import Campaign, CampaignConfig, Info, Proposal, State
from bo.data import Data, Observation, write
from bo.surrogates.base import Surrogate, require_precision


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


def ready(surrogate: Any, acquisition: Acquisition) -> jnp.dtype:
    """The surrogate's precision; ValueError for what is no surrogate or no acquisition, before anything runs."""
    if not isinstance(surrogate, Surrogate):
        raise ValueError(
            f"surrogate is a {type(surrogate).__name__}; expected a bo.surrogates.base.Surrogate, such as "
            "gp.gaussian_process(gp.GPConfig())"
        )
    try:
        inspect.signature(acquisition).bind("key", "prediction", "state", "view")
    except TypeError as error:
        name = getattr(acquisition, "__name__", repr(acquisition))
        raise ValueError(
            f"acquisition {name} does not take (key, prediction, state, view): those of bo.acquisitions.analytic are made by a "
            f"call, such as upper_confidence_bound(2.0) or log_expected_improvement() ({error})"
        ) from error
    return require_precision(surrogate.dtype)


def opened(
    surrogate: Surrogate, key: Array, config: CampaignConfig, proposal: Proposal, x: Array, value: Array, noise: Array
) -> tuple[State, Info]:
    """State and Info after the initial design, evaluated at ``x`` in the unit cube; without what only pools have."""
    number, unknown = config.initial_points, proposal.mean
    none = jnp.zeros(number, jnp.int32)
    finite = usable(value, noise)
    seen = jnp.where(finite, value, -jnp.inf)
    data = Data(x, jnp.where(finite, value, 0), finite, jnp.where(finite, noise, 0))
    best, params = lax.cummax(seen), surrogate.init(key, data)
    state = State(
        count=jnp.asarray(number, jnp.int32),
        data=data,
        chosen=None,
        visited=None,
        best=best[-1],
        best_index=None,
        best_x=proposal.x[jnp.argmax(seen)],
        z_score=unknown,
        params=params,
        posterior=None,
        stopped=None if config.stop_regret is None else jnp.zeros((), bool),
    )
    info = Info(
        index=proposal.index,
        x=proposal.x,
        value=value,
        finite=finite,
        mean=unknown,
        std=unknown,
        z_score=unknown,
        best=best,
        refitted=jnp.arange(number) == number - 1,
        fit_evaluations=none,
        retries=none,
        params=at_last(params, number),
        observed=None,
    )
    return state, info


def noted(
    state: State, proposal: Proposal, x: Array, value: Array, noise: Array, finite: Array, z_score: Array
) -> tuple[State, Info]:
    """State and Info after one more evaluation, at ``x`` in the unit cube; without what only pools have."""
    better = finite & (value > state.best)
    after = state._replace(
        count=state.count + 1,
        data=write(state.data, state.count, x, value, noise, finite),
        best=jnp.where(better, value, state.best),
        best_x=jnp.where(better, proposal.x, state.best_x),
        z_score=lax.dynamic_update_index_in_dim(state.z_score, z_score, state.count, 0),
    )
    info = Info(
        index=proposal.index,
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


def usable(value: Array, noise: Array, stopped: Array | None = None) -> Array:
    """Whether an observation may reach the surrogate."""
    good = jnp.isfinite(value) & (noise >= 0) & jnp.isfinite(noise)
    return good if stopped is None else good & ~stopped


def surprised(info: Info, config: CampaignConfig) -> Array:
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


def at_last(tree: Any, number: int) -> Any:
    """Each leaf as the last of ``number`` rows, the others NaN (0 for integers and booleans)."""

    def place(leaf):
        leaf = jnp.asarray(leaf)
        missing = jnp.nan if jnp.issubdtype(leaf.dtype, jnp.inexact) else 0
        return jnp.full((number, *leaf.shape), missing, leaf.dtype).at[-1].set(leaf)

    return jax.tree.map(place, tree)
