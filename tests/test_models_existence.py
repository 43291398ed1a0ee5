"""Densities of a latent space against closed forms and SciPy."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

import models


def test_the_score_of_a_linear_decoder_is_the_density_of_what_it_makes():
    rng = np.random.default_rng(0)
    slopes, z = rng.normal(size=(7, 2)), rng.normal(size=(9, 2))
    found = models.exploration_score(lambda p: jnp.asarray(slopes, jnp.float32) @ p, jnp.asarray(z, jnp.float32))
    # x = A z is normal in the plane of A, whose coordinates are those of an orthonormal basis
    basis = np.linalg.qr(slopes)[0]
    across = basis.T @ slopes
    expected = multivariate_normal.logpdf(z @ across.T, np.zeros(2), across @ across.T)  # pyright: ignore[reportArgumentType]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_the_aggregated_posterior_is_the_mixture_of_all_posteriors():
    rng = np.random.default_rng(1)
    mean, std, z = rng.normal(size=(30, 2)), rng.uniform(0.1, 0.6, (30, 2)), 2 * rng.normal(size=(11, 2))
    found = models.aggregated_log_density(*(jnp.asarray(a, jnp.float32) for a in (mean, std, z)))
    each = norm.pdf(z[:, None], mean[None], std[None]).prod(-1)
    np.testing.assert_allclose(found, np.log(each.mean(1)), rtol=1e-4, atol=1e-4)


def test_a_flat_decoder_has_a_finite_score_and_wrong_shapes_are_refused():
    z = jnp.zeros((3, 2))
    assert np.isfinite(models.exploration_score(lambda p: jnp.tanh(50 + p), z)).all()
    with pytest.raises(ValueError, match="rows"):
        models.exploration_score(lambda p: p, z[0])
    with pytest.raises(ValueError, match="as many latents"):
        models.aggregated_log_density(z, z, jnp.zeros((4, 3)))
