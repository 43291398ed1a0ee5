"""The posterior over a fixed pool, updated from observation to observation.

With L the Cholesky factor of K + noise and V = L⁻¹ K(X, pool), the column V[:, j] *is* L⁻¹ k(X, x_j). Observing
candidate j therefore needs no triangular solve: the new row of V is (k(x_j, pool) − V[:, j]ᵀ V) / s with
s² = σ_j² + noise, and mean += z·row, variance −= row², where z = (y − μ_j)/s is the one-step-ahead z-score.

The new row is not written in the step that computes it, because reading and writing V in one step makes XLA copy V. It
is kept as ``pending`` and written at the top of the next step.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Bool, Float, Int

from bo.data import Shared
from bo.numerics import rows
from bo.numerics.linalg import factorise
from ferro_jax import memory


class PoolPosterior(NamedTuple):
    """Posterior of the standardised latent function over the pool.

    ``projected`` is V without its pending row, ``row`` (I[""], one number for all members under vmap) the place of the
    ``pending`` one. ``noise`` includes the jitter that the factorisation needed after so many ``retries``.
    """

    projected: Float[Array, "capacity pool"]
    pending: Float[Array, "pool"]
    row: Shared
    mean: Float[Array, "pool"]
    variance: Float[Array, "pool"]
    noise: Float[Array, ""]
    retries: Int[Array, ""]


def project(
    gram: Float[Array, "n n"],
    residual: Float[Array, "n"],
    across: Float[Array, "n pool"],
    diagonal: Float[Array, "pool"],
    noise: Float[Array, ""],
    used: Int[Array, ""],
) -> tuple[Any, ...]:
    """Compute (V, mean, variance, noise, retries) from scratch.

    Rows without an observation are the identity's in ``gram`` and zero in ``across``. The mean is what the observations
    add to the prior mean, which the caller adds.
    """
    factor, jitter, retries = factorise(gram, used)
    projected = rows.solve(factor, across, used)
    mean = rows.weighted_sum(solve_triangular(factor, residual, lower=True), projected, used)
    explained = rows.sum_of_squares(projected, used)
    return projected, mean, diagonal - explained, noise + jitter, retries


def start(projection: tuple[Any, ...]) -> PoolPosterior:
    """Return the posterior whose pending row is the last of V, already in place: the first write changes nothing.

    ``row`` is made here, outside what may be batched, because under vmap it must stay one number for all members, else
    the write becomes a scatter.
    """
    projected, mean, variance, noise, retries = projection
    last = projected.shape[0] - 1
    row = Shared(jnp.asarray(last, jnp.int32))
    return PoolPosterior(projected, projected[last], row, mean, variance, noise, retries)


def covariance(posterior: PoolPosterior, prior: Float[Array, "pool"], index: Int[Array, ""]) -> Float[Array, "pool"]:
    """Return the posterior covariance of candidate ``index`` with the pool, from ``prior`` = k(x_index, pool)."""
    row = posterior.row.value
    column = posterior.projected[:, index].at[row].set(posterior.pending[index])
    stored = posterior.projected[row]  # the row that the pending one will replace
    rest = column @ posterior.projected - column[row] * stored
    return prior - rest - column[row] * posterior.pending


def append(
    posterior: PoolPosterior,
    covariance: Float[Array, "pool"],
    count: Int[Array, ""],
    index: Int[Array, ""],
    target: Float[Array, ""],
    noise: Float[Array, ""],
    valid: Bool[Array, ""],
) -> tuple[PoolPosterior, Float[Array, ""]]:
    """Return the posterior after observing ``target`` (standardised) at candidate ``index``, and its z-score.

    ``covariance`` is k(x_index, pool), ``count`` the row that the observation takes, ``noise`` the known variance of
    this observation, beside the fitted one. An observation that is not valid leaves mean and variance as they are and
    its row empty; its z-score is NaN.
    """
    V = jax.lax.dynamic_update_index_in_dim(posterior.projected, posterior.pending, posterior.row.value, 0)
    column = jax.lax.dynamic_index_in_dim(V, index, 1, keepdims=False)
    spread = jnp.sqrt(jnp.maximum(posterior.variance[index], 0) + posterior.noise + noise)
    row = jnp.where(valid, (covariance - rows.weighted_sum(column, V, count)) / spread, 0)
    z = (target - posterior.mean[index]) / spread
    updated = posterior._replace(
        projected=V,
        pending=row,
        row=Shared(jnp.asarray(count, jnp.int32)),
        mean=posterior.mean + jnp.where(valid, z, 0) * row,
        variance=posterior.variance - row**2,
    )
    return updated, jnp.where(valid, z, jnp.nan)


def grow(posterior: PoolPosterior, capacity: int) -> PoolPosterior:
    """Return the posterior with room for ``capacity`` observations; ValueError if that is less than now, or more than
    fits into memory."""
    present, pool = posterior.projected.shape
    extra = capacity - present
    if extra < 0:
        raise ValueError(f"capacity {capacity} is smaller than the present {present}: it can only grow")
    what = f"a campaign of {capacity} evaluations over {pool} candidates"
    memory.refuse(capacity * pool * posterior.projected.dtype.itemsize, what, "thin the pool out, or lower the budget")
    return posterior._replace(projected=jnp.pad(posterior.projected, ((0, extra), (0, 0))))
