"""GPJax kernels by name, built inside jit from positive parameters. Importing this starts the XLA backend."""

import gpjax as gpx
import jax
import jax.numpy as jnp
from gpjax.kernels.base import AbstractKernel
from jaxtyping import Array, Float

KERNELS = {
    "rbf": gpx.kernels.RBF,
    "matern12": gpx.kernels.Matern12,
    "matern32": gpx.kernels.Matern32,
    "matern52": gpx.kernels.Matern52,
}


def check_name(name: str) -> None:
    """ValueError unless a kernel of that name exists."""
    if name not in KERNELS:
        raise ValueError(f"kernel is {name!r}; expected one of {sorted(KERNELS)}")


def build(name: str, lengthscale: Array, variance: Array) -> AbstractKernel:
    """The GPJax kernel; ``lengthscale`` of shape () or (dim,). Both must be positive: GPJax does not check."""
    return KERNELS[name](lengthscale=lengthscale, variance=variance)


def cross(kernel: AbstractKernel, x: Float[Array, "n dim"], y: Float[Array, "m dim"]) -> Float[Array, "n m"]:
    """k(x, y) for all pairs."""
    return jnp.asarray(kernel.cross_covariance(x, y))


def diagonal(kernel: AbstractKernel, x: Float[Array, "n dim"]) -> Float[Array, "n"]:
    """k(x, x) point by point."""
    return jax.vmap(lambda point: jnp.asarray(kernel(point, point)))(x)
