"""A Gaussian process on masked data of fixed capacity, as functions of its hyperparameters.

How these are chosen is another matter: ``bo.gp`` maximises their posterior, ``bo.bayesian`` samples from it. Targets
are standardised inside (``location`` and ``scale`` are part of the params). Inputs are expected in the unit cube: the
priors are scaled to it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from jax.custom_batching import sequential_vmap
from jax.scipy.linalg import cho_solve
from jaxtyping import Array, Float

from bo import incremental, kernels, pathwise
from bo.hyperparameters import Hyperparameter, Layout, layout, log_normal
from bo.linalg import factorise, inverse_factor, log_density
from bo.types import Prediction, Surrogate, require_precision


class GPParams(NamedTuple):
    """Hyperparameters in natural units. Kernel, noise and constant mean refer to (y − location) / scale."""

    kernel: Any  # as the Kernel's priors: for an expression, a tuple with a dict for each of its kernels
    noise: Float[Array, "..."]  # variance of the observation noise
    mean: Any  # a number, or the parameters of a mean function
    location: Float[Array, "..."]  # of the targets
    scale: Float[Array, "..."]  # their standard deviation


class Mean(NamedTuple):
    """A mean function with NumPyro priors on its parameters: what is known of the physics.

    ``function(params, x) -> F["n"]`` for x in the unit cube, F["n dim"], in the units of y or, if ``standardised``,
    of (y − location) / scale; ``params`` holds one value for each prior of ``priors``. The Gaussian process models
    what the mean leaves over.
    """

    function: Callable[[dict[str, Array], Array], Array]
    priors: dict[str, dist.Distribution]
    standardised: bool = False


@dataclass(frozen=True)
class GPConfig:
    """Choices that decide the program. Priors are (location, scale) of a log-normal density.

    ``kernel`` is an expression of ``bo.kernels``, whose default prior of the lengthscales is scaled with the
    dimension; noise and variance have one too, since a likelihood without priors lets an ARD lengthscale run away.
    The noise's is on what exceeds ``noise_floor``. ``sequential`` fits the members of a vmapped run one after
    another: no member waits for the slowest one's iterations, which on a CPU is cheaper; on an accelerator turn it off.
    """

    kernel: str = "matern52"
    ard: bool = True
    dtype: str = "float64"
    lengthscale_prior: tuple[float, float] | str | None = None
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
        kernels.parse(self.kernel)
        for name in ("starts", "iterations", "line_search_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if not self.noise_floor > 0:
            raise ValueError(f"noise_floor is {self.noise_floor}; it must be positive: it keeps K definite")
        if isinstance(self.lengthscale_prior, str) and (self.lengthscale_prior != "saas" or not self.ard):
            raise ValueError(
                f"lengthscale_prior is {self.lengthscale_prior!r} with ard={self.ard}; expected (location, scale), "
                "None, or 'saas' together with ard=True"
            )


class Observed(NamedTuple):
    """What of the latent function the data show, as rows of the Gram matrix. ``kernel`` is a built one.

    gram    (kernel, data) -> F["rows rows"], their covariance without noise
    across  (kernel, data, x) -> F["rows query"], their covariance with the latent function at x
    targets (data, location, scale, mean F["capacity"] or F[""]) -> F["rows"], standardised, less the standardised mean
    noise   (params, data) -> F["rows"]         mask (data) -> B["rows"]
    noises  shape of the fitted noise
    """

    gram: Callable[..., Array]
    across: Callable[..., Array]
    targets: Callable[..., Array]
    noise: Callable[..., Array]
    mask: Callable[..., Array]
    noises: tuple[int, ...]


VALUES = Observed(
    gram=lambda kernel, data: kernels.cross(kernel, data.x, data.x),
    across=lambda kernel, data, x: kernels.cross(kernel, data.x, x),
    targets=lambda data, location, scale, mean: (data.y - location) / scale - mean,
    noise=lambda params, data: params.noise + data.noise / params.scale**2,
    mask=lambda data: data.mask,
    noises=(),
)


class Prepared(NamedTuple):
    """What prediction needs of the data, whatever the points: L⁻¹ and K⁻¹ r."""

    inverse: Float[Array, "capacity capacity"]
    weights: Float[Array, "capacity"]


class Process(NamedTuple):
    """Functions that all ways to choose hyperparameters share; those of ``Surrogate`` have its signatures.

    layout         (dim) -> Layout of (kernel, noise above the floor, mean) in the optimiser's vector
    params         (theta, dim, location, scale) -> GPParams          theta (params, dim) -> its inverse
    log_posterior  (theta, data, location, scale, volume) -> log p(y | θ) + log p(θ), the second that of the natural
                   values or, with ``volume``, of theta itself
    log_likelihood (params, data) -> log p(standardised y | x, params), the same number as on the unpadded data
    gram, residual (params, data) -> what the likelihood is made of; absent data are the identity's rows, and 0
    prepare        (params, data) -> what does not depend on x;  at (params, data, prepared, x) -> Prediction
    """

    layout: Callable[[int], Layout]
    params: Callable[..., GPParams]
    theta: Callable[[GPParams, int], Array]
    log_posterior: Callable[..., Array]
    log_likelihood: Callable[[GPParams, Any], Array]
    gram: Callable[[GPParams, Any], Array]
    residual: Callable[[GPParams, Any], Array]
    prepare: Callable[[GPParams, Any], Any]
    at: Callable[..., Prediction]
    sample: Callable[..., Array]
    path: Callable[..., Callable[[Array], Array]]
    condition: Callable[..., Any]
    surface: Callable[..., Prediction]
    covariance: Callable[..., Array]
    append: Callable[..., Any]
    cast: Callable[[Any], Any]
    one_by_one: Callable[..., Any]
    config: GPConfig

    def surrogate(self, init: Callable[..., Any], fit: Callable[..., Any]) -> Surrogate:
        """The Surrogate whose hyperparameters these two choose."""

        def predictor(params, data):
            data = self.cast(data)
            prepared = self.prepare(params, data)
            return lambda x: self.at(params, data, prepared, x)

        return Surrogate(
            init=init,
            fit=fit,
            predict=lambda params, data, x: predictor(params, data)(x),
            predictor=predictor,
            sample=self.sample,
            condition=self.condition,
            surface=self.surface,
            covariance=self.covariance,
            append=self.append,
            grow=incremental.grow,
            dtype=self.config.dtype,
            path=self.path,
        )


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
    """√max(variance, 0) with a gradient of 0, not NaN, where the variance is used up."""
    positive = variance > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, variance, 1)), 0)
