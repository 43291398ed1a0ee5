"""Gradient observations against close pairs of values; two fidelities against the formula."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bo import data as data_
from bo import problems
from bo.acquisitions import fidelity
from bo.surrogates import gp, gradients, kernels, multifidelity, process_types
from bo.surrogates.base import Prediction
from bo.surrogates.gradients import _TABLE, gradient_observations, gradient_process
from bo.surrogates.process import process

NAMES = ["rbf", "matern52", "rq * periodic"]


def kernel_of(name):
    built = kernels.kernel(name, table=_TABLE)
    shape = process(process_types.GPConfig(), built).layout(2)
    return built.build(shape.constrain(0.3 * jnp.ones(shape.size))[0])


@pytest.mark.parametrize("name", NAMES)
def test_covariances_of_slopes_are_limits_of_difference_quotients(key, name):
    kernel, step = kernel_of(name), 1e-4
    x, y = jax.random.uniform(key, (2, 2))
    around = jnp.concatenate([jnp.zeros((1, 2)), step * jnp.eye(2), -step * jnp.eye(2)])
    # value, then central differences
    combine = jnp.array([[1, 0, 0, 0, 0], [0, 1, 0, -1, 0], [0, 0, 1, 0, -1]]) / jnp.array(
        [[1], [2 * step], [2 * step]]
    )
    block = jax.jit(lambda a, b: gradients.pair(kernel, a, b))
    for other in (y, x):  # apart, and at the same point, where careless differentiation of Matérn kernels gives 0
        pairs = kernels.cross(kernel, x[None] + around, other[None] + around)
        np.testing.assert_allclose(block(x, other), combine @ pairs @ combine.T, atol=2e-3, rtol=2e-3)


def test_the_smooth_matern_is_gpjax_s(key):
    x, y = jax.random.uniform(key, (2, 5, 2))
    ours, theirs = kernel_of("matern52"), kernels.KERNELS["matern52"]
    theirs = theirs(lengthscale=ours.lengthscale, variance=ours.variance)
    np.testing.assert_allclose(kernels.cross(ours, x, y), kernels.cross(theirs, x, y), rtol=1e-12)


def test_gradients_beat_values_alone_and_are_interpolated():
    branin = problems.branin().objective
    value = lambda x: branin(None, x)  # noqa: E731
    query = jax.random.uniform(jax.random.key(9), (200, 2))
    truth = jax.vmap(value)(query)
    plain, rich = (
        gp.gaussian_process(process_types.GPConfig(kernel="rbf")),
        gradient_process(process_types.GPConfig(kernel="rbf")),
    )

    def errors(key):
        x = jax.random.uniform(key, (10, 2))
        y, slope = jax.vmap(jax.value_and_grad(value))(x)
        found = []
        for own, data in ((plain, data_.observations(x, y)), (rich, gradient_observations(x, y, slope))):
            params = own.init(key, data)
            found.append(jnp.sqrt(jnp.mean((own.predict(params, data, query).mean - truth) ** 2)))
        at = rich.predictor(params, data)
        return jnp.stack(found), jax.vmap(jax.grad(lambda x: at(x[None]).mean[0]))(x), slope, params

    found, ours, slope, params = jax.jit(jax.vmap(errors))(jax.random.split(jax.random.key(1), 4))
    assert np.all(found[:, 1] < found[:, 0]) and np.median(found[:, 1] / found[:, 0]) < 0.5
    tolerance = 3 * np.sqrt(params.noise[:, 1].max()) * params.scale.max()
    np.testing.assert_allclose(ours, slope, atol=tolerance)


def test_rough_kernels_and_appended_gradients_are_refused():
    with pytest.raises(ValueError, match="matern32"):
        gradient_process(process_types.GPConfig(kernel="rbf + matern32"))
    with pytest.raises(ValueError, match="condition again"):
        gradient_process().append()


def test_two_fidelities_are_one_scaled_plus_a_rest(key):
    x, y = jax.random.uniform(key, (2, 6, 2))
    part = kernels.kernel("rbf")
    kernel = multifidelity.autoregressive(part, part)
    own = lambda size, variance: ({"lengthscale": jnp.full(2, size), "variance": jnp.asarray(variance)},)  # noqa: E731
    built = kernel.build({"low": own(0.3, 1.0), "rest": own(0.7, 0.2), "factor": jnp.array(-0.6)})
    low, rest = (kernels.cross(part.build(own(*pair)), x, y) for pair in ((0.3, 1.0), (0.7, 0.2)))
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
    truth = lambda x: jnp.sin(9 * x[..., 0])  # noqa: E731
    dense, few = jnp.linspace(0, 1, 20)[:, None], jnp.array([[0.05], [0.5], [0.9]])
    x = jnp.concatenate([multifidelity.both(dense)[:20], multifidelity.both(few)[3:]])
    proxy = lambda x: 0.5 * truth(x) + 0.3 * x[..., 0]  # noqa: E731
    data = data_.observations(x, jnp.where(x[:, -1] == 1, truth(x), proxy(x)))
    own = multifidelity.two_fidelities(process_types.GPConfig(kernel="rbf", starts=2))
    params = jax.jit(own.init)(key, data)
    query = multifidelity.both(jnp.linspace(0, 1, 50)[:, None])[50:]
    error = jnp.sqrt(jnp.mean((own.predict(params, data, query).mean - truth(query)) ** 2))
    assert error < 0.25  # three values of the target alone know nothing: its standard deviation is 0.7
    np.testing.assert_allclose(params.kernel["factor"], 2.0, atol=0.7)
