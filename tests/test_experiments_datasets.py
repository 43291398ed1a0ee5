"""Data sets: geometry of the playing cards; batches, labels, names and a contact sheet of every set."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.transforms import Affine2D
from scipy import ndimage

import models
from experiments import datasets
from experiments.datasets import cards, sets
from experiments.datasets.types import Images, pose_factors
from experiments.lab.contact_sheet import contact_sheet
from helpers.poses import pose

render = jax.jit(cards.render, static_argnames="size")  # compiled once for a size


def card(suit, size=48, **factors):
    return np.asarray(render(jnp.int32(cards.SUITS.index(suit)), pose(**factors), size=size))


def centre_of_mass(image):
    """Return the centre of mass (x right, y up) in half-widths."""
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
    drawn = jax.jit(cards.draw, static_argnums=2)
    image, drawn_pose = drawn(key, jnp.int32(small.label[7]), cards.Cards(size=24, per_suit=25))
    np.testing.assert_allclose(image, small.x[7], atol=1e-6)
    for name, value in pose_factors(drawn_pose).items():
        assert value == small.factors[name][7]


@pytest.mark.parametrize("suit", range(4))
@pytest.mark.parametrize("size", [12, 48])
def test_cards_are_the_exact_area_coverage_of_the_glyph(suit, size):
    """The reference is matplotlib's drawing of the transformed outline, averaged from eight times the resolution."""
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
    models.vae(
        models.VAEConfig(
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
    again = jax.vmap(lambda suit, placed: render(suit, placed, size=24))(jnp.asarray(small.label[:8]), true)
    np.testing.assert_allclose(again, small.x[:8], atol=1e-6)


def test_hidden_labels_leave_the_same_share_of_each_class(small):
    hidden = datasets.hide_labels(jax.random.key(0), small, 0.2)
    assert datasets.labels_per_class(hidden) == dict.fromkeys(cards.SUITS, 5)
    kept = hidden.label >= 0
    np.testing.assert_array_equal(hidden.label[kept], small.label[kept])
    fewest = datasets.hide_labels(jax.random.key(0), small, 1e-6)
    assert datasets.labels_per_class(fewest) == dict.fromkeys(cards.SUITS, 1)
    with pytest.raises(ValueError, match="share"):
        datasets.hide_labels(jax.random.key(0), small, 0.0)


def test_angle_errors_count_modulo_the_symmetry_of_each_class(small):
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


def test_the_face_shows_what_users_need():
    """Names are known without JAX."""
    check = "import sys; from experiments import datasets; assert datasets.NAMES and 'jax' not in sys.modules"
    done = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, cwd=Path(__file__).parent.parent, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert dir(datasets) == sorted(datasets.__all__) and tuple(sets.SETS) == datasets.NAMES
    assert all(getattr(datasets, name).__doc__ for name in datasets.__all__)
    with pytest.raises(AttributeError, match="it has NAMES, Axis"):
        getattr(datasets, "lode")  # noqa: B009


# --- contact sheets


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
