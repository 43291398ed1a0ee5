"""``models.fit_vae``: measured values in and out, what is refused, what is missing, and what a saved fit keeps."""

import warnings
from collections import namedtuple

import numpy as np
import pytest

import models
from helpers.hostile import assert_named
from helpers.spots import blobs

# Stacks that are encoded have 9 to 16 examples, which one compiled program takes.
QUICK = {"starts": 1, "steps": 60, "progress": False, "hidden": (16,)}
Windows = namedtuple("Windows", ("x", "mask", "pixel", "unit"))
Axis = namedtuple("Axis", ("name", "unit", "values"))


@pytest.fixture(scope="module")
def fitted():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # too short a training
        return models.fit_vae(blobs(200), **QUICK | {"steps": 400, "hidden": (32,)})


@pytest.fixture(scope="module")
def curves():
    """Curves that rise or fall with a rate and on a level that follows the time in seconds since 1970."""
    generator, x = np.random.default_rng(1), np.linspace(0, 1, 20)
    kind, time = generator.choice(["rising", "falling"], 120), 1.7e9 + generator.uniform(0, 5000, 120)
    sign = np.where(kind == "rising", 1.0, -1.0)[:, None]
    noise = generator.normal(0, 0.5, (120, 20))
    values = 100 + sign * 50 * x ** generator.uniform(1, 4, (120, 1)) + 0.02 * (time[:, None] - 1.7e9) + noise
    return values, kind, time, x


@pytest.fixture(scope="module")
def conditional(curves):
    values, kind, time, x = curves
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return models.fit_vae(
            values, labels=kind, factors={"time": time}, latent=1, axis=Axis("bias", "V", x), **QUICK | {"steps": 400}
        )


def test_raw_counts_in_and_out(fitted):
    stack = blobs(16, seed=5)
    codes = fitted.encode(stack)
    assert codes.z.shape == (16, 2) and codes.shift.shape == (16, 2) and codes.angle.shape == (16,)
    decoded = fitted.reconstruct(stack)
    assert decoded.shape == stack.shape
    assert np.corrcoef(decoded.ravel(), stack.ravel())[0, 1] > 0.8
    assert abs(decoded.mean() / stack.mean() - 1) < 0.1  # in counts
    one = fitted.decode(codes.z[0], angle=codes.angle[0], shift=codes.shift[0])
    np.testing.assert_allclose(one, decoded[0], rtol=1e-4, atol=0.1)


def test_the_shift_of_a_code_moves_an_image_in_pixels_right_and_down(fitted):
    def centre(image):
        weight = np.clip(image - (image.max() + image.min()) / 2, 0, None)
        y, x = np.mgrid[:8, :8]
        return np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()

    z = np.median(fitted.support.z, 0)
    moved = centre(fitted.decode(z, shift=[1.0, 0.5])) - centre(fitted.decode(z, shift=[0.0, 0.0]))
    assert moved[0] > 0.3 and 0.1 < moved[1] < moved[0]


@pytest.mark.parametrize("change", [">u2", "<i4", "f8", "masked", "record", "list"])
def test_every_form_of_the_same_stack_has_the_same_codes(fitted, change):
    stack = blobs(12, seed=6)
    forms = {
        "masked": lambda: np.ma.masked_array(stack, np.zeros(stack.shape, bool)),
        "record": lambda: Windows(stack, None, 0.1, "Å"),
        "list": lambda: list(stack),
    }
    given = forms[change]() if change in forms else stack.astype(change)
    np.testing.assert_array_equal(fitted.encode(given).z, fitted.encode(stack).z)


def test_masked_values_are_ignored_whatever_they_hold(fitted):
    stack, missing = blobs(12, seed=7), np.zeros((12, 8, 8), bool)
    missing[:, 0, :3] = True
    with_nan = np.where(missing, np.nan, stack)
    expected = fitted.encode(with_nan).z
    np.testing.assert_array_equal(
        fitted.encode(np.ma.masked_array(np.where(missing, 60000, stack), missing)).z, expected
    )
    np.testing.assert_array_equal(fitted.encode(np.where(missing, 7, stack), mask=~missing).z, expected)
    assert not np.array_equal(fitted.encode(stack).z, expected)


def test_a_hot_pixel_in_another_file_moves_nothing_but_is_missing(fitted):
    stack = blobs(16, seed=8)
    hot = stack.copy()
    hot[3, 1, 6] = 65535
    clean = fitted.encode(stack)
    with pytest.warns(UserWarning, match="1 values in 1 of 16 examples"):
        codes = fitted.encode(hot)
    others = np.arange(16) != 3
    np.testing.assert_array_equal(codes.z[others], clean.z[others])
    as_missing = np.where(hot == 65535, np.nan, hot)
    np.testing.assert_array_equal(codes.z, fitted.encode(as_missing).z)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda stack: stack / 3000, "range that was trained"),
        (lambda stack: stack * 20.0, "leave the range that was trained"),
        (lambda stack: stack[0], "leading axis"),
        (lambda stack: stack[:, :6], "expected"),
        (lambda stack: np.where(np.arange(8) < 4, 65535, stack), "examples, the first is number 0, leave the range"),
        (lambda stack: stack * np.inf, "infinite"),
        (lambda stack: stack * np.nan, "range|measured"),
    ],
)
def test_data_out_of_the_trained_range_are_refused_in_words(fitted, change, words):
    with warnings.catch_warnings(), pytest.raises(ValueError, match=words):
        warnings.simplefilter("ignore", RuntimeWarning)
        fitted.encode(change(blobs(10, seed=9)))


def test_a_saved_fit_is_the_same_bit_for_bit(conditional, curves, tmp_path):
    values, kind, time, _ = curves
    folder = conditional.save(tmp_path / "fit")
    again = models.load_fitted(folder)
    assert again.report == conditional.report and again.classes == ("falling", "rising") and again.axis.unit == "V"
    for name, part in conditional.encode(values, labels=kind, factors=time)._asdict().items():
        np.testing.assert_array_equal(getattr(again.encode(values, labels=kind, factors=time), name), part)
    z = np.linspace(-1, 1, 5)[:, None]
    options = {"label": "rising", "factor": 1.7e9 + 2000}
    np.testing.assert_array_equal(again.decode(z, **options), conditional.decode(z, **options))
    np.testing.assert_array_equal(again.history.train["loss"], conditional.history.train["loss"])
    with pytest.raises(ValueError, match=r"holds no fitted\.json"):
        models.load_fitted(tmp_path)


def test_a_fit_with_a_hostile_file_is_refused_by_name_and_a_tilde_is_home(conditional, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = conditional.save("~/fit")
    assert folder == tmp_path.resolve() / "fit" and models.load_fitted("~/fit").config == conditional.config
    assert_named(folder, models.load_fitted, tmp_path, ["fitted.json", "fitted.npz", "model.json"])


def test_labels_as_text_and_factors_in_any_unit(conditional, curves):
    values, kind, time, _ = curves
    codes = conditional.encode(values, labels=kind, factors=time)
    assert codes.names == kind.tolist()
    np.testing.assert_allclose(codes.factors[:, 0], time, atol=1e-3)
    low, high = (conditional.decode([0.0], label="rising", factor=1.7e9 + seconds).mean() for seconds in (500, 4500))
    assert high - low == pytest.approx(0.02 * 4000, rel=0.2)  # 1.7e9 + 500 and + 4500 are one number in float32
    with pytest.raises(ValueError, match="lies outside the trained range"):
        conditional.decode([0.0], label="rising", factor=2000)
    with pytest.raises(ValueError, match="none of the classes falling, rising"):
        conditional.decode([0.0], label="flat", factor=1.7e9)
    with pytest.raises(ValueError, match="conditional on the class"):
        conditional.encode(values, factors=time)
    columns = codes.columns()
    assert list(columns) == ["z1", "z1_std", "class", "p(falling)", "p(rising)", "time"]


def test_angles_modulo_a_symmetry(fitted):
    codes = fitted.encode(blobs(10))._replace(angle=np.deg2rad(np.array([10.0, 130.0, -110.0, 0, 1, 2, 3, 4, 5, 6])))
    np.testing.assert_allclose(np.rad2deg(codes.angle_modulo(3))[:3], 10, atol=1e-9)
    with pytest.raises(ValueError, match="symmetry=0"):
        codes.angle_modulo(0)


def test_chunks_do_not_change_the_codes(fitted, monkeypatch):
    stack = blobs(15, seed=11)
    whole = fitted.encode(stack)
    monkeypatch.setattr("models.fitted.coding.ROWS", 8)
    parts = fitted.encode(stack)
    np.testing.assert_allclose(parts.z, whole.z, atol=1e-5)


@pytest.mark.parametrize(
    ("stack", "words"),
    [
        (blobs(5), "5 examples"),
        (blobs(200)[0], "8 examples of shape"),
        (np.ones((30, 8, 8)), "nothing to learn"),
        (np.ones((64, 64, 3)), "ONE image with 3 channels"),
        (np.ones((30, 3, 16, 16)), "channels first"),
        (np.full((30, 8, 8), "a"), "real numbers"),
        (np.ones(30), "no stack"),
        ([np.ones((8, 8)), np.ones((9, 8))], "differ in shape"),
        (np.full((30, 8, 8), np.nan), "no measured value"),
        (np.where(np.arange(3) == 1, np.nan, np.ones((30, 8, 8, 3))), "no measured value"),  # one channel of three
        (np.ones((28, 28, 800)), r"come last: np.moveaxis\(stack, -1, 0\)"),
        (np.ones((28, 800, 28)), r"come second: np.moveaxis\(stack, 1, 0\)"),
        ("stack.npy", "experiments.datasets.read"),
    ],
)
def test_what_is_no_stack_is_refused_before_any_training(stack, words):
    with pytest.raises(ValueError, match=words):
        models.fit_vae(stack)


@pytest.mark.parametrize("shape", [(28, 28, 800, 1), (28, 28, 80), (200, 16, 128), (28, 800), (30, 16, 128)])
def test_few_and_long_examples_are_no_swapped_axes(shape):
    with pytest.raises(ValueError, match="nothing to learn"):
        models.fit_vae(np.ones(shape) if len(shape) > 2 else np.ones((*shape, 1)))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"classes": "two"}, r"classes='two': give a number"),
        ({"labels": np.arange(40)}, "40 classes for 40 labelled examples"),
    ],
)
def test_classes_that_are_a_word_and_labels_that_are_numbers_are_refused(given, words):
    with pytest.raises(ValueError, match=words):
        models.fit_vae(blobs(40), **given)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(9, 5, 2)])
def test_images_that_are_not_square_and_images_with_channels(shape):
    generator = np.random.default_rng(3)
    stack = 500 * generator.uniform(0.5, 1, (40, *[1] * len(shape))) + 50 * generator.standard_normal((40, *shape))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        fit = models.fit_vae(stack, invariant=(), **QUICK | {"steps": 5})
    assert fit.decode(np.zeros((4, 2))).shape == (4, *shape)
    assert fit.encode(stack).z.shape == (40, 2)


@pytest.mark.slow
def test_classes_that_are_partly_known_or_unknown_and_factors_that_are_missing():
    """Spots of two sizes: with a tenth of the labels, and without any; brightness is inferred where it is missing."""
    generator = np.random.default_rng(5)
    y, x = np.mgrid[:10, :10] - 4.5
    wide, bright = generator.integers(0, 2, 400), generator.uniform(1000, 3000, 400)
    size = np.where(wide, 2.5, 1.0)[:, None, None]
    stack = generator.poisson(100 + bright[:, None, None] * np.exp(-(x**2 + y**2)[None] / (2 * size**2)))
    kind = np.where(wide, "wide", "narrow").astype(object)
    some = np.where(np.arange(400) % 10 == 0, kind, "")
    # beside its place, an image says its size and its brightness, and one of them is the class or the factor
    options = {"invariant": "shift", "latent": 1, "steps": 1200, "progress": False, "hidden": (32, 32)}
    semi = models.fit_vae(stack, labels=some, starts=1, **options)
    assert semi.report.recipe == "semi_supervised"
    assert np.mean(np.array(semi.encode(stack).names) == kind) > 0.95
    joint = models.fit_vae(stack, classes=2, starts=3, **options)
    assert models.scores.clustering_accuracy(wide, joint.encode(stack).label, 2) > 0.95
    known = np.where(np.arange(400) % 2, bright, np.nan)
    regression = models.fit_vae(stack, factors={"brightness": known}, starts=1, **options)
    found = regression.encode(stack[::2]).factors[:, 0]
    assert np.corrcoef(found, bright[::2])[0, 1] > 0.9


def test_decoding_far_from_the_trained_codes_is_said(fitted):
    z = np.asarray(fitted.support.z)
    inside, far = z.mean(0), z.max(0) + 2 * np.ptp(z, axis=0)
    label = fitted.classes[0] if fitted.classes else None
    fitted.decode(inside[None], label=label)  # warnings are errors here
    with pytest.warns(UserWarning, match="decoded far from them means nothing"):
        fitted.decode(far[None], label=label)
    with pytest.raises(ValueError, match="z .*not finite|z .*NaN"):
        fitted.decode([np.nan, 0.0], label=label)
