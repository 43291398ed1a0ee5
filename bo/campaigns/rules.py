"""When to fit again and when to stop, decided inside a compiled run and vmapped over seeds.

``lax.cond`` on a batched condition becomes a select that computes both branches for all. ``anywhere`` keeps it a
branch: it is true for the whole batch if it is for one member, and what happens then is masked member by member.
"""

from typing import Any

import jax.numpy as jnp
from jax import lax
from jax.custom_batching import custom_vmap, sequential_vmap
from jaxtyping import Array, Bool, Float

from bo.surrogates.base import Prediction


@custom_vmap
def anywhere(flag: Bool[Array, ""]) -> Bool[Array, ""]:
    """Whether ``flag`` is true for any member of all batches around: one number for all of them, at any vmap depth."""
    return flag


@anywhere.def_vmap
def _anywhere_batched(axis_size, in_batched, flag):
    del axis_size, in_batched
    return anywhere(jnp.any(flag, axis=0)), False


def fit_where(due: Bool[Array, ""], fit: Any, key: Array, params: Any, data: Any) -> tuple[Any, Array]:
    """(params, evaluations of the objective): fitted where ``due``, as they were elsewhere, member after member."""

    @sequential_vmap
    def one(due, key, params, data):
        def again(key, params, data):
            params, info = fit(key, params, data)
            return params, jnp.asarray(info.evaluations, jnp.int32)

        return lax.cond(due, again, lambda key, params, data: (params, jnp.zeros((), jnp.int32)), key, params, data)

    return one(due, key, params, data)


def regret_bound(everywhere: Prediction, seen: Prediction, mask: Bool[Array, "seen"], kappa: float) -> Float[Array, ""]:
    """max (μ + κσ) over all points minus max (μ − κσ) over the observed ones: a bound on the simple regret.

    It holds with the probability that all of the latent function lies within ±κσ (Makarova et al. 2022, section 3.2);
    +∞ while nothing has been observed.
    """
    upper = jnp.max(everywhere.mean + kappa * everywhere.std)
    lower = jnp.max(jnp.where(mask, seen.mean - kappa * seen.std, -jnp.inf))
    return upper - lower
