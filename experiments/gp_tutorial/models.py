"""The function, the data and the Gaussian processes that every part of the tutorial uses."""

from typing import Any

import jax
import jax.numpy as jnp

import bo
from bo.surrogates.base import Surrogate
from bo.surrogates.process import standardisation
from bo.surrogates.process_types import GPParams
from experiments.gp_tutorial.config import Config

TINY_NOISE = 1e-6  # variance: values without noise


def forrester(x: Any) -> Any:
    """Return minus Forrester's function on [0, 1], maximum 6.0207 at 0.7572 (Forrester et al. 2008, p. 83)."""
    return -((6 * x - 2) ** 2) * jnp.sin(12 * x - 4)


def line(config: Config) -> jax.Array:
    """Return the points of the line, (point, 1)."""
    return jnp.linspace(0, 1, config.points)[:, None]


def nothing(x: jax.Array) -> bo.Data:
    """Return data without any observation, for points of the shape of ``x``."""
    return bo.observations(x[:1], jnp.zeros(1), jnp.zeros(1, bool))


def observed(config: Config) -> bo.Data:
    """Evaluate Forrester's function at evenly spread points that miss its maximum."""
    x = jnp.linspace(0.05, 0.95, config.observations)[:, None]
    return bo.observations(x, forrester(x[:, 0]))


def params(lengthscale: Any, noise: Any, data: bo.Data | None = None, variance: float = 1.0) -> GPParams:
    """Return fixed hyperparameters in units of the standardised targets of ``data`` (without: mean 0, scale 1)."""
    location, scale = (jnp.zeros(()), jnp.ones(())) if data is None else standardisation(data)
    kernel = {"lengthscale": jnp.reshape(jnp.asarray(lengthscale, float), (1,)), "variance": jnp.asarray(variance)}
    return GPParams((kernel,), jnp.asarray(noise, float), jnp.zeros(()), location, scale)


def noiseless(kernel: str) -> Surrogate:
    """Return the Gaussian process with this kernel for values without noise."""
    return bo.gaussian_process(bo.GPConfig(kernel=kernel, noise_prior=(-10.0, 3.0), noise_floor=1e-8))
