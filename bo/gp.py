"""The exact Gaussian process whose hyperparameters maximise their posterior (MAP)."""

import jax
import jax.numpy as jnp

from bo.kernels import Kernel
from bo.optimise import minimise
from bo.process import GPConfig, GPParams, Mean, Process, process, standardisation
from bo.types import FitInfo, Surrogate

__all__ = ["GPConfig", "GPParams", "Mean", "gaussian_process", "search"]


def gaussian_process(
    config: GPConfig | None = None, *, kernel: Kernel | None = None, mean: Mean | None = None
) -> Surrogate:
    """The Surrogate with MAP hyperparameters: the best of several starts at first, warm starts afterwards.

    The mode is that of the natural parameters, noise and mean included. ``kernel`` replaces the config's
    expression, ``mean`` the constant mean. ValueError if its float64 is switched off in JAX.
    """
    config = config or GPConfig()
    model = process(config, kernel, mean)

    def maximise(theta, data):
        location, scale = standardisation(data)
        theta, info = search(model, theta, data, location, scale)
        return model.params(theta, data.x.shape[1], location, scale), info

    @model.one_by_one
    def best_of(thetas, data):
        found, info = jax.lax.map(lambda theta: maximise(theta, data), thetas)
        objective = jnp.where(jnp.isnan(info.objective), jnp.inf, info.objective)
        return jax.tree.map(lambda leaf: leaf[jnp.argmin(objective)], found)

    warm = model.one_by_one(maximise)

    def init(key, data):
        """Cold start: the best of ``starts`` optimisations, the first from the middle of the unit cube's scales."""
        return best_of(model.layout(data.x.shape[1]).starts(key, config.starts), model.cast(data))

    def fit(key, params, data):
        """Warm start from ``params``; the key is of the protocol (other surrogates sample)."""
        del key
        return warm(model.theta(params, data.x.shape[1]), model.cast(data))

    return model.surrogate(init, fit)


def search(model: Process, theta, data, location, scale, *, volume: bool = False):
    """The theta of the nearest mode from ``theta``, and FitInfo, by L-BFGS on the objective per datum.

    The mode is that of the density of the natural parameters or, with ``volume``, of theta itself.
    """
    count = jnp.maximum(jnp.sum(data.mask), 1)

    def objective(theta):
        density, jacobian = model.log_posterior(theta, data, location, scale)
        return -(density + jacobian if volume else density) / count

    config = model.config
    theta, value, iterations, evaluations = minimise(
        objective,
        theta,
        iterations=config.iterations,
        line_search_steps=config.line_search_steps,
        gradient_tolerance=config.gradient_tolerance,
        decrease_tolerance=config.decrease_tolerance,
    )
    return theta, FitInfo(value, iterations, evaluations)
