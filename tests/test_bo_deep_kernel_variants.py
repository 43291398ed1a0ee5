"""The published deep kernel, static fits to many observations, and sampled weights."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bo.data import observations
from bo.deep_kernels.candidates import DeepKernelParams
from bo.deep_kernels.deep_kernel import DeepKernelConfig, deep_kernel
from bo.deep_kernels.published import PublishedDeepKernelConfig, published_deep_kernel
from bo.deep_kernels.sampled import sampled_deep_kernel
from bo.deep_kernels.static import static_deep_kernel
from bo.features.base import fit_features, pca, raw
from bo.surrogates.base import with_noise
from bo.surrogates.bayesian import SamplingConfig
from bo.surrogates.process_types import GPConfig
from models.features import mlp
from models.parts.networks import Network

QUICK = GPConfig(starts=1, iterations=5, noise_prior=(-2.0, 1.0))


@cache
def plane():
    """Features of 40 points in the plane, and a smooth target."""
    points = np.random.default_rng(3).uniform(size=(40, 2))
    features = fit_features(jax.random.key(0), points, (raw(),))
    return features, observations(features.table, jnp.asarray(np.sin(5 * points[:, 0]) + points[:, 1]))


def test_a_second_purpose_of_the_weights_is_trained_with_the_likelihood_from_where_they_were():
    """A decoder that the likelihood does not contain goes where its own term sends it, and stays without one."""
    features, data = plane()
    network = mlp((2, 4, 2), "tanh")
    start = {"network": network.init(jax.random.key(5)), "decoder": jnp.full(2, 3.0, jnp.float32)}
    both = Network(lambda key: start, lambda weights, x: network.apply(weights["network"], x))

    def toward_zero(key, weights):
        return jnp.sum((weights["decoder"] - jax.random.normal(key, (2,), jnp.float32) * 1e-3) ** 2)

    for also in (None, toward_zero):
        config = PublishedDeepKernelConfig(steps=300, rate=3e-2)
        surrogate = published_deep_kernel(features.blocks, both, config, also=also)
        params = jax.jit(surrogate.init)(jax.random.key(1), data)
        np.testing.assert_allclose(params.deep.weights["decoder"], 3.0 if also is None else 0.0, atol=0.02)
        changed = jax.tree.map(lambda a, b: bool(np.any(a != b)), params.deep.weights["network"], start["network"])
        assert all(jax.tree.leaves(changed))


@pytest.mark.slow
def test_static_fits_are_exact_without_inducing_points_or_with_all_and_report_the_distance_otherwise():
    features, everything = plane()
    data = everything._replace(mask=jnp.arange(40) != 7)
    config = DeepKernelConfig(folds=2, gp=QUICK)
    exact = deep_kernel(features.blocks, config)
    predict = jax.jit(exact.predict)
    for inducing, close in ((None, 1e-9), (39, 1e-4)):
        static = static_deep_kernel(features.blocks, config, subset=20, inducing=inducing)
        params = static.fit(jax.random.key(1), data)
        as_surrogate = DeepKernelParams(params.gp, jnp.zeros((1, 3, 4)), params.report)
        expected = predict(as_surrogate, data, features.table)
        near = static.predict(params, features.table)
        np.testing.assert_allclose(near.mean, expected.mean, atol=close / 10)
        np.testing.assert_allclose(near.std, expected.std, atol=close)
        np.testing.assert_allclose(static.noise(params), exact.noise(as_surrogate), rtol=1e-12)

    few = params._replace(inducing=params.inducing[:5])
    assert static.difference(jax.random.key(2), few, data, 15).in_deviations > 1e-3
    with pytest.raises(ValueError, match="3 or more"):
        static_deep_kernel(features.blocks, config, subset=2)


@pytest.mark.slow
def test_sampled_weights_cover_what_they_predict():
    """Averaged over weights, a network of a few points is uncertain, and finds a smooth function."""
    points = np.random.default_rng(4).uniform(-1, 1, (60, 2))
    features = fit_features(jax.random.key(0), points, (raw(), pca(2)))
    y = np.sin(3 * points[:, 0]) + 0.1 * np.random.default_rng(5).normal(size=60)
    short = SamplingConfig(chains=1, warmup=24, rewarm=4, samples=16, members=8, tree_depth=4)
    surrogate = sampled_deep_kernel(features.blocks, hidden=3, config=QUICK, sampling=short)
    data = observations(features.table[:30], jnp.asarray(y[:30]))
    params = jax.jit(surrogate.init)(jax.random.key(0), data)
    latent = jax.jit(surrogate.predict)(params, data, features.table[30:])
    mean, std = (np.asarray(part) for part in with_noise(latent, surrogate.noise(params)))
    assert np.mean(np.abs(y[30:] - mean) < 1.96 * std) > 0.8
    assert np.sqrt(np.mean((y[30:] - mean) ** 2)) < 0.5 * y.std()
    assert np.ptp(np.asarray(params.members.kernel["weights"]["first"]), axis=0).min() > 0  # members differ
    with pytest.raises(ValueError):
        sampled_deep_kernel(features.blocks, hidden=0)
