"""Gaussian processes on features: one kernel per block and one on the raw points, chosen by what they predict.

The features are frozen: learned from the unlabelled pool (``bo.features.base``), not from the targets. Amplitudes,
lengthscales and noise maximise their posterior; how much each block counts is found by its amplitude. The plain
Gaussian process on the raw block is always among the candidates, and stays unless another one predicts observations
that were held out better, by a margin. What was held out also tells by how much the variances are too small.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bo.deep_kernels.blocks import KINDS, block_kernel, fit_data, from_squares, select, widened, without
from bo.features.base import Block, find
from bo.surrogates.base import FitInfo, Surrogate
from bo.surrogates.checks import check
from bo.surrogates.gp import find_mode
from bo.surrogates.held_out import Report, folds_of, held_out, judge, leave_one_out, preferred, widening
from bo.surrogates.process import process, standardisation
from bo.surrogates.process_types import GPConfig, GPParams, Process
from bo.surrogates.wrapping import behind

PLAIN = "raw"  # the block of the plain Gaussian process


@dataclass(frozen=True)
class DeepKernelConfig:
    """``kernel`` is the kind for every block: matern52, matern32, matern12 or rbf.

    ``folds`` of the observations are held out in turn, row i in fold i mod folds. A candidate replaces the plain
    Gaussian process where its held-out NLL (per datum, of standardised targets) is lower by ``margin``. With
    ``noise_alone`` a constant with noise is a candidate as well: right for predictions, wrong for a campaign, whose
    surface it leaves flat, so that candidates are taken in the pool's order. ``gp`` holds precision, prior of the noise
    and the search's settings; its kernel is not used.
    """

    kernel: str = "matern52"
    folds: int = 5
    margin: float = 0.02
    noise_alone: bool = True
    gp: GPConfig = field(default_factory=lambda: GPConfig(starts=2, noise_prior=(-2.0, 1.0)))

    def __post_init__(self):
        if self.kernel not in KINDS:
            raise ValueError(f"kernel is {self.kernel!r}; expected one of {sorted(KINDS)}")
        if self.folds < 2 or not self.margin >= 0:
            raise ValueError(f"folds={self.folds}, margin={self.margin}: expected 2 or more, and 0 or more")


class DeepKernelParams(NamedTuple):
    """The chosen hyperparameters; where the next fits start, [candidate, all data and then each fold]; the report."""

    gp: GPParams
    thetas: Float[Array, "candidate fit p"]
    report: Report

    @property
    def scale(self) -> Float[Array, "..."]:
        return self.gp.scale

    @property
    def noise(self) -> Float[Array, "..."]:
        return self.gp.noise


def deep_kernel(
    blocks: Sequence[Block],
    config: DeepKernelConfig | None = None,
    *,
    candidates: Sequence[Sequence[str]] | None = None,
) -> Surrogate:
    """The Surrogate on rows of a ``bo.features.base`` table (which may have more columns than the blocks).

    Each of ``candidates`` names the blocks of one sum: by default the plain Gaussian process, if there is a block
    "raw", and the sum of all. The first one is preferred by the margin. Last of all, and preferred to it by another
    margin, comes noise around a constant mean (``DeepKernelConfig.noise_alone``): a target that depends on nothing seen gets
    the same prediction everywhere. params.report is a ``Report``. ValueError for an unknown block; and, where the data
    are no tracers, for fewer than 3 observations or constant targets.
    """
    config = config or DeepKernelConfig()
    model, fitting = processes(blocks, config)
    active = masks(blocks, candidates, config.noise_alone)

    @model.one_by_one
    def fit_all(thetas, data):
        return fit_candidates(fitting, blocks, config, active, thetas, data)

    def init(key, data):
        check(data)
        data = model.cast(data)
        starts = fitting.layout(data.x.shape[1]).starts(key, config.gp.starts)
        return fit_all(cold_starts(starts, config.folds, len(active)), data)[0]

    def fit(key, params, data):
        del key
        check(data)
        return fit_all(params.thetas, model.cast(data))

    return behind(model.surrogate(init, fit), lambda params: params.gp)


def fit_candidates(
    fitting: Process, blocks: Sequence[Block], config: DeepKernelConfig, active: Any, thetas: Array, data: Any
) -> tuple[DeepKernelParams, FitInfo]:
    """Every candidate on all data and without each fold, and the one that predicts best what was held out.

    ``thetas`` are starts, F["candidate fit p"], the last ones of the folds: NaN to start where all data end.
    """
    location, scale = standardisation(data)
    squared = fit_data(blocks, data, jnp.zeros(len(blocks), data.y.dtype))
    folds = folds_of(data, config.folds)
    starts = thetas.shape[1] - config.folds

    def one(each):
        thetas, mask = each
        whole = squared._replace(active=mask)

        def advance(best, each):
            """One fit after the other: all data from each start, then the folds, from their own or the best start."""
            place, start = each
            fold = place - starts  # negative: none is held out
            part = whole._replace(mask=data.mask & (folds != fold))
            start = jnp.where(jnp.all(jnp.isfinite(start)), start, best[0])
            theta, info = find_mode(fitting, start, part, location, scale, volume=True)
            params = fitting.params(theta, data.x.shape[1], location, scale)
            better = (fold < 0) & (info.objective < best[1])
            best = jax.tree.map(lambda new, old: jnp.where(better, new, old), (theta, info.objective), best)
            return best, (theta, held_out(fitting, params, part), info)

        first = thetas[0], jnp.asarray(jnp.inf, thetas.dtype)
        (theta, objective), fits = jax.lax.scan(advance, first, (jnp.arange(starts + config.folds), thetas))
        found, predicted, info = jax.tree.map(lambda leaf: leaf[starts:], fits)
        residual, deviation = (leaf[folds, jnp.arange(folds.size)] for leaf in predicted)
        params = fitting.params(theta, data.x.shape[1], location, scale)
        alone = leave_one_out(fitting, params, whole)
        info = FitInfo(objective, jnp.max(fits[2].iterations), jnp.sum(fits[2].evaluations))
        return jnp.concatenate([theta[None], found]), without(params, mask), (residual, deviation), alone, info

    found, members, predicted, alone, info = jax.lax.map(one, (thetas, jnp.asarray(active, data.y.dtype)))
    (residual, deviation), (loo_residual, loo_deviation) = predicted, alone
    every = lambda function, *rows: jax.vmap(lambda *row: function(*row, data.mask))(*rows)  # noqa: E731
    factor = every(widening, residual, deviation)
    nll, coverage = every(judge, residual, deviation * factor[:, None] ** 0.5)
    loo_nll, loo_coverage = every(judge, loo_residual, loo_deviation)
    chosen = preferred(nll.at[-1].add(-2 * config.margin) if config.noise_alone else nll, config.margin)
    gp = widened(select(members, chosen), factor[chosen])
    report = Report(
        nll,
        coverage,
        factor,
        loo_nll,
        loo_coverage,
        chosen,
        gp.kernel["variance"],
        gp.kernel["lengthscale"],
        gp.noise,
    )
    evaluations = jnp.sum(info.evaluations)
    return DeepKernelParams(gp, found, report), FitInfo(info.objective[chosen], info.iterations[chosen], evaluations)


def cold_starts(starts: Float[Array, "start p"], folds: int, candidates: int) -> Float[Array, "candidate fit p"]:
    """The same starts for all candidates, and NaN for the folds."""
    rows = jnp.concatenate([starts, jnp.full((folds, starts.shape[1]), jnp.nan, starts.dtype)])
    return jnp.broadcast_to(rows, (candidates, *rows.shape))


def processes(blocks: Sequence[Block], config: DeepKernelConfig) -> tuple[Process, Process]:
    """The process that predicts, and the same for ``FitData``, which is cheap to evaluate many times."""
    kernel, observed = from_squares(blocks, config.kernel)
    predicting = process(config.gp, block_kernel(blocks, config.kernel))
    return predicting, process(config.gp, kernel, observed=observed)


def masks(blocks: Sequence[Block], candidates: Sequence[Sequence[str]] | None, noise_alone: bool) -> np.ndarray:
    """F["candidate block"], 1 for the blocks that each candidate has; with ``noise_alone`` a last one has none."""
    names = [block.name for block in blocks]
    if candidates is None:
        candidates = [[PLAIN], names] if PLAIN in names and len(names) > 1 else [names]
    if any(isinstance(candidate, str) for candidate in candidates):
        raise ValueError(f"the candidates are {candidates}; expected the blocks of each, [['raw'], ['raw', 'pca']]")
    for name in [name for candidate in candidates for name in candidate]:
        find(blocks, name)
    if not candidates or not all(candidates):
        raise ValueError(f"the candidates are {candidates}; expected one or more, each with one block or more")
    every = [*candidates, []] if noise_alone else candidates
    return np.array([[name in candidate for name in names] for candidate in every], float)
