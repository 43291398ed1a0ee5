"""The kernel of unordered categories: k(c, c') = variance · exp(−Σ 1/lengthscale over the inputs that differ)."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from gpjax.kernels.base import AbstractKernel, val
from jaxtyping import Array, Float

SAME = 1e-6  # two codes in the unit cube closer than this are one category
FAST = 1e4  # standard deviation of frequencies at which different categories are unrelated


class Hamming(AbstractKernel):
    """Covariance of points that share a category or not; one lengthscale, or one for each input.

    Two categories of one input have the correlation exp(−1/lengthscale), all pairs the same. It is positive definite,
    because a matrix of ones and a diagonal, each with a weight that is not negative, add up to it; over several inputs
    it is a product of such kernels. Its gradient with respect to the points is 0.
    """

    lengthscale: Any = None
    variance: Any = None

    def __init__(self, active_dims: list[int] | None = None, lengthscale: Any = 1.0, variance: Any = 1.0):
        self.lengthscale, self.variance = lengthscale, variance
        super().__init__(active_dims=active_dims)

    def __call__(self, x: Any, y: Any) -> Float[Array, ""]:
        differ = jnp.abs(self.slice_input(x) - self.slice_input(y)) > SAME
        return val(self.variance) * jnp.exp(-jnp.sum(differ / val(self.lengthscale)))


def cross(kernel: Hamming, x: Float[Array, "n dim"], y: Float[Array, "m dim"]) -> Float[Array, "n m"]:
    """Evaluate the kernel for all pairs, input by input: XLA is slow at sums over a short last axis on a CPU."""
    codes, others = jnp.asarray(kernel.slice_input(x)), jnp.asarray(kernel.slice_input(y))
    rate = jnp.broadcast_to(1 / val(kernel.lengthscale), codes.shape[1:])
    total = jnp.zeros((x.shape[0], y.shape[0]), rate.dtype)
    for i in range(codes.shape[1]):
        total = total + rate[i] * (jnp.abs(codes[:, None, i] - others[None, :, i]) > SAME)
    return val(kernel.variance) * jnp.exp(-total)


def frequencies(key: Array, kernel: Hamming, active: Sequence[int], number: int) -> Float[Array, "number active"]:
    """Draw frequencies whose cosines have the kernel's covariance, for draws of the function.

    An input has the frequency 0, which no category changes, with the probability of the correlation, and else a large
    one, which makes any two categories unrelated.
    """
    key_zero, key_normal = jax.random.split(key)
    rate = jnp.broadcast_to(1 / val(kernel.lengthscale), (1, len(active)))
    zero = jax.random.uniform(key_zero, (number, len(active)), rate.dtype) < jnp.exp(-rate)
    return jnp.where(zero, 0, FAST * jax.random.normal(key_normal, zero.shape, rate.dtype))
