"""A campaign small enough to compile in seconds, for tests of its mechanics; subprocesses import it too."""

import jax
import jax.numpy as jnp

import bo
from bo import problems
from bo.surrogates.process import process, standardisation

POOL = problems.grid(2, 9, jnp.float64)
CONFIG = bo.CampaignConfig(initial_points=5, steps=12, refit_every=4)
GROWING = bo.CampaignConfig(initial_points=5, steps=12, refit_every=4, buckets=2)  # arrays of two sizes
BRANIN = problems.branin().objective


def surrogate():
    """Return the exact process with a rule of thumb for its fit, because an optimiser takes most of the compilation."""
    settings = bo.GPConfig()
    model = process(settings)

    def fit(key, params, data):
        del key, params
        data = model.cast(data)
        location, scale = standardisation(data)
        theta = model.layout(2).starts(jax.random.key(0), 1)[0]
        skew = jnp.sum(jnp.where(data.mask, (data.y - location) ** 3, 0)) / scale**3 / 30  # the same at every capacity
        once = jnp.ones((), jnp.int32)
        return model.params(theta + 0.3 * jnp.tanh(skew), 2, location, scale), bo.FitInfo(skew, once, once)

    return model.surrogate(lambda key, data: fit(key, None, data)[0], fit)


def build(config: bo.CampaignConfig = CONFIG) -> bo.Campaign:
    """Return the campaign on Branin's function."""
    return bo.campaign(BRANIN, POOL, surrogate(), bo.upper_confidence_bound(2.0), config)
