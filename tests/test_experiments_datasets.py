"""Data sets: geometry of what is drawn, files as they come, and what is refused."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.transforms import Affine2D
from scipy import ndimage

from experiments.datasets import cards
from experiments.datasets.types import pose_factors
from models.types import Pose


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
