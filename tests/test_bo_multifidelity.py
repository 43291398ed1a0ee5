"""Two fidelities: the kernel against its formula, the choice of the fidelity, what a proxy is worth."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bo.acquisitions import fidelity
from bo.data import observations
from bo.surrogates import kernels, multifidelity
from bo.surrogates.base import Prediction
from bo.surrogates.process_types import GPConfig


def test_two_fidelities_are_one_scaled_plus_a_rest(key):
    x, y = jax.random.uniform(key, (2, 6, 2))
    part = kernels.kernel("rbf")
    kernel = multifidelity.autoregressive(part, part)

    def rbf(size, variance):
        return ({"lengthscale": jnp.full(2, size), "variance": jnp.asarray(variance)},)

    built = kernel.build({"low": rbf(0.3, 1.0), "rest": rbf(0.7, 0.2), "factor": jnp.array(-0.6)})
    low, rest = (kernels.cross(part.build(rbf(*values)), x, y) for values in ((0.3, 1.0), (0.7, 0.2)))
    blocks = [[low, -0.6 * low], [-0.6 * low, 0.36 * low + rest]]
    pool_x, pool_y = multifidelity.both(x), multifidelity.both(y)
    np.testing.assert_allclose(kernels.cross(built, pool_x, pool_y), np.block(blocks), atol=1e-12)
    np.testing.assert_array_equal(multifidelity.targets(pool_x)[:, :2], x)
    with pytest.raises(ValueError, match="the fidelity 0 or 1"):
        kernel.priors(1)
    with pytest.raises(ValueError, match="cost is 0"):
        fidelity.two_fidelity_upper_confidence_bound(1.0, 0.0)


def test_the_fidelity_is_chosen_by_information_per_cost_within_its_share():
    mean, std = jnp.array([0.0, 0.0, 0.0, 0.0, 1.0, 0.0]), jnp.ones(6)
    row = jnp.array([0.0, 0.8, 0.0, 0.0, 1.0, 0.0])  # the proxy would remove 0.64 of the target's variance

    def chosen(cost, visited, share=1.0):
        state = SimpleNamespace(visited=jnp.array(visited, bool))
        view = SimpleNamespace(covariance=lambda index: row)
        rule = fidelity.two_fidelity_upper_confidence_bound(1.0, cost, share)
        return int(jnp.argmax(rule(None, Prediction(mean, std), state, view)))

    nothing = [0, 0, 0, 0, 0, 0]
    assert chosen(0.5, nothing) == 1 and chosen(0.7, nothing) == 4
    assert chosen(0.5, [0, 1, 0, 0, 0, 0]) == 4
    assert chosen(0.5, [1, 0, 1, 0, 0, 0], share=0.4) == 4
    assert chosen(0.5, [0, 0, 0, 0, 1, 0]) in (0, 3)  # on to the next best target point


@pytest.mark.slow
def test_a_related_proxy_lowers_the_error_at_the_target(key):
    def truth(x):
        return jnp.sin(9 * x[..., 0])

    dense, few = jnp.linspace(0, 1, 20)[:, None], jnp.array([[0.05], [0.5], [0.9]])
    x = jnp.concatenate([multifidelity.both(dense)[:20], multifidelity.both(few)[3:]])
    proxy = 0.5 * truth(x) + 0.3 * x[..., 0]
    data = observations(x, jnp.where(x[:, -1] == 1, truth(x), proxy))
    surrogate = multifidelity.two_fidelities(GPConfig(kernel="rbf", starts=2))
    params = jax.jit(surrogate.init)(key, data)
    query = multifidelity.both(jnp.linspace(0, 1, 50)[:, None])[50:]
    error = jnp.sqrt(jnp.mean((surrogate.predict(params, data, query).mean - truth(query)) ** 2))
    assert error < 0.25  # three values of the target alone leave its standard deviation of 0.7
    np.testing.assert_allclose(params.kernel["factor"], 2.0, atol=0.7)
