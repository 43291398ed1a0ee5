"""Hyperparameters around the mode of their posterior: the cheap ensemble, and the axes a sampler moves along."""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from bo.surrogates.base import Surrogate
from bo.surrogates.gp import find_best_mode, find_mode
from bo.surrogates.kernels import Kernel
from bo.surrogates.mixture import Mixture, mixture
from bo.surrogates.process import process, standardisation
from bo.surrogates.process_types import VALUES, GPConfig, GPParams, Mean, Observed, Process

_SOFTEST = 0.3  # the least precision of an axis: that of the priors, whose logarithms have a variance of up to 3


def laplace_particles(
    config: GPConfig | None = None,
    *,
    members: int = 16,
    kernel: Kernel | None = None,
    mean: Mean | None = None,
    observed: Observed = VALUES,
) -> Surrogate:
    """Return the mixture over draws from the Laplace approximation of the hyperparameters' posterior.

    The draws are importance-weighted. Weights are bounded by mean · √members (Ionides 2008), so that no single draw
    decides. A fit costs, beside finding the mode, two gradients of the likelihood per hyperparameter and one value per
    member. ValueError for fewer than one member.
    """
    if members < 1:
        raise ValueError(f"members is {members}; it must be at least 1")
    model = process(config or GPConfig(), kernel, mean, observed)

    def around(key, theta, info, data, location, scale):
        """The mixture of draws around the mode ``theta``, and what the fit did."""
        root, gradients = laplace_axes(model, theta, data, location, scale)
        draws = jax.random.normal(key, (members, theta.size), theta.dtype)
        thetas = theta[None] + draws @ root.T
        layout = model.layout(data.x.shape[1])
        prior = jax.vmap(lambda theta: sum(layout.log_prior(theta)))(thetas)
        particles = members_of(model, thetas, data, location, scale)
        log_weight = particles.evidence + prior + 0.5 * jnp.sum(draws**2, axis=1)
        log_weight = jnp.where(jnp.isfinite(log_weight), log_weight, -jnp.inf)
        bound = jax.nn.logsumexp(log_weight) - 0.5 * math.log(members)
        mixed = Mixture(particles.params, jnp.minimum(log_weight, bound), particles.evidence, theta)
        return mixed, info._replace(evaluations=info.evaluations + gradients + members)

    @model.one_by_one
    def cold_fit(key, thetas, data):
        location, scale = standardisation(data)
        theta, info = find_best_mode(model, thetas, data, location, scale, volume=True)
        return around(key, theta, info, data, location, scale)[0]

    @model.one_by_one
    def warm_fit(key, theta, data):
        location, scale = standardisation(data)
        theta, info = find_mode(model, theta, data, location, scale, volume=True)
        return around(key, theta, info, data, location, scale)

    def cold(key, data):
        key_starts, key_draws = jax.random.split(key)
        return cold_fit(key_draws, model.layout(data.x.shape[1]).starts(key_starts, model.config.starts), data)

    return mixture(model, cold, lambda key, params, data: warm_fit(key, params.sampler, data))


def laplace_axes(model: Process, theta: Array, data: Any, location: Any, scale: Any) -> tuple[Float[Array, "p p"], int]:
    """Return R with R Rᵀ = H⁻¹, H the curvature of −log p(θ | data) at its mode, and the number of gradients taken.

    H is the central difference of gradients, because the hand-written gradient of the likelihood has no second one.
    Axes along which H is flat or concave have the priors' width.
    """
    slope = jax.grad(lambda point: -model.log_posterior(point, data, location, scale, True))
    step = jnp.finfo(theta.dtype).eps ** 0.25

    def difference(axis):
        return (slope(theta + step * axis) - slope(theta - step * axis)) / (2 * step)

    hessian = jax.lax.map(difference, jnp.eye(theta.size, dtype=theta.dtype))
    hessian = jnp.where(jnp.all(jnp.isfinite(hessian)), (hessian + hessian.T) / 2, jnp.eye(theta.size))
    precision, directions = jnp.linalg.eigh(hessian.astype(theta.dtype))
    return directions / jnp.sqrt(jnp.maximum(precision, _SOFTEST))[None], 2 * theta.size


class Members(NamedTuple):
    """Hyperparameters in natural units with a leading member axis, and the log likelihood of each member."""

    params: GPParams
    evidence: Float[Array, "member"]


def members_of(model: Process, thetas: Float[Array, "member p"], data: Any, location: Any, scale: Any) -> Members:
    """Return the members of a mixture from their flat hyperparameters."""
    params = jax.vmap(lambda theta: model.params(theta, data.x.shape[1], location, scale))(thetas)
    return Members(params, jax.lax.map(lambda member: model.log_likelihood(member, data), params))
