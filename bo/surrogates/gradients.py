"""Gaussian processes that are given gradients beside values: for few evaluations of a differentiable simulator.

A derivative of a Gaussian process is one too, jointly with it: cov(f, ∂f') = ∂'k and cov(∂f, ∂f') = ∂∂'k (Rasmussen &
Williams 2006, sec. 9.4), taken here by automatic differentiation of the kernel at one pair of points. An observation
gives 1 + dim rows of the Gram matrix, so fits cost ((1 + dim) n)³.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from gpjax.kernels.base import AbstractKernel, val
from gpjax.kernels.stationary.base import StationaryKernel
from jaxtyping import Array, Bool, Float

from bo.data import observations
from bo.surrogates import gp, kernels
from bo.surrogates.base import Surrogate, standard_variance
from bo.surrogates.process_types import GPConfig, Observed
from ferro_jax import values


class GradientData(NamedTuple):
    """As ``bo.data.Data``, with the gradient of y with respect to x (in the unit cube) in ``slope``.

    ``noise`` is the known variance of y, added to the fitted one.
    """

    x: Float[Array, "capacity dim"]
    y: Float[Array, "capacity"]
    slope: Float[Array, "capacity dim"]
    mask: Bool[Array, "capacity"]
    noise: Float[Array, "capacity"]


def gradient_observations(
    x: Float[Array, "n dim"], y: Float[Array, "n"], slope: Float[Array, "n dim"], mask: Bool[Array, "n"] | None = None
) -> GradientData:
    """Return the data of known points, all observed unless ``mask`` says otherwise, and without known noise."""
    data = observations(x, y, mask)
    slope = values.array(slope, "slope")
    if slope.shape != data.x.shape:
        raise ValueError(f"slope has shape {slope.shape}; expected that of x, {data.x.shape}")
    slope = jnp.where(data.mask[:, None], slope, 0)
    if values.is_known(slope):
        values.check_finite(slope, "slope")
    return GradientData(data.x, data.y, slope, data.mask, data.noise)


@jax.custom_jvp
def _matern52(square: Array) -> Array:
    root = jnp.sqrt(5 * square)
    return (1 + root + 5 / 3 * square) * jnp.exp(-root)


@jax.custom_jvp
def _matern52_slope(square: Array) -> Array:
    root = jnp.sqrt(5 * square)
    return -5 / 6 * (1 + root) * jnp.exp(-root)


def _matern52_curvature(square: Array) -> Array:
    positive = square > 0  # the derivative of the curvature is infinite at 0, where it is only ever multiplied by 0
    return 25 / 12 * jnp.exp(-jnp.where(positive, jnp.sqrt(jnp.where(positive, 5 * square, 1)), 0))


_matern52.defjvps(lambda tangent, _, square: _matern52_slope(square) * tangent)
_matern52_slope.defjvps(lambda tangent, _, square: _matern52_curvature(square) * tangent)


class Matern52(StationaryKernel):
    """Matérn-5/2 as a function of the squared distance, whose first two derivatives are exact at coinciding points."""

    name = "Matérn52"

    def __call__(self, x: Any, y: Any) -> Float[Array, ""]:
        difference = (self.slice_input(x) - self.slice_input(y)) / val(self.lengthscale)
        return val(self.variance) * _matern52(jnp.sum(difference**2))


_ROUGH = ("matern12", "matern32", "hamming")  # kernels without a second derivative at coinciding points
# kernels by name, for ``bo.surrogates.kernels.kernel``
SMOOTH_KERNELS = {name: kernel for name, kernel in kernels.KERNELS.items() if name not in _ROUGH} | {
    "matern52": Matern52
}


def gradient_process(config: GPConfig | None = None) -> Surrogate:
    """Return the MAP Surrogate for ``GradientData``; params.noise holds two variances, of values and of slopes.

    Both are those of standardised targets; ``noise(params)`` is that of values in units of y². ``append`` raises
    ValueError, because a pool campaign observes values alone: write the data and condition again. ``path`` is None.
    ValueError for the kernels matern12, matern32 and hamming, whose draws are not smooth enough.
    """
    config = config or GPConfig()
    names = {leaf.name for leaf in kernels.leaves(kernels.parse(config.kernel))}
    if rough := names & set(_ROUGH):
        raise ValueError(f"{sorted(rough)} cannot take gradients: choose from {sorted(SMOOTH_KERNELS)}")
    kernel = kernels.kernel(
        config.kernel,
        ard=config.ard,
        lengthscale=config.lengthscale_prior,
        variance=config.variance_prior,
        table=SMOOTH_KERNELS,
    )

    return gp.gaussian_process(config, kernel=kernel, observed=WITH_SLOPES)._replace(append=_refuse_append, path=None)


def _refuse_append(*arguments: Any):
    raise ValueError("gradients are no rows of a pool: write them into the data and condition again")


def pair(kernel: AbstractKernel, x: Float[Array, "dim"], y: Float[Array, "dim"]) -> Float[Array, "1+dim 1+dim"]:
    """Return the covariance of (f, ∂f) at x (rows) with (f, ∂f) at y (columns)."""

    def at_y(x, y):
        value, slope = jax.value_and_grad(lambda y: jnp.asarray(kernel(x, y)))(y)
        return jnp.concatenate([value[None], slope])

    return jnp.concatenate([at_y(x, y)[None], jax.jacfwd(at_y)(x, y).T])


def _gram(kernel: AbstractKernel, data: Any) -> Array:
    blocks = jax.vmap(lambda x: jax.vmap(lambda y: pair(kernel, x, y))(data.x))(data.x)
    rows = data.x.shape[0] * (1 + data.x.shape[1])
    return blocks.transpose(0, 2, 1, 3).reshape(rows, rows)


def _across(kernel: AbstractKernel, data: Any, x: Array) -> Array:
    def column(x, y):
        value, slope = jax.value_and_grad(lambda x: jnp.asarray(kernel(x, y)))(x)
        return jnp.concatenate([value[None], slope])

    blocks = jax.vmap(lambda a: jax.vmap(lambda b: column(a, b), out_axes=1)(x))(data.x)
    return blocks.reshape(-1, x.shape[0])


def _rows(value: Array, slope: Array) -> Array:
    """Flatten to F["capacity*(1+dim)"]: the value of each observation, then its slope."""
    return jnp.concatenate([value[:, None], slope], axis=1).reshape(-1)


def _noise(params: Any, data: Any) -> Array:
    value = params.noise[0] + standard_variance(data.noise, params.scale)
    return _rows(value, jnp.broadcast_to(params.noise[1], data.x.shape))


WITH_SLOPES = Observed(
    gram=_gram,
    across=_across,
    targets=lambda data, location, scale, mean: _rows((data.y - location) / scale - mean, data.slope / scale),
    noise=_noise,
    mask=lambda data: jnp.repeat(data.mask, 1 + data.x.shape[1]),
    noises=(2,),
)
