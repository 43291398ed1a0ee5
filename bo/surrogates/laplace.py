"""Hyperparameters around the mode of their posterior: the cheap ensemble, and the axes a sampler moves along."""

import math
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from bo.surrogates.base import Surrogate
from bo.surrogates.gp import find_best_mode, find_mode
from bo.surrogates.kernels import Kernel
from bo.surrogates.mixture import Mixture, mixture
from bo.surrogates.process import process, standardisation
from bo.surrogates.process_types import VALUES, GPConfig, GPParams, Mean, Observed, Process

_SOFTEST = 0.3  # the least precision of an axis: the priors', whose logarithms have a variance of up to 3


def laplace_particles(
    config: GPConfig | None = None,
    *,
    members: int = 16,
    kernel: Kernel | None = None,
    mean: Mean | None = None,
    observed: Observed = VALUES,
) -> Surrogate:
    """Mixture over draws from the Laplace approximation of the hyperparameters' posterior, importance-weighted.

    Costs, beside the search of the mode, two gradients of the likelihood per hyperparameter and one value per member.
    Weights are bounded by mean · √members (Ionides 2008), so that no single draw decides.
    """
    if members < 1:
        raise ValueError(f"members is {members}; it must be at least 1")
    model = process(config or GPConfig(), kernel, mean, observed)

    def around(key, theta, info, data, location, scale):
        root, gradients = axes(model, theta, data, location, scale)
        draws = jax.random.normal(key, (members, theta.size), theta.dtype)
        thetas = theta[None] + draws @ root.T
        prior = jax.vmap(lambda one: sum(model.layout(data.x.shape[1]).log_prior(one)))(thetas)
        found, evidence = build(model, thetas, data, location, scale)
        log_weight = evidence + prior + 0.5 * jnp.sum(draws**2, axis=1)
        log_weight = jnp.where(jnp.isfinite(log_weight), log_weight, -jnp.inf)
        bound = jax.nn.logsumexp(log_weight) - 0.5 * math.log(members)
        evaluations = info.evaluations + gradients + members
        return Mixture(found, jnp.minimum(log_weight, bound), evidence, theta), info._replace(evaluations=evaluations)

    @model.one_by_one
    def cold_of(key, thetas, data):
        location, scale = standardisation(data)
        theta, info = find_best_mode(model, thetas, data, location, scale, volume=True)
        return around(key, theta, info, data, location, scale)[0]

    @model.one_by_one
    def warm_of(key, theta, data):
        location, scale = standardisation(data)
        theta, info = find_mode(model, theta, data, location, scale, volume=True)
        return around(key, theta, info, data, location, scale)

    def cold(key, data):
        key_starts, key_draws = jax.random.split(key)
        return cold_of(key_draws, model.layout(data.x.shape[1]).starts(key_starts, model.config.starts), data)

    return mixture(model, cold, lambda key, params, data: warm_of(key, params.sampler, data))


def axes(model: Process, theta: Array, data: Any, location: Any, scale: Any) -> tuple[Float[Array, "p p"], int]:
    """R with R Rᵀ = H⁻¹, H the curvature of −log p(θ | data) at its mode, and the number of gradients that took.

    H is the central difference of gradients: the likelihood's own gradient is written by hand and has no second
    one. Axes along which H is flat or concave have the priors' width.
    """
    slope = jax.grad(lambda point: -model.log_posterior(point, data, location, scale, True))
    step = jnp.finfo(theta.dtype).eps ** 0.25
    difference = lambda axis: (slope(theta + step * axis) - slope(theta - step * axis)) / (2 * step)  # noqa: E731
    hessian = jax.lax.map(difference, jnp.eye(theta.size, dtype=theta.dtype))
    hessian = jnp.where(jnp.all(jnp.isfinite(hessian)), (hessian + hessian.T) / 2, jnp.eye(theta.size))
    precision, directions = jnp.linalg.eigh(hessian.astype(theta.dtype))
    return directions / jnp.sqrt(jnp.maximum(precision, _SOFTEST))[None], 2 * theta.size


def build(
    model: Process, thetas: Float[Array, "member p"], data: Any, location: Any, scale: Any
) -> tuple[GPParams, Float[Array, "member"]]:
    """The hyperparameters in natural units, with a leading member axis, and the log likelihood of each."""
    members = jax.vmap(lambda theta: model.params(theta, data.x.shape[1], location, scale))(thetas)
    return members, jax.lax.map(lambda one: model.log_likelihood(one, data), members)
