"""A Gaussian process on masked data of fixed capacity, as functions of its hyperparameters.

How hyperparameters are chosen is another matter: ``bo.surrogates.gp`` maximises their posterior,
``bo.surrogates.bayesian`` samples from it. Targets are standardised inside: ``location`` and ``scale`` are part of the
params. Inputs are expected in the unit cube, because the priors are scaled to it.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from jax.scipy.linalg import cho_solve
from jaxtyping import Array, Float

from bo.numerics import rows
from bo.numerics.linalg import factorise, inverse_factor, log_density
from bo.numerics.members import one_after_another
from bo.surrogates import incremental, kernels, pathwise
from bo.surrogates.base import Prediction, require_precision, standard_variance
from bo.surrogates.hyperparameters import Hyperparameter, Layout, layout, log_normal
from bo.surrogates.process_types import VALUES, GPConfig, GPParams, Mean, Observed, Process
from ferro_jax import values

_CONSTANT = Hyperparameter(dist.Normal(0.0, 1.0), (0.0, 0.0))  # mean of standardised targets


class _Definition(NamedTuple):
    """What a process is made of; ``mean`` None is a constant."""

    config: GPConfig
    kernel: kernels.Kernel
    mean: Mean | None
    observed: Observed
    dtype: Any


class Prepared(NamedTuple):
    """What prediction needs of the data, whatever the points: L⁻¹ and K⁻¹ r."""

    inverse: Float[Array, "capacity capacity"]
    weights: Float[Array, "capacity"]


def process(
    config: GPConfig, kernel: kernels.Kernel | None = None, mean: Mean | None = None, observed: Observed = VALUES
) -> Process:
    """Return the process of a configuration; ``kernel`` replaces its expression, ``mean`` the constant mean.

    ValueError if the configuration asks for float64 and JAX has it switched off.
    """
    kernel = kernel or kernels.kernel(
        config.kernel, ard=config.ard, lengthscale=config.lengthscale_prior, variance=config.variance_prior
    )
    definition = _Definition(config, kernel, mean, observed, require_precision(config.dtype))
    one_by_one = one_after_another if config.sequential else lambda function: function
    return Process(
        layout=partial(_layout, definition),
        params=partial(_params, definition),
        theta=partial(_theta, definition),
        log_posterior=partial(_log_posterior, definition),
        log_likelihood=partial(_log_likelihood, definition),
        gram=partial(_gram, definition),
        residual=partial(_residual, definition),
        prepare=partial(_prepare, definition),
        predict_at=partial(_predict_at, definition),
        sample=partial(_sample, definition),
        path=partial(_path, definition),
        noise=_noise,
        condition=partial(_condition, definition, one_by_one(partial(_project, definition))),
        surface=_surface,
        covariance=partial(_covariance, definition),
        append=partial(_append, definition),
        cast=partial(_cast, definition),
        one_by_one=one_by_one,
        config=config,
    )


def standardisation(data: Any) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Mean and standard deviation of the observed targets: (0, 1) for no targets, deviation 1 for constant ones."""
    count = jnp.maximum(jnp.sum(data.mask), 1)
    location = jnp.sum(jnp.where(data.mask, data.y, 0)) / count
    gap = jnp.where(data.mask, data.y - location, 0)
    unit = squarable(jnp.max(jnp.abs(gap), initial=0))
    scale = unit * jnp.sqrt(jnp.sum((gap / unit) ** 2) / count)
    tiny = 100 * jnp.finfo(data.y.dtype).eps * jnp.abs(location)
    return location, jnp.where(scale > tiny, scale, 1)


def squarable(size: Array) -> Array:
    """Return a power of 2 by which numbers up to ``size`` are divided before they are squared; 1 in most units.

    In single precision squares of numbers below 1e-19 are 0, and those above 1e19 infinite.
    """
    edge = 2.0 ** (jnp.finfo(size.dtype).maxexp // 4)
    return jnp.where(size > edge, edge**2, jnp.where(size < 1 / edge, edge**-2, 1)).astype(size.dtype)


def root(variance: Array) -> Array:
    """Compute sqrt(max(variance, 0)), with gradient 0 where variance ≤ 0.

    NaN stays NaN, so that a failed fit does not look certain.
    """
    positive = variance > 0
    nothing = jnp.where(jnp.isnan(variance), variance, 0)
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, variance, 1)), nothing)


def _layout(definition: _Definition, dim: int) -> Layout:
    mean = (
        _CONSTANT
        if definition.mean is None
        else {name: Hyperparameter(prior) for name, prior in definition.mean.priors.items()}
    )
    noise = Hyperparameter(log_normal(*definition.config.noise_prior, definition.observed.noises), (-4.0, 2.0))
    return layout((definition.kernel.priors(dim), noise, mean), definition.dtype)


def _params(definition: _Definition, theta: Array, dim: int, location: Array, scale: Array) -> GPParams:
    kernel, noise, mean = _layout(definition, dim).constrain(theta)
    return GPParams(kernel, definition.config.noise_floor + noise, mean, location, scale)


def _theta(definition: _Definition, params: GPParams, dim: int) -> Array:
    floor = definition.config.noise_floor
    noise = jnp.maximum(
        params.noise - floor, 0.01 * floor
    )  # its logarithm must be finite where the noise is at the floor
    return _layout(definition, dim).unconstrain((params.kernel, noise, params.mean))


def _mean(definition: _Definition, params: GPParams, x: Array) -> Array:
    """Mean of standardised targets at x: F["n"], or F[""] for a constant."""
    if definition.mean is None:
        return params.mean
    value = jnp.asarray(definition.mean.function(params.mean, x), definition.dtype)
    if value.shape != x.shape[:1]:
        raise ValueError(f"the mean function returned shape {value.shape}; expected {x.shape[:1]}, one per point")
    return value if definition.mean.standardised else (value - params.location) / params.scale


def _gram(definition: _Definition, params: GPParams, data: Any) -> Array:
    covariance = definition.observed.gram(definition.kernel.build(params.kernel), data)
    eye, mask = jnp.eye(covariance.shape[0], dtype=covariance.dtype), definition.observed.mask(data)
    noise = definition.observed.noise(params, data)
    return jnp.where(mask[:, None] & mask[None, :], covariance + noise[:, None] * eye, eye)


def _residual(definition: _Definition, params: GPParams, data: Any) -> Array:
    targets = definition.observed.targets(data, params.location, params.scale, _mean(definition, params, data.x))
    return jnp.where(definition.observed.mask(data), targets, 0)


def _across(definition: _Definition, params: GPParams, data: Any, x: Array) -> Array:
    """Covariance F["rows query"] of the observations with the latent function at x; 0 for absent data."""
    observed, kernel = definition.observed, definition.kernel
    return jnp.where(observed.mask(data)[:, None], observed.across(kernel.build(params.kernel), data, x), 0)


def _log_likelihood(definition: _Definition, params: GPParams, data: Any) -> Array:
    return log_density(
        _gram(definition, params, data), _residual(definition, params, data), definition.observed.mask(data)
    )


def _log_posterior(
    definition: _Definition, theta: Array, data: Any, location: Array, scale: Array, volume: bool = False
) -> Array:
    dim = data.x.shape[1]
    density, jacobian = _layout(definition, dim).log_prior(theta)
    likelihood = _log_likelihood(definition, _params(definition, theta, dim, location, scale), data)
    return likelihood + density + jacobian if volume else likelihood + density


def _prepare(definition: _Definition, params: GPParams, data: Any) -> Prepared:
    factor, _, _ = factorise(_gram(definition, params, data))
    return Prepared(inverse_factor(factor), cho_solve((factor, True), _residual(definition, params, data)))


def _moments(definition: _Definition, params: GPParams, data: Any, prepared: Prepared, x: Array) -> tuple[Array, Array]:
    """L⁻¹ k(X, x), F["rows query"], and the posterior mean at x, F["query"] in the units of y."""
    across = _across(definition, params, data, x)
    mean = params.location + params.scale * (_mean(definition, params, x) + across.T @ prepared.weights)
    return prepared.inverse @ across, mean


def _queries(definition: _Definition, data: Any, x: Any) -> Array:
    """Return points to predict at, F["query dim"]; ValueError for another number of inputs than the data have."""
    x, dim = values.array(x, "x", dtype=definition.dtype), data.x.shape[1]
    if x.ndim != 2 or x.shape[1] != dim:
        raise ValueError(f"x has shape {x.shape}; expected (n, {dim}): a row of {dim} inputs for each point")
    return x


def _predict_at(definition: _Definition, params: GPParams, data: Any, prepared: Prepared, x: Any) -> Prediction:
    x = _queries(definition, data, x)
    projected, mean = _moments(definition, params, data, prepared, x)
    variance = kernels.diagonal(definition.kernel.build(params.kernel), x) - jnp.sum(projected**2, axis=0)
    return Prediction(mean, params.scale * root(variance))


def _sample(definition: _Definition, key: Array, params: GPParams, data: Any, x: Any) -> Array:
    x = _queries(definition, data, x)
    data = _cast(definition, data)
    projected, mean = _moments(definition, params, data, _prepare(definition, params, data), x)
    prior = kernels.cross(definition.kernel.build(params.kernel), x, x)
    factor, _, _ = factorise(prior - projected.T @ projected)
    return mean + params.scale * (factor @ jax.random.normal(key, (x.shape[0],), definition.dtype))


def _path(definition: _Definition, key: Array, params: GPParams, data: Any):
    data = _cast(definition, data)
    noise = definition.observed.noise(params, data)
    kernel, residual = definition.kernel.build(params.kernel), _residual(definition, params, data)
    draw = pathwise.posterior(key, kernel, data.x, residual, data.mask, noise, _gram(definition, params, data))

    def path(x):
        x = _queries(definition, data, x)
        return params.location + params.scale * (_mean(definition, params, x) + draw(x))

    return path


def _noise(params: GPParams) -> Array:
    return jnp.ravel(params.noise)[0] * params.scale**2


def _project(definition: _Definition, params: GPParams, data: Any, pool: Any) -> tuple[Array, ...]:
    diagonal = kernels.diagonal(definition.kernel.build(params.kernel), pool)
    used, noise = rows.in_use(definition.observed.mask(data)), jnp.ravel(params.noise)[0]
    gram, residual = _gram(definition, params, data), _residual(definition, params, data)
    across = _across(definition, params, data, pool)
    projected, mean, *rest = incremental.project(gram, residual, across, diagonal, noise, used)
    return projected, _mean(definition, params, pool) + mean, *rest


def _condition(
    definition: _Definition, project: Any, params: GPParams, data: Any, pool: Any
) -> incremental.PoolPosterior:
    return incremental.start(project(params, _cast(definition, data), pool))


def _surface(params: GPParams, posterior: incremental.PoolPosterior) -> Prediction:
    return Prediction(params.location + params.scale * posterior.mean, params.scale * root(posterior.variance))


def _prior_covariance(definition: _Definition, params: GPParams, pool: Any, index: Any) -> Array:
    """Prior covariance F["pool"] of candidate ``index`` with all candidates, of standardised targets."""
    return kernels.cross(definition.kernel.build(params.kernel), pool[index][None], pool)[0]


def _covariance(definition: _Definition, params: GPParams, posterior: Any, pool: Any, index: Any) -> Array:
    variance = params.scale**2
    return variance * incremental.covariance(posterior, _prior_covariance(definition, params, pool, index), index)


def _append(definition: _Definition, params: GPParams, posterior: Any, pool, count, index, value, noise, valid):
    target = (value - params.location) / params.scale
    prior = _prior_covariance(definition, params, pool, index)
    return incremental.append(posterior, prior, count, index, target, standard_variance(noise, params.scale), valid)


def _cast(definition: _Definition, data: Any) -> Any:
    data = data._replace(mask=values.mask(data.mask, "mask"))
    return jax.tree.map(lambda leaf: leaf if leaf.dtype == bool else leaf.astype(definition.dtype), data)
