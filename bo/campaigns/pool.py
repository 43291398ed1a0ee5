"""A whole pool campaign as one pure function of a key: ``jax.jit(jax.vmap(lambda key: run(key, campaign)))(keys)``.

An evaluation is ``step``: ask (acquisition on the carried posterior), evaluate the objective, append. After every
``refit_every`` steps the hyperparameters are fitted again and the posterior is rebuilt. The records are in
``bo.campaigns.records``, ``run`` in ``bo.campaigns.running``; both are offered here.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer
from jaxtyping import Array, Float, Int

from bo import data
from bo.acquisitions.base import Acquisition, View
from bo.campaigns import rules
from bo.campaigns.assembly import assemble, evaluator, fit_and_note, noted, opened, ready, usable
from bo.campaigns.records import Campaign, CampaignConfig, Info, Pool, Proposal, State
from bo.campaigns.running import run
from bo.surrogates.base import Surrogate

__all__ = ["Campaign", "CampaignConfig", "Info", "Proposal", "State", "campaign", "run", "unit_cube"]

JOINT_DRAW = 2000  # candidates; beyond them a draw is pathwise: the exact one costs their number cubed


def campaign(
    objective: Callable[[Array, Array], Array],
    candidates: Float[Array, "pool dim"],
    surrogate: Surrogate,
    acquisition: Acquisition,
    config: CampaignConfig = CampaignConfig(),
    *,
    initial: Int[Array, "initial_points"] | None = None,
) -> Campaign:
    """Maximise ``objective(key, x)`` over the rows of ``candidates``; it returns a number or an ``Observation``.

    The initial design is ``initial`` (indices into the pool) or, by default, random candidates from the key. A
    value that is not finite is recorded in Info and never reaches the surrogate. ValueError for an empty or
    non-finite pool, a budget it cannot serve, and an initial design of the wrong size.
    """
    dtype = ready(surrogate, acquisition)
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
        index = proposal.index
        state, info = opened(surrogate, key, config, proposal, pool[index], value, noise)
        posterior = surrogate.condition(state.params, state.data, pool)
        state = state._replace(
            chosen=index,
            visited=jnp.zeros(size, bool).at[index].set(True),
            best_index=index[jnp.argmax(jnp.where(info.finite, value, -jnp.inf))],
            posterior=posterior,
        )
        return state, info._replace(retries=info.retries.at[-1].set(posterior.retries))

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
        live = True if state.stopped is None else ~state.stopped
        row = jnp.where(live, index, -1)
        after, info = noted(state, proposal, pool[index], value, noise, finite, z_score)
        after = after._replace(
            chosen=lax.dynamic_update_index_in_dim(state.chosen, row, state.count, 0),
            visited=state.visited.at[index].max(live),
            best_index=jnp.where(finite & (value > state.best), index, state.best_index),
            posterior=posterior,
        )
        return after, info._replace(index=row)

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
            data=data.grow(state.data, capacity),
            chosen=jnp.pad(state.chosen, (0, extra), constant_values=-1),
            z_score=jnp.pad(state.z_score, (0, extra), constant_values=jnp.nan),
            posterior=surrogate.grow(state.posterior, capacity),
        )

    domain = Pool(candidates)
    return assemble(ask, tell, refit, grow, surface, evaluate, config, domain, design, begin, propose, bound)


def unit_cube(candidates: Float[Array, "pool dim"], dtype: Any) -> Float[Array, "pool dim"]:
    """The pool with each column scaled to [0, 1]; a constant column becomes 0."""
    x = jnp.asarray(candidates).astype(dtype)
    low, high = jnp.min(x, axis=0, keepdims=True), jnp.max(x, axis=0, keepdims=True)
    return (x - low) / jnp.where(high > low, high - low, 1)


def check_pool(candidates: Any, config: CampaignConfig, initial: Any) -> int:
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
