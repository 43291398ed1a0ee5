"""How well a Gaussian process predicts observations that were held out: in folds, and leaving one out."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.linalg import cho_solve
from jaxtyping import Array, Float, Int

from bo.numerics.linalg import factorise, inverse_factor
from bo.surrogates.base import standard_variance
from bo.surrogates.process_types import GPParams, Process

_CENTRAL_95 = 1.959964  # half width, in standard deviations, of the interval that holds 95 % of a normal density
_PRIOR_COUNT = 20.0  # the belief that the variances are right weighs as much as so many observations
_LARGEST_FACTOR = 9.0


class Report(NamedTuple):
    """How the candidates of a fit predict what was held out. NLL is per datum of standardised targets.

    Candidates are in order: the plain process first, noise alone last where it is a candidate. ``nll`` and ``coverage``
    (of the central 95 %) are of observations held out in folds, with hyperparameters fitted without them and variances
    times ``factor``, which the same observations chose. ``loo_nll`` and ``loo_coverage`` leave one out, in closed form,
    at the hyperparameters of all data: they flatter, and serve for comparison. ``chosen`` is the index of the chosen
    candidate; ``amplitude`` (variances of its blocks), ``lengthscale`` and ``noise`` include its factor.
    """

    nll: Float[Array, "candidate"]
    coverage: Float[Array, "candidate"]
    factor: Float[Array, "candidate"]
    loo_nll: Float[Array, "candidate"]
    loo_coverage: Float[Array, "candidate"]
    chosen: Int[Array, ""]
    amplitude: Float[Array, "block"]
    lengthscale: Float[Array, "block"]
    noise: Float[Array, ""]


class Residuals(NamedTuple):
    """Standardised target minus prediction of each row, and the predicted standard deviation, noise included."""

    residual: Float[Array, "n"]
    deviation: Float[Array, "n"]


def folds_of(data: Any, folds: int) -> Int[Array, "capacity"]:
    """Fold of each row: i mod ``folds``, so that a new observation never changes the fold of an old one."""
    return jnp.arange(data.mask.shape[0]) % folds


def held_out_residuals(model: Process, params: GPParams, data: Any) -> Residuals:
    """Residuals of every row against the prediction from the rows in ``data.mask``.

    They are meant for the rows that are not in the mask: the noise of a new observation is included.
    """
    everything = data._replace(mask=jnp.ones_like(data.mask))
    full = model.gram(params, everything)
    target = model.residual(params, everything)
    noise = params.noise + standard_variance(data.noise, params.scale)
    across = jnp.where(data.mask[:, None], full - jnp.diag(noise), 0)
    factor, _, _ = factorise(model.gram(params, data))
    projected = inverse_factor(factor) @ across
    weights = inverse_factor(factor) @ jnp.where(data.mask, target, 0)
    variance = jnp.diagonal(full) - jnp.sum(projected**2, axis=0)
    return Residuals(target - weights @ projected, jnp.sqrt(jnp.maximum(variance, noise)))


def leave_one_out(model: Process, params: GPParams, data: Any) -> Residuals:
    """Residuals of each observation against the prediction from all others.

    Rasmussen & Williams 2006, eq. 5.12: μ_i = y_i − α_i / K⁻¹_ii and σ_i² = 1 / K⁻¹_ii, noise included.
    """
    gram = model.gram(params, data)
    factor, _, _ = factorise(gram)
    diagonal = jnp.diagonal(cho_solve((factor, True), jnp.eye(gram.shape[0], dtype=gram.dtype)))
    return Residuals(cho_solve((factor, True), model.residual(params, data)) / diagonal, diagonal**-0.5)


def nll_and_coverage(
    residual: Float[Array, "n"], deviation: Float[Array, "n"], mask: Any
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """NLL per datum, and the share inside the central 95 %, of the rows in ``mask``."""
    z = residual / deviation
    count = jnp.maximum(jnp.sum(mask), 1)
    nll = 0.5 * z**2 + jnp.log(deviation) + 0.5 * jnp.log(2 * jnp.pi)
    # cast, because a mean of integers would be in double precision
    inside = (mask & (jnp.abs(z) < _CENTRAL_95)).astype(nll.dtype)
    return jnp.sum(jnp.where(mask, nll, 0)) / count, jnp.sum(inside) / count


def for_each_candidate(function: Callable[..., Any], residuals: Residuals, mask: Any) -> Any:
    """Evaluate ``function(residual, deviation, mask)`` for each row of residuals F["candidate n"]."""
    return jax.vmap(lambda residual, deviation: function(residual, deviation, mask))(*residuals)


def variance_factor(residual: Float[Array, "n"], deviation: Float[Array, "n"], mask: Any) -> Float[Array, ""]:
    """Factor by which variances are too small: the mean z² of what was held out, shrunk towards 1."""
    square = jnp.sum(jnp.where(mask, (residual / deviation) ** 2, 0))
    factor = (square + _PRIOR_COUNT) / (jnp.sum(mask).astype(square.dtype) + _PRIOR_COUNT)
    return jnp.clip(jnp.where(jnp.isfinite(factor), factor, 1), 1 / _LARGEST_FACTOR, _LARGEST_FACTOR)


def best_candidate(nll: Float[Array, "candidate"], margin: float) -> Int[Array, ""]:
    """Index of the smallest NLL after subtracting ``margin`` from entry 0; non-finite entries count as +∞."""
    known = jnp.where(jnp.isfinite(nll), nll, jnp.inf)
    return jnp.argmin(known.at[0].add(-margin)).astype(jnp.int32)
