"""A campaign small enough to compile in seconds, for tests of its mechanics; subprocesses import it too."""

import jax.numpy as jnp

from bo import acquisition, campaign, gp, problems

POOL = problems.grid(2, 9, jnp.float64)
CONFIG = campaign.Config(initial_points=5, steps=12, refit_every=4, buckets=2)
QUICK = gp.GPConfig(starts=1, iterations=8)


def build(config: campaign.Config = CONFIG, objective=problems.branin().objective) -> campaign.Campaign:
    surrogate = gp.gaussian_process(QUICK)
    return campaign.campaign(objective, POOL, surrogate, acquisition.upper_confidence_bound(2.0), config)
