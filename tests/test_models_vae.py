"""The VAE's bound, its training, its latent grid, and the example of the package's face."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import models
from models import FitConfig, Posterior, VAEConfig, fit_split, vae
from models.parts import likelihoods, losses
from models.training.loop import split_rows

SMALL = VAEConfig(shape=(12,), hidden=(16,), latent_dim=2)
MODEL = vae(SMALL)
FIT = FitConfig(epochs=3, batch_size=8, validation_fraction=0.25)


def curves(key, n, features=12):
    to_phase, to_noise = jax.random.split(key)
    phase = jax.random.uniform(to_phase, (n, 1), jnp.float32) * 6
    noise = 0.05 * jax.random.normal(to_noise, (n, features), jnp.float32)
    return jnp.sin(jnp.linspace(0, 5, features, dtype=jnp.float32)[None] + phase) + noise


fit_curves = jax.jit(lambda key, data: models.fit(key, MODEL, data, FIT))  # compiled once for the same number of curves


def test_divergence_from_the_prior_equals_monte_carlo(key):
    posterior = Posterior(jnp.array([0.7, -1.2]), jnp.array([0.3, 1.6]))
    z = losses.reparameterise(key, jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (200_000, 2)), posterior))
    ratio = stats.norm.logpdf(z, posterior.mean, posterior.std) - stats.norm.logpdf(z, 0, 2.0)
    np.testing.assert_allclose(losses.kl_normal(posterior, 2.0), ratio.sum(1).mean(), rtol=0.01)
    assert losses.kl_normal(Posterior(jnp.zeros(3), jnp.ones(3))) == 0


def test_log_densities_equal_scipy(key):
    x, output = jax.random.uniform(key, (9,)), jax.random.normal(key, (9,))
    ours = likelihoods.gaussian(0.1).log_prob(output, x)
    np.testing.assert_allclose(ours, stats.norm.logpdf(x, output, 0.1).sum(), rtol=1e-10)
    bits = jnp.round(x)
    ours = likelihoods.bernoulli(0.0).log_prob(output, bits)
    np.testing.assert_allclose(ours, stats.bernoulli.logpmf(bits, 1 / (1 + np.exp(-output))).sum(), rtol=1e-10)


def linear_gaussian(key):
    """A VAE whose decoder is x = W z + b: its evidence is N(x; b, W Wᵀ + σ²I), its posterior known."""
    config = VAEConfig(shape=(5,), hidden=(), latent_dim=2, sigma=0.3)
    model = vae(config)
    params = jax.jit(model.init)(key)
    weight = jax.vmap(lambda z: model.decode(params, z))(jnp.eye(2, dtype=jnp.float32))
    offset = model.decode(params, jnp.zeros(2, jnp.float32))
    return model, params, np.asarray(weight - offset[None], np.float64).T, np.asarray(offset, np.float64)


def test_bound_is_below_the_evidence_and_tight_at_the_true_posterior(key):
    model, params, weight, offset = linear_gaussian(key)
    x = np.asarray(jax.random.normal(key, (5,)), np.float64)
    evidence = stats.multivariate_normal(offset, weight @ weight.T + 0.09 * np.eye(5)).logpdf(x)
    batch = jnp.tile(jnp.asarray(x, jnp.float32)[None], (20_000, 1))
    bound = -float(jax.jit(model.loss)(key, params, batch)[0])
    assert bound < evidence - 0.1  # the encoder is untrained

    precision = np.eye(2) + weight.T @ weight / 0.09
    mean, covariance = np.linalg.solve(precision, weight.T @ (x - offset) / 0.09), np.linalg.inv(precision)
    z = np.random.default_rng(0).multivariate_normal(mean, covariance, 50_000)
    likelihood = stats.norm.logpdf(x, z @ weight.T + offset, 0.3).sum(1).mean()
    divergence = 0.5 * (np.trace(covariance) + mean @ mean - 2 - np.linalg.slogdet(covariance)[1])
    np.testing.assert_allclose(likelihood - divergence, evidence, atol=0.01)


def test_gradient_reaches_every_weight_and_nets_stay_single_precision(key):
    params = jax.jit(MODEL.init)(key)
    slopes = jax.jit(jax.grad(lambda p: MODEL.loss(key, p, curves(key, 8))[0]))(params)
    for leaf, slope in zip(jax.tree.leaves(params), jax.tree.leaves(slopes), strict=True):
        assert leaf.dtype == slope.dtype == jnp.float32 and jnp.abs(slope).max() > 0


def test_posterior_of_an_outlier_stays_finite_with_its_gradient(key):
    model = vae(VAEConfig(shape=(12,), hidden=(16,), latent_dim=2, activation="silu", sigma=10.0))
    params, outlier = jax.jit(model.init)(key), 1e3 * jax.random.normal(key, (40, 12), jnp.float32)
    slopes = jax.jit(jax.grad(lambda p: model.loss(key, p, outlier)[1]["kl"]))(params)
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(slopes))
    assert jnp.isfinite(jax.jit(model.loss)(key, params, outlier)[0])


def test_training_overfits_four_curves(key):
    model = vae(VAEConfig(shape=(12,), hidden=(32,), latent_dim=2))
    config = FitConfig(epochs=1500, batch_size=4, learning_rate=1e-2, validation_fraction=0.5)
    data = curves(key, 4)
    fit = jax.jit(lambda key: fit_split(key, model, data, data, config))
    params, history = fit(key)
    quality = jax.jit(lambda params: models.evaluate(key, model, params, data))(params)
    assert quality["rmse_mean"] < 0.03 and history.train["loss"][-1] < history.train["loss"][0]


def test_history_has_every_term_and_the_terms_make_the_loss(key):
    _, history = fit_curves(key, curves(key, 40))
    for part in (history.train, history.validation):
        assert all(values.shape == (3,) and np.isfinite(values).all() for values in part.values())
        np.testing.assert_allclose(part["loss"], part["reconstruction"] + part["kl"], rtol=1e-5)
    assert history.finite.all()


def test_validation_rows_never_touch_the_parameters(key):
    data = np.array(curves(key, 40))
    _, held = split_rows(key, 40, FIT)
    changed = data.copy()
    changed[np.asarray(held)] += 5
    (params, history), (other, other_history) = fit_curves(key, data), fit_curves(key, changed)
    jax.tree.map(np.testing.assert_array_equal, params, other)
    assert not np.allclose(history.validation["loss"], other_history.validation["loss"])


@pytest.mark.slow
def test_vmapped_fit_equals_the_single_one_and_a_key_decides_it(key):
    keys, data = jax.random.split(key, 3), curves(key, 40)
    fit = jax.jit(lambda k: models.fit(k, MODEL, data, FIT))
    together = jax.jit(jax.vmap(fit))(keys)[0]
    alone, again = fit(keys[1])[0], fit(keys[1])[0]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a[1], b, atol=2e-5), together, alone)
    jax.tree.map(np.testing.assert_array_equal, alone, again)
    assert any(np.abs(a[0] - a[1]).max() > 1e-3 for a in jax.tree.leaves(together))


def test_a_run_that_blows_up_is_flagged(key):
    data = curves(key, 40).at[0].set(jnp.nan)
    _, history = fit_curves(key, data)
    assert not history.finite[-1]
    with pytest.raises(ValueError, match="first is row 0"):
        jax.jit(lambda k: models.fit(k, MODEL, data, FIT))(key)


def test_grid_runs_along_the_second_latent_first():
    grid = models.latent_grid(-1.0, 1.0, 3)
    np.testing.assert_allclose(grid[:4], [[-1, -1], [-1, 0], [-1, 1], [0, -1]])


def test_support_holds_the_stated_share_of_fresh_latents_and_excludes_gaps():
    generator = np.random.default_rng(0)
    ring = np.linspace(0, 2 * np.pi, 3000)
    latents = np.stack([3 * np.cos(ring), 3 * np.sin(ring)], -1) + 0.1 * generator.normal(size=(3000, 2))
    fresh = latents + 0.02 * generator.normal(size=latents.shape)
    assert 0.97 < models.inside_support(fresh, latents).mean() < 1
    assert not models.inside_support(np.array([[0.0, 0.0], [4.5, 0.0], [3.0, 3.0]]), latents).any()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda key: VAEConfig(activation="swash"), "tanh"),
        (lambda key: VAEConfig(likelihood="poissn"), "gaussian"),
        (lambda key: FitConfig(epochs=0), "epochs=0"),
        (lambda key: FitConfig(validation_fraction=1.0), "between 0 and 1"),
        (lambda key: models.fit(key, MODEL, curves(key, 20), FitConfig()), "batch of at most"),
        (lambda key: MODEL.encode(MODEL.init(key), jnp.zeros(7, jnp.float32)), "set shape"),
        (lambda key: models.latent_grid(1.0, 1.0, 5), "low < high"),
        (lambda key: models.inside_support(np.zeros((1, 2)), np.zeros((5, 2))), "5 neighbours need more"),
    ],
)
def test_bad_input_is_refused_in_words(key, call, words):
    with pytest.raises(ValueError, match=words):
        call(key)


@pytest.mark.slow
def test_the_example_of_the_face_prints_the_shapes_of_codes_and_images(capsys):
    example = [line[4:] for line in (models.__doc__ or "").splitlines() if line.startswith("    ")]
    exec("\n".join(example), {})
    assert "(200, 2) (8, 8)" in capsys.readouterr().out


def test_every_name_of_the_face_is_documented():
    assert all(getattr(models, name).__doc__ for name in models.__all__)
