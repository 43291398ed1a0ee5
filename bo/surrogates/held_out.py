"""How well a Gaussian process predicts observations that it has not seen: by folds, and leaving one out."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax.scipy.linalg import cho_solve
from jaxtyping import Array, Float, Int

from bo.numerics.linalg import factorise, inverse_factor
from bo.surrogates.process_types import GPParams, Process

_INSIDE = 1.959964  # standard deviations that hold 95 % of a normal density
_BELIEF = 20.0  # observations' worth of belief that the variances are right
_WIDEST = 9.0


class Report(NamedTuple):
    """What a fit can be held to, by candidate (the plain one first, noise alone last where it is one) and block. NLL
    per datum, of standardised targets.

    ``nll`` and ``coverage`` (of the central 95 %) are of observations held out in folds, hyperparameters fitted
    without them, variances times ``factor`` of the candidate, which the same observations chose. ``loo_nll`` and
    ``loo_coverage`` leave one out, in closed form, at the hyperparameters of all data: flattered, and for comparison.
    """

    nll: Float[Array, "candidate"]
    coverage: Float[Array, "candidate"]
    factor: Float[Array, "candidate"]
    loo_nll: Float[Array, "candidate"]
    loo_coverage: Float[Array, "candidate"]
    chosen: Int[Array, ""]
    amplitude: Float[Array, "block"]  # variances of the chosen one, factor included
    lengthscale: Float[Array, "block"]
    noise: Float[Array, ""]


def folds_of(data: Any, folds: int) -> Int[Array, "capacity"]:
    """Row i is in fold i mod folds: a new observation never changes the fold of an old one."""
    return jnp.arange(data.mask.shape[0]) % folds


def held_out(model: Process, params: GPParams, data: Any) -> tuple[Float[Array, "n"], Float[Array, "n"]]:
    """Residual (standardised) of every row against the prediction from the rows in data.mask, and its deviation.

    Meant for the rows that are not in the mask: the noise of a new observation is included.
    """
    everything = data._replace(mask=jnp.ones_like(data.mask))
    full = model.gram(params, everything)
    target = model.residual(params, everything)
    noise = params.noise + data.noise / params.scale**2
    across = jnp.where(data.mask[:, None], full - jnp.diag(noise), 0)
    factor, _, _ = factorise(model.gram(params, data))
    projected = inverse_factor(factor) @ across
    seen = inverse_factor(factor) @ jnp.where(data.mask, target, 0)
    variance = jnp.diagonal(full) - jnp.sum(projected**2, axis=0)
    return target - seen @ projected, jnp.sqrt(jnp.maximum(variance, noise))


def leave_one_out(model: Process, params: GPParams, data: Any) -> tuple[Float[Array, "n"], Float[Array, "n"]]:
    """Residual (standardised) of each observation against what all others predict, and its deviation.

    Rasmussen & Williams 2006, eq. 5.12: μ_i = y_i − α_i / K⁻¹_ii and σ_i² = 1 / K⁻¹_ii, noise included.
    """
    gram = model.gram(params, data)
    factor, _, _ = factorise(gram)
    diagonal = jnp.diagonal(cho_solve((factor, True), jnp.eye(gram.shape[0], dtype=gram.dtype)))
    return cho_solve((factor, True), model.residual(params, data)) / diagonal, diagonal**-0.5


def judge(
    residual: Float[Array, "n"], deviation: Float[Array, "n"], mask: Any
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """NLL per datum and the share inside the central 95 %, of the rows in ``mask``."""
    z = residual / deviation
    count = jnp.maximum(jnp.sum(mask), 1)
    nll = 0.5 * z**2 + jnp.log(deviation) + 0.5 * jnp.log(2 * jnp.pi)
    inside = (mask & (jnp.abs(z) < _INSIDE)).astype(nll.dtype)  # a share of integers would be in double precision
    return jnp.sum(jnp.where(mask, nll, 0)) / count, jnp.sum(inside) / count


def widening(residual: Float[Array, "n"], deviation: Float[Array, "n"], mask: Any) -> Float[Array, ""]:
    """What variances are to be multiplied with: the mean z² of what was held out, shrunk towards 1."""
    square = jnp.sum(jnp.where(mask, (residual / deviation) ** 2, 0))
    found = (square + _BELIEF) / (jnp.sum(mask).astype(square.dtype) + _BELIEF)
    return jnp.clip(jnp.where(jnp.isfinite(found), found, 1), 1 / _WIDEST, _WIDEST)


def preferred(nll: Float[Array, "candidate"], margin: float) -> Int[Array, ""]:
    """The lowest, the first one being given ``margin``; what is not a number loses."""
    known = jnp.where(jnp.isfinite(nll), nll, jnp.inf)
    return jnp.argmin(known.at[0].add(-margin)).astype(jnp.int32)
