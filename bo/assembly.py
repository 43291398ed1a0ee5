"""What campaigns over pools and boxes share: the evaluation of an objective, the stopping rule, when to refit."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from bo import rules
from bo.records import Campaign, Config, Info, State
from bo.types import Observation, Surrogate


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


def at_last(tree: Any, number: int) -> Any:
    """Each leaf as the last of ``number`` rows, the others NaN (0 for integers and booleans)."""

    def place(leaf):
        leaf = jnp.asarray(leaf)
        missing = jnp.nan if jnp.issubdtype(leaf.dtype, jnp.inexact) else 0
        return jnp.full((number, *leaf.shape), missing, leaf.dtype).at[-1].set(leaf)

    return jax.tree.map(place, tree)
