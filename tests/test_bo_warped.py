"""Warped and circular targets; what is refused before a fit."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bo.data import observations
from bo.surrogates.base import FitInfo
from bo.surrogates.circular import circular
from bo.surrogates.process import process, root, standardisation
from bo.surrogates.process_types import GPConfig
from bo.surrogates.warped import Warp, backward, forward, log_slope, new_observation, unwarp, warped

X = np.sort(np.random.default_rng(0).uniform(0, 1, (40, 1)), axis=0)


def simple():
    """The exact process at fixed hyperparameters, with the objective that a fit would have reported."""
    model = process(GPConfig(ard=False))

    def fit(key, params, data):
        data = model.cast(data)
        location, scale = standardisation(data)
        theta = model.layout(1).starts(jax.random.key(0), 1)[0]
        count = jnp.ones((), jnp.int32)
        objective = -model.log_posterior(theta, data, location, scale) / jnp.sum(data.mask)
        return model.params(theta, 1, location, scale), FitInfo(objective, count, count)

    return model.surrogate(lambda key, data: fit(key, None, data)[0], fit)


POWERS = (1.0, 0.5, 0.0, -0.5)
WAVE = np.sin(6 * X[:, 0]) + 0.1 * np.random.default_rng(1).normal(size=40)
ALL = observations(jnp.asarray(X), jnp.asarray(WAVE))
STRAIGHT = ALL._replace(mask=jnp.arange(40) < 35)  # the rows beyond keep their values
SKEWED = STRAIGHT._replace(y=jnp.exp(1.5 * WAVE))


@cache
def fitted():
    """The warped surrogate with its functions compiled, and its params for the skewed target."""
    surrogate = warped(simple(), POWERS)
    surrogate = surrogate._replace(init=jax.jit(surrogate.init), predict=jax.jit(surrogate.predict))
    return surrogate, surrogate.init(jax.random.key(0), SKEWED)


def test_the_warp_is_increasing_and_inverse_and_slope_belong_to_it():
    y = jnp.linspace(-4.0, 9.0, 41)

    @jax.jit
    def study(warp):
        z, slope = jax.vmap(jax.value_and_grad(lambda value: forward(warp, value)))(y)
        return z, backward(warp, z), slope, log_slope(warp, y)

    for power in (1.0, 0.5, 0.0, -0.5, 2.0):
        z, back, slope, logarithm = study(Warp(jnp.asarray(power), jnp.asarray(1.5), jnp.asarray(2.0)))
        assert np.all(np.diff(z) > 0)
        np.testing.assert_allclose(back, y, atol=1e-9)
        np.testing.assert_allclose(np.exp(logarithm), slope, rtol=1e-9)
    straight = Warp(jnp.asarray(1.0), jnp.asarray(1.5), jnp.asarray(2.0))
    np.testing.assert_allclose(study(straight)[0], (y - 1.5) / 2, atol=1e-12)


def test_a_skewed_target_is_warped_and_a_straight_one_is_not():
    surrogate, params = fitted()
    assert surrogate.init(jax.random.key(0), STRAIGHT).warp.power == 1.0
    assert params.warp.power < 1.0 and params.objective.min() < params.objective[0] - 0.05


def test_draws_and_the_pool_agree_with_the_prediction():
    surrogate, params = fitted()
    x, pool = jnp.linspace(0, 1, 7)[:, None], jnp.asarray(X)
    prediction = surrogate.predict(params, SKEWED, x)
    keys = jax.random.split(jax.random.key(1), 4000)
    draws = jax.jit(jax.vmap(lambda key: surrogate.sample(key, params, SKEWED, x)))(keys)
    np.testing.assert_allclose(draws.mean(0), prediction.mean, atol=6 * float(prediction.std.max()) / 4000**0.5)
    np.testing.assert_allclose(draws.std(0), prediction.std, rtol=0.15)

    @jax.jit
    def carry(params, data):
        posterior = surrogate.condition(params, data, pool)
        row = jnp.asarray(35)
        later, z = surrogate.append(params, posterior, pool, row, row, SKEWED.y[35], jnp.zeros(()), jnp.asarray(True))
        return surrogate.surface(params, posterior), surrogate.surface(params, later), z

    before, after, z = carry(params, SKEWED)
    np.testing.assert_allclose(before.mean, surrogate.predict(params, SKEWED, pool).mean, rtol=1e-6)
    more = SKEWED._replace(mask=jnp.arange(40) < 36)
    np.testing.assert_allclose(after.mean, surrogate.predict(params, more, pool).mean, rtol=1e-6)
    assert np.isfinite(z)


@pytest.mark.slow
def test_a_new_observation_has_noise_and_the_fitted_variance_is_that_at_the_centre_of_the_warp():
    surrogate, params = fitted()
    x = jnp.linspace(0, 1, 7)[:, None]
    observation = new_observation(simple(), params, SKEWED, x)
    assert np.all(observation.y.std > surrogate.predict(params, SKEWED, x).std)
    np.testing.assert_allclose(unwarp(observation.warp, observation.z).mean, observation.y.mean)
    warp, noise = params.warp, surrogate.noise(params)
    edges = warp.location + jnp.asarray([-1.0, 1.0]) * 1e-3 * jnp.sqrt(noise)
    in_units_of_z = simple().noise(params.inner) * (jnp.diff(edges) / jnp.diff(forward(warp, edges))) ** 2
    np.testing.assert_allclose(noise, in_units_of_z[0], rtol=1e-3)


@pytest.mark.parametrize("period", [pytest.param(2 * np.pi, marks=pytest.mark.slow), np.pi])
def test_angles_have_no_end_and_know_their_symmetry(period):
    """A target that passes through ±π, and one that exists only modulo π: both jump as numbers."""
    model = circular(simple(), period)
    truth = 5 * X[:, 0] + 2
    data = observations(jnp.asarray(X), jnp.asarray((truth + period / 2) % period - period / 2))
    params = jax.jit(model.fit)(jax.random.key(0), data)
    angle, std = jax.jit(model.predict)(params, data, data.x)
    error = (np.asarray(angle) - truth + period / 2) % period - period / 2
    assert np.abs(error).max() < 0.15
    assert np.all(np.abs(angle) <= period / 2 + 1e-12) and np.all(std > 0) and std.max() < 0.5


def test_data_that_nothing_can_be_learned_from_are_refused_by_wrappers_too():
    for wrapped in (warped(simple()).init, circular(simple()).fit):
        for rows, y, words in ((40, np.ones(40), "nothing to learn"), (2, X[:2, 0], "3 or more")):
            with pytest.raises(ValueError, match=words):
                wrapped(jax.random.key(0), observations(jnp.asarray(X[:rows]), jnp.asarray(y)))
    for x, noise, words in ((X[:3], None, "one number per row"), (X[:4], -np.ones(4), "variance")):
        with pytest.raises(ValueError, match=words):
            observations.__wrapped__(jnp.asarray(x), jnp.zeros(4), None, noise)


def test_the_root_of_no_variance_has_no_slope_and_that_of_nan_is_nan():
    variance = jnp.array([4.0, 0.0, -1e-12, jnp.nan])
    np.testing.assert_array_equal(root(variance), [2.0, 0.0, 0.0, np.nan])
    np.testing.assert_array_equal(jax.grad(lambda v: jnp.sum(root(v)))(variance[:3]), [0.25, 0.0, 0.0])
