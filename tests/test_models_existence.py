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


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_in_other_units_of_the_outputs_all_scores_differ_by_the_same_number(dtype):
    z = jnp.asarray(np.random.default_rng(2).normal(size=(6, 2)), dtype)
    decode = lambda p: jnp.stack([jnp.sin(p[0]), p[0] * p[1], p[1] ** 3, jnp.where(p[0] > 0, p[0], 0)])  # noqa: E731
    flat = lambda p: decode(p) * jnp.where(p[0] > 1.5, 0.0, 1.0)  # noqa: E731  a point without any slope
    z = z.at[0].set(2.0)
    for function in (decode, flat):
        plain = models.exploration_score(function, z)
        assert np.isfinite(plain).all()
        for unit in (1e-22, 1e-12, 1e12):
            found = models.exploration_score(lambda p, unit=unit, function=function: unit * function(p), z)
            np.testing.assert_allclose(found - plain, -2 * np.log(unit), rtol=1e-4)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"std": 0.0}, "std goes down to 0"),
        ({"std": -1.0}, "std goes down to -1"),
        ({"std": np.nan}, "std is not finite"),
        ({"mean": np.inf}, "mean is not finite"),
        ({"z": np.nan}, "z is not finite"),
    ],
)
def test_densities_of_what_is_no_posterior_are_refused(change, words):
    given = {name: np.full((3, 2), change.get(name, 1.0)) for name in ("mean", "std", "z")}
    with pytest.raises(ValueError, match=words):
        models.aggregated_log_density(**given)
    if "z" in change:
        with pytest.raises(ValueError, match=words):
            models.exploration_score(lambda p: p, given["z"])
    with pytest.raises(ValueError, match="mean has no rows"):
        models.aggregated_log_density(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros((1, 2)))
