"""A campaign small enough to compile in seconds, for tests of its mechanics; subprocesses import it too."""

import jax
import jax.numpy as jnp

import bo
from bo import problems
from bo.surrogates.process import process, standardisation

POOL = problems.grid(2, 9, jnp.float64)
# without the model of failures, which is most of a step's program
CONFIG = bo.CampaignConfig(initial_points=5, steps=12, refit_every=4, learn_failures=False)
GROWING = bo.CampaignConfig(initial_points=5, steps=12, refit_every=4, buckets=2)  # arrays of two sizes
BRANIN = problems.branin().objective


def surrogate(kernel: str = "matern52", *, smooth: bool = False):
    """Return the exact process with a rule of thumb for its fit, because an optimiser takes most of the compilation.

    With ``smooth`` lengthscales are twice as long and there is almost no noise: good for smooth functions without any.
    """
    model = process(bo.GPConfig(kernel=kernel))

    def fit(key, params, data):
        del key, params
        data = model.cast(data)
        location, scale = standardisation(data)
        dim = data.x.shape[1]
        theta = model.layout(dim).starts(jax.random.key(0), 1)[0]
        skew = jnp.sum(jnp.where(data.mask, (data.y - location) ** 3, 0)) / scale**3 / 30  # the same at every capacity
        once = jnp.ones((), jnp.int32)
        params = model.params(theta + 0.3 * jnp.tanh(skew), dim, location, scale)
        if smooth:
            kernel = tuple(part | {"lengthscale": 2 * part["lengthscale"]} for part in params.kernel)
            params = params._replace(kernel=kernel, noise=1e-3 * params.noise)
        return params, bo.FitInfo(skew, once, once)

    return model.surrogate(lambda key, data: fit(key, None, data)[0], fit)


def build(config: bo.CampaignConfig = CONFIG) -> bo.Campaign:
    """Return the campaign on Branin's function."""
    return bo.campaign(BRANIN, POOL, surrogate(), bo.upper_confidence_bound(2.0), config)
