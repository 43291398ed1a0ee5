"""The exact Gaussian process on masked data of fixed capacity, its hyperparameters found by MAP.

Targets are standardised inside (``location`` and ``scale`` are part of the params), the mean is constant, and the
kernel is one of GPJax's. Inputs are expected in the unit cube: the priors are scaled to it.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from jax.custom_batching import sequential_vmap
from jax.scipy.linalg import cho_solve
from jaxtyping import Array, Float

from bo import incremental, kernels
from bo.linalg import factorise, inverse_factor, log_density
from bo.optimise import minimise
from bo.types import Data, FitInfo, Prediction, Surrogate, require_precision


class GPParams(NamedTuple):
    """Hyperparameters in natural units. All but the last two refer to standardised targets (y − location) / scale."""

    lengthscale: Float[Array, "..."]  # (dim,) with ARD, else (); in units of the unit cube's edge
    variance: Float[Array, ""]  # of the latent function
    noise: Float[Array, ""]  # variance of the observation noise
    mean: Float[Array, ""]
    location: Float[Array, ""]  # of the targets
    scale: Float[Array, ""]  # their standard deviation


@dataclass(frozen=True)
class GPConfig:
    """Choices that decide the program. Priors are (location, scale) of a log-normal density.

    The default prior of the lengthscales is scaled with the dimension, LogNormal(√2 + ½ ln dim, √3) (Hvarfner et
    al. 2024); noise and variance have one too, since a likelihood without priors lets an ARD lengthscale run away.
    ``sequential`` fits the members of a vmapped run one after another: no member waits for the slowest one's
    iterations, which on a CPU is cheaper; on an accelerator turn it off.
    """

    kernel: str = "matern52"
    ard: bool = True
    dtype: str = "float64"
    lengthscale_prior: tuple[float, float] | None = None
    variance_prior: tuple[float, float] = (0.0, 1.0)
    noise_prior: tuple[float, float] = (-4.0, 1.0)
    noise_floor: float = 1e-6
    starts: int = 4
    iterations: int = 50
    line_search_steps: int = 5
    gradient_tolerance: float = 1e-3
    decrease_tolerance: float = 1e-5
    sequential: bool = True

    def __post_init__(self):
        kernels.check_name(self.kernel)
        for name in ("starts", "iterations", "line_search_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if not self.noise_floor > 0:
            raise ValueError(f"noise_floor is {self.noise_floor}; it must be positive: it keeps K definite")


def constrain(theta: Float[Array, "p"], config: GPConfig) -> tuple[Array, Array, Array, Array]:
    """(lengthscale, variance, noise, mean) from the optimiser's unconstrained vector."""
    lengthscale = jnp.exp(theta[:-3]) if config.ard else jnp.exp(theta[0])
    return lengthscale, jnp.exp(theta[-3]), config.noise_floor + jnp.exp(theta[-2]), theta[-1]


def unconstrain(params: GPParams, config: GPConfig) -> Float[Array, "p"]:
    """Inverse of ``constrain``; a noise at the floor is lifted by a hundredth of it."""
    noise = jnp.maximum(params.noise - config.noise_floor, 0.01 * config.noise_floor)
    scalars = jnp.stack([jnp.log(params.variance), jnp.log(noise), params.mean])
    return jnp.concatenate([jnp.atleast_1d(jnp.log(params.lengthscale)), scalars])


def priors(dim: int, config: GPConfig) -> tuple[dist.Distribution, dist.Distribution, dist.Distribution]:
    """Of lengthscale, variance and noise."""
    lengthscale = config.lengthscale_prior or (2.0**0.5 + 0.5 * math.log(dim), 3.0**0.5)
    return tuple(dist.LogNormal(*pair) for pair in (lengthscale, config.variance_prior, config.noise_prior))


def log_prior(theta: Float[Array, "p"], dim: int, config: GPConfig) -> Float[Array, ""]:
    """Densities of the natural parameters (no Jacobian: the mode is the natural one), N(0, 1) on the mean."""
    lengthscale, variance, noise, mean = constrain(theta, config)
    on_lengthscale, on_variance, on_noise = priors(dim, config)
    total = jnp.sum(on_lengthscale.log_prob(lengthscale)) + on_variance.log_prob(variance)
    return total + on_noise.log_prob(noise) - 0.5 * mean**2


def masked_gram(params: GPParams, data: Data, config: GPConfig) -> Float[Array, "capacity capacity"]:
    """k(x, x) + noise, with the rows and columns of absent data set to the identity's: exact, at any padding."""
    kernel = kernels.build(config.kernel, params.lengthscale, params.variance)
    eye = jnp.eye(data.y.size, dtype=data.x.dtype)
    both = data.mask[:, None] & data.mask[None, :]
    noise = params.noise + data.noise / params.scale**2
    return jnp.where(both, kernels.cross(kernel, data.x, data.x) + noise[:, None] * eye, eye)


def residual(params: GPParams, data: Data) -> Float[Array, "capacity"]:
    """Standardised targets minus the constant mean; 0 where there is no observation."""
    return jnp.where(data.mask, (data.y - params.location) / params.scale - params.mean, 0)


def log_marginal_likelihood(params: GPParams, data: Data, config: GPConfig) -> Float[Array, ""]:
    """log p(standardised y | x, params), the same number as on the unpadded data."""
    return log_density(masked_gram(params, data, config), residual(params, data), data.mask)


def standardisation(data: Data) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Mean and standard deviation of the observed targets; (0, 1) for none, scale 1 for constant ones."""
    count = jnp.maximum(jnp.sum(data.mask), 1)
    location = jnp.sum(jnp.where(data.mask, data.y, 0)) / count
    scale = jnp.sqrt(jnp.sum(jnp.where(data.mask, data.y - location, 0) ** 2) / count)
    tiny = 100 * jnp.finfo(data.y.dtype).eps * jnp.abs(location)
    return location, jnp.where(scale > tiny, scale, 1)


def gaussian_process(config: GPConfig = GPConfig()) -> Surrogate:
    """The Surrogate of this module. ValueError if its float64 is switched off in JAX."""
    dtype = require_precision(config.dtype)
    one_by_one = sequential_vmap if config.sequential else lambda function: function

    def posterior_objective(theta, data, location, scale):
        params = GPParams(*constrain(theta, config), location, scale)
        total = log_marginal_likelihood(params, data, config) + log_prior(theta, data.x.shape[1], config)
        return -total / jnp.maximum(jnp.sum(data.mask), 1)

    def maximise(theta, data):
        location, scale = standardisation(data)
        theta, value, iterations, evaluations = minimise(
            lambda point: posterior_objective(point, data, location, scale),
            theta,
            iterations=config.iterations,
            line_search_steps=config.line_search_steps,
            gradient_tolerance=config.gradient_tolerance,
            decrease_tolerance=config.decrease_tolerance,
        )
        return GPParams(*constrain(theta, config), location, scale), FitInfo(value, iterations, evaluations)

    @one_by_one
    def best_of(thetas, data):
        found, info = jax.lax.map(lambda theta: maximise(theta, data), thetas)
        objective = jnp.where(jnp.isnan(info.objective), jnp.inf, info.objective)
        winner = jnp.argmin(objective)
        return jax.tree.map(lambda leaf: leaf[winner], found)

    warm = one_by_one(maximise)

    def init(key, data):
        """Cold start: the best of ``starts`` optimisations, the first from the middle of the unit cube's scales."""
        data = cast(data)
        size = (data.x.shape[1] if config.ard else 1) + 3
        default = jnp.array([-1.5] * (size - 3) + [0.0, -4.0, 0.0], dtype)
        spread = jnp.array([1.0] * (size - 3) + [0.5, 2.0, 0.0], dtype)
        draws = jax.random.normal(key, (config.starts, size), dtype).at[0].set(0)
        return best_of(default[None] + spread[None] * draws, data)

    def fit(key, params, data):
        """Warm start from ``params``; the key is of the protocol (other surrogates sample)."""
        del key
        return warm(unconstrain(params, config), cast(data))

    def conditioned(params, data):
        kernel = build(params)
        factor, _, _ = factorise(masked_gram(params, data, config))
        inverse, weights = inverse_factor(factor), cho_solve((factor, True), residual(params, data))

        def at(x):
            across = jnp.where(data.mask[:, None], kernels.cross(kernel, data.x, x), 0)
            return inverse @ across, params.location + params.scale * (params.mean + across.T @ weights)

        return kernel, at

    def predictor(params, data):
        """Of the latent function (without noise), in the units of y."""
        kernel, moments = conditioned(params, cast(data))

        def predict(x):
            x = jnp.asarray(x, dtype)
            projected, mean = moments(x)
            variance = kernels.diagonal(kernel, x) - jnp.sum(projected**2, axis=0)
            return Prediction(mean, params.scale * root(variance))

        return predict

    def predict(params, data, x):
        return predictor(params, data)(x)

    def sample(key, params, data, x):
        """One joint draw of the latent function at ``x``."""
        x = jnp.asarray(x, dtype)
        kernel, moments = conditioned(params, cast(data))
        projected, mean = moments(x)
        factor, _, _ = factorise(kernels.cross(kernel, x, x) - projected.T @ projected)
        return mean + params.scale * (factor @ jax.random.normal(key, (x.shape[0],), dtype))

    def cast(data):
        return Data(data.x.astype(dtype), data.y.astype(dtype), data.mask, data.noise.astype(dtype))

    def build(params):
        return kernels.build(config.kernel, params.lengthscale, params.variance)

    @one_by_one
    def project(params, data, pool):
        gram = masked_gram(params, data, config)
        kernel = build(params)
        across = jnp.where(data.mask[:, None], kernels.cross(kernel, data.x, pool), 0)
        return incremental.project(gram, residual(params, data), across, kernels.diagonal(kernel, pool), params.noise)

    def condition(params, data, pool):
        return incremental.start(project(params, cast(data), pool))

    def surface(params, posterior):
        mean = params.location + params.scale * (params.mean + posterior.mean)
        return Prediction(mean, params.scale * root(posterior.variance))

    def prior_covariance(params, pool, index):
        return kernels.cross(build(params), pool[index][None], pool)[0]

    def covariance(params, posterior, pool, index):
        return params.scale**2 * incremental.covariance(posterior, prior_covariance(params, pool, index), index)

    def append(params, posterior, pool, count, index, value, noise, valid):
        target = (value - params.location) / params.scale - params.mean
        return incremental.append(
            posterior, prior_covariance(params, pool, index), count, index, target, noise / params.scale**2, valid
        )

    return Surrogate(
        init=init,
        fit=fit,
        predict=predict,
        predictor=predictor,
        sample=sample,
        condition=condition,
        surface=surface,
        covariance=covariance,
        append=append,
        grow=incremental.grow,
        dtype=config.dtype,
    )


def root(variance: Array) -> Array:
    """√max(variance, 0) with a gradient of 0, not NaN, where the variance is used up."""
    positive = variance > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, variance, 1)), 0)
