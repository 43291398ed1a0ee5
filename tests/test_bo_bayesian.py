"""Mixtures over hyperparameters against quadrature; weights that follow the data; structured means; SAAS."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

from bo.data import Data, grow, observations
from bo.surrogates.base import Prediction
from bo.surrogates.bayesian import SamplingConfig, fully_bayesian, sample_posterior
from bo.surrogates.gp import gaussian_process
from bo.surrogates.laplace import laplace_particles
from bo.surrogates.mixture import Mixture, combine, mixture, normalised
from bo.surrogates.process import process, standardisation
from bo.surrogates.process_types import GPConfig, Mean, Process

ONE_INPUT = GPConfig(kernel="rbf", starts=2)


class Line(NamedTuple):
    """Ten noisy points of sin(7x), the process, and the moments of its posterior of hyperparameters by quadrature."""

    data: Data
    model: Process
    mean: jax.Array
    std: jax.Array


@pytest.fixture(scope="module")
def line():
    x = jnp.linspace(0, 1, 10)[:, None]
    y = jnp.sin(7 * x[:, 0]) + 0.2 * jax.random.normal(jax.random.key(3), (10,))
    data, model = observations(x, y), process(ONE_INPUT)
    location, scale = standardisation(data)
    axes = [jnp.linspace(*ends, 18) for ends in ((-3.2, 0.8), (-2.5, 2.8), (-6.5, 0.0), (-2.2, 2.2))]
    grid = jnp.stack(jnp.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 4)
    density = jax.jit(lambda points: jax.lax.map(
        lambda theta: model.log_posterior(theta, data, location, scale, True), points, batch_size=512
    ))(grid)  # fmt: skip
    weight = jax.nn.softmax(density)
    mean = weight @ grid
    return Line(data, model, mean, jnp.sqrt(weight @ (grid - mean[None]) ** 2))


def thetas_of(model, mixed):
    return jax.vmap(lambda member: model.theta(member, 1))(mixed.members)


@pytest.mark.slow
def test_laplace_particles_have_the_moments_of_the_posterior(line):
    data, model, mean, std = line.data, line.model, line.mean, line.std
    mixed = jax.jit(laplace_particles(ONE_INPUT, members=512).init)(jax.random.key(0), data)
    weight, thetas = normalised(mixed.log_weight), thetas_of(model, mixed)
    assert 1 / jnp.sum(weight**2) > 100  # effective members
    np.testing.assert_allclose((weight @ thetas - mean) / std, 0, atol=0.25)
    np.testing.assert_allclose(jnp.sqrt(weight @ (thetas - mean[None]) ** 2) / std, 1, atol=0.25)


@pytest.mark.slow
def test_chains_have_the_moments_of_the_posterior(line):
    data, model, mean, std = line.data, line.model, line.mean, line.std
    sampling = SamplingConfig(chains=2, warmup=100, samples=600, members=1)
    draws = jax.jit(lambda key: sample_posterior(key, model, mean, data, sampling))(jax.random.key(1))
    thetas = draws.thetas.reshape(-1, 4)
    np.testing.assert_allclose((thetas.mean(0) - mean) / std, 0, atol=0.2)
    np.testing.assert_allclose(thetas.std(0) / std, 1, atol=0.15)
    assert int(draws.divergences) < 36  # 3 % of the samples: short lengthscales and little noise are a funnel
    # a refit goes on from where the chains were, with few warm-up steps, and finds the same
    again = jax.jit(lambda key, chains: sample_posterior(key, model, mean, data, sampling, chains))
    thetas = again(jax.random.key(2), draws.chains).thetas.reshape(-1, 4)
    np.testing.assert_allclose((thetas.mean(0) - mean) / std, 0, atol=0.2)


@pytest.mark.slow
def test_weights_follow_the_observations_after_the_fit_as_bayes_says(line):
    data, model = line.data, line.model
    surrogate = laplace_particles(ONE_INPUT, members=4)
    pool = jnp.concatenate([data.x, jnp.array([[0.33], [0.71]])])
    mixed = jax.jit(surrogate.init)(jax.random.key(0), grow(data, 12))
    posterior = surrogate.condition(mixed, grow(data, 12), pool)
    for row, value in ((10, 2.0), (11, -1.0)):
        posterior, _ = surrogate.append(
            mixed,
            posterior,
            pool,
            jnp.asarray(row),
            jnp.asarray(row),
            jnp.asarray(value),
            jnp.zeros(()),
            jnp.asarray(True),
        )
    full = observations(pool, jnp.concatenate([data.y, jnp.array([2.0, -1.0])]))
    likelihood = jax.vmap(lambda member: model.log_likelihood(member, full))(mixed.members)
    np.testing.assert_allclose(
        normalised(posterior.log_weight), normalised(mixed.log_weight + likelihood - mixed.evidence), rtol=1e-6
    )


def test_a_mixture_has_the_moments_of_its_parts():
    weight, mean, std = jnp.array([0.25, 0.75]), jnp.array([[0.0], [4.0]]), jnp.array([[1.0], [2.0]])
    mixed = combine(weight, Prediction(mean, std))
    np.testing.assert_allclose(mixed.mean, 3.0)
    np.testing.assert_allclose(mixed.std**2, 0.25 * 1 + 0.75 * 4 + 0.25 * 9 + 0.75 * 1)
    np.testing.assert_allclose(normalised(jnp.array([jnp.nan, 0.0, -jnp.inf])), [0, 1, 0])
    np.testing.assert_allclose(normalised(jnp.full(2, -jnp.inf)), 0.5)


def test_the_z_score_of_a_mixture_is_that_of_its_moments_with_the_members_noise():
    """By hand from the members alone, for targets whose scale is 30 and a known noise of 4."""
    x = jnp.linspace(0, 1, 8)[:, None]
    data, model = grow(observations(x, 30 * jnp.sin(7 * x[:, 0])), 9), process(ONE_INPUT)
    location, scale = standardisation(data)
    thetas = jnp.array([[-1.5, 0.0, -3.0, 0.1], [-0.5, 0.5, -2.0, -0.2]])
    members = jax.vmap(lambda theta: model.params(theta, 1, location, scale))(thetas)
    params = Mixture(members, jnp.log(jnp.array([0.3, 0.7])), jnp.zeros(2), None)
    pool, number = jnp.concatenate([x, jnp.array([[0.4]])]), jnp.asarray(8)
    mixed = mixture(model, lambda key, data: params, lambda key, params, data: (params, None))
    before = jax.jit(mixed.condition)(params, data, pool)
    value, noise, yes = jnp.asarray(12.0), jnp.asarray(4.0), jnp.asarray(True)
    _, z = jax.jit(mixed.append)(params, before, pool, number, number, value, noise, yes)
    predict = lambda member: model.predict_at(member, data, model.prepare(member, data), pool[8:])  # noqa: E731
    weight, each = normalised(before.log_weight), jax.vmap(predict)(members)
    mean, noises = weight @ each.mean[:, 0], jax.vmap(model.noise)(members) + 4.0
    variance = weight @ (each.std[:, 0] ** 2 + each.mean[:, 0] ** 2 + noises) - mean**2
    np.testing.assert_allclose(z, (12.0 - mean) / jnp.sqrt(variance), rtol=1e-6)


@pytest.mark.slow
def test_a_structured_mean_finds_its_parameters_and_extrapolates_by_them():
    x = jnp.linspace(0, 0.5, 12)[:, None]
    truth = lambda x: 30 + 8 * jnp.exp(-3 * x)  # noqa: E731
    mean = Mean(
        lambda params, x: params["level"] + params["height"] * jnp.exp(-params["rate"] * x[:, 0]),
        {"level": dist.Normal(25.0, 10.0), "height": dist.Normal(5.0, 5.0), "rate": dist.LogNormal(0.5, 1.0)},
    )
    data = observations(x, truth(x[:, 0]) + 0.05 * jax.random.normal(jax.random.key(0), (12,)))
    far = jnp.array([[1.0]])
    surrogate = gaussian_process(GPConfig(starts=2), mean=mean)
    params = jax.jit(surrogate.init)(jax.random.key(1), data)
    np.testing.assert_allclose(params.mean["rate"], 3.0, atol=0.8)
    # a constant mean is off by 0.6 here
    np.testing.assert_allclose(surrogate.predict(params, data, far).mean, truth(far[:, 0]), atol=0.3)
    with pytest.raises(ValueError, match="one per point"):
        bad = gaussian_process(mean=Mean(lambda params, x: x, {"level": dist.Normal(0.0, 1.0)}))
        bad.init(jax.random.key(0), data)


@pytest.mark.slow
def test_saas_ignores_inputs_that_do_not_matter(key):
    x = jax.random.uniform(key, (30, 12))
    data = observations(x, jnp.sin(6 * x[:, 3]) + x[:, 7])
    config = GPConfig(kernel="rbf", lengthscale_prior="saas", starts=2)
    mixed = jax.jit(fully_bayesian(config).init)(key, data)
    (values,) = mixed.members.kernel
    weight = np.median(values["shrinkage"][:, None] * values["relevance"], axis=0)  # 1 / lengthscale²
    assert set(np.argsort(weight)[-2:]) == {3, 7}
    assert weight[[3, 7]].min() > 10 * np.delete(weight, [3, 7]).max()


def test_samplings_that_cannot_be_thinned_are_refused():
    with pytest.raises(ValueError, match="divisor"):
        SamplingConfig(chains=2, samples=5, members=4)
    with pytest.raises(ValueError, match="members is 0"):
        laplace_particles(members=0)
