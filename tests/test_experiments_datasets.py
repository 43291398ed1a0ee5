"""Data sets: geometry of what is drawn, files as they come, and what is refused."""

import gzip
import hashlib
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.transforms import Affine2D
from scipy import ndimage

from experiments import datasets
from experiments.datasets import cards, digits, lattice, own
from experiments.datasets.types import Images, pose_factors
from experiments.figures.images import contact_sheet
from models.types import Pose
from models.vae import VAEConfig, vae


def pose(angle=0.0, shear=0.0, shift_x=0.0, shift_y=0.0, scale=0.0):
    angle, scale, shear = (jnp.float32(value) for value in (angle, scale, shear))
    return Pose(angle, jnp.asarray([shift_x, shift_y], jnp.float32), scale, shear)


def card(suit, size=48, **factors):
    return np.asarray(cards.render(jnp.int32(cards.SUITS.index(suit)), pose(**factors), size=size))


def centre_of_mass(image):
    """(x right, y up) in half-widths."""
    row, column = (2 * (at + 0.5) / image.shape[0] - 1 for at in ndimage.center_of_mass(image))
    return column, -row


@pytest.fixture(scope="module")
def small():
    return cards.generate(jax.random.key(3), cards.Cards(size=24, per_suit=25))


def test_cards_repeat_for_a_key_and_hold_what_they_say(small):
    again = cards.generate(jax.random.key(3), cards.Cards(size=24, per_suit=25))
    np.testing.assert_array_equal(small.x, again.x)
    assert small.x.shape == (100, 24, 24) and small.x.dtype == np.float32
    assert small.x.min() == 0 and 0.99 < small.x.max() <= 1
    assert np.bincount(small.label).tolist() == [25] * 4 and small.label.dtype == np.int32
    limits = {"angle": np.deg2rad(120), "shear": np.deg2rad(20), "shift_x": 0.1, "shift_y": 0.1}
    for name, limit in limits.items():
        values = small.factors[name]
        assert values.dtype == np.float32 and 0.9 * limit < np.abs(values).max() <= limit * (1 + 1e-6)
        assert values.min() < 0 < values.max() and small.units[name]
    assert np.all(small.factors["scale"] == 0)
    assert not np.array_equal(small.x, cards.generate(jax.random.key(4), cards.Cards(size=24, per_suit=25)).x)


def test_a_card_of_the_set_is_the_card_drawn_alone(small):
    key = jax.random.split(jax.random.key(3), 100)[7]
    image, alone = cards.draw(key, jnp.int32(small.label[7]), cards.Cards(size=24, per_suit=25))
    np.testing.assert_allclose(image, small.x[7], atol=1e-6)
    for name, value in pose_factors(alone).items():
        assert value == small.factors[name][7]


@pytest.mark.parametrize("suit", range(4))
@pytest.mark.parametrize("size", [12, 48])
def test_cards_are_the_exact_area_coverage_of_the_glyph(suit, size):
    """Against matplotlib's own drawing of the transformed outline, averaged from eight times the resolution."""
    factors = dict(angle=0.9 - suit, shear=0.3, shift_x=0.08, shift_y=-0.05, scale=np.log(0.9))
    move = Affine2D().scale(0.9).skew(0.3, 0).rotate(0.9 - suit).translate(0.08, -0.05)
    exact = cards.fill(suit, move, 8 * size, cards.Cards.height).reshape(size, 8, size, 8).mean((1, 3))
    difference = card(cards.SUITS[suit], size, **factors) - exact
    assert np.abs(difference).max() < 0.07 and np.sqrt(np.mean(difference**2)) < 0.006


@pytest.mark.parametrize("suit", cards.SUITS)
def test_positive_angles_turn_counter_clockwise_as_scipy_rotates(suit):
    turned = ndimage.rotate(card(suit), 50.0, reshape=False, order=1)
    assert np.sqrt(np.mean((turned - card(suit, angle=np.deg2rad(50.0))) ** 2)) < 0.05
    assert np.sqrt(np.mean((turned - card(suit, angle=np.deg2rad(-50.0))) ** 2)) > 0.1


@pytest.mark.parametrize("size", [12, 48])
def test_shift_is_to_the_right_and_upwards_in_half_widths(size):
    before = centre_of_mass(card("club", size, angle=1.0, shear=0.2))
    after = centre_of_mass(card("club", size, angle=1.0, shear=0.2, shift_x=0.1, shift_y=0.05))
    np.testing.assert_allclose(before, 0, atol=2e-3)  # the centre of mass is the centre of rotation and shear
    np.testing.assert_allclose(after, (0.1, 0.05), atol=2e-3)


def test_positive_shear_moves_the_top_to_the_right_by_its_tangent():
    image = card("diamond", shear=0.3)
    y, x = np.meshgrid(*(np.linspace(1, -1, 97)[1::2], np.linspace(-1, 1, 97)[1::2]), indexing="ij")
    moments = [np.sum(image * a * b) for a, b in ((x, y), (y, y))]
    assert moments[0] / moments[1] == pytest.approx(np.tan(0.3), rel=0.01)


@pytest.mark.parametrize("suit", cards.SUITS)
def test_suits_have_the_symmetries_stated(suit):
    period = cards.PERIODS[cards.SUITS.index(suit)]
    upright = card(suit, 24)
    assert np.abs(card(suit, 24, angle=period) - upright).max() < 0.06
    assert np.abs(card(suit, 24, angle=period / 2) - upright).max() > 0.5
    mirrored = card(suit, 24, shear=0.3)[:, ::-1]
    assert np.abs(card(suit, 24, shear=-0.3) - mirrored).max() < 0.1


@pytest.mark.parametrize("size", [12, 24, 30, 48])
def test_coarse_cards_are_averages_of_fine_ones(size):
    factors = dict(angle=0.7, shear=-0.2, shift_x=0.03)
    fine, coarse = card("spade", 120, **factors), card("spade", size, **factors)
    assert coarse.mean() == pytest.approx(fine.mean(), rel=2e-3)
    if 120 % size == 0:
        block = 120 // size
        averaged = fine.reshape(size, block, size, block).mean((1, 3))
        np.testing.assert_allclose(coarse, averaged, atol=0.06)


def test_presets_hold_the_published_ranges():
    ranges = {name: (c.rotation_degrees, c.shear_degrees, c.shift) for name, c in cards.PRESETS.items()}
    assert ranges["full"] == ranges["deep_kernel"] == (120, 20, 0.1)
    assert ranges["mild"] == (12, 1, 0.1) and ranges["rotated"] == (120, 1, 0.1)
    assert (cards.PRESETS["deep_kernel"].size, cards.PRESETS["deep_kernel"].per_suit) == (30, 2000)


@pytest.mark.parametrize(
    "wrong", [{"size": 1}, {"per_suit": 0}, {"rotation_degrees": 200.0}, {"shear_degrees": -1.0}, {"height": 0.0}]
)
def test_impossible_cards_are_refused(wrong):
    with pytest.raises(ValueError, match=r"got"):
        replace(cards.PRESETS["full"], **wrong)


# --- the record


def test_a_batch_holds_images_labels_and_the_factors_asked_for(small):
    batch = datasets.to_batch(small, ("shear", "angle"), labels=True)
    vae(
        VAEConfig(
            shape=(24, 24),
            likelihood="bernoulli",
            classes=4,
            class_mode="conditional",
            factors=2,
            factor_mode="conditional",
        )
    ).check(batch)
    np.testing.assert_array_equal(batch.factor[:, 1], small.factors["angle"])
    bare = datasets.to_batch(small)
    assert batch.mask is None and bare.factor is None and bare.label is None
    with pytest.raises(ValueError, match="no factor"):
        datasets.to_batch(small, ("colour",))
    with pytest.raises(ValueError, match="no labels"):
        datasets.to_batch(small._replace(label=None), labels=True)


def test_true_pose_draws_the_images_again(small):
    true = datasets.true_pose(datasets.take(small, np.arange(8)))
    again = jax.vmap(lambda suit, one: cards.render(suit, one, size=24))(jnp.asarray(small.label[:8]), true)
    np.testing.assert_allclose(again, small.x[:8], atol=1e-6)


def test_hidden_labels_leave_the_same_share_of_each_class(small):
    hidden = datasets.hide_labels(jax.random.key(0), small, 0.2)
    assert datasets.labels_per_class(hidden) == dict.fromkeys(cards.SUITS, 5)
    kept = hidden.label >= 0
    np.testing.assert_array_equal(hidden.label[kept], small.label[kept])
    one = datasets.hide_labels(jax.random.key(0), small, 1e-6)
    assert datasets.labels_per_class(one) == dict.fromkeys(cards.SUITS, 1)
    with pytest.raises(ValueError, match="share"):
        datasets.hide_labels(jax.random.key(0), small, 0.0)


def test_angle_errors_know_the_symmetry_of_each_class(small):
    turned = small.factors["angle"] + np.pi + 0.1
    errors = datasets.angle_errors(small, turned)
    diamond = small.label == cards.SUITS.index("diamond")
    np.testing.assert_allclose(errors[diamond], 0.1, atol=1e-5)
    np.testing.assert_allclose(errors[~diamond], 0.1 - np.pi, atol=1e-5)
    with pytest.raises(ValueError, match="angle errors need"):
        datasets.angle_errors(small._replace(label=None), turned)


def test_loading_by_name_passes_options_on_and_names_what_there_is(key):
    images = datasets.load(key, "cards_mild", size=12, per_suit=2)
    assert images.x.shape == (8, 12, 12) and np.abs(images.factors["angle"]).max() <= np.deg2rad(12)
    with pytest.raises(ValueError, match="cards_full, cards_mild"):
        datasets.load(key, "card")
    with pytest.raises(ValueError, match="no option sizes; it has size, per_suit"):
        datasets.load(key, "cards_full", sizes=12)


def test_names_are_known_without_jax():
    code = "import sys, experiments.datasets as d; assert d.NAMES and 'jax' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent.parent, timeout=60)


# --- digits


def idx(values, code=8):
    return bytes([0, 0, code, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()


@pytest.fixture
def mnist(tmp_path):
    """A folder with a training set of 20 and a test set of 5, and an archive with the same."""
    rng = np.random.default_rng(0)
    arrays = {}
    for prefix, part, count in (("train", "train", 20), ("t10k", "test", 5)):
        x = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        y = (np.arange(count) % 10).astype(np.uint8)
        arrays |= {f"x_{part}": x, f"y_{part}": y}
        (tmp_path / f"{prefix}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(x)))
        (tmp_path / f"{prefix}-labels-idx1-ubyte").write_bytes(idx(y))
    np.savez(tmp_path / "mnist.npz", **arrays)
    return tmp_path, arrays


def test_mnist_is_read_from_idx_files_and_from_an_archive_alike(mnist, key):
    folder, arrays = mnist
    for path in (folder, folder / "mnist.npz"):
        images = digits.read(key, digits.Digits(path=str(path)))
        np.testing.assert_allclose(images.x, arrays["x_train"] / 255, atol=1e-7)
        np.testing.assert_array_equal(images.label, arrays["y_train"])
        assert images.x.dtype == np.float32 and images.source.startswith("MNIST")
        both = digits.read(key, digits.Digits(path=str(path), part="all"))
        assert len(both.x) == 25 and np.array_equal(both.label[20:], arrays["y_test"])
    for file in ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte"):
        digest = hashlib.sha256((folder / file).read_bytes()).hexdigest()
        assert digest in digits.read(key, digits.Digits(path=str(folder))).source


def test_mnist_that_is_absent_or_damaged_is_never_replaced(mnist, key, tmp_path_factory):
    folder, arrays = mnist
    empty = tmp_path_factory.mktemp("empty")
    for path in (empty, empty / "mnist.npz"):
        with pytest.raises(ValueError, match="train-images-idx3-ubyte"):
            digits.read(key, digits.Digits(path=str(path)))
    images, labels = folder / "train-images-idx3-ubyte.gz", folder / "train-labels-idx1-ubyte"
    whole = images.read_bytes()
    for data, message in (
        (whole[:2000], "gzip"),
        (idx(arrays["x_train"])[:-1], "cut short"),
        (idx(arrays["x_train"], code=13), "starts with 00000d03"),
    ):
        images.write_bytes(data)
        with pytest.raises(ValueError, match=message):
            digits.read(key, digits.Digits(path=str(folder)))
    images.write_bytes(whole)
    labels.write_bytes(idx(np.zeros(3, np.uint8)))
    with pytest.raises(ValueError, match="one label from 0 to 9 each"):
        digits.read(key, digits.Digits(path=str(folder)))
    np.savez(empty / "mnist.npz", x_train=arrays["x_train"])
    with pytest.raises(ValueError, match="y_train"):
        digits.read(key, digits.Digits(path=str(empty / "mnist.npz")))


def test_embedded_digits_are_scikit_learns_and_turn_by_the_angle_given(key):
    plain = digits.read(key)
    assert plain.x.shape == (1797, 8, 8) and plain.x.max() == 1 and not plain.factors
    assert "scikit-learn" in plain.source
    turned = digits.read(key, digits.Digits(padding=2, rotation_degrees=60.0))
    assert 0.95 * np.pi / 3 < np.abs(turned.factors["angle"]).max() <= np.pi / 3
    for number in range(3):
        angle = np.rad2deg(turned.factors["angle"][number])
        expected = ndimage.rotate(np.pad(plain.x[number], 2), angle, reshape=False, order=1)
        np.testing.assert_allclose(turned.x[number], expected, atol=1e-5)
    few = digits.read(key, digits.Digits(count=30))
    assert few.x.shape == (30, 8, 8) and not np.array_equal(few.x, plain.x[:30])
    with pytest.raises(ValueError, match="has 1797"):
        digits.read(key, digits.Digits(count=2000))


@pytest.mark.parametrize("wrong", [{"part": "both"}, {"count": -1}, {"rotation_degrees": 270.0}])
def test_impossible_digits_are_refused(wrong):
    with pytest.raises(ValueError, match="got"):
        digits.Digits(**wrong)


# --- a user's own images


@pytest.fixture
def stack():
    x = np.random.default_rng(1).normal(5, 2, (6, 7, 9))
    x[2, 3:5, 4] = np.nan
    return x


def write(folder, name, **arrays):
    path = folder / name
    if name.endswith("npy"):
        np.save(path, arrays["stack"])
    elif name.endswith("npz"):
        np.savez(path, **arrays)
    else:
        with h5py.File(path, "w") as file:
            for array, values in arrays.items():
                file[f"data/{array}"] = values.astype("S") if values.dtype.kind == "U" else values
            if "time" in arrays:
                file["data/time"].attrs["units"] = "s"
    return str(path)


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.h5"])
def test_own_images_keep_values_labels_factors_and_missing_pixels(name, tmp_path, stack):
    extra = {"kind": np.array(list("baabca")), "time": np.arange(6.0)}
    path = write(tmp_path, name, stack=stack, **extra)
    prefix = "data/" if name == "a.h5" else ""
    alone = name == "a.npy"
    config = own.Own(path, f"{prefix}stack" * (not alone), f"{prefix}kind" * (not alone))
    config = config if alone else replace(config, factors=(f"{prefix}time",))
    images = own.read(config)
    assert images.x.dtype == np.float32 and images.x.min() == 0 and images.x.max() == 1
    assert images.mask is not None and (~images.mask).sum() == 2 and not images.mask[2, 3:5, 4].any()
    low, high = np.nanmin(stack), np.nanmax(stack)
    np.testing.assert_allclose(images.x[images.mask], ((stack - low) / (high - low))[images.mask], atol=1e-6)
    assert "missing" in images.source
    vae(VAEConfig(shape=(7, 9), likelihood="bernoulli")).check(datasets.to_batch(images))
    if not alone:
        assert images.classes == ("a", "b", "c") and images.label.tolist() == [1, 0, 0, 1, 2, 0]
        assert images.factors[f"{prefix}time"].tolist() == list(range(6))
        assert images.units[f"{prefix}time"] == ("s" if name == "a.h5" else "")


def test_own_images_are_normalised_as_asked(tmp_path, stack):
    stack[4] = 3.0
    path = write(tmp_path, "a.npy", stack=stack)
    each = own.read(own.Own(path, normalise="image")).x
    assert np.all(each[4] == 0) and np.allclose(np.delete(each, 4, 0).max((1, 2)), 1)
    plain = own.read(own.Own(path, normalise="none"))
    np.testing.assert_allclose(plain.x, np.nan_to_num(stack), rtol=1e-6)
    colour = own.read(own.Own(write(tmp_path, "b.npy", stack=np.ones((4, 6, 6, 3), np.uint8)), normalise="none"))
    assert colour.x.shape == (4, 6, 6, 3) and colour.mask is None


def test_integer_labels_may_have_gaps_and_unknowns(tmp_path, stack):
    path = write(tmp_path, "a.npz", stack=stack, kind=np.array([7, -1, 3, 3, 7, -1]))
    images = own.read(own.Own(path, "stack", "kind"))
    assert images.label.tolist() == [1, -1, 0, 0, 1, -1] and images.classes == ("3", "7")


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.ones((8, 8)), r"image\[None\]"),
        (np.ones((5, 3, 8, 8)), "channels seem to come first"),
        (np.ones((8, 8, 3)), "One image with channels"),
        (np.ones((5, 1, 1)), "2 × 2 pixels"),
        (np.ones((5, 8, 8)), "nothing to normalise"),
        (np.ones((5, 8, 8), complex), "modulus"),
        (np.array([[["text"]]]), "real numbers"),
        (np.full((5, 8, 8), np.inf), "infinite"),
        (np.full((5, 8, 8), np.nan), "no valid pixel"),
    ],
)
def test_own_images_of_a_wrong_kind_are_refused(tmp_path, array, message):
    with pytest.raises(ValueError, match=message):
        own.read(own.Own(write(tmp_path, "a.npy", stack=array)))


def test_own_files_that_cannot_be_used_say_why(tmp_path, stack):
    np.save(tmp_path / "pickled.npy", np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match="pickled"):
        own.read(own.Own(str(tmp_path / "pickled.npy")))
    (tmp_path / "a.h5").write_bytes(b"no such thing")
    with pytest.raises(ValueError, match="no HDF5 file"):
        own.read(own.Own(str(tmp_path / "a.h5")))
    with pytest.raises(ValueError, match="there is no file"):
        own.read(own.Own(str(tmp_path / "b.npy")))
    (tmp_path / "a.tif").write_bytes(b"")
    with pytest.raises(ValueError, match=r"must end in .npy, .npz"):
        own.read(own.Own(str(tmp_path / "a.tif")))
    path = write(tmp_path, "a.npz", stack=stack, half=np.arange(6) / 2, few=np.arange(3))
    for config, message in (
        (own.Own(path), r"file holds stack \(6, 7, 9\).*set dataset"),
        (own.Own(path, "stack", "other"), "set label"),
        (own.Own(path, "stack", "few"), "one for each of 6"),
        (own.Own(path, "stack", "half"), "expected integers"),
        (own.Own(path, "stack", factors=("few",)), "one number for each of 6"),
    ):
        with pytest.raises(ValueError, match=message):
            own.read(config)
    with pytest.raises(ValueError, match="normalise"):
        own.Own(normalise="yes")


# --- lattices


def clean(config, phase, strain=0.0, width=0.11, **factors):
    arrays = jnp.float32(strain), jnp.float32(width)
    return np.asarray(lattice.intensity(jnp.int32(config.phases.index(phase)), pose(**factors), *arrays, config))


ALL_PHASES = lattice.Lattice(size=32, phases=lattice.PHASES, per_phase=10, background=0.0)


@pytest.mark.parametrize("phase", lattice.PHASES)
def test_lattices_have_their_columns_where_the_geometry_says(phase):
    """Against Gaussians summed at points placed one by one, over a finer grid averaged to the pixels."""
    angle, shear, strain, scale, shift = 0.4, 0.1, 0.05, 0.1, (0.07, -0.03)
    vectors = {"hexagonal": [(1, 0), (0.5, 3**0.5 / 2)]}.get(phase, [(1, 0), (0, 1)])
    basis = [(0, 0, 1.0), (0.5, 0.5, 0.5)][: 2 if phase == "perovskite" else 1]
    fine = (np.arange(256) + 0.5) / 128 - 1
    x, y = np.meshgrid(fine, -fine)
    expected = np.zeros_like(x)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = turn @ [[1, np.tan(shear)], [0, 1]] @ np.diag(np.exp([scale + strain, scale - strain]))
    for i in range(-9, 10):
        for j in range(-9, 10):
            for a, b, weight in basis:
                at = matrix @ (0.6 * np.array([i + a, j + b]) @ vectors) + shift
                expected += weight * np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * 0.11**2))
    expected = expected.reshape(32, 8, 32, 8).mean((1, 3))
    image = clean(ALL_PHASES, phase, strain, angle=angle, shear=shear, scale=scale, shift_x=0.07, shift_y=-0.03)
    np.testing.assert_allclose(image, expected, atol=2e-3)


@pytest.mark.parametrize(("phase", "period"), [("square", 90), ("hexagonal", 60), ("perovskite", 90)])
def test_lattices_have_the_symmetries_stated(phase, period, key):
    upright = clean(ALL_PHASES, phase)
    assert np.abs(clean(ALL_PHASES, phase, angle=np.deg2rad(period)) - upright).max() < 1e-4
    assert np.abs(clean(ALL_PHASES, phase, angle=np.deg2rad(period / 2)) - upright).max() > 0.3
    config = replace(ALL_PHASES, strain=0.0, counts=0.0)
    images, number = lattice.generate(key, config), lattice.PHASES.index(phase)
    assert np.rad2deg(images.periods[number]) == pytest.approx(period)
    alone, _, _ = lattice.draw(jax.random.split(key, 30)[number], jnp.int32(number), config)
    np.testing.assert_allclose(alone, images.x[number], atol=1e-5)


def test_noisy_lattices_count_electrons_around_the_expected_image(key):
    config = lattice.Lattice(size=16, per_phase=25)
    images = lattice.generate(key, config)
    np.testing.assert_array_equal(images.x, lattice.generate(key, config).x)
    counts = images.x * lattice.full_scale(config.counts)
    np.testing.assert_allclose(counts, np.round(counts), atol=1e-3)
    true, strain, width = datasets.true_pose(images), images.factors["strain"], images.factors["width"]
    expected = config.counts * jax.vmap(lambda *one: lattice.intensity(*one, config))(
        jnp.asarray(images.label), true, jnp.asarray(strain), jnp.asarray(width)
    )
    residual = (counts - expected) / np.sqrt(expected)  # Poisson: mean 0, variance 1
    assert abs(residual.mean()) < 0.05 and residual.var() == pytest.approx(1, abs=0.05)
    assert strain.min() >= 0 and strain.max() <= config.strain and images.x.max() <= 1
    assert images.periods == (np.pi, np.pi)


@pytest.mark.parametrize(
    "wrong", [{"phases": ("cubic",)}, {"phases": ()}, {"width": 0.5}, {"strain": -0.1}, {"counts": -1.0}, {"size": 2}]
)
def test_impossible_lattices_are_refused(wrong):
    with pytest.raises(ValueError, match="got"):
        lattice.Lattice(**wrong)


# --- seen


def test_contact_sheets_show_labelled_colour_and_masked_images(small):
    sheet = contact_sheet(small, columns=3)
    assert len(sheet.axes) == 12 and sheet.axes[0].get_ylabel() == "spade" and "°" in sheet.axes[0].get_xlabel()
    x = np.random.default_rng(0).uniform(-1, 1, (5, 6, 6, 3)).astype(np.float32)
    mask = np.ones(x.shape, bool)
    mask[0, 2] = False
    other = contact_sheet(Images(x, None, {}, {}, (), "random", mask=mask), columns=4)
    assert len(other.axes) == 8
    for figure in (sheet, other):
        figure.clear()
