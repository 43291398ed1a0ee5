"""A sum of isotropic kernels, one for each block of features, and the same kernel on distances that are known.

Squared distances of a block are one product of matrices. They do not depend on hyperparameters, so a fit computes them
once (``fit_data``), and only amplitudes and lengthscales change between its evaluations.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import gpjax as gpx
import jax.numpy as jnp
from gpjax.kernels.base import AbstractKernel, SumKernel, val
from jaxtyping import Array, Bool, Float

from bo.data import Data
from bo.features.base import Block
from bo.surrogates.base import standard_variance
from bo.surrogates.hyperparameters import Hyperparameter, log_normal
from bo.surrogates.kernels import Kernel
from bo.surrogates.process_types import Observed

LENGTHSCALE = (0.7, 1.0)  # prior of the logarithm, in units in which two points of the pool are √2 apart
VARIANCE = (-0.5, 1.5)  # prior of the logarithm, for targets of variance 1


def profile(kind: str, square: Array) -> Array:
    """Value of the kernel at a squared distance over the squared lengthscale; its gradient is finite at 0."""
    if kind == "rbf":
        return jnp.exp(-0.5 * square)
    positive = square > 0
    root = jnp.where(positive, jnp.sqrt(jnp.where(positive, square, 1)), 0)
    if kind == "matern12":
        return jnp.exp(-root)
    if kind == "matern32":
        return (1 + 3**0.5 * root) * jnp.exp(-(3**0.5) * root)
    return (1 + 5**0.5 * root + 5 / 3 * square) * jnp.exp(-(5**0.5) * root)


def squared_distances(x: Float[Array, "n dim"], y: Float[Array, "m dim"]) -> Float[Array, "n m"]:
    """Squared distances of all pairs by one product of matrices, never negative."""
    middle = jnp.mean(x, axis=0, keepdims=True)
    x, y = x - middle, y - middle  # because far from the origin the product would cancel
    square = jnp.sum(x**2, 1)[:, None] + jnp.sum(y**2, 1)[None, :] - 2 * x @ y.T
    return jnp.maximum(square, 0)


class _Isotropic(gpx.kernels.stationary.StationaryKernel):
    """A GPJax kernel on some columns, whose matrices come from one product instead of pair by pair."""

    kind: str = ""

    def __init__(self, columns: slice, lengthscale: Any, variance: Any):
        super().__init__(active_dims=columns)
        self.lengthscale, self.variance = lengthscale, variance  # without GPJax's checks: a variance may be 0

    def __call__(self, x: Any, y: Any) -> Float[Array, ""]:
        difference = (self.slice_input(x) - self.slice_input(y)) / val(self.lengthscale)
        return val(self.variance) * profile(self.kind, jnp.sum(difference**2))

    def cross_covariance(self, x: Any, y: Any) -> Float[Array, "n m"]:
        x, y = (self.slice_input(points) / val(self.lengthscale)[None] for points in (x, y))
        return val(self.variance) * profile(self.kind, squared_distances(x, y))


class RBF(_Isotropic, gpx.kernels.RBF):
    """exp(−r²/2) of one block."""

    kind = "rbf"


class Matern12(_Isotropic, gpx.kernels.Matern12):
    """Matérn-1/2 of one block."""

    kind = "matern12"


class Matern32(_Isotropic, gpx.kernels.Matern32):
    """Matérn-3/2 of one block."""

    kind = "matern32"


class Matern52(_Isotropic, gpx.kernels.Matern52):
    """Matérn-5/2 of one block."""

    kind = "matern52"


KINDS: dict[str, Any] = {kernel.kind: kernel for kernel in (RBF, Matern12, Matern32, Matern52)}


def block_kernel(blocks: Sequence[Block], kind: str = "matern52") -> Kernel:
    """Return the Kernel Σ_b variance_b k(distance in block b / lengthscale_b).

    Hyperparameters are {lengthscale, variance}, F["block"] each. ValueError for an unknown kind, for no blocks, and for
    columns that the data do not have.
    """
    if kind not in KINDS:
        raise ValueError(f"kernel is {kind!r}; expected one of {sorted(KINDS)}")
    if not blocks:
        raise ValueError("a kernel of no blocks: give one or more, as fit_features(...).blocks")

    def build(params: Any) -> AbstractKernel:
        parts = []
        for place, block in enumerate(blocks):
            length, variance = params["lengthscale"][place], params["variance"][place]
            # a constant column (weight 0) must not count: its lengthscale becomes huge, but stays finite
            weights = jnp.maximum(jnp.asarray(block.weights, length.dtype), jnp.finfo(length.dtype).tiny ** 0.25)
            parts.append(KINDS[kind](slice(block.start, block.stop), length / weights, variance))
        return SumKernel(kernels=parts)  # pyright: ignore[reportArgumentType]

    return Kernel(lambda dim: block_priors(blocks, dim), build)


def block_priors(blocks: Sequence[Block], dim: int) -> dict[str, Hyperparameter]:
    """Weak log-normal priors, the same for all blocks, because their units are alike.

    ValueError if the blocks reach beyond the ``dim`` columns of the data.
    """
    if max(block.stop for block in blocks) > dim:
        raise ValueError(f"the blocks reach to column {max(block.stop for block in blocks)}; the data have {dim}")
    shape = (len(blocks),)
    return {
        "lengthscale": Hyperparameter(log_normal(*LENGTHSCALE, shape), (0.3, 0.5)),
        "variance": Hyperparameter(log_normal(*VARIANCE, shape), (-1.0, 0.7)),
    }


class FitData(NamedTuple):
    """``Data`` with the squared distances of each block; blocks that are not ``active`` have no variance."""

    x: Float[Array, "capacity dim"]
    y: Float[Array, "capacity"]
    mask: Bool[Array, "capacity"]
    noise: Float[Array, "capacity"]
    squares: Float[Array, "block capacity capacity"]
    active: Float[Array, "block"]


def fit_data(blocks: Sequence[Block], data: Data, active: Float[Array, "block"]) -> FitData:
    """Return the data with their distances computed once, for the process of ``kernel_of_squares``."""
    scaled = in_block_units(blocks, data.x)
    return FitData(*data, jnp.stack([squared_distances(points, points) for points in scaled]), active)


def in_block_units(blocks: Sequence[Block], x: Float[Array, "n dim"]) -> list[Float[Array, "n features"]]:
    """Columns of each block in the block's own units."""
    return [x[:, block.start : block.stop] * jnp.asarray(block.weights, x.dtype)[None] for block in blocks]


def kernel_of_squares(blocks: Sequence[Block], kind: str) -> tuple[Kernel, Observed]:
    """Return the kernel of ``block_kernel`` for ``FitData``: the pair that ``bo.surrogates.process.process`` takes."""

    def gram(params, data):
        scaled = data.squares / params["lengthscale"][:, None, None] ** 2
        return jnp.tensordot(params["variance"] * data.active, profile(kind, scaled), 1)

    def across(*_):
        raise ValueError("FitData serve fits alone: predict with the process of block_kernel")

    observed = Observed(
        gram=gram,
        across=across,
        targets=lambda data, location, scale, mean: (data.y - location) / scale - mean,
        noise=lambda params, data: params.noise + standard_variance(data.noise, params.scale),
        mask=lambda data: data.mask,
        noises=(),
    )
    return Kernel(lambda dim: block_priors(blocks, dim), lambda params: params), observed


def without_inactive(params: Any, active: Float[Array, "block"]) -> Any:
    """GP parameters whose inactive blocks have variance 0."""
    kernel = params.kernel | {"variance": params.kernel["variance"] * active}
    return params._replace(kernel=kernel)


def scale_variances(params: Any, factor: Float[Array, ""]) -> Any:
    """GP parameters whose variances, noise included, are ``factor`` times as large: the same posterior mean."""
    kernel = params.kernel | {"variance": params.kernel["variance"] * factor}
    return params._replace(kernel=kernel, noise=params.noise * factor)
