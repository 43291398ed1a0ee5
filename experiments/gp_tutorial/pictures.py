"""Stages that make pictures: draws from priors, posteriors of a few values, and what noise does."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import bo
from bo.surrogates.base import Surrogate
from experiments.gp_tutorial.config import KERNELS, LENGTHSCALES, NOISES, Config
from experiments.gp_tutorial.models import TINY_NOISE, forrester, line, noiseless, nothing, observed, params
from experiments.lab.run import Outcome


def draws(key: jax.Array, model: Surrogate, fixed: Any, data: bo.Data, x: jax.Array, count: int) -> jax.Array:
    """Draw ``count`` functions at ``x``, (draw, point)."""
    return jax.vmap(lambda key: model.sample(key, fixed, data, x))(jax.random.split(key, count))


def prior(key: jax.Array, config: Config) -> Outcome:
    """Draw from the priors, which are posteriors of no data, with the same random numbers for every kernel."""
    x = line(config)
    by_kernel = []
    for kernel in KERNELS:
        model = noiseless(kernel)

        def of(lengthscale: Any, model: Surrogate = model) -> jax.Array:
            return draws(key, model, params(lengthscale, TINY_NOISE), nothing(x), x, config.draws)

        by_kernel.append(jax.jit(jax.vmap(of))(jnp.array(LENGTHSCALES)))
    kernels = np.array(KERNELS, dtype=object)
    axes = {"x": x[:, 0], "kernel": kernels, "lengthscale": LENGTHSCALES}
    return Outcome({**axes, "prior_draw": np.stack(by_kernel)}, {})


def posterior(key: jax.Array, config: Config) -> Outcome:
    """Mean, standard deviation and draws given a few values, for fixed hyperparameters and for fitted ones."""
    x, data = line(config), observed(config)
    with_fixed, with_fitted = [], []
    for kernel in KERNELS:
        model = noiseless(kernel)

        def of(lengthscale: Any, model: Surrogate = model) -> Any:
            fixed = params(lengthscale, TINY_NOISE, data)
            return *model.predict(fixed, data, x), draws(key, model, fixed, data, x, config.draws)

        def best(key: jax.Array, model: Surrogate = model) -> Any:
            fitted = model.init(key, data)
            return *model.predict(fitted, data, x), fitted.kernel[0]["lengthscale"][0], fitted.noise

        with_fixed.append(jax.jit(jax.vmap(of))(jnp.array(LENGTHSCALES)))
        with_fitted.append(jax.jit(best)(key))
    mean, std, drawn = (np.stack(parts) for parts in zip(*with_fixed, strict=True))
    fitted_mean, fitted_std, lengthscale, noise = (np.stack(parts) for parts in zip(*with_fitted, strict=True))
    numbers = {}
    for name, size, variance in zip(KERNELS, lengthscale, noise, strict=True):
        numbers |= {f"{name}_fitted_lengthscale": size, f"{name}_fitted_noise_variance_of_targets": variance}
    arrays = {
        "truth": forrester(x[:, 0]),
        "observed_x": data.x[:, 0],
        "observed_y": data.y,
        "posterior_mean": mean,
        "posterior_std": std,
        "posterior_draw": drawn,
        "fitted_mean": fitted_mean,
        "fitted_std": fitted_std,
        "fitted_lengthscale": lengthscale,
    }
    return Outcome(arrays, numbers)


def noise(key: jax.Array, config: Config) -> Outcome:
    """Posteriors of three times as many values, with noise of several sizes that the model knows."""
    x, model = line(config), noiseless("matern52")
    places = jnp.linspace(0.02, 0.98, 3 * config.observations)[:, None]
    clean, unit = forrester(places[:, 0]), jax.random.normal(key, places.shape[:1])

    def of(size: Any) -> Any:
        data = bo.observations(places, clean + size * jnp.std(clean) * unit)
        return data.y, *model.predict(params(0.15, size**2, data), data, x)

    y, mean, std = jax.jit(jax.vmap(of))(jnp.array(NOISES))
    arrays = {"noise": NOISES, "noisy_x": places[:, 0], "noisy_y": y, "noisy_mean": mean, "noisy_std": std}
    return Outcome(arrays, {})
