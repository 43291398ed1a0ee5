"""One protocol for all surrogates: masked, appended, grown, vmapped, sampled; hard data; both precisions."""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bo.data import observations
from bo.deep_kernels.deep_kernel import DeepKernelConfig, deep_kernel
from bo.deep_kernels.trained import TrainedDeepKernelConfig, trained_deep_kernel
from bo.features.base import Block
from bo.surrogates.bayesian import SamplingConfig, fully_bayesian
from bo.surrogates.gp import gaussian_process
from bo.surrogates.gradients import GradientData, gradient_process
from bo.surrogates.heteroscedastic import heteroscedastic
from bo.surrogates.laplace import laplace_particles
from bo.surrogates.multifidelity import two_fidelities
from bo.surrogates.process_types import GPConfig, Mean
from bo.surrogates.warped import warped
from models.features import skip

import numpyro.distributions as dist  # isort: skip

QUICK = {"starts": 2, "iterations": 8}
SHORT = SamplingConfig(chains=2, warmup=8, rewarm=4, samples=4, members=4, tree_depth=3)
SLOPE = Mean(lambda params, x: params["slope"] * x[:, 0], {"slope": dist.Normal(0.0, 2.0)})
# a pool of two columns as a table of two blocks, the second of them one column: both of length 1
BLOCKS = (Block("raw", 0, 2, np.full(2, 6**0.5)), Block("pca", 1, 2, np.full(1, 12**0.5)))


def frozen(**config):
    return deep_kernel(BLOCKS, DeepKernelConfig(folds=2, gp=GPConfig(**QUICK, **config)))


def joint(**config):
    settings = DeepKernelConfig(folds=2, gp=GPConfig(**QUICK, **config))
    how = TrainedDeepKernelConfig(("raw",), steps=4, warm_steps=2, every=2, deep_kernel=settings)
    return trained_deep_kernel(BLOCKS, skip(2, 2, (4,)), how)


def noisy(**config):
    first, second = (gaussian_process(GPConfig(kernel=kernel, **QUICK, **config)) for kernel in ("matern52", "rbf"))
    return heteroscedastic(first, second, rounds=1, folds=3, support=8).surrogate


MAKERS = {
    "map": lambda **config: gaussian_process(GPConfig(**QUICK, **config)),
    "sum": lambda **config: gaussian_process(GPConfig(kernel="rbf + matern32[0] * periodic[1]", **QUICK, **config)),
    "mean": lambda **config: gaussian_process(GPConfig(**QUICK, **config), mean=SLOPE),
    "particles": lambda **config: laplace_particles(GPConfig(**QUICK, **config), members=4),
    "bayesian": lambda **config: fully_bayesian(GPConfig(**QUICK, **config), SHORT),
    "two_fidelities": lambda **config: two_fidelities(GPConfig(**QUICK, **config)),
    "frozen": frozen,
    "joint": joint,
    "warped": lambda **config: warped(gaussian_process(GPConfig(**QUICK, **config)), (0.5,)),
    "noisy": noisy,
    "gradients": lambda **config: gradient_process(GPConfig(kernel="rbf", **QUICK, **config)),
}
COUNT, CAPACITY = 12, 16
EVERY = [name if name == "map" else pytest.param(name, marks=pytest.mark.slow) for name in MAKERS]
POOLS = [each for each in EVERY if "gradients" not in str(each)]


def target(x):
    return jnp.sin(5 * x[0]) + x[1] ** 2


def data_of(name, x, y, mask, noise=None):
    """The record this surrogate takes; gradients are those of ``target``."""
    if name != "gradients":
        return observations(x, y, mask, noise)
    return GradientData(x, y, jax.vmap(jax.grad(target))(x).astype(x.dtype), mask, jnp.zeros_like(y))


@cache
def pool_of(name, dtype="float64"):
    x = jax.random.uniform(jax.random.key(5), (30, 2), jnp.dtype(dtype))
    return x.at[:, 1].set(jnp.round(x[:, 1])) if name == "two_fidelities" else x


@cache
def programs(name, **config):
    """The surrogate and its functions, compiled once for all tests."""
    own = MAKERS[name](**config)
    jitted = {
        field: jax.jit(getattr(own, field))
        for field in ("init", "fit", "predict", "sample", "condition", "surface", "covariance", "append")
    }
    return own, own._replace(**jitted)


@cache
def fitted(name, dtype="float64"):
    own, compiled = programs(name, dtype=dtype, noise_floor=1e-4 if dtype == "float32" else 1e-6)
    pool = pool_of(name, dtype)
    y = jax.vmap(target)(pool)
    x = pool[:CAPACITY].at[COUNT:].set(7.0)  # what stands in the padding must not matter
    data = data_of(name, x, jnp.where(jnp.arange(CAPACITY) < COUNT, y[:CAPACITY], 1e6), jnp.arange(CAPACITY) < COUNT)
    params = compiled.init(jax.random.key(0), data)
    params, info = compiled.fit(jax.random.key(1), params, data)
    if name == "noisy":  # which these data have no reason to accept
        params = params._replace(inner=params.varying, accepted=jnp.ones((), bool))
    return own, compiled, pool, y, data, params, info


@pytest.mark.parametrize("dtype", ["float64", pytest.param("float32", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", EVERY)
def test_fit_predict_and_the_predictor_agree_and_interpolate(name, dtype):
    own, compiled, pool, y, data, params, info = fitted(name, dtype)
    assert np.isfinite(info.objective) and int(info.evaluations) > 0
    algebra = params.members.gp if name == "joint" else params  # networks are float32
    assert all(leaf.dtype == dtype for leaf in jax.tree.leaves(algebra) if jnp.issubdtype(leaf.dtype, jnp.floating))
    prediction = compiled.predict(params, data, pool)
    assert prediction.mean.dtype == prediction.std.dtype == dtype
    tight = 0.25 if name == "bayesian" else 0.15
    assert np.abs(prediction.mean[:COUNT] - y[:COUNT]).max() < tight
    assert np.all(np.isfinite(prediction.std)) and np.all(prediction.std >= 0)
    same = jax.jit(lambda p, d, x: own.predictor(p, d)(x))(params, data, pool)
    np.testing.assert_allclose(same.mean, prediction.mean, rtol=1e-6 if dtype == "float64" else 1e-3)


@pytest.mark.parametrize("name", EVERY)
def test_pool_functions_equal_prediction_and_samples_have_its_moments(name):
    own, compiled, pool, _, data, params, _ = fitted(name)
    posterior = compiled.condition(params, data, pool)
    carried, scratch = compiled.surface(params, posterior), compiled.predict(params, data, pool)
    np.testing.assert_allclose(carried.mean, scratch.mean, atol=1e-7)
    np.testing.assert_allclose(carried.std, scratch.std, atol=1e-5)

    query = pool[COUNT : COUNT + 3]
    draws = jax.jit(jax.vmap(lambda key: own.sample(key, params, data, query)))(
        jax.random.split(jax.random.key(2), 4000)
    )
    here = jax.tree.map(lambda leaf: leaf[COUNT : COUNT + 3], scratch)
    error = np.asarray(here.std) / np.sqrt(4000)
    assert np.all(np.abs(draws.mean(0) - here.mean) < 5 * error + 1e-9)
    np.testing.assert_allclose(draws.std(0), here.std, rtol=0.12)
    row = compiled.covariance(params, posterior, pool, jnp.asarray(COUNT))
    np.testing.assert_allclose(row[COUNT], here.std[0] ** 2, rtol=1e-4)
    away = draws - draws.mean(0)[None]
    bound = (
        6
        * np.asarray(here.std)
        * float(here.std[0])
        / np.sqrt(4000)
        * (3 if name in ("particles", "bayesian", "joint") else 1)
    )
    assert np.all(np.abs((away[:, :1] * away).mean(0) - row[COUNT : COUNT + 3]) < bound)


@pytest.mark.parametrize("name", POOLS)
def test_appended_and_grown_equals_conditioned_from_scratch(name):
    own, compiled, pool, y, data, params, _ = fitted(name)
    posterior = compiled.condition(params, data, pool)
    noise = jnp.where(jnp.arange(CAPACITY) < COUNT, 0, 0.01)
    for count in range(COUNT, CAPACITY):
        last = observations(pool[:CAPACITY], y[:CAPACITY], jnp.arange(CAPACITY) < count, noise)
        expected = compiled.predict(params, last, pool[count][None])
        posterior, z = compiled.append(
            params, posterior, pool, jnp.asarray(count), jnp.asarray(count), y[count], noise[count], jnp.asarray(True)
        )
        if name == "warped":  # whose z-scores are those of the warped target
            continue
        known = next((getattr(params, field) for field in ("members", "inner") if hasattr(params, field)), params)
        fitted_noise = jnp.ravel(known.noise * known.scale**2)
        there = noise[count] + (posterior.known[count] if name == "noisy" else 0)
        ratio = np.abs((y[count] - expected.mean[0]) / z)
        low, high = (np.sqrt(expected.std[0] ** 2 + edge + there) for edge in (fitted_noise.min(), fitted_noise.max()))
        assert low * (1 - 1e-5) <= ratio <= high * (1 + 1e-5)
    before = jax.tree.leaves(posterior)
    posterior, z = compiled.append(  # not valid: nothing changes but the row that is now in its place
        params, posterior, pool, jnp.asarray(CAPACITY - 1), jnp.asarray(3), jnp.nan, jnp.zeros(()), jnp.asarray(False)
    )
    assert np.isnan(z) and len(before) == len(jax.tree.leaves(posterior))
    full = observations(pool[:CAPACITY], y[:CAPACITY], noise=noise)
    scratch = compiled.predict(params, full, pool)
    for carried in (posterior, own.grow(posterior, CAPACITY + 5)):
        surface = own.surface(params, carried)
        np.testing.assert_allclose(surface.mean, scratch.mean, atol=1e-6)
        np.testing.assert_allclose(surface.std, scratch.std, atol=1e-5)


@pytest.mark.parametrize("name", EVERY)
def test_vmapped_members_equal_single_ones(name):
    own, compiled, _, _, data, _, _ = fitted(name)
    keys = jax.random.split(jax.random.key(7), 2)
    many = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), data)._replace(y=jnp.stack([data.y, 2 * data.y + 1]))
    together = jax.jit(jax.vmap(own.init))(keys, many)
    for member in range(2):
        alone = compiled.init(keys[member], jax.tree.map(partial(jnp.take, indices=member, axis=0), many))
        for a, b in zip(jax.tree.leaves(together), jax.tree.leaves(alone), strict=True):
            np.testing.assert_allclose(a[member], b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("case", ["constant", "one point", "none", "duplicates"])
def test_hard_data_give_finite_predictions(name, case):
    _, compiled, pool, y, data, _, _ = fitted(name)
    mask = data.mask
    x = data.x
    if case == "constant":
        y = jnp.full_like(y, 3.0)
    elif case == "duplicates":
        x = jnp.broadcast_to(x[0], x.shape) + 1e-12 * jnp.arange(CAPACITY)[:, None]
    else:
        mask = jnp.arange(CAPACITY) < (case == "one point")
    hard = data_of(name, x, y[:CAPACITY], mask)
    params = compiled.init(jax.random.key(0), hard)
    mean, std = compiled.predict(params, hard, pool)
    assert np.all(np.isfinite(mean)) and np.all(np.isfinite(std))
    if case == "constant" and name not in ("gradients", "mean"):
        np.testing.assert_allclose(mean[:COUNT], 3.0, atol=0.05)


def test_a_thousand_near_duplicates_are_no_reason_to_fail(key):
    own = gaussian_process(GPConfig(starts=1, iterations=3))
    x = 0.5 + 1e-9 * jax.random.normal(key, (1000, 2))
    data = observations(x, 1.0 + 1e-3 * jax.random.normal(key, (1000,)))
    params = jax.jit(own.init)(key, data)
    posterior = jax.jit(own.condition)(params, data, jnp.full((3, 2), 0.5))
    surface = own.surface(params, posterior)
    np.testing.assert_allclose(surface.mean, 1.0, atol=1e-3)
    assert np.all(np.isfinite(surface.std))


@pytest.mark.slow
def test_jit_equals_eager():
    own, compiled, pool, _, data, params, _ = fitted("map")
    with jax.disable_jit():
        eager = own.predict(params, data, pool[:3])
    np.testing.assert_allclose(compiled.predict(params, data, pool[:3]).mean, eager.mean, rtol=1e-9)
