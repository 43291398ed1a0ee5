"""When to fit again and when to stop, decided inside a compiled run and vmapped over seeds.

``lax.cond`` on a batched condition becomes a select that computes both branches for all members. ``anywhere`` keeps it
a branch: it is true for the whole batch if it is true for one member, and the result is then masked member by member.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float

from bo.campaigns.records import CampaignConfig, Info, State
from bo.numerics.members import largest, one_after_another
from bo.surrogates.base import Prediction


def anywhere(flag: Bool[Array, ""]) -> Bool[Array, ""]:
    """Return whether ``flag`` is true for any member of all batches around: one for all, at any depth of vmap."""
    return largest(flag)


def surprised(info: Info, config: CampaignConfig) -> Bool[Array, ""]:
    """Return whether |z-score| of the new observation exceeds the threshold; never for one that is not finite."""
    assert config.surprise is not None
    return jnp.abs(info.z_score) > config.surprise


def refit_where(
    refit: Callable[..., tuple[State, Info]], due: Bool[Array, ""] | None, key: Array, state: State, info: Info
) -> tuple[State, Info]:
    """Refit the members that are due, all without ``due``; when no member is due, nothing is computed."""
    if due is None:
        return refit(key, state, info)

    def as_they_are(key, state, info, due):
        del key, due
        return state, info

    return lax.cond(anywhere(due), refit, as_they_are, key, state, info, due)


def fit_where(
    due: Bool[Array, ""], fit: Callable[..., tuple[Any, Any]], key: Array, params: Any, data: Any
) -> tuple[Any, Array]:
    """Return the params, fitted where ``due``, and the evaluations that took; member after member."""

    def fitted(key, params, data):
        params, info = fit(key, params, data)
        return params, jnp.asarray(info.evaluations, jnp.int32)

    def unchanged(key, params, data):
        del key, data
        return params, jnp.zeros((), jnp.int32)

    @one_after_another
    def member(due, key, params, data):
        return lax.cond(due, fitted, unchanged, key, params, data)

    return member(due, key, params, data)


def regret_bound(
    everywhere: Prediction, observed: Prediction, mask: Bool[Array, "observed"], kappa: float
) -> Float[Array, ""]:
    """Return max (μ + κσ) over all points minus max (μ − κσ) over the observed ones: a bound on the simple regret.

    ``observed`` are the predictions at the observations, those where ``mask`` is true. The bound holds with the
    probability that all of the latent function lies within ±κσ (Makarova et al. 2022, section 3.2). It is +∞ while
    nothing has been observed.
    """
    upper = jnp.max(everywhere.mean + kappa * everywhere.std)
    lower = jnp.max(jnp.where(mask, observed.mean - kappa * observed.std, -jnp.inf))
    return upper - lower


def stop_where_bounded(
    config: CampaignConfig, before: State, after: State, info: Info, bound: Callable[[State], Array]
) -> tuple[State, Info]:
    """Return State and Info of an evaluation with the stopping rule applied; unchanged without a rule.

    A member that had stopped ``before`` has the value NaN. One whose ``bound`` is now below ``stop_regret`` stops.
    """
    if config.stop_regret is None:
        return after, info
    assert before.stopped is not None
    limit = bound(after)
    stopped = before.stopped | (limit < config.stop_regret)
    value = jnp.where(before.stopped, jnp.nan, info.value)
    return after._replace(stopped=stopped), info._replace(value=value, regret_bound=limit, stopped=stopped)
