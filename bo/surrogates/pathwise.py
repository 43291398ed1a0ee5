"""Draws of a Gaussian process as functions: random Fourier features of the prior, corrected by Matheron's rule.

    f(x) = φ(x)·w + k(x, X) (K + noise)⁻¹ (y − φ(X)·w − ε),    w ~ N(0, 1), ε ~ N(0, noise)

(Wilson et al. 2020, eq. 12). Evaluation at m points costs m·(n + features), where a joint draw costs m³. The prior's
part is approximate, with an error that falls as 1/√features; the correction is exact.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from gpjax.kernels import RBF, Matern12, Matern32, Matern52, RationalQuadratic
from gpjax.kernels.base import AbstractKernel, ProductKernel, SumKernel, val
from jax.scipy.linalg import cho_solve
from jaxtyping import Array, Bool, Float

from bo.numerics.linalg import factorise
from bo.surrogates import hamming, kernels
from bo.surrogates.hamming import Hamming

SMOOTHNESS = {Matern12: 0.5, Matern32: 1.5, Matern52: 2.5}


def frequencies(key: Array, kernel: Any, dim: int, number: int) -> tuple[Array, Array]:
    """Draw from the spectral density, F["number dim"], and return the variance k(x, x), F[""].

    Frequencies of a product are sums of those of its factors, because the transform of a product is a convolution.
    ValueError for a kernel whose density is not known here.
    """
    if isinstance(kernel, ProductKernel):
        parts = [frequencies(jax.random.fold_in(key, i), part, dim, number) for i, part in enumerate(kernel.kernels)]
        total, variance = parts[0]
        for summand, factor in parts[1:]:
            total, variance = total + summand, variance * factor
        return total, variance
    if not isinstance(kernel, (RBF, RationalQuadratic, Hamming, *SMOOTHNESS)):
        raise ValueError(
            f"no spectral density for {type(kernel).__name__}: pathwise draws know RBF, rational quadratic, Matérn, "
            "hamming, their sums and products; for others draw jointly, on a pool of at most 2,000 candidates"
        )
    lengthscale = jnp.asarray(val(kernel.lengthscale))
    active = range(dim)[kernel.active_dims] if isinstance(kernel.active_dims, slice) else kernel.active_dims
    if isinstance(kernel, Hamming):
        spectrum = hamming.frequencies(key, kernel, active, number)
        return _everywhere(spectrum, active, dim), jnp.asarray(val(kernel.variance))
    key_normal, key_gamma = jax.random.split(key)
    widths = jnp.broadcast_to(lengthscale, (1, len(active)))
    spectrum = jax.random.normal(key_normal, (number, len(active)), lengthscale.dtype) / widths
    if isinstance(kernel, RationalQuadratic):  # a mixture of RBFs whose precision has this gamma distribution
        shape = jnp.asarray(val(kernel.alpha), lengthscale.dtype)
        spectrum = spectrum * jnp.sqrt(jax.random.gamma(key_gamma, shape, (number, 1), lengthscale.dtype) / shape)
    smoothness = next((nu for matern, nu in SMOOTHNESS.items() if isinstance(kernel, matern)), None)
    if smoothness is not None:  # Student's t with 2ν degrees of freedom
        shape = jnp.asarray(smoothness, lengthscale.dtype)
        spectrum = spectrum / jnp.sqrt(jax.random.gamma(key_gamma, shape, (number, 1), lengthscale.dtype) / shape)
    return _everywhere(spectrum, active, dim), jnp.asarray(val(kernel.variance))


def _everywhere(spectrum: Float[Array, "number active"], active: Sequence[int], dim: int) -> Float[Array, "number dim"]:
    """Return the frequencies of the kernel's own inputs as those of all inputs: 0 for the others."""
    return jnp.zeros((spectrum.shape[0], dim), spectrum.dtype).at[:, jnp.array(list(active))].set(spectrum)


def prior(key: Array, kernel: AbstractKernel, dim: int, number: int) -> Callable[[Array], Array]:
    """Return an approximate draw of the zero-mean prior as a function, x F["query dim"] -> F["query"].

    It has ``number`` cosines and as many sines for each summand of the kernel.
    """
    if isinstance(kernel, SumKernel):
        draws = [prior(jax.random.fold_in(key, i), part, dim, number) for i, part in enumerate(kernel.kernels)]
        return lambda x: sum((draw(x) for draw in draws), jnp.zeros(x.shape[0], x.dtype))
    key_frequencies, key_weights = jax.random.split(key)
    spectrum, variance = frequencies(key_frequencies, kernel, dim, number)
    weights = jax.random.normal(key_weights, (2, number), spectrum.dtype) * jnp.sqrt(variance / number)

    def draw(x):
        phase = x @ spectrum.T
        return jnp.cos(phase) @ weights[0] + jnp.sin(phase) @ weights[1]

    return draw


def posterior(
    key: Array,
    kernel: AbstractKernel,
    x: Float[Array, "n dim"],
    residual: Float[Array, "n"],
    mask: Bool[Array, "n"],
    noise: Float[Array, "n"],
    gram: Float[Array, "n n"],
    *,
    number: int = 512,
) -> Callable[[Array], Array]:
    """Return a draw of the zero-mean posterior given ``residual`` at ``x`` as a function, F["query dim"] -> F["query"].

    ``gram`` is k(x, x) + noise with rows of the identity where ``mask`` is false; ``noise`` is the variance of each
    observation.
    """
    key_prior, key_noise = jax.random.split(key)
    draw = prior(key_prior, kernel, x.shape[1], number)
    observed = draw(x) + jnp.sqrt(noise) * jax.random.normal(key_noise, noise.shape, noise.dtype)
    factor, _, _ = factorise(gram)
    weights = cho_solve((factor, True), jnp.where(mask, residual - observed, 0))

    def at(query):
        across = jnp.where(mask[:, None], kernels.cross(kernel, x, query), 0)
        return draw(query) + weights @ across

    return at
