"""Warped and circular targets, fits to many observations, and sampled weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bo.data import observations
from bo.deep_kernels.deep_kernel import DeepKernelConfig, DeepKernelParams, deep_kernel
from bo.deep_kernels.sampled import sampled_deep_kernel
from bo.deep_kernels.static import static_deep_kernel
from bo.features import base
from bo.features.base import pca, raw
from bo.surrogates import observing
from bo.surrogates.base import FitInfo
from bo.surrogates.bayesian import SamplingConfig
from bo.surrogates.circular import circular
from bo.surrogates.process import process, root, standardisation
from bo.surrogates.process_types import GPConfig
from bo.surrogates.warped import Warp, backward, forward, log_slope, observation, restored, warped

X = np.sort(np.random.default_rng(0).uniform(0, 1, (40, 1)), axis=0)
QUICK = GPConfig(starts=1, iterations=5, noise_prior=(-2.0, 1.0))


def simple():
    """The exact process at fixed hyperparameters, with the objective a fit would have had: nothing to compile."""
    model = process(GPConfig(ard=False))

    def fit(key, params, data):
        data = model.cast(data)
        location, scale = standardisation(data)
        theta = model.layout(1).starts(jax.random.key(0), 1)[0]
        one = jnp.ones((), jnp.int32)
        objective = -model.log_posterior(theta, data, location, scale) / jnp.sum(data.mask)
        return model.params(theta, 1, location, scale), FitInfo(objective, one, one)

    return model.surrogate(lambda key, data: fit(key, None, data)[0], fit)


def test_the_warp_is_increasing_and_its_inverse_and_slope_are_its_own():
    y = jnp.linspace(-4.0, 9.0, 41)
    for power in (1.0, 0.5, 0.0, -0.5, 2.0):
        warp = Warp(jnp.asarray(power), jnp.asarray(1.5), jnp.asarray(2.0))
        z = forward(warp, y)
        assert np.all(np.diff(z) > 0)
        np.testing.assert_allclose(backward(warp, z), y, atol=1e-9)
        slope = jax.vmap(jax.grad(lambda one: forward(warp, one)))(y)  # noqa: B023
        np.testing.assert_allclose(jnp.exp(log_slope(warp, y)), slope, rtol=1e-9)
    straight = Warp(jnp.asarray(1.0), jnp.asarray(1.5), jnp.asarray(2.0))
    np.testing.assert_allclose(forward(straight, y), (y - 1.5) / 2, atol=1e-12)


def test_a_skewed_target_is_warped_a_straight_one_is_not_and_the_pool_agrees():
    own = warped(simple(), (1.0, 0.5, 0.0, -0.5))
    init, predict = jax.jit(own.init), jax.jit(own.predict)
    wave = np.sin(6 * X[:, 0]) + 0.1 * np.random.default_rng(1).normal(size=40)
    skewed = observations(jnp.asarray(X), jnp.exp(1.5 * wave), jnp.arange(40) < 35)
    straight = skewed._replace(y=jnp.asarray(wave))
    assert init(jax.random.key(0), straight).warp.power == 1.0
    params = init(jax.random.key(0), skewed)
    assert params.warp.power < 1.0 and params.objective.min() < params.objective[0] - 0.05

    x = jnp.linspace(0, 1, 7)[:, None]
    seen = predict(params, skewed, x)
    draws = jax.jit(jax.vmap(lambda key: own.sample(key, params, skewed, x)))(jax.random.split(jax.random.key(1), 4000))
    np.testing.assert_allclose(draws.mean(0), seen.mean, atol=6 * float(seen.std.max()) / 4000**0.5)
    np.testing.assert_allclose(draws.std(0), seen.std, rtol=0.15)

    @jax.jit
    def carried(params, data):
        posterior = own.condition(params, data, jnp.asarray(X))
        zero = jnp.zeros(())
        later, z = own.append(
            params, posterior, jnp.asarray(X), jnp.asarray(35), jnp.asarray(35), skewed.y[35], zero, jnp.asarray(True)
        )
        return own.surface(params, posterior), own.surface(params, later), z

    before, after, z = carried(params, skewed)
    np.testing.assert_allclose(before.mean, predict(params, skewed, jnp.asarray(X)).mean, rtol=1e-6)
    more = skewed._replace(mask=jnp.arange(40) < 36)
    np.testing.assert_allclose(after.mean, predict(params, more, jnp.asarray(X)).mean, rtol=1e-6)
    assert np.isfinite(z)

    with_noise, moved, warp = observation(simple(), params, skewed, x)
    assert np.all(with_noise.std > seen.std)
    np.testing.assert_allclose(restored(warp, moved).mean, with_noise.mean)


def test_angles_have_no_end_and_know_their_symmetry():
    """A target that passes through ±π, and one that only exists modulo π: the numbers themselves jump."""
    for period in (2 * np.pi, np.pi):
        own = circular(simple(), period)
        truth = 5 * X[:, 0] + 2
        data = observations(jnp.asarray(X), jnp.asarray((truth + period / 2) % period - period / 2))
        seen = jax.jit(lambda d, own=own: own.predict(own.fit(jax.random.key(0), d), d, d.x))(data)
        error = (np.asarray(seen.angle) - truth + period / 2) % period - period / 2
        assert np.abs(error).max() < 0.15
        assert np.all(np.abs(seen.angle) <= period / 2 + 1e-12) and np.all(seen.std > 0) and seen.std.max() < 0.5


def test_what_nothing_can_be_learned_from_is_refused_behind_wrappers_too():
    for wrapped in (warped(simple()).init, circular(simple()).fit):
        for rows, y, words in ((40, np.ones(40), "nothing to learn"), (2, X[:2, 0], "3 or more")):
            with pytest.raises(ValueError, match=words):
                wrapped(jax.random.key(0), observations(jnp.asarray(X[:rows]), jnp.asarray(y)))
    for x, noise, words in ((X[:3], None, "one number per row"), (X[:4], -np.ones(4), "variance")):
        with pytest.raises(ValueError, match=words):
            observations.__wrapped__(jnp.asarray(x), jnp.zeros(4), None, noise)


def test_a_used_up_variance_has_no_slope_and_an_unknown_one_is_not_certainty():
    variance = jnp.array([4.0, 0.0, -1e-12, jnp.nan])
    np.testing.assert_array_equal(root(variance), [2.0, 0.0, 0.0, np.nan])
    np.testing.assert_array_equal(jax.grad(lambda v: jnp.sum(root(v)))(variance[:3]), [0.25, 0.0, 0.0])


def test_large_fits_are_exact_without_inducing_points_or_with_all_and_fewer_say_how_far_off():
    points = np.random.default_rng(3).uniform(size=(40, 2))
    found = base.fit_features(jax.random.key(0), points, (raw(),))
    y = np.sin(5 * points[:, 0]) + points[:, 1]
    data = observations(found.table, jnp.asarray(y), jnp.arange(40) != 7)
    config = DeepKernelConfig(folds=2, gp=QUICK)
    exact = deep_kernel(found.blocks, config)
    predict = jax.jit(exact.predict)
    for inducing, close in ((None, 1e-9), (39, 1e-4)):
        whole = static_deep_kernel(found.blocks, config, subset=20, inducing=inducing)
        params = whole.fit(jax.random.key(1), data)
        same = predict(DeepKernelParams(params.gp, jnp.zeros((1, 3, 4)), params.report), data, found.table)
        near = whole.predict(params, found.table)
        np.testing.assert_allclose(near.mean, same.mean, atol=close / 10)
        np.testing.assert_allclose(near.std, same.std, atol=close)

    few = params._replace(inducing=params.inducing[:5])
    gap = whole.difference(jax.random.key(2), few, data, 15)
    assert gap.in_deviations > 1e-3
    with pytest.raises(ValueError, match="3 or more"):
        static_deep_kernel(found.blocks, config, subset=2)


@pytest.mark.slow
def test_sampled_weights_cover_what_they_predict():
    """The reference: averaged over weights, a network of a few points is unsure, and finds a smooth function."""
    points = np.random.default_rng(4).uniform(-1, 1, (60, 2))
    found = base.fit_features(jax.random.key(0), points, (raw(), pca(2)))
    y = np.sin(3 * points[:, 0]) + 0.1 * np.random.default_rng(5).normal(size=60)
    short = SamplingConfig(chains=1, warmup=24, rewarm=4, samples=16, members=8, tree_depth=4)
    own = sampled_deep_kernel(found.blocks, hidden=3, config=QUICK, sampling=short)
    data = observations(found.table[:30], jnp.asarray(y[:30]))
    params = jax.jit(own.init)(jax.random.key(0), data)
    seen = observing.with_noise(params, jax.jit(own.predict)(params, data, found.table[30:]))
    z = (y[30:] - np.asarray(seen.mean)) / np.asarray(seen.std)
    assert np.mean(np.abs(z) < 1.96) > 0.8
    assert np.sqrt(np.mean((y[30:] - np.asarray(seen.mean)) ** 2)) < 0.5 * y.std()
    assert np.ptp(np.asarray(params.members.kernel["weights"]["first"]), axis=0).min() > 0  # members differ
    with pytest.raises(ValueError):
        sampled_deep_kernel(found.blocks, hidden=0)
