"""A sum of isotropic kernels, one for each block of features, and the shortcut that fits take through it.

Distances of a block are one product of matrices; while hyperparameters are fitted they do not change, so a fit
computes them once (``squares``) and then only amplitudes and lengthscales move.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import gpjax as gpx
import jax
import jax.numpy as jnp
from gpjax.kernels.base import AbstractKernel, SumKernel, val
from jaxtyping import Array, Bool, Float

from bo.data import Data
from bo.features.base import Block
from bo.surrogates.hyperparameters import Hyperparameter, log_normal
from bo.surrogates.kernels import Kernel
from bo.surrogates.process_types import Observed

LENGTHSCALE = (0.7, 1.0)  # of the logarithm, in units in which two points of the pool are √2 apart
VARIANCE = (-0.5, 1.5)  # of the logarithm, for targets of variance 1


def profile(kind: str, square: Array) -> Array:
    """The kernel as a function of the squared distance over the squared lengthscale; its gradient is finite at 0."""
    if kind == "rbf":
        return jnp.exp(-0.5 * square)
    apart = square > 0
    root = jnp.where(apart, jnp.sqrt(jnp.where(apart, square, 1)), 0)
    if kind == "matern12":
        return jnp.exp(-root)
    if kind == "matern32":
        return (1 + 3**0.5 * root) * jnp.exp(-(3**0.5) * root)
    return (1 + 5**0.5 * root + 5 / 3 * square) * jnp.exp(-(5**0.5) * root)


def distances(x: Float[Array, "n dim"], y: Float[Array, "m dim"]) -> Float[Array, "n m"]:
    """Squared distances by one product of matrices, never negative."""
    middle = jnp.mean(x, axis=0, keepdims=True)
    x, y = x - middle, y - middle  # far from the origin the product would cancel
    square = jnp.sum(x**2, 1)[:, None] + jnp.sum(y**2, 1)[None, :] - 2 * x @ y.T
    return jnp.maximum(square, 0)


class _Isotropic(gpx.kernels.stationary.StationaryKernel):
    """GPJax's kernel on some columns, whose matrices come from one product instead of pair by pair."""

    kind: str = ""

    def __init__(self, columns: slice, lengthscale: Any, variance: Any):
        super().__init__(active_dims=columns)
        self.lengthscale, self.variance = lengthscale, variance  # as they are: a variance may be 0

    def __call__(self, x: Any, y: Any) -> Float[Array, ""]:
        difference = (self.slice_input(x) - self.slice_input(y)) / val(self.lengthscale)
        return val(self.variance) * profile(self.kind, jnp.sum(difference**2))

    def cross_covariance(self, x: Any, y: Any) -> Float[Array, "n m"]:
        x, y = (self.slice_input(points) / val(self.lengthscale)[None] for points in (x, y))
        return val(self.variance) * profile(self.kind, distances(x, y))


class RBF(_Isotropic, gpx.kernels.RBF):
    kind = "rbf"


class Matern12(_Isotropic, gpx.kernels.Matern12):
    kind = "matern12"


class Matern32(_Isotropic, gpx.kernels.Matern32):
    kind = "matern32"


class Matern52(_Isotropic, gpx.kernels.Matern52):
    kind = "matern52"


KINDS: dict[str, Any] = {kernel.kind: kernel for kernel in (RBF, Matern12, Matern32, Matern52)}


def block_kernel(blocks: Sequence[Block], kind: str = "matern52") -> Kernel:
    """Σ_b variance_b k(distance in block b / lengthscale_b); hyperparameters are {lengthscale, variance}, F["block"].

    ValueError for an unknown kind, for no blocks, and for columns that the data do not have.
    """
    if kind not in KINDS:
        raise ValueError(f"kernel is {kind!r}; expected one of {sorted(KINDS)}")
    if not blocks:
        raise ValueError("a kernel of no blocks: give one or more, as fit(...).blocks")

    def build(params: Any) -> AbstractKernel:
        parts = []
        for place, block in enumerate(blocks):
            length, variance = params["lengthscale"][place], params["variance"][place]
            # a constant column (weight 0) counts for nothing: its unit interval is infinitely short
            weights = jnp.maximum(jnp.asarray(block.weights, length.dtype), jnp.finfo(length.dtype).tiny ** 0.25)
            parts.append(KINDS[kind](slice(block.start, block.stop), length / weights, variance))
        return SumKernel(kernels=parts)  # pyright: ignore[reportArgumentType]

    return Kernel(lambda dim: priors(blocks, dim), build)


def priors(blocks: Sequence[Block], dim: int) -> dict[str, Hyperparameter]:
    """Weak log-normal ones, the same for all blocks, whose units are alike."""
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
    """Distances computed once, for ``FROM_SQUARES``."""
    return FitData(*data, jnp.stack([distances(scaled, scaled) for scaled in split(blocks, data.x)]), active)


def split(blocks: Sequence[Block], x: Float[Array, "n dim"]) -> list[Float[Array, "n features"]]:
    """Each block's columns in its own units."""
    return [x[:, block.start : block.stop] * jnp.asarray(block.weights, x.dtype)[None] for block in blocks]


def from_squares(blocks: Sequence[Block], kind: str) -> tuple[Kernel, Observed]:
    """The same kernel for ``FitData``: the pair that ``bo.surrogates.process.process`` takes."""

    def gram(params, data):
        scaled = data.squares / params["lengthscale"][:, None, None] ** 2
        return jnp.tensordot(params["variance"] * data.active, profile(kind, scaled), 1)

    def across(*_):
        raise ValueError("FitData serve fits alone: predict with the process of block_kernel")

    observed = Observed(
        gram=gram,
        across=across,
        targets=lambda data, location, scale, mean: (data.y - location) / scale - mean,
        noise=lambda params, data: params.noise + data.noise / params.scale**2,
        mask=lambda data: data.mask,
        noises=(),
    )
    return Kernel(lambda dim: priors(blocks, dim), lambda params: params), observed


def without(params: Any, active: Float[Array, "block"]) -> Any:
    """GP parameters whose inactive blocks have no variance."""
    kernel = params.kernel | {"variance": params.kernel["variance"] * active}
    return params._replace(kernel=kernel)


def widened(params: Any, factor: Float[Array, ""]) -> Any:
    """GP parameters whose variances, noise included, are ``factor`` times as large: the same mean."""
    kernel = params.kernel | {"variance": params.kernel["variance"] * factor}
    return params._replace(kernel=kernel, noise=params.noise * factor)


def select(values: Any, index: Array) -> Any:
    """Each leaf's row ``index``."""
    return jax.tree.map(lambda leaf: leaf[index], values)
