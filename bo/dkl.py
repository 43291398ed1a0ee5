"""Gaussian processes on features: one kernel per block and one on the raw points, chosen by what they predict.

The features are frozen: learned from the unlabelled pool (``bo.features``), not from the targets. Amplitudes,
lengthscales and noise maximise their posterior; how much each block counts is found by its amplitude. The plain
Gaussian process on the raw block is always among the candidates, and stays unless another one's leave-one-out
predictions are better by a margin.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.scipy.linalg import cho_solve
from jaxtyping import Array, Float, Int

from bo.dkl_kernel import KINDS, block_kernel, fit_data, from_squares, select, without
from bo.features import Block, find
from bo.gp import best_of, search
from bo.linalg import factorise
from bo.process import GPConfig, GPParams, Process, process, standardisation
from bo.types import FitInfo, Surrogate

_INSIDE = 1.959964  # standard deviations that hold 95 % of a normal density
PLAIN = "raw"  # the block of the plain Gaussian process


@dataclass(frozen=True)
class DKLConfig:
    """``kernel`` is the kind for every block: matern52, matern32, matern12 or rbf.

    A candidate replaces the plain Gaussian process where its leave-one-out NLL (per datum, of standardised targets)
    is lower by ``margin``. ``gp`` holds precision, priors of the noise and the search's settings; its kernel is not
    used.
    """

    kernel: str = "matern52"
    margin: float = 0.02
    gp: GPConfig = field(default_factory=lambda: GPConfig(starts=2, noise_prior=(-3.0, 2.0)))

    def __post_init__(self):
        if self.kernel not in KINDS:
            raise ValueError(f"kernel is {self.kernel!r}; expected one of {sorted(KINDS)}")
        if not self.margin >= 0:
            raise ValueError(f"margin is {self.margin}; expected the NLL per datum to gain, 0 or more")


class Report(NamedTuple):
    """What a fit can be held to, by candidate (the plain one first) and block. NLL per datum, of standardised targets.

    ``nll`` and ``coverage`` (of the central 95 %) are leave-one-out, in closed form, at the fitted hyperparameters.
    """

    nll: Float[Array, "candidate"]
    coverage: Float[Array, "candidate"]
    chosen: Int[Array, ""]
    amplitude: Float[Array, "block"]  # variances of the chosen one
    lengthscale: Float[Array, "block"]
    noise: Float[Array, ""]


class Frozen(NamedTuple):
    """The chosen hyperparameters; where each candidate's next fit starts; the report."""

    gp: GPParams
    thetas: Float[Array, "candidate p"]
    report: Report


def frozen(
    blocks: Sequence[Block], config: DKLConfig | None = None, *, candidates: Sequence[Sequence[str]] | None = None
) -> Surrogate:
    """The Surrogate on rows of a ``bo.features`` table (which may have more columns than the blocks).

    Each of ``candidates`` names the blocks of one sum: by default the plain Gaussian process, if there is a block
    "raw", and the sum of all. The first one is preferred by the margin. params.report is a ``Report``. ValueError for
    an unknown block; and, where the data are no tracers, for fewer than 3 observations or constant targets.
    """
    config = config or DKLConfig()
    model, fitting = processes(blocks, config)
    active = masks(blocks, candidates)

    def choose(found, objectives, evaluations, iterations, squared, data):
        location, scale = standardisation(data)
        dim = data.x.shape[1]
        members = jax.vmap(lambda theta: fitting.params(theta, dim, location, scale))(found)
        nll, coverage = jax.lax.map(
            lambda one: judge(*leave_one_out(fitting, one[0], squared._replace(active=one[1])), data.mask),
            (members, jnp.asarray(active, found.dtype)),
        )
        chosen = preferred(nll, config.margin)
        gp = without(select(members, chosen), jnp.asarray(active, found.dtype)[chosen])
        report = Report(nll, coverage, chosen, gp.kernel["variance"], gp.kernel["lengthscale"], gp.noise)
        return Frozen(gp, found, report), FitInfo(objectives[chosen], iterations[chosen], jnp.sum(evaluations))

    @model.one_by_one
    def cold(starts, data):
        location, scale = standardisation(data)
        squared = fit_data(blocks, data, jnp.zeros(len(blocks), data.y.dtype))

        def one(mask):
            return best_of(fitting, starts, squared._replace(active=mask), location, scale)

        found, info = jax.lax.map(one, jnp.asarray(active, data.y.dtype))
        return choose(found, *_columns(info), squared, data)[0]

    @model.one_by_one
    def warm(thetas, data):
        location, scale = standardisation(data)
        squared = fit_data(blocks, data, jnp.zeros(len(blocks), data.y.dtype))

        def one(each):
            return search(fitting, each[0], squared._replace(active=each[1]), location, scale)

        found, info = jax.lax.map(one, (thetas, jnp.asarray(active, data.y.dtype)))
        return choose(found, *_columns(info), squared, data)

    def init(key, data):
        check(data)
        return cold(fitting.layout(data.x.shape[1]).starts(key, config.gp.starts), model.cast(data))

    def fit(key, params, data):
        del key
        check(data)
        return warm(params.thetas, model.cast(data))

    return behind(model.surrogate(init, fit), lambda params: params.gp)


def _columns(info: FitInfo) -> tuple[Array, Array, Array]:
    return info.objective, info.evaluations, info.iterations


def processes(blocks: Sequence[Block], config: DKLConfig) -> tuple[Process, Process]:
    """The process that predicts, and the same for ``FitData``, which is cheap to evaluate many times."""
    kernel, observed = from_squares(blocks, config.kernel)
    predicting = process(config.gp, block_kernel(blocks, config.kernel))
    return predicting, process(config.gp, kernel, observed=observed)


def masks(blocks: Sequence[Block], candidates: Sequence[Sequence[str]] | None) -> np.ndarray:
    """B["candidate block"]: which blocks each candidate has."""
    names = [block.name for block in blocks]
    if candidates is None:
        candidates = [[PLAIN], names] if PLAIN in names and len(names) > 1 else [names]
    for name in [name for candidate in candidates for name in candidate]:
        find(blocks, name)
    if not candidates or not all(candidates):
        raise ValueError(f"the candidates are {candidates}; expected one or more, each with one block or more")
    return np.array([[name in candidate for name in names] for candidate in candidates], float)


def preferred(nll: Float[Array, "candidate"], margin: float) -> Int[Array, ""]:
    """The lowest, the first one being given ``margin``; what is not a number loses."""
    known = jnp.where(jnp.isfinite(nll), nll, jnp.inf)
    return jnp.argmin(known - margin * (jnp.arange(nll.shape[0]) == 0)).astype(jnp.int32)


def leave_one_out(model: Process, params: GPParams, data: Any) -> tuple[Float[Array, "n"], Float[Array, "n"]]:
    """Residual (standardised) of each observation against what all others predict, and the standard deviation of it.

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
    return jnp.sum(jnp.where(mask, nll, 0)) / count, jnp.sum(mask & (jnp.abs(z) < _INSIDE)) / count


def check(data: Any) -> None:
    """ValueError for data that no surrogate can learn from, where they are known (not being traced)."""
    if any(isinstance(leaf, Tracer) for leaf in (data.y, data.mask, data.x)):
        return
    y = np.asarray(data.y)[np.asarray(data.mask)]
    if y.size < 3:
        raise ValueError(f"{y.size} observations: expected 3 or more, none tells a trend from noise with fewer")
    if not np.all(np.isfinite(y)) or not np.all(np.isfinite(np.asarray(data.x)[np.asarray(data.mask)])):
        raise ValueError("inputs or targets are not finite: take such rows out of the mask")
    if np.ptp(y) <= 1e-12 * np.abs(y).max():
        raise ValueError(f"all {y.size} targets are {y[0]:g}: there is nothing to learn from them")


def behind(surrogate: Surrogate, inner: Any) -> Surrogate:
    """The Surrogate whose params hold those of ``surrogate`` where ``inner`` (params) finds them."""
    assert surrogate.path is not None
    path = surrogate.path
    return surrogate._replace(
        predict=lambda params, data, x: surrogate.predict(inner(params), data, x),
        predictor=lambda params, data: surrogate.predictor(inner(params), data),
        sample=lambda key, params, data, x: surrogate.sample(key, inner(params), data, x),
        condition=lambda params, data, pool: surrogate.condition(inner(params), data, pool),
        surface=lambda params, posterior: surrogate.surface(inner(params), posterior),
        covariance=lambda params, *rest: surrogate.covariance(inner(params), *rest),
        append=lambda params, *rest: surrogate.append(inner(params), *rest),
        path=lambda key, params, data: path(key, inner(params), data),
    )
