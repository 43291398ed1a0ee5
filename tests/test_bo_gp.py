"""The masked Gaussian process against GPJax, its gradient, its appended rows, its failures."""

from functools import partial

import gpjax as gpx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bo.data import append, grow, observations
from bo.numerics import linalg
from bo.surrogates import incremental, kernels
from bo.surrogates.gp import gaussian_process
from bo.surrogates.process import process
from bo.surrogates.process_types import GPConfig, GPParams


def compiled(record):
    """The record with the functions compiled that these tests call, because eagerly every operation compiles alone."""
    names = ("init", "fit", "predict", "condition", "append", "surface", "covariance", "log_likelihood", "gram")
    return record._replace(**{name: jax.jit(getattr(record, name)) for name in names if hasattr(record, name)})


FEW, MANY, POOL = 12, 40, 60  # capacities and candidates, the same in all tests, so that they share programs
DEFAULT, PROCESS = compiled(gaussian_process()), compiled(process(GPConfig()))  # shared, so compiled once


@partial(jax.jit, static_argnums=(1, 2))
def drawn(key, count, capacity):
    """Noisy values of a function of two inputs; what stands in the padding must not matter."""
    to_x, to_y = jax.random.split(key)
    x = jax.random.uniform(to_x, (count, 2))
    y = jnp.sin(5 * x[:, 0]) + x[:, 1] + 0.1 * jax.random.normal(to_y, (count,))
    padding = capacity - count
    return observations(
        jnp.concatenate([x, jnp.full((padding, 2), 7.0)]),
        jnp.concatenate([y, jnp.full(padding, 1e6)]),
        jnp.arange(capacity) < count,
    )


def params_of(mean=0.0):
    """Hyperparameters of the default configuration."""
    size = jnp.array([0.3, 0.6])
    variance, noise, mean, location, scale = map(jnp.asarray, (1.7, 0.02, mean, 0.0, 1.0))
    return GPParams(({"lengthscale": size, "variance": variance},), noise, mean, location, scale)


def test_padded_process_equals_gpjax_on_the_unpadded_data(key):
    data, params = drawn(key, 23, MANY), params_of(mean=0.3)
    query = jax.random.uniform(jax.random.fold_in(key, 1), (POOL, 2))

    @jax.jit
    def of_gpjax(params, x, y):
        prior = gpx.gps.Prior(
            kernel=gpx.kernels.Matern52(**params.kernel[0]),
            mean_function=gpx.mean_functions.Constant(params.mean),
            jitter=0.0,
        )
        theirs = prior * gpx.likelihoods.Gaussian(obs_stddev=jnp.sqrt(params.noise))
        real = gpx.Dataset(x, y)
        latent = theirs.predict(query, real, covariance="diagonal")
        return gpx.objectives.conjugate_mll(theirs, real), latent.mean, latent.variance

    likelihood, expected, variance = of_gpjax(params, data.x[:23], data.y[:23, None])
    np.testing.assert_allclose(PROCESS.log_likelihood(params, data), likelihood, atol=1e-9)
    mean, std = DEFAULT.predict(params, data, query)
    np.testing.assert_allclose(mean, expected, atol=1e-9)
    np.testing.assert_allclose(std**2, variance, atol=1e-9)


def test_padding_changes_nothing(key):
    query = jax.random.uniform(key, (POOL, 2))
    tight, loose, params = drawn(key, FEW, FEW), drawn(key, FEW, MANY), params_of()
    likelihood = PROCESS.log_likelihood
    np.testing.assert_allclose(likelihood(params, tight), likelihood(params, loose), rtol=1e-13)
    for a, b in zip(DEFAULT.predict(params, tight, query), DEFAULT.predict(params, loose, query), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10)


def test_hand_written_gradient_of_the_likelihood_equals_autodiff(key):
    data = drawn(key, 10, 14)

    def plain(gram, residual):
        factor = jnp.linalg.cholesky(gram)
        alpha = jax.scipy.linalg.cho_solve((factor, True), residual)
        return -0.5 * residual @ alpha - jnp.sum(jnp.log(jnp.diagonal(factor)))

    gram, residual = PROCESS.gram(params_of(), data), np.where(data.mask, data.y, 0)
    ours = jax.jit(jax.grad(lambda g, r: linalg.log_density(g, r, data.mask), argnums=(0, 1)))(gram, residual)
    theirs = jax.jit(jax.grad(plain, argnums=(0, 1)))(gram, residual)
    # a symmetric matrix has one gradient per pair: compare the symmetric parts
    np.testing.assert_allclose(ours[0] + ours[0].T, theirs[0] + theirs[0].T, atol=1e-9)
    np.testing.assert_allclose(ours[1], theirs[1], atol=1e-10)


def test_map_fit_climbs_and_finds_a_stationary_point(key):
    config = GPConfig(starts=2, iterations=200, gradient_tolerance=1e-6, decrease_tolerance=1e-14)
    data = drawn(key, 40, 40)
    surrogate = compiled(gaussian_process(config))
    params = surrogate.init(key, data)
    fitted, _ = surrogate.fit(key, params, data)

    model = compiled(process(config))

    @jax.jit
    def objective(theta):
        return model.log_posterior(theta, data, fitted.location, fitted.scale) / 40

    theta = model.theta(fitted, 2)
    assert jnp.abs(jax.jit(jax.grad(objective))(theta)).max() < 1e-4
    assert objective(theta) >= objective(model.theta(params, 2)) - 1e-9
    assert 0.03 < float(jnp.sqrt(fitted.noise) * fitted.scale) < 0.3  # the noise drawn has 0.1


def test_a_refit_with_fresh_starts_is_the_best_of_them_and_of_the_warm_one(key):
    x = jax.random.uniform(key, (FEW, 2))
    data = observations(x, jnp.sin(20 * x[:, 0]))
    fresh = compiled(gaussian_process(GPConfig(refit_starts=1)))
    (_, warm), (_, best) = (each.fit(key, DEFAULT.init(key, data), data) for each in (DEFAULT, fresh))
    assert best.objective <= warm.objective and best.evaluations > warm.evaluations


def test_appended_rows_equal_a_full_factorisation(key):
    surrogate, pool = DEFAULT, jax.random.uniform(key, (POOL, 2))
    params = params_of()._replace(noise=jnp.array(1e-4))
    y = jnp.sin(7 * pool[:, 0]) * pool[:, 1]
    order = jax.random.permutation(key, POOL)[:MANY]

    def data_of(count):
        chosen = jnp.where(jnp.arange(MANY) < count, order, 0)
        return observations(pool[chosen], y[chosen], jnp.arange(MANY) < count)

    posterior = surrogate.condition(params, data_of(5), pool)
    for count in range(5, 40):
        mean, std = (np.asarray(leaf)[order[count]] for leaf in surrogate.predict(params, data_of(count), pool))
        posterior, z = surrogate.append(
            params, posterior, pool, jnp.asarray(count), order[count], y[order[count]], jnp.zeros(()), jnp.asarray(True)
        )
        np.testing.assert_allclose(z, (y[order[count]] - mean) / np.sqrt(std**2 + params.noise), rtol=1e-6, atol=1e-8)
    full = surrogate.predict(params, data_of(40), pool)
    carried = surrogate.surface(params, posterior)
    np.testing.assert_allclose(carried.mean, full.mean, atol=1e-8)
    np.testing.assert_allclose(carried.std**2, full.std**2, atol=1e-8)
    grown = surrogate.surface(params, incremental.grow(posterior, 64))
    np.testing.assert_array_equal(grown.mean, carried.mean)


def test_known_noise_of_a_point_adds_to_the_fitted_one_and_covariances_are_the_posterior_s(key):
    surrogate, pool = DEFAULT, jax.random.uniform(key, (POOL, 2))
    params, y, variance = params_of()._replace(scale=jnp.array(2.0)), jnp.sin(7 * pool[:, 0]), jnp.arange(POOL) / 9
    data = grow(observations(pool[:4], y[:4], noise=variance[:4]), MANY)
    gram, plain = (np.asarray(PROCESS.gram(params, data._replace(noise=noise))) for noise in (data.noise, 0 * data.y))
    np.testing.assert_allclose(gram - plain, np.diag(np.r_[variance[:4], np.zeros(MANY - 4)] / 4), atol=1e-12)

    posterior = surrogate.condition(params, data, pool)
    for n in (4, 5):  # the second leaves its row pending
        posterior, _ = surrogate.append(
            params, posterior, pool, jnp.asarray(n), jnp.asarray(n), y[n], variance[n], jnp.asarray(True)
        )
    data = grow(observations(pool[:6], y[:6], noise=variance[:6]), MANY)
    expected = surrogate.predict(params, data, pool)
    np.testing.assert_allclose(surrogate.surface(params, posterior).mean, expected.mean, atol=1e-9)
    row = surrogate.covariance(params, posterior, pool, jnp.asarray(7))
    np.testing.assert_allclose(row[7], expected.std[7] ** 2, rtol=1e-8)
    kernel = kernels.kernel(GPConfig().kernel).build(params.kernel)
    prior, gram = np.asarray(jax.jit(partial(kernels.cross, kernel))(pool, pool)), PROCESS.gram(params, data)[:6, :6]
    scratch = prior - prior[:6].T @ np.linalg.solve(gram, prior[:6])
    np.testing.assert_allclose(row, 4 * scratch[7], atol=1e-9)


def test_a_singular_gram_is_retried_with_jitter_and_a_hopeless_one_is_flagged():
    factorise, twice = jax.jit(linalg.factorise), np.ones((30, 30))
    factor, jitter, retries = factorise(twice)
    assert 1 <= retries <= linalg.RETRIES and 0 < jitter < 1e-2
    np.testing.assert_allclose(np.matmul(factor, factor.T), twice + jitter * np.eye(30), atol=1e-10)
    assert factorise(np.full((3, 3), np.nan))[2] == linalg.RETRIES + 1


@pytest.mark.parametrize("y", [3.0, 0.0])
def test_constant_targets_give_finite_predictions(key, y):
    data = observations(jax.random.uniform(key, (FEW, 2)), jnp.full(FEW, y), jnp.arange(FEW) < 5)
    mean, std = DEFAULT.predict(DEFAULT.init(key, data), data, jnp.full((POOL, 2), 0.5))
    np.testing.assert_allclose(mean, y, atol=1e-3)
    assert np.all(np.isfinite(std))


SINGLE = compiled(gaussian_process(GPConfig(dtype="float32", noise_floor=1e-4, starts=1)))


@pytest.mark.parametrize("exponent", [-100, -70, 70, 100])  # 1e-30, 1e-21, 1e21, 1e30
def test_targets_in_any_unit_are_told_apart_in_single_precision(key, exponent):
    """Squares of such targets are 0 or infinite there."""
    data, unit = drawn(key, FEW, FEW), 2.0**exponent
    query = jnp.asarray(jax.random.uniform(key, (POOL, 2)), jnp.float32)

    def predicted(unit):
        scaled = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), data._replace(y=unit * data.y))
        scaled = scaled._replace(mask=data.mask)
        params = SINGLE.init(key, scaled)
        first, at = jnp.asarray(FEW - 1), jnp.asarray(3)
        posterior = SINGLE.condition(params, scaled._replace(mask=data.mask.at[FEW - 1].set(False)), query)
        value, noise = jnp.asarray(unit * 2.0, jnp.float32), jnp.zeros((), jnp.float32)
        posterior, z = SINGLE.append(params, posterior, query, first, at, value, noise, jnp.asarray(True))
        surface, told = SINGLE.surface(params, posterior), SINGLE.predict(params, scaled, query)
        return *(np.asarray(each, float) / unit for each in (*surface, *told)), np.asarray(z)

    for found, wanted in zip(predicted(unit), predicted(1.0), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("x", [np.zeros(2), np.zeros((3, 3)), np.zeros((3, 1))])
def test_points_of_another_number_of_inputs_are_refused(key, x):
    data = drawn(key, FEW, FEW)
    with pytest.raises(ValueError, match=r"expected \(n, 2\)"):
        gaussian_process().predict(params_of(), data, x)


def test_samples_have_the_moments_of_the_prediction(key):
    surrogate, data, query = DEFAULT, drawn(key, 8, FEW), jnp.array([[0.2, 0.3], [0.9, 0.1]])
    params = params_of()
    draws = jax.jit(jax.vmap(lambda k: surrogate.sample(k, params, data, query)))(jax.random.split(key, 20_000))
    mean, std = (leaf[:2] for leaf in surrogate.predict(params, data, jnp.tile(query, (POOL // 2, 1))))
    np.testing.assert_allclose(draws.mean(0), mean, atol=0.03)
    np.testing.assert_allclose(draws.std(0), std, rtol=0.03)


def test_bad_configurations_and_capacities_are_refused(key):
    with pytest.raises(ValueError, match="rbf"):
        GPConfig(kernel="cubic")
    with pytest.raises(ValueError, match="noise_floor"):
        GPConfig(noise_floor=0.0)
    data = drawn(key, 3, 4)
    with pytest.raises(ValueError, match=r"outside the capacity 4"):
        append(data, 4, data.x[0], data.y[0])
    with pytest.raises(ValueError, match="only grow"):
        grow(data, 2)
