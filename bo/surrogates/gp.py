"""The exact Gaussian process whose hyperparameters maximise their posterior (MAP)."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from bo.numerics.optimise import minimise
from bo.surrogates.base import FitInfo, Surrogate
from bo.surrogates.kernels import Kernel
from bo.surrogates.process import process, standardisation
from bo.surrogates.process_types import VALUES, GPConfig, Mean, Observed, Process
from ferro_jax import values


def gaussian_process(
    config: GPConfig | None = None,
    *,
    kernel: Kernel | None = None,
    mean: Mean | None = None,
    observed: Observed = VALUES,
) -> Surrogate:
    """Return the Surrogate with MAP hyperparameters: the best of several starts at first, warm starts afterwards.

    With ``refit_starts`` of the config a refit takes the best of the warm start and of so many fresh ones.

    The mode is that of the natural parameters, noise and mean included. ``kernel`` replaces the config's
    expression, ``mean`` the constant mean, ``observed`` the values as what is observed (``bo.surrogates.gradients``).
    ValueError if the configuration asks for float64 and JAX has it switched off.
    """
    config = config or GPConfig()
    model = process(config, kernel, mean, observed)

    @model.one_by_one
    def cold_fit(thetas, data):
        location, scale = standardisation(data)
        theta, _ = find_best_mode(model, thetas, data, location, scale)
        return model.params(theta, data.x.shape[1], location, scale)

    @model.one_by_one
    def warm_fit(theta, data):
        location, scale = standardisation(data)
        theta, info = find_mode(model, theta, data, location, scale)
        return model.params(theta, data.x.shape[1], location, scale), info

    @model.one_by_one
    def best_fit(thetas, data):
        location, scale = standardisation(data)
        theta, info = find_best_mode(model, thetas, data, location, scale)
        return model.params(theta, data.x.shape[1], location, scale), info

    def init(key, data):
        """Cold start: the best of ``starts`` optimisations, the first from the middle of the unit cube's scales.

        ValueError for what is no key, and for data without a row.
        """
        key = values.key(key)
        if not data.x.shape[0]:
            raise ValueError("data holds no observation: a fit needs one at least, and three to tell trend from noise")
        return cold_fit(model.layout(data.x.shape[1]).starts(key, config.starts), model.cast(data))

    def fit(key, params, data):
        """Warm start from ``params``; the key is that of fresh starts, if there are any."""
        dim = data.x.shape[1]
        theta = model.theta(params, dim)
        if not config.refit_starts:
            return warm_fit(theta, model.cast(data))
        fresh = model.layout(dim).starts(key, config.refit_starts)
        return best_fit(jnp.concatenate([theta[None], fresh]), model.cast(data))

    return model.surrogate(init, fit)


def find_mode(
    model: Process,
    theta: Float[Array, "p"],
    data: Any,
    location: Float[Array, ""],
    scale: Float[Array, ""],
    *,
    volume: bool = False,
) -> tuple[Float[Array, "p"], FitInfo]:
    """Find the nearest mode from ``theta`` by L-BFGS on the objective per datum.

    The mode is that of the density of the natural parameters or, with ``volume``, of theta itself.
    """
    count = jnp.maximum(jnp.sum(data.mask), 1)

    def objective(theta):
        return -model.log_posterior(theta, data, location, scale, volume) / count

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


def find_best_mode(
    model: Process,
    thetas: Float[Array, "start p"],
    data: Any,
    location: Float[Array, ""],
    scale: Float[Array, ""],
    *,
    volume: bool = False,
) -> tuple[Float[Array, "p"], FitInfo]:
    """Find the best of the modes that ``find_mode`` reaches from several starts; evaluations are those of all."""
    modes, info = jax.lax.map(lambda theta: find_mode(model, theta, data, location, scale, volume=volume), thetas)
    winner = jnp.argmin(jnp.where(jnp.isnan(info.objective), jnp.inf, info.objective))
    best = jax.tree.map(lambda leaf: leaf[winner], info)
    return modes[winner], best._replace(evaluations=jnp.sum(info.evaluations))
