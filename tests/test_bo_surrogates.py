"""One protocol for all surrogates: masked, appended, grown, vmapped, sampled; hard data; both precisions."""

from functools import cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bo.compiling import compiler_options
from bo.data import observations
from bo.surrogates.base import Surrogate
from bo.surrogates.gp import gaussian_process
from bo.surrogates.process_types import GPConfig
from helpers.surrogates import CAPACITY, COUNT, MAKERS, SIBLINGS, data_of, pool_of, target

WITHOUT_PATH = ("sum", "two_fidelities", "gradients")  # no spectral density is known, or gradients
ALL = [name if name == "map" else pytest.param(name, marks=pytest.mark.slow) for name in MAKERS]
# by default one of each way to make a surrogate; the others are variants of these
BY_DEFAULT = ("map", "deep", "trained", "published", "sampled", "warped particles", "noisy", "gradients")
SHAPES = [name if name in BY_DEFAULT else pytest.param(name, marks=pytest.mark.slow) for name in SIBLINGS]
POOLS = [each for each in ALL if "gradients" not in str(each)]


jit = partial(jax.jit, compiler_options=compiler_options())  # as campaigns are compiled


@cache
def made(name, dtype="float64"):
    return MAKERS[name](dtype=dtype, noise_floor=1e-4 if dtype == "float32" else 1e-6)


@cache
def compiled(name, dtype="float64"):
    """The surrogate with its functions compiled, once for all tests."""
    surrogate = made(name, dtype)
    fields = ("init", "fit", "predict", "sample", "noise", "condition", "surface", "covariance", "append")
    return surrogate._replace(**{field: jit(getattr(surrogate, field)) for field in fields})


class Fitted(NamedTuple):
    """A surrogate, the pool and its targets, data of some of them, params, and what the fit did."""

    surrogate: Surrogate
    pool: Any
    y: Any
    data: Any
    params: Any
    info: Any


@cache
def fitted(name, dtype="float64"):
    surrogate = compiled(name, dtype)
    pool = pool_of(name, dtype)
    y = jax.vmap(target)(pool)
    x = pool[:CAPACITY].at[COUNT:].set(7.0)  # what stands in the padding must not matter
    data = data_of(name, x, jnp.where(jnp.arange(CAPACITY) < COUNT, y[:CAPACITY], 1e6), jnp.arange(CAPACITY) < COUNT)
    params = surrogate.init(jax.random.key(0), data)
    params, info = surrogate.fit(jax.random.key(1), params, data)
    if name == "noisy":  # varying noise, which these data have no reason to accept
        params = params._replace(inner=params.varying, accepted=jnp.ones((), bool))
    return Fitted(surrogate, pool, y, data, params, info)


@pytest.mark.parametrize("dtype", ["float64", pytest.param("float32", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ALL)
def test_fit_predict_and_the_predictor_agree_and_interpolate(name, dtype):
    surrogate, pool, y, data, params, info = fitted(name, dtype)
    assert np.isfinite(info.objective) and int(info.evaluations) > 0
    algebra = params.members.gp if name == "trained" else params  # networks are float32
    assert all(leaf.dtype == dtype for leaf in jax.tree.leaves(algebra) if jnp.issubdtype(leaf.dtype, jnp.floating))
    prediction = surrogate.predict(params, data, pool)
    assert prediction.mean.dtype == prediction.std.dtype == dtype
    tight = 0.25 if name == "bayesian" else 0.15
    assert np.abs(prediction.mean[:COUNT] - y[:COUNT]).max() < tight
    assert np.all(np.isfinite(prediction.std)) and np.all(prediction.std >= 0)
    same = jax.jit(lambda p, d, x: surrogate.predictor(p, d)(x))(params, data, pool)
    np.testing.assert_allclose(same.mean, prediction.mean, rtol=1e-6 if dtype == "float64" else 1e-3)


@pytest.mark.parametrize("name", ALL)
def test_pool_functions_equal_prediction_and_samples_have_its_moments(name):
    surrogate, pool, _, data, params, _ = fitted(name)
    posterior = surrogate.condition(params, data, pool)
    carried, scratch = surrogate.surface(params, posterior), surrogate.predict(params, data, pool)
    np.testing.assert_allclose(carried.mean, scratch.mean, atol=1e-7)
    np.testing.assert_allclose(carried.std, scratch.std, atol=1e-5)

    query = pool[COUNT : COUNT + 3]
    sample = jit(jax.vmap(lambda key: made(name).sample(key, params, data, query)))
    draws = sample(jax.random.split(jax.random.key(2), 4000))
    here = jax.tree.map(lambda leaf: leaf[COUNT : COUNT + 3], scratch)
    error = np.asarray(here.std) / np.sqrt(4000)
    assert np.all(np.abs(draws.mean(0) - here.mean) < 5 * error + 1e-9)
    np.testing.assert_allclose(draws.std(0), here.std, rtol=0.12)
    row = surrogate.covariance(params, posterior, pool, jnp.asarray(COUNT))
    np.testing.assert_allclose(row[COUNT], here.std[0] ** 2, rtol=1e-4)
    deviation = draws - draws.mean(0)[None]
    heavy = 3 if name in ("particles", "bayesian", "trained") else 1  # tails of mixtures
    bound = 6 * heavy * error * float(here.std[0])
    assert np.all(np.abs((deviation[:, :1] * deviation).mean(0) - row[COUNT : COUNT + 3]) < bound)


def member_noises(surrogate, params):
    """Fitted noise of each member of a mixture; a single one of all other surrogates."""
    if hasattr(params, "members"):
        gp = getattr(params.members, "gp", params.members)
        return gp.noise * gp.scale**2
    return surrogate.noise(params)[None]


@pytest.mark.parametrize("name", ALL)
def test_noise_is_one_positive_variance_in_units_of_the_targets(name):
    surrogate, _, y, _, params, _ = fitted(name)
    noise = surrogate.noise(params)
    assert noise.shape == () and 0 < noise < np.var(y)
    if hasattr(params, "members"):
        np.testing.assert_allclose(noise, member_noises(surrogate, params).mean())


@pytest.mark.parametrize("name", SHAPES)
def test_every_sibling_has_the_shapes_of_the_protocol(name):
    """Traced, not compiled."""
    surrogate, key = SIBLINGS[name](), jax.random.key(0)
    pool = pool_of(name)
    data = data_of(name, pool[:CAPACITY], jnp.ones(CAPACITY), jnp.ones(CAPACITY, bool))
    params = jax.eval_shape(surrogate.init, key, data)
    again, info = jax.eval_shape(surrogate.fit, key, params, data)
    assert jax.tree.map(jnp.shape, again) == jax.tree.map(jnp.shape, params) and info.objective.shape == ()
    posterior = jax.eval_shape(surrogate.condition, params, data, pool)
    shapes = {
        "predict": jax.eval_shape(surrogate.predict, params, data, pool),
        "predictor": jax.eval_shape(lambda p, d, x: surrogate.predictor(p, d)(x), params, data, pool),
        "surface": jax.eval_shape(surrogate.surface, params, posterior),
    }
    for field, prediction in shapes.items():
        assert prediction.mean.shape == prediction.std.shape == (30,), field
    assert jax.eval_shape(surrogate.noise, params).shape == ()
    assert jax.eval_shape(surrogate.sample, key, params, data, pool[:3]).shape == (3,)
    index = jnp.asarray(3)
    assert jax.eval_shape(surrogate.covariance, params, posterior, pool, index).shape == (30,)
    if name != "gradients":
        value, valid = jnp.zeros(()), jnp.asarray(True)
        later, z = jax.eval_shape(surrogate.append, params, posterior, pool, index, index, value, value, valid)
        assert z.shape == () and jax.tree.map(jnp.shape, later) == jax.tree.map(jnp.shape, posterior)
        assert jax.tree.leaves(jax.eval_shape(lambda p: surrogate.grow(p, CAPACITY + 4), later))


@pytest.mark.parametrize("name", ALL)
def test_paths_are_draws_near_the_observations(name):
    surrogate, pool, y, data, params, _ = fitted(name)
    if name in WITHOUT_PATH:
        assert name != "gradients" or surrogate.path is None
        return
    draws = jax.jit(lambda key, x: surrogate.path(key, params, data)(x))
    error = np.stack([draws(jax.random.key(seed), pool[:COUNT]) - y[:COUNT] for seed in range(4)])
    spread = surrogate.predict(params, data, pool[:COUNT]).std
    assert np.abs(error).max() < 0.3 + 5 * spread.max()


@pytest.mark.parametrize("name", POOLS)
def test_appended_and_grown_equals_conditioned_from_scratch(name):
    surrogate, pool, y, data, params, _ = fitted(name)
    posterior = surrogate.condition(params, data, pool)
    noise = jnp.where(jnp.arange(CAPACITY) < COUNT, 0, 0.01)
    for count in range(COUNT, CAPACITY):
        last = observations(pool[:CAPACITY], y[:CAPACITY], jnp.arange(CAPACITY) < count, noise)
        expected = surrogate.predict(params, last, pool[count][None])
        posterior, z = surrogate.append(
            params, posterior, pool, jnp.asarray(count), jnp.asarray(count), y[count], noise[count], jnp.asarray(True)
        )
        if name == "warped":  # whose z-scores are those of the warped target
            continue
        known = noise[count] + (posterior.known[count] if name == "noisy" else 0)
        variances = member_noises(surrogate, params)  # of a mixture, the weights decide between the members
        deviation = np.abs((y[count] - expected.mean[0]) / z)
        low, high = (np.sqrt(expected.std[0] ** 2 + edge + known) for edge in (variances.min(), variances.max()))
        assert low * (1 - 1e-5) <= deviation <= high * (1 + 1e-5)
    before = jax.tree.leaves(posterior)
    posterior, z = surrogate.append(  # not valid: nothing changes but the row that is now in its place
        params, posterior, pool, jnp.asarray(CAPACITY - 1), jnp.asarray(3), jnp.nan, jnp.zeros(()), jnp.asarray(False)
    )
    assert np.isnan(z) and len(before) == len(jax.tree.leaves(posterior))
    full = observations(pool[:CAPACITY], y[:CAPACITY], noise=noise)
    scratch = surrogate.predict(params, full, pool)
    for carried in (posterior, surrogate.grow(posterior, CAPACITY + 5)):
        surface = surrogate.surface(params, carried)
        np.testing.assert_allclose(surface.mean, scratch.mean, atol=1e-6)
        np.testing.assert_allclose(surface.std, scratch.std, atol=1e-5)


@pytest.mark.parametrize("name", ALL)
def test_vmapped_members_equal_single_ones(name):
    data = fitted(name).data
    keys = jax.random.split(jax.random.key(7), 2)
    many = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), data)._replace(y=jnp.stack([data.y, 2 * data.y + 1]))
    together = jit(jax.vmap(made(name).init))(keys, many)
    for member in range(2):
        alone = compiled(name).init(keys[member], jax.tree.map(partial(jnp.take, indices=member, axis=0), many))
        for a, b in zip(jax.tree.leaves(together), jax.tree.leaves(alone), strict=True):
            np.testing.assert_allclose(a[member], b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("case", ["constant", "one point", "none", "duplicates"])
def test_hard_data_give_finite_predictions(name, case):
    surrogate, pool, y, data, _, _ = fitted(name)
    mask = data.mask
    x = data.x
    if case == "constant":
        y = jnp.full_like(y, 3.0)
    elif case == "duplicates":
        x = jnp.broadcast_to(x[0], x.shape) + 1e-12 * jnp.arange(CAPACITY)[:, None]
    else:
        mask = jnp.arange(CAPACITY) < (case == "one point")
    hard = data_of(name, x, y[:CAPACITY], mask)
    params = surrogate.init(jax.random.key(0), hard)
    mean, std = surrogate.predict(params, hard, pool)
    assert np.all(np.isfinite(mean)) and np.all(np.isfinite(std))
    if case == "constant" and name not in ("gradients", "mean"):
        np.testing.assert_allclose(mean[:COUNT], 3.0, atol=0.05)


def test_hundreds_of_near_duplicates_are_no_reason_to_fail(key):
    surrogate = gaussian_process(GPConfig(starts=1, iterations=3))
    x = 0.5 + 1e-9 * jax.random.normal(key, (300, 2))
    data = observations(x, 1.0 + 1e-3 * jax.random.normal(key, (300,)))
    params = jax.jit(surrogate.init)(key, data)
    posterior = jax.jit(surrogate.condition)(params, data, jnp.full((3, 2), 0.5))
    surface = jax.jit(surrogate.surface)(params, posterior)
    np.testing.assert_allclose(surface.mean, 1.0, atol=1e-3)
    assert np.all(np.isfinite(surface.std))


@pytest.mark.slow
def test_jit_equals_eager():
    surrogate, pool, _, data, params, _ = fitted("map")
    with jax.disable_jit():
        eager = MAKERS["map"](noise_floor=1e-6).predict(params, data, pool[:3])
    np.testing.assert_allclose(surrogate.predict(params, data, pool[:3]).mean, eager.mean, rtol=1e-9)
