"""Gradient observations: covariances against close pairs of values, predictions against values alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bo import problems
from bo.data import observations
from bo.surrogates import kernels
from bo.surrogates.gp import gaussian_process
from bo.surrogates.gradients import SMOOTH_KERNELS, gradient_observations, gradient_process, pair
from bo.surrogates.process import process
from bo.surrogates.process_types import GPConfig


def kernel_of(expression):
    """The kernel at some hyperparameters."""
    kernel = kernels.kernel(expression, table=SMOOTH_KERNELS)
    layout = process(GPConfig(), kernel).layout(2)
    return kernel.build(layout.constrain(0.3 * jnp.ones(layout.size))[0])


@pytest.mark.parametrize("expression", ["rbf", "matern52", "rq * periodic"])
def test_covariances_of_slopes_are_limits_of_difference_quotients(key, expression):
    kernel, step = kernel_of(expression), 1e-4
    x, y = jax.random.uniform(key, (2, 2))
    around = jnp.concatenate([jnp.zeros((1, 2)), step * jnp.eye(2), -step * jnp.eye(2)])
    # value, then central differences
    combine = jnp.array([[1, 0, 0, 0, 0], [0, 1, 0, -1, 0], [0, 0, 1, 0, -1]]) / jnp.array(
        [[1], [2 * step], [2 * step]]
    )
    block = jax.jit(lambda a, b: pair(kernel, a, b))
    for other in (y, x):  # also at the same point, where careless differentiation of Matérn kernels gives 0
        pairs = kernels.cross(kernel, x[None] + around, other[None] + around)
        np.testing.assert_allclose(block(x, other), combine @ pairs @ combine.T, atol=2e-3, rtol=2e-3)


def test_the_smooth_matern_is_gpjax_s(key):
    x, y = jax.random.uniform(key, (2, 5, 2))
    ours = kernel_of("matern52")
    theirs = kernels.KERNELS["matern52"](lengthscale=ours.lengthscale, variance=ours.variance)
    np.testing.assert_allclose(kernels.cross(ours, x, y), kernels.cross(theirs, x, y), rtol=1e-12)


@pytest.mark.slow
def test_gradients_beat_values_alone_and_are_interpolated():
    branin = problems.branin().objective

    def value(x):
        return branin(None, x)

    query = jax.random.uniform(jax.random.key(9), (200, 2))
    truth = jax.vmap(value)(query)
    plain, rich = gaussian_process(GPConfig(kernel="rbf")), gradient_process(GPConfig(kernel="rbf"))

    def error(surrogate, params, data):
        return jnp.sqrt(jnp.mean((surrogate.predict(params, data, query).mean - truth) ** 2))

    def compare(key):
        x = jax.random.uniform(key, (10, 2))
        y, slope = jax.vmap(jax.value_and_grad(value))(x)
        values, gradients = observations(x, y), gradient_observations(x, y, slope)
        params = rich.init(key, gradients)
        errors = error(plain, plain.init(key, values), values), error(rich, params, gradients)
        predict = rich.predictor(params, gradients)
        return jnp.stack(errors), jax.vmap(jax.grad(lambda x: predict(x[None]).mean[0]))(x), slope, params

    errors, predicted, slope, params = jax.jit(jax.vmap(compare))(jax.random.split(jax.random.key(1), 4))
    assert np.all(errors[:, 1] < errors[:, 0]) and np.median(errors[:, 1] / errors[:, 0]) < 0.5
    tolerance = 3 * np.sqrt(params.noise[:, 1].max()) * params.scale.max()
    np.testing.assert_allclose(predicted, slope, atol=tolerance)


def test_rough_kernels_and_appended_gradients_are_refused():
    with pytest.raises(ValueError, match="matern32"):
        gradient_process(GPConfig(kernel="rbf + matern32"))
    with pytest.raises(ValueError, match="condition again"):
        gradient_process().append()
