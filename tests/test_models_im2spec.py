"""``models.fit_im2spec``: scans and pairs in, predictions in the same units out, no leak, bad input refused."""

import warnings
from collections import namedtuple
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

import models
from models.fitted_pairs import examples, judging, scaling
from models.fitted_pairs.given import pairs_of
from models.fitted_pairs.preparing import prepared_of
from models.fitted_pairs.splitting import parts_of, patch_of, split_of, windows

Measured = namedtuple("Measured", ("values", "axes", "mask"))
Axis = namedtuple("Axis", ("name", "unit", "values"))
SMALL: dict[str, Any] = {"channels": (4,), "width": 8, "decoder_channels": 4, "dilations": (1,), "latent": 3}
QUICK: dict[str, Any] = SMALL | {"patch": 5, "starts": 2, "steps": 60, "progress": False}
ENERGY = np.linspace(4.0, 1.0, 12)  # it falls


def scan(rows=30, columns=44, seed=0):
    """Counts of an image of 16 bits, and spectra whose line moves with the smoothed brightness around each point."""
    rng = np.random.default_rng(seed)
    image = ndimage.gaussian_filter(rng.random((rows, columns)), 1.5)
    image = (image - image.min()) / np.ptp(image)
    near = ndimage.uniform_filter(image, 3)[..., None]
    line = np.exp(-((ENERGY - 1.5 - 2 * near) ** 2) / 0.3)
    return (2000 + 60000 * image).astype(np.uint16), rng.poisson(400 * line + 20)


@pytest.fixture(scope="module")
def fitted():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return models.fit_im2spec(*scan(), axis=("energy", "eV", ENERGY), **QUICK | {"steps": 400})


def test_spectra_of_another_field_are_predicted_in_counts(fitted):
    image, cube = scan(seed=5)
    predicted = fitted.predict(image)
    assert predicted.shape == cube.shape
    inner = predicted[2:-2, 2:-2]
    assert np.isfinite(inner).all() and np.isnan(predicted).sum() == (30 * 44 - 26 * 40) * 12
    true = cube[2:-2, 2:-2]
    mean = true.mean((0, 1))
    assert ((inner - true) ** 2).sum() < 0.4 * ((true - mean) ** 2).sum()
    assert abs(inner.mean() / true.mean() - 1) < 0.05
    patches = windows(image, 5)[:2, :3].reshape(-1, 5, 5)
    np.testing.assert_allclose(fitted.predict(patches), inner[:2, :3].reshape(6, -1), rtol=1e-4, atol=1e-2)
    assert (fitted.spread(image)[2:-2, 2:-2] > 0).any() and fitted.axis.unit == "eV"


def test_predicted_spectra_do_not_depend_on_the_orientation_of_a_scan_that_may_turn(fitted):
    image, _ = scan(seed=6)
    assert fitted.turned
    turned = fitted.predict(np.rot90(image).copy())
    np.testing.assert_allclose(turned, np.rot90(fitted.predict(image)), rtol=1e-3, atol=0.05)


@pytest.mark.parametrize("change", [">u2", "<i4", "f8", "masked", "record"])
def test_every_form_of_the_same_image_has_the_same_spectra(fitted, change):
    image, _ = scan(seed=7)
    forms = {"masked": lambda: np.ma.masked_array(image), "record": lambda: Measured(image, None, None)}
    given = forms[change]() if change in forms else image.astype(change)
    np.testing.assert_array_equal(fitted.predict(given), fitted.predict(image))


def test_a_hot_pixel_is_the_mean_of_its_neighbours_and_a_hole_is_not_predicted(fitted):
    image, _ = scan(seed=8)
    hot = image.astype(float)
    hot[10, 20] = 1e7
    with pytest.warns(UserWarning, match="1 values in 1 of 1 examples"):
        found = fitted.predict(hot)
    assert np.nanmax(np.abs(found - fitted.predict(image))) < 200 and np.isnan(found).sum() == 280 * 12
    hole = image.astype(float)
    hole[10:14, 20:24] = np.nan
    missing = np.isnan(fitted.predict(hole))[2:-2, 2:-2, 0]
    assert missing.sum() == 8 * 8 and missing[6:14, 16:24].all()


def test_no_point_of_a_scored_patch_is_trained_on_whatever_the_split():
    place = np.arange(36.0 * 50).reshape(36, 50)
    mask = np.zeros((36, 50), bool)
    mask[20:, 30:] = True
    for split in ("columns", "rows", "blocks", mask):
        patch = patch_of(place.shape, 0, split, 0)
        found = examples.scan_of(place, np.repeat(place[..., None], 3, 2), split, patch, 0)
        sets = examples.of_scan(found, 0)
        points = [set(np.unique(part.image).tolist()) for part in sets]
        assert not (points[0] & points[1] or points[0] & points[2] or points[1] & points[2])
        np.testing.assert_array_equal(sets.scored.image[:, patch // 2, patch // 2], sets.scored.spectrum[:, 0])
        turned = examples.in_all_orientations(found, 0)
        assert turned.image.min() >= min(points[0]) and turned.image.max() <= max(points[0])
        np.testing.assert_allclose(turned.image[:, patch // 2, patch // 2], turned.spectrum[:, 0])
    assert list(np.bincount(split_of(100, "random", 0))) == [69, 11, 20]
    assert list(np.bincount(split_of(90, np.arange(90) < 26, 0))) == [55, 9, 26]  # of what is not scored a seventh
    scored = parts_of(place.shape, mask, 5, 0)
    assert all(mask[r - 2 : r + 3, c - 2 : c + 3].all() for r, c, part in zip(*scored[:3], strict=True) if part == 2)


def test_turned_patches_of_a_slope_keep_its_steepness():
    slope = np.add.outer(2.0 * np.arange(40), 3.0 * np.arange(60)).astype(np.float32)
    found = examples.scan_of(slope, np.repeat(slope[..., None], 2, 2), "columns", 7, 0)
    image = examples.in_all_orientations(found, 0).image
    down, right = np.diff(image, axis=1).mean((1, 2)), np.diff(image, axis=2).mean((1, 2))
    np.testing.assert_allclose(np.hypot(down, right), np.hypot(2, 3), rtol=1e-4)
    assert len(np.unique(np.round(np.arctan2(down, right), 3))) == 8 * len(examples.ANGLES)


def test_spectra_that_depend_on_the_direction_keep_it():
    rng = np.random.default_rng(3)
    image = ndimage.gaussian_filter(rng.random((30, 44)), 1.5)
    right = np.gradient(image, axis=1)[..., None]
    prepared = prepared_of(pairs_of(image, right * np.linspace(1, 2, 6)), "columns", 5, 0, None)
    assert not prepared.turned
    assert prepared_of(pairs_of(*scan()), "columns", 5, 0, None).turned


@pytest.mark.slow
def test_images_from_spectra_in_counts_and_back_from_disk(tmp_path):
    image, cube = scan()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        fit = models.fit_im2spec(image, cube, direction="spectrum_to_image", split="rows", **QUICK)
    found = fit.predict(cube[:2, :3])
    assert found.shape == (2, 3, 5, 5) and 2000 < found.mean() < 62000
    again = models.load_fitted(fit.save(tmp_path / "fit"))
    assert isinstance(again, models.Im2Spec)
    np.testing.assert_array_equal(again.predict(cube[:2, :3]), found)
    assert again.report == fit.report and again._replace(params=0, history=0, image=0, spectrum=0, axis=0) == (
        fit._replace(params=0, history=0, image=0, spectrum=0, axis=0)
    )


@pytest.mark.slow
def test_pairs_with_missing_values_are_left_out():
    rng = np.random.default_rng(4)
    image = rng.normal(50, 10, (60, 6, 7))
    spectra = image.mean((1, 2))[:, None] * np.ones(9) + rng.normal(0, 0.1, (60, 9))
    spectra[3, 2], image[5] = np.nan, np.nan
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        fit = models.fit_im2spec(image, spectra, **{name: QUICK[name] for name in QUICK if name != "patch"})
    assert any("1 spectra and 42 pixels" in str(warning.message) for warning in said)
    assert fit.report.trained + fit.report.scored < 58 and not fit.turned
    assert np.isnan(fit.predict(image)).all(1).sum() == 1
    with pytest.raises(ValueError, match=r"give images \[n 6 7\]; one image needs a leading axis"):
        fit.predict(image[0])


@pytest.mark.slow
def test_a_fit_without_a_relation_says_so():
    rng = np.random.default_rng(5)
    with pytest.warns(UserWarning, match="no better than by the mean .*tell nothing of each other"):
        fit = models.fit_im2spec(rng.random((30, 44)), rng.random((30, 44, 6)), **QUICK)
    assert len(fit.report.problems) == 1 and fit.report.ridge > 0.9
    fine = judging.Judged(0.2, (0.2,), 0.6, 0.5, 1.0, 2.0)
    assert judging.in_words("spectra", fine) == ()
    assert "a ridge regression" in judging.in_words("spectra", fine._replace(ridge=0.2))[0]


def test_spectra_are_scaled_there_and_back_whatever_their_offset():
    spectra = 1e6 + np.random.default_rng(6).normal(0, 2.0, (50, 8)) + np.arange(8) * 1e5
    found = scaling.of_spectra(spectra)
    x = scaling.spectra_in(spectra, found)
    assert 0.5 < np.abs(x).max() < 2
    np.testing.assert_allclose(found.offset + found.spread * x.astype(float), spectra, atol=1e-4)


IMAGE, CUBE = scan()
SMOOTH = np.sin(np.arange(30.0) / 4)[:, None] * np.cos(np.arange(44) / 4)


@pytest.mark.parametrize(
    ("images", "spectra", "options", "words"),
    [
        (CUBE, IMAGE, {}, "seem exchanged"),
        (np.repeat(CUBE, 4, -1)[..., :44], SMOOTH, {}, "seem exchanged"),
        (CUBE.reshape(-1, 12), np.ones((1320, 8, 8)), {}, "seem exchanged"),
        (IMAGE, CUBE[0], {}, "ONE image of shape"),
        (IMAGE, CUBE.reshape(-1, 12), {}, r"spectra.reshape\(30, 44, -1\)"),
        (np.stack([IMAGE] * 5), CUBE, {}, "a stack of 5 images for one scan"),
        (np.stack([IMAGE] * 3, -1), CUBE, {}, "colours or channels"),
        (np.ones((30, 8, 8, 3)), np.ones((30, 9)), {}, "colours or channels"),
        (IMAGE, np.moveaxis(CUBE, -1, 0), {}, "channels seem to come first"),
        (IMAGE.T, CUBE, {}, "seems to be turned"),
        (IMAGE[:-1], CUBE, {}, "need the same points"),
        (np.ones((30, 8, 8)), np.ones((29, 9)), {}, "one spectrum for each image"),
        (np.ones((5, 8, 8)), np.ones((5, 9)), {}, "give 20 or more"),
        (np.ones((30, 44)), CUBE, {}, "all values of the images are 1"),
        (IMAGE, CUBE * np.nan, {}, "spectra have no measured value"),
        (IMAGE, CUBE * 1j, {}, "real numbers"),
        (IMAGE, np.where(CUBE > 0, np.inf, 0), {}, "infinite"),
        (IMAGE, CUBE, {"axis": np.arange(5.0)}, "axis of shape"),
        (IMAGE, CUBE, {"axis": np.full(12, np.nan)}, "NaN or infinite: give them all"),
        (IMAGE, CUBE, {"patch": 15}, "patch=15, but the scan of 30 × 44 points"),
        (IMAGE, CUBE, {"patch": 6}, "odd number from 5"),
        (IMAGE[:, :10], CUBE[:, :10], {"patch": 0}, "lower patch, take another split, or give a larger scan"),
        (IMAGE, CUBE, {"split": "diagonal"}, "columns, rows, blocks"),
        (IMAGE, CUBE, {"split": np.ones((30, 44), bool)}, "true where it is scored"),
        (IMAGE, CUBE, {"split": np.eye(30, 44)}, "no patch of 5 × 5 points lies in the part"),
        (IMAGE, CUBE, {"direction": "both"}, "direction"),
        (IMAGE, CUBE, {"hiden": 3}, "hiden: no setting of fit_im2spec"),
        (IMAGE, CUBE, {"starts": 0}, "starts is 0"),
    ],
)
def test_what_cannot_be_learned_is_refused_before_any_training(images, spectra, options, words, monkeypatch):
    monkeypatch.setattr("models.fitted_pairs.im2spec.trained", None)
    with warnings.catch_warnings(), pytest.raises(ValueError, match=words):
        warnings.simplefilter("ignore", RuntimeWarning)
        models.fit_im2spec(images, spectra, **QUICK | options)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda image: image / 3000, "range that was trained"),
        (lambda image: image * 20.0, "leave the range that was trained"),
        (lambda image: image[:4], "5 points or more along each side"),
        (lambda image: image[None], r"or images \[n 5 5\]"),
        (lambda image: np.stack([image] * 3, -1), "images of shape"),
    ],
)
def test_images_that_were_not_trained_are_refused_in_words(fitted, change, words):
    with pytest.raises(ValueError, match=words):
        fitted.predict(change(scan(seed=9)[0]))


def test_a_perfect_prediction_of_counts_has_the_noise_of_the_counts_and_says_so():
    """Poisson counts of a known rate: predicting the rate has the error that the report calls noise."""
    rng = np.random.default_rng(0)
    rate = rng.uniform(2, 4, (500, 1)) * np.ones((1, 40))
    counts = rng.poisson(rate).astype(float)
    mean = counts.mean(0)
    perfect = ((rate - counts) ** 2).sum() / ((counts - mean) ** 2).sum()
    rms, of_mean = np.sqrt(((rate - counts) ** 2).mean()), np.sqrt(((counts - mean) ** 2).mean())
    found = judging.Judged(perfect, (), 1.5, perfect, rms, of_mean)
    told = judging.with_noise(found, counts)
    assert told.noise == pytest.approx(perfect, rel=0.02)
    assert "a perfect prediction of such counts" in judging.in_words("spectra", told)[0]
    assert judging.with_noise(found, counts + 0.5).noise is None  # no whole numbers
    assert judging.with_noise(found._replace(rms=0.1), counts).noise is None  # grey levels, predicted too well
