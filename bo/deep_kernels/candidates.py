"""Candidates for a deep kernel, each a sum over some of the blocks, and the choice by what they predict."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from bo.deep_kernels.blocks import FitData, block_kernel, fit_data, kernel_of_squares, scale_variances, without_inactive
from bo.features.base import Block, find
from bo.surrogates.base import FitInfo
from bo.surrogates.gp import find_mode
from bo.surrogates.held_out import (
    Report,
    Residuals,
    best_candidate,
    folds_of,
    for_each_candidate,
    held_out_residuals,
    leave_one_out,
    nll_and_coverage,
    variance_factor,
)
from bo.surrogates.process import process, standardisation
from bo.surrogates.process_types import GPConfig, GPParams, Process

PLAIN = "raw"  # the block of the plain Gaussian process


class Candidates(NamedTuple):
    """What is fitted: ``active`` F["candidate block"] is 1 for the blocks that each candidate has.

    ``fitting`` is the process for ``FitData``. The first candidate is preferred by ``margin`` (NLL per datum); with
    ``noise_alone`` the last candidate has no block and is preferred to the first one by another margin.
    """

    fitting: Process
    blocks: Sequence[Block]
    active: np.ndarray
    folds: int
    margin: float
    noise_alone: bool


class DeepKernelParams(NamedTuple):
    """The chosen hyperparameters, where the next fits start, and the report.

    ``thetas`` are those of [candidate, all data and then each fold].
    """

    gp: GPParams
    thetas: Float[Array, "candidate fit p"]
    report: Report


class _Inputs(NamedTuple):
    """What the fits of all candidates to the same data share."""

    data: FitData
    folds: Int[Array, "capacity"]
    location: Float[Array, ""]
    scale: Float[Array, ""]


class _Fitted(NamedTuple):
    """A candidate fitted to all data (first of ``thetas``) and without each fold, and what it predicts."""

    thetas: Float[Array, "fit p"]
    params: GPParams
    held_out: Residuals
    left_out: Residuals
    info: FitInfo


def processes(blocks: Sequence[Block], kernel: str, config: GPConfig) -> tuple[Process, Process]:
    """Return the process that predicts, and the same process for ``FitData``, which is cheap to evaluate many times."""
    of_squares, observed = kernel_of_squares(blocks, kernel)
    predicting = process(config, block_kernel(blocks, kernel))
    return predicting, process(config, of_squares, observed=observed)


def masks(blocks: Sequence[Block], candidates: Sequence[Sequence[str]] | None, noise_alone: bool) -> np.ndarray:
    """Return F["candidate block"], 1 for the blocks that each candidate has; with ``noise_alone`` a last one has none.

    ``candidates`` None are the plain process, if there is a block "raw", and the sum of all blocks. ValueError for
    names that are no blocks, for no candidates, and for a candidate without blocks.
    """
    names = [block.name for block in blocks]
    if candidates is None:
        candidates = [[PLAIN], names] if PLAIN in names and len(names) > 1 else [names]
    if any(isinstance(candidate, str) for candidate in candidates):
        raise ValueError(f"the candidates are {candidates}; expected the blocks of each, [['raw'], ['raw', 'pca']]")
    for name in [name for candidate in candidates for name in candidate]:
        find(blocks, name)
    if not candidates or not all(candidates):
        raise ValueError(f"the candidates are {candidates}; expected one or more, each with one block or more")
    rows = [*candidates, []] if noise_alone else candidates
    return np.array([[name in candidate for name in names] for candidate in rows], float)


def cold_starts(candidates: Candidates, starts: Float[Array, "start p"]) -> Float[Array, "candidate fit p"]:
    """Return the same starts for all candidates, and NaN for the folds."""
    rows = jnp.concatenate([starts, jnp.full((candidates.folds, starts.shape[1]), jnp.nan, starts.dtype)])
    return jnp.broadcast_to(rows, (len(candidates.active), *rows.shape))


def fit_candidates(candidates: Candidates, thetas: Array, data: Any) -> tuple[DeepKernelParams, FitInfo]:
    """Fit every candidate to all data and without each fold; choose the one that predicts best what was held out.

    ``thetas`` F["candidate fit p"] are starts, the last ones of the folds: NaN to start where the fit to all data ends.
    Evaluations are those of all fits.
    """
    location, scale = standardisation(data)
    blocks, margin = candidates.blocks, candidates.margin
    squared = fit_data(blocks, data, jnp.zeros(len(blocks), data.y.dtype))
    inputs = _Inputs(squared, folds_of(data, candidates.folds), location, scale)
    fits = jax.lax.map(
        lambda each: _fit_candidate(candidates, inputs, *each),
        (thetas, jnp.asarray(candidates.active, data.y.dtype)),
    )
    factor = for_each_candidate(variance_factor, fits.held_out, data.mask)
    widened = fits.held_out._replace(deviation=fits.held_out.deviation * factor[:, None] ** 0.5)
    nll, coverage = for_each_candidate(nll_and_coverage, widened, data.mask)
    loo_nll, loo_coverage = for_each_candidate(nll_and_coverage, fits.left_out, data.mask)
    chosen = best_candidate(nll.at[-1].add(-2 * margin) if candidates.noise_alone else nll, margin)
    gp = scale_variances(jax.tree.map(lambda leaf: leaf[chosen], fits.params), factor[chosen])
    report = Report(
        nll=nll,
        coverage=coverage,
        factor=factor,
        loo_nll=loo_nll,
        loo_coverage=loo_coverage,
        chosen=chosen,
        amplitude=gp.kernel["variance"],
        lengthscale=gp.kernel["lengthscale"],
        noise=gp.noise,
    )
    evaluations = jnp.sum(fits.info.evaluations)
    info = FitInfo(fits.info.objective[chosen], fits.info.iterations[chosen], evaluations)
    return DeepKernelParams(gp, fits.thetas, report), info


def _fit_candidate(
    candidates: Candidates, inputs: _Inputs, thetas: Float[Array, "fit p"], active: Float[Array, "block"]
) -> _Fitted:
    fitting, (_, folds, location, scale) = candidates.fitting, inputs
    data, starts = inputs.data._replace(active=active), thetas.shape[0] - candidates.folds

    def advance(best, each):
        """One fit after the other: all data from each start, then the folds, from their own or the best start."""
        place, start = each
        fold = place - starts  # negative: none is held out
        part = data._replace(mask=data.mask & (folds != fold))
        start = jnp.where(jnp.all(jnp.isfinite(start)), start, best[0])
        theta, info = find_mode(fitting, start, part, location, scale, volume=True)
        params = fitting.params(theta, data.x.shape[1], location, scale)
        better = (fold < 0) & (info.objective < best[1])
        best = jax.tree.map(lambda new, old: jnp.where(better, new, old), (theta, info.objective), best)
        return best, (theta, held_out_residuals(fitting, params, part), info)

    first = thetas[0], jnp.asarray(jnp.inf, thetas.dtype)
    (theta, objective), fits = jax.lax.scan(advance, first, (jnp.arange(starts + candidates.folds), thetas))
    of_folds, predicted, _ = jax.tree.map(lambda leaf: leaf[starts:], fits)
    held_out = Residuals(*(leaf[folds, jnp.arange(folds.size)] for leaf in predicted))
    params = fitting.params(theta, data.x.shape[1], location, scale)
    left_out = leave_one_out(fitting, params, data)
    info = FitInfo(objective, jnp.max(fits[2].iterations), jnp.sum(fits[2].evaluations))
    thetas = jnp.concatenate([theta[None], of_folds])
    return _Fitted(thetas, without_inactive(params, active), held_out, left_out, info)
