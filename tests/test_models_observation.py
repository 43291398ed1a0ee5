"""Likelihood and noise from data: known noise comes back, binary data alone are Bernoulli, recipes take it."""

import numpy as np
import pytest

import models
from models import Batch, recipes

RNG = np.random.default_rng(0)


def blobs(shape, rows=200):
    """Smooth examples in [0, 1]: a Gaussian bump at a random place in each (and channel)."""
    axes = np.meshgrid(*(np.arange(side) for side in shape[:2]), indexing="ij")
    places = [RNG.uniform(0.3 * s, 0.7 * s, (rows, *[1] * len(axes))) for s in shape[:2]]
    distance = sum((axis[None] - place) ** 2 for axis, place in zip(axes, places, strict=True))
    x = np.exp(-0.5 * distance / 2.2**2)
    return x if len(shape) < 3 else np.stack([x, 0.5 * x], -1)


@pytest.mark.parametrize("shape", [(64,), (16, 16), (12, 20), (14, 14, 2)])
@pytest.mark.parametrize("noise", [0.05, 0.2])
def test_known_noise_is_found_in_signals_images_and_channels_also_beside_gaps(shape, noise):
    x = blobs(shape)
    x = x + noise * RNG.normal(size=x.shape)
    assert models.observation_of(x).noise == pytest.approx(noise, rel=0.1)
    gaps = RNG.uniform(size=x.shape) < 0.05
    with_gaps = models.observation_of(np.where(gaps, np.nan, x))
    masked = models.observation_of(np.where(gaps, 1e6, x), (~gaps).astype(np.float32))
    assert with_gaps.noise == pytest.approx(noise, rel=0.1) and with_gaps == masked
    scaled = models.observation_of(1000 * x)
    assert scaled.likelihood == "gaussian" and scaled.sigma == pytest.approx(1000 * models.observation_of(x).sigma)


def test_noise_of_counts_is_the_mean_over_all_intensities():
    expected = 20 + 200 * blobs((20, 20), 400)
    counts = RNG.poisson(expected).astype(np.float32)
    assert models.observation_of(counts).noise == pytest.approx(np.sqrt(expected.mean()), rel=0.05)


def test_sigma_has_a_floor_and_a_hot_pixel_changes_neither_noise_nor_contrast():
    clean = blobs((16, 16))
    observed = models.observation_of(clean)
    assert observed.noise < 0.1 * observed.contrast and observed.sigma == pytest.approx(0.2 * observed.contrast)
    hot = clean.copy()
    hot[3, 4, 5] = 1e4
    assert models.observation_of(hot).sigma == pytest.approx(observed.sigma, rel=0.02)


def test_only_binary_data_are_bernoulli_and_recipes_take_what_was_observed():
    grey = blobs((8, 8))
    assert models.observation_of(grey > 0.5).likelihood == "bernoulli"
    binary = (grey > 0.5).astype(np.float32)
    binary[0, 0, 0] = np.nan
    assert models.observation_of(binary).likelihood == "bernoulli"
    assert models.observation_of(grey).likelihood == "gaussian"
    assert models.observation_of(255 * np.nan_to_num(binary)).likelihood == "gaussian"  # not within [0, 1]
    noisy = grey + 0.1 * RNG.normal(size=grey.shape)
    for config in (
        recipes.invariant((8, 8), data=noisy),
        recipes.joint((8, 8), 3, data=Batch(noisy)),
        recipes.semi_supervised((8, 8), 3, data=noisy),
        recipes.conditional((8, 8), 3, data=noisy),
    ):
        assert (config.likelihood, config.sigma) == models.observation_of(noisy)[:2]
    assert recipes.invariant((8, 8)).likelihood == "gaussian_learned"
    assert recipes.invariant((8, 8), data=noisy, sigma=0.7).sigma == 0.7
    assert recipes.training(recipes.semi_supervised((8, 8), 3), 1000).labelled_share == 0.2
    assert recipes.training(recipes.joint((8, 8), 3), 2000).epochs == 53  # 2,000 steps of 50 from 1,900 rows


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: models.observation_of(np.zeros((3, 4, 4))), "all are the same"),
        (lambda: models.observation_of(np.full((3, 4), np.nan)), "no value is measured"),
        (lambda: models.observation_of(np.zeros((0, 5))), "one per row"),
        (lambda: models.observation_of(np.zeros((3, 4)), np.ones(3)), "one entry per value"),
        (lambda: recipes.invariant((4, 5), data=np.zeros((3, 5, 4))), r"\[n 4 5\]"),
    ],
)
def test_what_cannot_be_observed_is_refused_in_words(call, words):
    with pytest.raises(ValueError, match=words):
        call()
