"""A campaign small enough to compile in seconds, for tests of its mechanics; subprocesses import it too."""

import jax
import jax.numpy as jnp

from bo import acquisition, campaign, gp, problems
from bo.process import process, standardisation
from bo.types import FitInfo

POOL = problems.grid(2, 9, jnp.float64)
CONFIG = campaign.Config(initial_points=5, steps=12, refit_every=4, buckets=2)
BRANIN = problems.branin().objective


def surrogate():
    """The exact process with a rule of thumb for a fit: an optimiser is most of a program's compilation."""
    settings = gp.GPConfig()
    model = process(settings)

    def fit(key, params, data):
        del key, params
        data = model.cast(data)
        location, scale = standardisation(data)
        theta = model.layout(2).starts(jax.random.key(0), 1)[0]
        skew = jnp.sum(jnp.where(data.mask, (data.y - location) ** 3, 0)) / scale**3 / 30  # no array size
        one = jnp.ones((), jnp.int32)
        return model.params(theta + 0.3 * jnp.tanh(skew), 2, location, scale), FitInfo(skew, one, one)

    return model.surrogate(lambda key, data: fit(key, None, data)[0], fit)


def build(config: campaign.Config = CONFIG) -> campaign.Campaign:
    return campaign.campaign(BRANIN, POOL, surrogate(), acquisition.upper_confidence_bound(2.0), config)
