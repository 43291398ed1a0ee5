"""Deep kernels for thousands of observations at once: hyperparameters from some of them, the posterior from all.

The posterior is exact up to 20,000 observations: one factorisation, n³/3 operations. With m of the observations as
inducing points u, which more observations need, L_u L_uᵀ = K_uu and V = L_u⁻¹ K_un, the posterior is that of the
projected process (Seeger et al. 2003; variances corrected as in Snelson & Ghahramani 2006):

    B = 1 + V Vᵀ / noise    mean = k_u* ᵀ L_u⁻ᵀ B⁻¹ V r / noise    variance = k_** − |L_u⁻¹ k_u*|² + |L_b⁻¹ L_u⁻¹ k_u*|²

at a cost of n m². ``difference`` measures the distance from the exact posterior, which is large where the target is
rough.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Float

from bo.data import Data
from bo.deep_kernels.blocks import block_kernel
from bo.deep_kernels.deep_kernel import DeepKernelConfig, deep_kernel
from bo.features.base import Block
from bo.numerics.linalg import factorise
from bo.surrogates.base import Noise, Prediction, standard_variance
from bo.surrogates.checks import check
from bo.surrogates.held_out import Report
from bo.surrogates.kernels import Kernel, cross, diagonal
from bo.surrogates.process import root
from bo.surrogates.process_types import GPParams

_MOST = 20_000  # observations of an exact posterior: 3.2 GB for the factor alone


class StaticParams(NamedTuple):
    """Hyperparameters and report of the fit to a subset, the inputs that carry the posterior, and the posterior.

    ``factor`` is L_u, ``inner`` is L_b and ``weights`` are L_b⁻¹ V r / noise. Of an exact posterior, ``inducing`` are
    the inputs of all observations, ``factor`` is that of K + noise, ``inner`` is None and ``weights`` are L⁻¹ r.
    """

    gp: GPParams
    report: Report
    inducing: Float[Array, "inducing dim"]
    factor: Float[Array, "inducing inducing"]
    inner: Float[Array, "inducing inducing"] | None
    weights: Float[Array, "inducing"]


class Difference(NamedTuple):
    """How far a posterior with inducing points is from the exact one.

    Root mean square of mean − exact mean, in exact standard deviations of new observations and in standard deviations
    of the targets; the largest relative error of the standard deviations of new observations.
    """

    in_deviations: float
    in_targets: float
    deviation: float


class StaticDeepKernel(NamedTuple):
    """Functions of a static fit; the caller need not jit them.

    fit        (key, data) -> StaticParams, of data with 3 observations or more
    predict    (params, x) -> Prediction of the latent function
    noise      (params) -> variance of the fitted observation noise, in units of y²
    difference (key, params, data, count) -> Difference from the exact posterior, on ``count`` random observations
    """

    fit: Callable[[Array, Data], StaticParams]
    predict: Callable[[StaticParams, Any], Prediction]
    noise: Noise
    difference: Callable[[Array, StaticParams, Data, int], Difference]


def static_deep_kernel(
    blocks: Sequence[Block], config: DeepKernelConfig | None = None, *, subset: int = 1000, inducing: int | None = None
) -> StaticDeepKernel:
    """Return a static fit on rows of a ``bo.features.base`` table.

    Hyperparameters are those of ``bo.deep_kernel`` on ``subset`` random observations. ``inducing`` random observations
    (those of the subset first) carry the posterior; None makes it exact. ValueError for fewer than 3 of either, for
    more than 20,000 observations without inducing points, and as from ``bo.deep_kernel``.
    """
    if min(subset, subset if inducing is None else inducing) < 3:
        raise ValueError(f"subset={subset}, inducing={inducing}: expected 3 or more")
    config = config or DeepKernelConfig()
    init = jax.jit(deep_kernel(blocks, config).init)
    kernel = block_kernel(blocks, config.kernel)
    exact, project = jax.jit(partial(_exact, kernel)), jax.jit(partial(_project, kernel))
    predict = jax.jit(partial(_predict, kernel))

    def fit(key, data):
        check(data)
        key_rows, key_fit = jax.random.split(key)
        data = observed_rows(data)
        if inducing is None and len(data.y) > _MOST:
            raise ValueError(f"{len(data.y)} observations, expected {_MOST} at most: give inducing=, 3000 for instance")
        order = np.asarray(jax.random.permutation(key_rows, data.y.shape[0]))
        fitted = init(key_fit, take(data, order[:subset]))
        if inducing is None:
            return StaticParams(fitted.gp, fitted.report, data.x, *exact(fitted.gp, data))
        points = data.x[order[:inducing]]
        return StaticParams(fitted.gp, fitted.report, points, *project(fitted.gp, points, data))

    def difference(key, params, data, count):
        """Both posteriors given ``count`` observations with the same hyperparameters, compared at as many others."""
        if params.inner is None:
            return Difference(0.0, 0.0, 0.0)
        data = observed_rows(data)
        order = np.asarray(jax.random.permutation(key, data.y.shape[0]))
        some, x = take(data, order[:count]), data.x[order[count : 2 * count]]
        gp, report = params.gp, params.report
        near = predict(StaticParams(gp, report, params.inducing, *project(gp, params.inducing, some)), x)
        true = predict(StaticParams(gp, report, some.x, *exact(gp, some)), x)
        return _difference(near, true, gp)

    return StaticDeepKernel(
        fit=fit,
        predict=predict,
        noise=lambda params: params.gp.noise * params.gp.scale**2,
        difference=difference,
    )


def observed_rows(data: Data) -> Data:
    """Return the rows that hold an observation; outside compiled code, because their number is a shape."""
    return take(data, np.flatnonzero(np.asarray(data.mask)))


def take(data: Data, rows: np.ndarray) -> Data:
    """Return the data of these rows."""
    return Data(*(leaf[rows] for leaf in data))


def _standardised(gp: GPParams, data: Data) -> tuple[Array, Array]:
    """Noise of the observations, and what the mean leaves of them, both of standardised targets."""
    return gp.noise + standard_variance(data.noise, gp.scale), (data.y - gp.location) / gp.scale - gp.mean


def _exact(kernel: Kernel, gp: GPParams, data: Data) -> tuple[Array, None, Array]:
    """(factor, inner, weights) of the exact posterior."""
    noise, residual = _standardised(gp, data)
    factor, _, _ = factorise(cross(kernel.build(gp.kernel), data.x, data.x) + jnp.diag(noise))
    return factor, None, solve_triangular(factor, residual, lower=True)


def _project(kernel: Kernel, gp: GPParams, points: Array, data: Data) -> tuple[Array, Array, Array]:
    """(factor, inner, weights) of the posterior that is carried by ``points`` F["inducing dim"]."""
    built = kernel.build(gp.kernel)
    factor, _, _ = factorise(cross(built, points, points))
    noise, residual = _standardised(gp, data)
    residual = residual / noise
    projected = solve_triangular(factor, cross(built, points, data.x), lower=True)
    inner, _, _ = factorise(jnp.eye(points.shape[0], dtype=points.dtype) + (projected / noise[None]) @ projected.T)
    return factor, inner, solve_triangular(inner, projected @ residual, lower=True)


def _predict(kernel: Kernel, params: StaticParams, x: Any) -> Prediction:
    built, gp = kernel.build(params.gp.kernel), params.gp
    x = jnp.asarray(x, params.inducing.dtype)
    first = solve_triangular(params.factor, cross(built, params.inducing, x), lower=True)
    variance, second = diagonal(built, x) - jnp.sum(first**2, 0), first
    if params.inner is not None:
        second = solve_triangular(params.inner, first, lower=True)
        variance = variance + jnp.sum(second**2, 0)
    return Prediction(gp.location + gp.scale * (gp.mean + second.T @ params.weights), gp.scale * root(variance))


def _difference(near: Prediction, true: Prediction, gp: GPParams) -> Difference:
    noise = gp.noise * gp.scale**2
    deviation, close = (jnp.sqrt(part.std**2 + noise) for part in (true, near))
    gap = near.mean - true.mean
    return Difference(
        in_deviations=float(jnp.sqrt(jnp.mean((gap / deviation) ** 2))),
        in_targets=float(jnp.sqrt(jnp.mean(gap**2)) / gp.scale),
        deviation=float(jnp.max(jnp.abs(close / deviation - 1))),
    )
