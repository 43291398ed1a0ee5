"""A Gaussian process on masked data of fixed capacity, as functions of its hyperparameters.

How these are chosen is another matter: ``bo.surrogates.gp`` maximises their posterior, ``bo.surrogates.bayesian`` samples from it. Targets
are standardised inside (``location`` and ``scale`` are part of the params). Inputs are expected in the unit cube: the
priors are scaled to it.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from jax.custom_batching import sequential_vmap
from jax.scipy.linalg import cho_solve
from jaxtyping import Array, Float

from bo.numerics.linalg import factorise, inverse_factor, log_density
from bo.surrogates import incremental, kernels, pathwise
from bo.surrogates.base import Prediction, require_precision
from bo.surrogates.hyperparameters import Hyperparameter, layout, log_normal
from bo.surrogates.process_types import VALUES, GPConfig, GPParams, Mean, Observed, Process


class Prepared(NamedTuple):
    """What prediction needs of the data, whatever the points: L⁻¹ and K⁻¹ r."""

    inverse: Float[Array, "capacity capacity"]
    weights: Float[Array, "capacity"]


def standardisation(data: Any) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Mean and standard deviation of the observed targets; (0, 1) for none, scale 1 for constant ones."""
    count = jnp.maximum(jnp.sum(data.mask), 1)
    location = jnp.sum(jnp.where(data.mask, data.y, 0)) / count
    scale = jnp.sqrt(jnp.sum(jnp.where(data.mask, data.y - location, 0) ** 2) / count)
    tiny = 100 * jnp.finfo(data.y.dtype).eps * jnp.abs(location)
    return location, jnp.where(scale > tiny, scale, 1)


def process(
    config: GPConfig, kernel: kernels.Kernel | None = None, mean: Mean | None = None, observed: Observed = VALUES
) -> Process:
    """The process of a configuration; ``kernel`` replaces the config's expression, ``mean`` the constant mean.

    ValueError if its float64 is switched off in JAX.
    """
    dtype = require_precision(config.dtype)
    one_by_one = sequential_vmap if config.sequential else lambda function: function
    kernel = kernel or kernels.kernel(
        config.kernel, ard=config.ard, lengthscale=config.lengthscale_prior, variance=config.variance_prior
    )
    constant = Hyperparameter(dist.Normal(0.0, 1.0), (0.0, 0.0))

    def layout_of(dim):
        on_mean = constant if mean is None else {name: Hyperparameter(prior) for name, prior in mean.priors.items()}
        noise = Hyperparameter(log_normal(*config.noise_prior, observed.noises), (-4.0, 2.0))
        return layout((kernel.priors(dim), noise, on_mean), dtype)

    def params_of(theta, dim, location, scale):
        on_kernel, noise, on_mean = layout_of(dim).constrain(theta)
        return GPParams(on_kernel, config.noise_floor + noise, on_mean, location, scale)

    def theta_of(params, dim):
        # a noise at the floor is lifted by a hundredth of it
        noise = jnp.maximum(params.noise - config.noise_floor, 0.01 * config.noise_floor)
        return layout_of(dim).unconstrain((params.kernel, noise, params.mean))

    def mean_at(params, x):
        """Of standardised targets: F["n"], or F[""] for a constant."""
        if mean is None:
            return params.mean
        value = jnp.asarray(mean.function(params.mean, x), dtype)
        if value.shape != x.shape[:1]:
            raise ValueError(f"the mean function returned shape {value.shape}; expected {x.shape[:1]}, one per point")
        return value if mean.standardised else (value - params.location) / params.scale

    def gram(params, data):
        covariance = observed.gram(kernel.build(params.kernel), data)
        eye, mask = jnp.eye(covariance.shape[0], dtype=covariance.dtype), observed.mask(data)
        noise = observed.noise(params, data)
        return jnp.where(mask[:, None] & mask[None, :], covariance + noise[:, None] * eye, eye)

    def residual(params, data):
        targets = observed.targets(data, params.location, params.scale, mean_at(params, data.x))
        return jnp.where(observed.mask(data), targets, 0)

    def across_of(params, data, x):
        return jnp.where(observed.mask(data)[:, None], observed.across(kernel.build(params.kernel), data, x), 0)

    def log_likelihood(params, data):
        return log_density(gram(params, data), residual(params, data), observed.mask(data))

    def log_posterior(theta, data, location, scale, volume=False):
        dim = data.x.shape[1]
        density, jacobian = layout_of(dim).log_prior(theta)
        likelihood = log_likelihood(params_of(theta, dim, location, scale), data)
        return likelihood + density + jacobian if volume else likelihood + density

    def prepare(params, data):
        factor, _, _ = factorise(gram(params, data))
        return Prepared(inverse_factor(factor), cho_solve((factor, True), residual(params, data)))

    def moments(params, data, prepared, x):
        """L⁻¹ k(X, x) and the mean at x in the units of y."""
        across = across_of(params, data, x)
        mean = params.location + params.scale * (mean_at(params, x) + across.T @ prepared.weights)
        return prepared.inverse @ across, mean

    def at(params, data, prepared, x):
        x = jnp.asarray(x, dtype)
        projected, mean = moments(params, data, prepared, x)
        variance = kernels.diagonal(kernel.build(params.kernel), x) - jnp.sum(projected**2, axis=0)
        return Prediction(mean, params.scale * root(variance))

    def sample(key, params, data, x):
        x = jnp.asarray(x, dtype)
        data = cast(data)
        projected, mean = moments(params, data, prepare(params, data), x)
        prior = kernels.cross(kernel.build(params.kernel), x, x)
        factor, _, _ = factorise(prior - projected.T @ projected)
        return mean + params.scale * (factor @ jax.random.normal(key, (x.shape[0],), dtype))

    def path(key, params, data):
        data = cast(data)
        noise = observed.noise(params, data)
        built, rest = kernel.build(params.kernel), residual(params, data)
        draw = pathwise.posterior(key, built, data.x, rest, data.mask, noise, gram(params, data))

        def at(x):
            x = jnp.asarray(x, dtype)
            return params.location + params.scale * (mean_at(params, x) + draw(x))

        return at

    @one_by_one
    def project(params, data, pool):
        diagonal = kernels.diagonal(kernel.build(params.kernel), pool)
        across, noise = across_of(params, data, pool), jnp.ravel(params.noise)[0]
        projected, mean, *rest = incremental.project(
            gram(params, data), residual(params, data), across, diagonal, noise
        )
        return projected, mean_at(params, pool) + mean, *rest

    def condition(params, data, pool):
        return incremental.start(project(params, cast(data), pool))

    def surface(params, posterior):
        return Prediction(params.location + params.scale * posterior.mean, params.scale * root(posterior.variance))

    def prior_covariance(params, pool, index):
        return kernels.cross(kernel.build(params.kernel), pool[index][None], pool)[0]

    def covariance(params, posterior, pool, index):
        return params.scale**2 * incremental.covariance(posterior, prior_covariance(params, pool, index), index)

    def append(params, posterior, pool, count, index, value, noise, valid):
        target = (value - params.location) / params.scale
        prior = prior_covariance(params, pool, index)
        return incremental.append(posterior, prior, count, index, target, noise / params.scale**2, valid)

    def cast(data):
        return jax.tree.map(lambda leaf: leaf if leaf.dtype == bool else leaf.astype(dtype), data)

    return Process(
        layout=layout_of,
        params=params_of,
        theta=theta_of,
        log_posterior=log_posterior,
        log_likelihood=log_likelihood,
        gram=gram,
        residual=residual,
        prepare=prepare,
        at=at,
        sample=sample,
        path=path,
        condition=condition,
        surface=surface,
        covariance=covariance,
        append=append,
        cast=cast,
        one_by_one=one_by_one,
        config=config,
    )


def root(variance: Array) -> Array:
    """√max(variance, 0) with a gradient of 0, not NaN, where the variance is used up; of NaN, NaN: not certainty."""
    positive = variance > 0
    nothing = jnp.where(jnp.isnan(variance), variance, 0)
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, variance, 1)), nothing)
