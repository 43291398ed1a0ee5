"""The target of the campaigns whose cost is measured: cheap, and about as rough as the FerroSIM map."""

import jax.numpy as jnp
import numpy as np


def landscape(waves: int = 60, lengthscale: float = 1.2, noise: float = 0.25, seed: int = 0):
    """Return an objective on [−10, 10]²: one draw of a Gaussian process (random Fourier features) plus roughness from
    cell to cell."""
    generator = np.random.default_rng(seed)
    frequency = jnp.asarray(generator.normal(size=(waves, 2)) / lengthscale)
    phase = jnp.asarray(generator.uniform(0, 2 * np.pi, waves))
    weight = jnp.asarray(generator.normal(size=waves) * np.sqrt(2 / waves))

    def objective(key, x):
        del key
        rough = jnp.sin(917.0 * x[0] + 37.0 * x[1]) * jnp.sin(233.0 * x[1] - 71.0 * x[0])
        return weight @ jnp.cos(frequency @ x + phase) + 2 * noise * rough

    return objective
