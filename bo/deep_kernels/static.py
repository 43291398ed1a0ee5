"""Thousands of observations at once: hyperparameters from some of them, the posterior from all.

That posterior is exact up to 20,000: one factorisation, n³/3 operations. Beyond, or if wanted, with m of them
as inducing points u, L_u L_uᵀ = K_uu and V = L_u⁻¹ K_un, the posterior is that of the
projected process (Seeger et al. 2003; variances corrected as in Snelson & Ghahramani 2006):

    B = 1 + V Vᵀ / noise    mean = k_u* ᵀ L_u⁻ᵀ B⁻¹ V r / noise    variance = k_** − |L_u⁻¹ k_u*|² + |L_b⁻¹ L_u⁻¹ k_u*|²

at a cost of n m². ``difference`` says how far that is from the exact posterior: far, where the target is rough.
"""

from collections.abc import Sequence
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
from bo.surrogates.base import Prediction
from bo.surrogates.checks import check
from bo.surrogates.held_out import Report
from bo.surrogates.kernels import cross, diagonal
from bo.surrogates.process import root
from bo.surrogates.process_types import GPParams


class StaticParams(NamedTuple):
    """The hyperparameters and their report, from a subset; the inputs that carry the posterior, and the posterior.

    Exact: the observations' inputs, the factor L of K + noise, no ``inner``, and L⁻¹ r as weights."""

    gp: GPParams
    report: Report
    inducing: Float[Array, "inducing dim"]
    factor: Float[Array, "inducing inducing"]  # L_u
    inner: Float[Array, "inducing inducing"] | None  # L_b
    weights: Float[Array, "inducing"]  # L_b⁻¹ V r / noise


class StaticDeepKernel(NamedTuple):
    """fit (key, data) -> StaticParams, of data with 3 observations or more · predict (params, x) -> Prediction
    difference (key, params, data, count) -> Difference, on ``count`` random observations
    """

    fit: Any
    predict: Any
    difference: Any


class Difference(NamedTuple):
    """Root mean square of mean − exact mean, in exact standard deviations (noise included) and in the targets' own;
    the largest relative error of these deviations."""

    in_deviations: float
    in_targets: float
    deviation: float


_MOST = 20_000  # observations of an exact posterior: 3.2 GB for the factor alone


def static_deep_kernel(
    blocks: Sequence[Block], config: DeepKernelConfig | None = None, *, subset: int = 1000, inducing: int | None = None
) -> StaticDeepKernel:
    """A static fit on rows of a ``bo.features.base`` table. Hyperparameters are those of ``bo.deep_kernels.deep_kernel.deep_kernel`` on ``subset``
    random observations; ``inducing`` random ones (those first) carry the posterior, which is exact without that
    number. The caller need not jit.

    ValueError for fewer than 3 of either, for more than 20,000 observations without inducing points, and as for
    ``deep_kernel``.
    """
    if min(subset, subset if inducing is None else inducing) < 3:
        raise ValueError(f"subset={subset}, inducing={inducing}: expected 3 or more")
    config = config or DeepKernelConfig()
    surrogate = deep_kernel(blocks, config)
    kernel = block_kernel(blocks, config.kernel)
    start = jax.jit(surrogate.init)

    def standard(gp, data):
        """The observations' noise and what the mean leaves of them, in the units of the fit."""
        return gp.noise + data.noise / gp.scale**2, (data.y - gp.location) / gp.scale - gp.mean

    @jax.jit
    def whole(gp, data):
        noise, residual = standard(gp, data)
        factor, _, _ = factorise(cross(kernel.build(gp.kernel), data.x, data.x) + jnp.diag(noise))
        return factor, None, solve_triangular(factor, residual, lower=True)

    @jax.jit
    def project(gp, u, data):
        built = kernel.build(gp.kernel)
        factor, _, _ = factorise(cross(built, u, u))
        noise, residual = standard(gp, data)
        residual = residual / noise
        projected = solve_triangular(factor, cross(built, u, data.x), lower=True)
        inner, _, _ = factorise(jnp.eye(u.shape[0], dtype=u.dtype) + (projected / noise[None]) @ projected.T)
        return factor, inner, solve_triangular(inner, projected @ residual, lower=True)

    @jax.jit
    def predict(params, x):
        built, gp = kernel.build(params.gp.kernel), params.gp
        x = jnp.asarray(x, params.inducing.dtype)
        first = solve_triangular(params.factor, cross(built, params.inducing, x), lower=True)
        variance, second = diagonal(built, x) - jnp.sum(first**2, 0), first
        if params.inner is not None:
            second = solve_triangular(params.inner, first, lower=True)
            variance = variance + jnp.sum(second**2, 0)
        return Prediction(gp.location + gp.scale * (gp.mean + second.T @ params.weights), gp.scale * root(variance))

    def fit(key, data):
        check(data)
        key_rows, key_fit = jax.random.split(key)
        data = seen(data)
        if inducing is None and len(data.y) > _MOST:
            raise ValueError(f"{len(data.y)} observations, expected {_MOST} at most: give inducing=, 3000 for instance")
        order = np.asarray(jax.random.permutation(key_rows, data.y.shape[0]))
        found = start(key_fit, take(data, order[:subset]))
        if inducing is None:
            return StaticParams(found.gp, found.report, data.x, *whole(found.gp, data))
        u = data.x[order[:inducing]]
        return StaticParams(found.gp, found.report, u, *project(found.gp, u, data))

    def difference(key, params, data, count):
        """Both posteriors given the same observations with the same hyperparameters, at as many others."""
        if params.inner is None:
            return Difference(0.0, 0.0, 0.0)
        data = seen(data)
        order = np.asarray(jax.random.permutation(key, data.y.shape[0]))
        some, x = take(data, order[:count]), data.x[order[count : 2 * count]]
        near = predict(
            StaticParams(params.gp, params.report, params.inducing, *project(params.gp, params.inducing, some)), x
        )
        true = predict(StaticParams(params.gp, params.report, some.x, *whole(params.gp, some)), x)
        noise = params.gp.noise * params.gp.scale**2
        deviation, close = (jnp.sqrt(part.std**2 + noise) for part in (true, near))
        gap = near.mean - true.mean
        return Difference(
            float(jnp.sqrt(jnp.mean((gap / deviation) ** 2))),
            float(jnp.sqrt(jnp.mean(gap**2)) / params.gp.scale),
            float(jnp.max(jnp.abs(close / deviation - 1))),
        )

    return StaticDeepKernel(fit, predict, difference)


def seen(data: Data) -> Data:
    """The rows that hold an observation; outside of compiled code."""
    return take(data, np.flatnonzero(np.asarray(data.mask)))


def take(data: Data, rows: np.ndarray) -> Data:
    return Data(*(leaf[rows] for leaf in data))
