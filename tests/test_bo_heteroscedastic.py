"""Noise that varies with the inputs: found where it varies, not invented where it is constant."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bo.data import observations
from bo.surrogates.base import with_noise
from bo.surrogates.gp import gaussian_process
from bo.surrogates.heteroscedastic import heteroscedastic
from bo.surrogates.process_types import GPConfig

FIRST = gaussian_process(GPConfig(starts=1, iterations=8, noise_prior=(-2.0, 1.0)))
SECOND = gaussian_process(GPConfig(kernel="rbf", starts=1, iterations=8))
MODEL = heteroscedastic(FIRST, SECOND)
COUNT, CAPACITY = 120, 123
GRID = jnp.linspace(0.02, 0.98, 49)[:, None]


def wave(x):
    return np.sin(6 * np.asarray(x)[:, 0])


def growing(x):
    """A standard deviation that grows tenfold across the interval."""
    return 0.05 * 10 ** np.asarray(x)[:, 0]


def data_of(std, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(size=(CAPACITY, 1))
    y = wave(x) + std(x) * rng.normal(size=CAPACITY)
    mask = jnp.arange(CAPACITY) < COUNT  # what stands in the padding must not matter
    return observations(jnp.asarray(x), jnp.where(mask, jnp.asarray(y), 1e6), mask)


CASES = {"growing": growing, "constant": lambda x: np.full(len(x), 0.2)}


@cache
def fitted():
    """Data and params of both cases with a leading axis, and three predictions of each at the grid: new observations,
    the latent function, and new observations by the process with constant noise."""

    @jax.jit
    @jax.vmap
    def run(key, data):
        params = MODEL.surrogate.init(key, data)
        constant = with_noise(FIRST.predict(params.constant, data, GRID), FIRST.noise(params.constant))
        return params, MODEL.observation(params, data, GRID), MODEL.surrogate.predict(params, data, GRID), constant

    data = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(data_of(std) for std in CASES.values()))
    return data, run(jax.random.split(jax.random.key(0), 2), data)


def expected_nll(prediction, std):
    """NLL per datum of fresh observations at the grid, whose true deviation is ``std``, as its expectation."""
    square = (wave(GRID) - np.asarray(prediction.mean)) ** 2 + std**2
    variance = np.asarray(prediction.std) ** 2
    return np.mean(0.5 * square / variance + np.log(prediction.std) + 0.5 * np.log(2 * np.pi))


@pytest.mark.slow
def test_noise_that_grows_is_found_and_predicts_better():
    _, results = fitted()
    params, observation, latent, constant = jax.tree.map(lambda leaf: leaf[0], results)
    assert params.accepted and params.nll[1] < params.nll[0] - 0.2
    truth = growing(GRID)
    best = np.mean(0.5 + np.log(truth) + 0.5 * np.log(2 * np.pi))
    assert expected_nll(observation, truth) < expected_nll(constant, truth) - 0.25
    assert expected_nll(observation, truth) < best + 0.1
    noise = np.sqrt(np.asarray(observation.std) ** 2 - np.asarray(latent.std) ** 2)
    assert 0.5 < (noise[-1] / noise[0]) / (truth[-1] / truth[0]) < 2


@pytest.mark.slow
def test_constant_noise_stays_constant():
    _, results = fitted()
    params, observation, _, constant = jax.tree.map(lambda leaf: leaf[1], results)
    assert not params.accepted
    np.testing.assert_allclose(observation.mean, constant.mean, rtol=1e-9)
    np.testing.assert_allclose(observation.std, constant.std, rtol=1e-9)
    np.testing.assert_array_equal(params.inner.noise, params.constant.noise)


@pytest.mark.slow
def test_vmapped_cases_equal_single_ones_and_a_warm_fit_stays():
    data, (together, *_) = fitted()
    key, first = jax.random.split(jax.random.key(0), 2)[0], jax.tree.map(lambda leaf: leaf[0], data)
    alone = jax.jit(MODEL.surrogate.init)(key, first)
    for a, b in zip(jax.tree.leaves(together), jax.tree.leaves(alone), strict=True):
        np.testing.assert_allclose(a[0], b, rtol=1e-4, atol=1e-6)
    warm, info = jax.jit(MODEL.surrogate.fit)(jax.random.key(9), alone, first)
    assert warm.accepted and np.isfinite(info.objective) and int(info.evaluations) > 0
    np.testing.assert_allclose(warm.nll, alone.nll, atol=0.05)


@pytest.mark.slow
def test_the_second_process_rests_on_as_many_observations_as_it_may():
    few = heteroscedastic(FIRST, SECOND, rounds=1, support=50)
    params = jax.jit(few.surrogate.init)(jax.random.key(0), data_of(growing))
    rows = np.asarray(params.log_noise.rows)
    assert len(set(rows)) == 50 and rows.max() < COUNT and np.all(np.diff(rows) >= 2)
    assert np.all(np.isfinite(params.log_noise.log)) and params.accepted


def test_bad_settings_are_refused():
    for wrong in ({"rounds": 0}, {"support": 0}, {"folds": 1}, {"margin": -1.0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            heteroscedastic(FIRST, SECOND, **wrong)
