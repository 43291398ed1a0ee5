"""Divergences against integrals and closed forms, likelihoods against SciPy, schedules and capacities."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

import models
from models import VAEConfig
from models.parts import likelihoods, losses, networks
from models.parts.coordinates import bin_angles


@pytest.mark.parametrize(("std", "concentration"), [(0.05, 0.0), (0.4, 0.0), (0.4, 3.0), (1.0, 0.0)])
def test_divergence_of_an_angle_equals_the_integral_over_the_circle(std, concentration):
    mean = 0.8
    angle = np.linspace(-np.pi, np.pi, 20_001)
    density = sum(stats.norm.pdf(angle + 2 * np.pi * turn, mean, std) for turn in range(-4, 5))
    prior = stats.vonmises.pdf(angle, concentration) if concentration else np.full_like(angle, 1 / (2 * np.pi))
    exact = integrate.trapezoid(density * np.log(density / prior + 1e-300), angle)
    ours = jax.jit(losses.kl_circle, static_argnums=2)(mean, std, concentration)
    assert ours == pytest.approx(exact, abs=0.03)


@pytest.mark.parametrize("angle_std", [0.5, 2.0, math.inf])
def test_the_divergence_of_a_model_s_angle_is_that_from_its_own_prior(angle_std, key):
    circle = {"pose": ("angle",), "decoder": "coordinate", "angle_posterior": "circular", "angle_std": angle_std}
    model = models.vae(VAEConfig(shape=(6, 6), hidden=(8,), **circle))
    params, x = jax.jit(model.init)(key), jax.random.uniform(key, (5, 6, 6))
    term = jax.jit(model.loss)(key, params, x)[1]["kl_angle"]
    code = jax.jit(jax.vmap(lambda x: model.encode(params, x)))(x)
    expected = losses.kl_circle(code.pose.angle, code.pose_std.angle, 1 / angle_std**2)
    assert np.std(expected) > 0
    np.testing.assert_allclose(term, np.mean(expected), rtol=1e-4)


@pytest.mark.parametrize("sizes", [(3,), (), (8, 0)])
def test_a_coordinate_decoder_has_a_hidden_layer(sizes):
    with pytest.raises(ValueError, match="needs a hidden layer and an output"):
        networks.coordinate_decoder(2, 3, sizes)


def test_bins_cover_the_circle_and_overlap_at_the_edges_only():
    bins, log_bin = jnp.asarray(bin_angles(8)), jax.jit(losses.log_bin)
    weight = np.exp(log_bin(jnp.float32(0.0), bins))
    assert weight.sum() == pytest.approx(1.0) and weight[0] > 0.99
    edge = np.exp(log_bin(jnp.float32(math.pi / 8), bins))
    np.testing.assert_allclose(edge[:2], 0.5, atol=1e-3)
    across = np.exp(log_bin(jnp.float32(-math.pi + 0.01), bins))
    assert across.argmax() == 4  # the bin at π


def test_categorical_divergence_and_its_limits():
    q = np.array([0.2, 0.5, 0.3])
    assert losses.kl_categorical(jnp.log(q)) == pytest.approx(stats.entropy(q, np.full(3, 1 / 3)))
    one_hot = jnp.asarray([0.0, -1e9, -1e9])
    assert losses.kl_categorical(one_hot) == pytest.approx(math.log(3))


def test_schedule_and_capacity():
    knots = ((0.0, 4.0), (0.6, 4.0), (0.8, 1.0))
    values = [float(losses.scheduled(knots, at)) for at in (0.0, 0.5, 0.7, 0.8, 1.0)]
    np.testing.assert_allclose(values, [4, 4, 2.5, 1, 1], rtol=1e-6)
    rising, divergence = ((0.0, 0.0), (0.5, 10.0)), jnp.float32(1.0)
    assert losses.capacity_gap(divergence, rising, 0.0) == 1.0
    assert losses.capacity_gap(divergence, rising, 0.25) == 4.0
    assert losses.capacity_gap(divergence, rising, 0.5, largest=math.log(4)) == pytest.approx(math.log(4) - 1)
    assert losses.capacity_gap(divergence, None, 0.3) == 1.0


@pytest.mark.parametrize(
    ("name", "oracle"),
    [
        ("poisson", lambda x, output: stats.poisson.logpmf(x, np.log1p(np.exp(output)))),
        ("bernoulli", lambda x, output: stats.bernoulli.logpmf(x, 1 / (1 + np.exp(-output)))),
        ("gaussian_learned", lambda x, output: stats.norm.logpdf(x, output, math.exp(0.3))),
        ("gaussian", lambda x, output: stats.norm.logpdf(x, output, 0.7)),
        ("student_t", lambda x, output: stats.t.logpdf(x, 3, output, 0.7)),
    ],
)
def test_log_densities_with_a_mask_equal_scipy(key, name, oracle):
    output = jax.random.normal(key, (20,))
    x = jnp.asarray(np.random.default_rng(0).integers(0, 2, 20), jnp.float64)
    weight = np.asarray(np.arange(20) % 3 > 0, np.float64)
    ours = jax.jit(likelihoods.LIKELIHOODS[name](0.7).log_prob)(output, x, weight, jnp.float64(0.3))
    exact = oracle(np.asarray(x), np.asarray(output))
    assert float(ours) == pytest.approx((exact * weight).sum(), rel=1e-5)


def test_continuous_bernoulli_is_normalised_and_its_mean_is_its_mean():
    family, x = likelihoods.LIKELIHOODS["continuous_bernoulli"](1.0), np.linspace(0, 1, 4001)

    @jax.jit
    @jax.vmap
    def of_logit(logit):
        density = jax.vmap(lambda value: jnp.exp(family.log_prob(logit[None], value[None])))(jnp.asarray(x))
        slope = jax.grad(lambda output: family.log_prob(output, jnp.full(1, 0.3)))(logit[None])
        return density, family.mean(logit[None])[0], slope

    density, mean, slope = jax.device_get(of_logit(jnp.array([-6.0, -0.3, -0.005, 0.0, 0.0099, 0.0101, 4.0])))
    np.testing.assert_allclose(integrate.trapezoid(density, x), 1, atol=1e-5)
    np.testing.assert_allclose(mean, integrate.trapezoid(x * density, x), atol=1e-5)
    assert np.isfinite(slope).all()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"shape": (1, 5)}, "two pixels or more"),
        ({"shape": (1, 16, 2)}, "two pixels"),
        ({"shape": (3, 28, 28)}, "channels come last"),
        ({"pose": ("angle",)}, "decoder='coordinate'"),
        ({"shape": (9,), "pose": ("angle",), "decoder": "coordinate"}, "1-D signal"),
        ({"shape": (9, 9), "pose": ("turn",), "decoder": "coordinate"}, "angle"),
        ({"bins": 4}, "circular"),
        ({"angle_std": math.inf}, "only a circular angle"),
        ({"classes": 3}, "class_mode"),
        ({"class_mode": "joint", "classes": 1}, "2 or more"),
        ({"kl_weight": ((0.5, 1.0), (0.2, 1.0))}, "must rise"),
        ({"kl_weight": -1.0}, "zero or more"),
        ({"class_capacity": 1.0}, "class_mode"),
        ({"pixels": 0.5}, "coordinate"),
    ],
)
def test_impossible_settings_are_refused_in_words(settings, words):
    with pytest.raises(ValueError, match=words):
        VAEConfig(**settings)
