"""``models.fit_dual``: counts of two sides in one latent space, either from the other, saved, refused in words."""

import warnings
from typing import Any

import numpy as np
import pytest

import models
from helpers.spots import blobs

pytestmark = pytest.mark.slow  # compiling a dual VAE takes half a minute
QUICK: dict[str, Any] = {"starts": 2, "steps": 400, "progress": False, "hidden": (24,), "latent": 3}


def pairs(count, seed=0):
    """Counts of a spot, and two spectra each whose lines follow its place and width."""
    images = blobs(count, seed)
    bright = images.astype(float) - 200
    weight = bright.sum((1, 2))
    place = (bright * np.arange(8)).sum((1, 2)) / weight
    energy = np.linspace(0, 7, 14)
    lines = np.exp(-((energy - place[:, None]) ** 2)), np.exp(-((energy - 3) ** 2)) * weight[:, None] / 3e4
    return images, np.random.default_rng(seed).poisson(300 * np.stack(lines, 1) + 5)


@pytest.fixture(scope="module")
def fitted():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return models.fit_dual(*pairs(300), **QUICK)


def test_either_side_is_predicted_from_the_other_in_counts(fitted):
    images, spectra = pairs(40, seed=3)
    of_image, of_spectrum = fitted.predict_spectra(images), fitted.predict_images(spectra)
    assert of_image.shape == spectra.shape and of_spectrum.shape == images.shape
    for found, true in ((of_image, spectra), (of_spectrum, images)):
        true = true.astype(float)
        assert ((found - true) ** 2).sum() < 0.6 * ((true - true.mean(0)) ** 2).sum()
    both = fitted.encode(images, spectra)
    assert both.z.shape == (40, 3) and (both.z_std <= fitted.encode(images).z_std + 1e-3).all()
    assert fitted.report.of_spectra.error < 0.6 and len(fitted.report.negative_elbo) == 2
    image, spectrum = fitted.decode(both.z.reshape(4, 10, 3))
    assert image.shape == (4, 10, 8, 8) and spectrum.shape == (4, 10, 2, 14)
    np.testing.assert_allclose(image[1, 2], fitted.decode(both.z[12])[0], rtol=1e-5, atol=1e-3)
    assert fitted.report.chosen == int(np.argmin(fitted.report.negative_elbo))


def test_a_saved_dual_fit_is_the_same_bit_for_bit(fitted, tmp_path):
    images, spectra = pairs(10, seed=4)
    again = models.load_fitted(fitted.save(tmp_path / "fit"))
    assert isinstance(again, models.FittedDual)
    assert again.report == fitted.report and again.report.of_images == fitted.report.of_images
    np.testing.assert_array_equal(again.predict_spectra(images), fitted.predict_spectra(images))
    np.testing.assert_array_equal(again.encode(images, spectra).z, fitted.encode(images, spectra).z)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda fit: fit.encode(), "give images, spectra or both"),
        (lambda fit: fit.encode(pairs(4)[0], pairs(5)[1]), "4 images and 5 spectra"),
        (lambda fit: fit.encode(pairs(4)[0][0]), "leading axis"),
        (lambda fit: fit.predict_spectra(np.full((3, 8, 8), np.nan)), "range|missing"),
        (lambda fit: fit.predict_images(pairs(4)[1] * 100), "range that was trained"),
        (lambda fit: fit.decode(np.zeros((2, 2))), "3 latents"),
    ],
)
def test_what_the_fit_cannot_take_is_refused_in_words(fitted, call, words):
    with warnings.catch_warnings(), pytest.raises(ValueError, match=words):
        warnings.simplefilter("ignore", RuntimeWarning)
        call(fitted)
