"""Gradient observations: covariances against close pairs of values, predictions against values alone."""

import inspect
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bo import problems
from bo.acquisitions.analytic import log_expected_improvement
from bo.campaigns.records import BoxConfig, CampaignConfig
from bo.campaigns.region import of_reals
from bo.campaigns.with_slopes import run_with_slopes
from bo.data import observations
from bo.surrogates import kernels
from bo.surrogates.gp import gaussian_process
from bo.surrogates.gradients import SMOOTH_KERNELS, gradient_observations, gradient_process, pair
from bo.surrogates.process import process
from bo.surrogates.process_types import GPConfig, GPParams


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


def test_a_posterior_with_gradients_interpolates_both(key):
    surrogate = gradient_process(GPConfig(kernel="rbf"))
    x = jax.random.uniform(key, (4, 2))
    value, slope = jax.vmap(jax.value_and_grad(lambda x: jnp.sin(3 * x[0]) * x[1]))(x)
    data = gradient_observations(x, value, slope)
    kernel = ({"lengthscale": jnp.full(2, 0.6), "variance": jnp.asarray(1.0)},)
    exact = GPParams(kernel, jnp.full(2, 1e-9), jnp.zeros(()), jnp.zeros(()), jnp.ones(()))

    @jax.jit
    def predicted(x):
        predict = surrogate.predictor(exact, data)
        return predict(x), jax.vmap(jax.grad(lambda x: predict(x[None]).mean[0]))(x)

    found, tangent = predicted(x)
    np.testing.assert_allclose(found.mean, value, atol=1e-4)
    np.testing.assert_allclose(tangent, slope, atol=1e-3)
    assert float(found.std.max()) < 1e-3


BOUNDS = np.array([[-2.0, 3.0], [0.0, 10.0]])


def hill(key, x):
    """A hill with its top, 2, at (1, 4); it cannot be evaluated in a corner."""
    del key
    height = 2 - (x[0] - 1) ** 2 - 0.1 * (x[1] - 4) ** 2 - 0.1 * (x[0] - 1) ** 4
    return jnp.where((x[0] < -1) & (x[1] < 2), jnp.nan, height)


def test_another_config_and_several_keys_are_refused_in_words(key):
    search = inspect.unwrap(run_with_slopes)
    with pytest.raises(ValueError, match="config is a CampaignConfig; expected a bo.BoxConfig"):
        inspect.unwrap(of_reals)(np.asarray(BOUNDS), CampaignConfig(), "float64")
    with pytest.raises(ValueError, match="give one key"):
        search(jax.random.split(key, 2), hill, BOUNDS, log_expected_improvement(), BoxConfig(3, 6, leaders=2))


@pytest.mark.slow
def test_a_campaign_with_slopes_finds_the_top_and_its_lanes_are_single_runs():
    config = BoxConfig(3, 6, raw_points=32, local_points=16, leaders=2, starts=2)
    search = lambda key: run_with_slopes(key, hill, BOUNDS, log_expected_improvement(), config)  # noqa: E731
    keys = jax.random.split(jax.random.key(4), 2)
    info = jax.jit(jax.vmap(search))(keys)
    assert info.x.shape == (2, 9, 2) and (np.diff(info.best) >= 0).all()
    assert (2 - info.best[:, -1] < 1e-2).all()
    slope = jax.vmap(jax.vmap(jax.grad(lambda x: hill(None, x))))(info.x)
    np.testing.assert_allclose(info.slope, slope, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(jax.jit(search)(keys[1]).x, info.x[1], atol=1e-4)


@pytest.mark.slow
def test_a_campaign_with_slopes_leaves_a_region_of_failures_alone():
    def rising(key, x):  # to the region that fails, two fifths of the box
        del key
        return jnp.where(x[0] > 1, jnp.nan, x[0] - 0.02 * (x[1] - 4) ** 2)

    far = {}  # evaluations well inside the region; those at its edge, where the top is, are needed
    for learned in (True, False):
        config = BoxConfig(5, 12, raw_points=32, local_points=16, leaders=2, starts=2, learn_failures=learned)
        run = jax.jit(
            lambda key, config=config: run_with_slopes(key, rising, BOUNDS, log_expected_improvement(), config)
        )
        info = run(jax.random.key(2))
        far[learned] = int(np.sum(info.x[5:, 0] > 1.4))
        if learned:
            assert info.best[-1] > 0.9
    assert far[True] <= 3 and far[False] >= 2 * far[True]


def test_a_campaign_with_slopes_refuses_what_is_no_box():
    with pytest.raises(ValueError, match="bounds"):
        run_with_slopes(jax.random.key(0), hill, BOUNDS[:, ::-1], log_expected_improvement())
    with pytest.raises(ValueError, match="does not take"):
        run_with_slopes(jax.random.key(0), lambda x: x.sum(), BOUNDS, log_expected_improvement())


def test_a_surrogate_that_does_not_read_gradients_is_refused():
    search, rule = partial(run_with_slopes, jax.random.key(0)), log_expected_improvement()
    with pytest.raises(ValueError, match="does not read gradients"):
        search(hill, BOUNDS, rule, surrogate=gaussian_process())
    with pytest.raises(ValueError, match="must return a scalar"):  # the next thing that is looked at
        search(lambda key, x: x, BOUNDS, rule, surrogate=gradient_process())


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (lambda key, x: np.sum(np.asarray(x)), "computes with NumPy"),
        (lambda key, x: x, "must return a scalar"),
        (lambda key, x: {"value": x.sum()}, "named values"),
        (
            lambda key, x: jax.pure_callback(
                lambda x: np.sum(x), jax.ShapeDtypeStruct((), x.dtype), x, vmap_method="sequential"
            ),
            "has no gradient",
        ),
    ],
)
def test_an_objective_without_a_gradient_is_refused_in_words(objective, message):
    with pytest.raises(ValueError, match=message):
        run_with_slopes(jax.random.key(0), objective, BOUNDS, log_expected_improvement())
