"""Guesses of classes: features without pose, groups of any frequency, no guess where none can be trusted."""

from collections import namedtuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

import models
from experiments import datasets
from experiments.datasets import lattice
from models import Batch, VAEConfig, guesses, recipes
from models.fitted.untold import told_factors, untold_groups
from models.guesses import features_of, groups_of

COUNTS = (40, 250, 25, 300)


@pytest.fixture(scope="module")
def cards():
    """Turned and sheared cards of unequal frequencies, with their suits."""
    images = datasets.load(jax.random.key(3), "cards_full", size=12, per_suit=max(COUNTS))
    rows = np.concatenate([np.flatnonzero(images.label == suit)[:count] for suit, count in enumerate(COUNTS)])
    return images.x[rows], np.asarray(images.label)[rows]


@pytest.mark.parametrize("surround", [0.0, 1.0])
def test_features_do_not_change_by_a_turn_and_hardly_by_a_shift(surround):
    """Of one object in an empty surround, and of a pattern that fills the image."""
    y, x = np.mgrid[:17, :17] - 8.0
    blob = np.exp(-((x - 1) ** 2 / 8 + (y + 0.5) ** 2 / 2))
    image = blob + surround * (1 + np.sin(1.1 * x + 0.4 * y) * np.cos(0.9 * y))
    other = np.exp(-(x**2 + y**2) / 4) + surround * (1 + np.sin(0.6 * x))
    images = np.stack([image, np.rot90(image), np.roll(image, (1, -2), (0, 1)), other])
    features = features_of(recipes.joint((17, 17), 2), images)
    turned, shifted, different = np.linalg.norm(features[1:] - features[0], axis=1)
    assert turned < 1e-6 * different
    assert shifted < (1e-3 if not surround else 0.35) * different


def test_classes_of_any_frequency_are_guessed(cards):
    guess = models.guess_classes(jax.random.key(0), recipes.joint((12, 12), 4), cards[0])
    assert adjusted_rand_score(cards[1], guess) > 0.95


def test_three_labels_of_a_rare_class_suffice(cards):
    label = np.full(len(cards[1]), -1)
    for suit in range(4):
        label[np.flatnonzero(cards[1] == suit)[: 3 if COUNTS[suit] < 30 else 15]] = suit
    config = recipes.semi_supervised((12, 12), 4)
    guess = models.guess_classes(jax.random.key(0), config, Batch(cards[0], label=label))
    assert np.mean(guess == cards[1]) > 0.98 and np.mean(guess[cards[1] == 2] == 2) > 0.9
    wrong = np.where(label >= 0, np.random.default_rng(0).integers(0, 4, len(label)), -1)
    assert (models.guess_classes(jax.random.key(0), config, Batch(cards[0], label=wrong)) == -1).all()


def test_noise_is_not_guessed():
    noise = np.random.default_rng(0).normal(size=(300, 14, 14))
    assert (models.guess_classes(jax.random.key(0), recipes.joint((14, 14), 3), noise) == -1).all()


def test_missing_values_and_what_has_no_classes(cards):
    mask = np.ones(cards[0].shape)
    mask[:, 0, 0] = 0
    x = np.where(mask > 0, cards[0], np.nan)
    config = recipes.joint((12, 12), 4)
    np.testing.assert_allclose(features_of(config, Batch(x, mask)), features_of(config, x))
    assert np.isfinite(features_of(config, x)).all()
    with pytest.raises(ValueError, match="two classes"):
        models.guess_classes(jax.random.key(0), VAEConfig(shape=(12, 12)), cards[0])
    assert models.guess_classes(jax.random.key(0), recipes.joint((12, 12), 20), cards[0][:20]).shape == (20,)
    with pytest.raises(ValueError, match="20 examples for classes=21"):
        models.guess_classes(jax.random.key(0), recipes.joint((12, 12), 21), cards[0][:20])


def test_a_guess_is_learned_and_is_no_label():
    """The loss takes it at its own class; the bound and the code do as if it were not there; a label outranks it."""
    config = VAEConfig(
        shape=(6,), hidden=(8,), classes=3, class_mode="semi_supervised", class_prior="learned", inference="enumerate"
    )  # fmt: skip
    model, x = models.vae(config), jnp.asarray(np.random.default_rng(0).normal(size=(4, 6)), jnp.float32)
    params, key = model.init(jax.random.key(0)), jax.random.key(1)
    params["class_logits"] = jnp.log(jnp.asarray([0.7, 0.2, 0.1]))
    label, guess = jnp.asarray([2, -1, -1, -1]), jnp.asarray([0, 1, 1, -1])
    plain, guessed = Batch(x, label=label), Batch(x, label=label, guess=guess)
    probabilities = jax.jit(lambda batch: models.encode_all(model, params, batch).probabilities)
    q = np.asarray(jax.jit(jax.vmap(lambda row: model.encode(params, row).probabilities))(x))
    balanced = q[0] / [0.7, 0.2, 0.1]
    expected = -np.log(balanced[2] / balanced.sum()) - np.log(q[1, 1]) - np.log(q[2, 1])
    terms = jax.jit(model.loss)(key, params, guessed)[1]
    assert float(terms["known"]) == pytest.approx(expected / 4, rel=1e-4)
    of_classes = -np.log(0.1) - 2 * np.log(0.2) + np.sum(q[3] * np.log(q[3] / [0.7, 0.2, 0.1]))
    assert float(terms["kl_class"]) == pytest.approx(of_classes / 4, rel=1e-4)
    bound = jax.jit(lambda batch: model.bound(key, params, batch)[0])
    assert bound(guessed) == bound(plain)
    np.testing.assert_array_equal(probabilities(guessed), probabilities(plain))
    with pytest.raises(ValueError, match="guesses run from -1 to 3.*use 0 to 2, −1 for unknown, or set classes=4"):
        models.vae(recipes.joint((6,), 3)).check(Batch(np.asarray(x), guess=np.asarray([3, -1, -1, -1])))


def windows_of(brightness, count=240):
    """Windows [n 20 20] of a honeycomb whose second sublattice has this brightness over a slowly varying background."""
    frame = lattice.frame(
        jax.random.key(3), lattice="honeycomb", spacing=9.0, width=2.0, brightness=brightness, background=0.4,
        dose=200.0, vacancies=0.0, dopants=0.0, size=(260, 260),
    )  # fmt: skip
    cut = datasets.cut(frame.image, frame.xy, window=20, normalise="none")
    rows = np.random.default_rng(0).permutation(len(cut.x))[:count]
    return cut.x[rows], frame.sublattice[cut.number[rows]]


def test_sublattices_are_groups_and_equal_ones_are_none():
    x, sublattice = windows_of(0.6)
    config = recipes.invariant((20, 20), data=x)
    group = groups_of(jax.random.key(0), config, x)
    assert adjusted_rand_score(sublattice, group) > 0.95
    equal = windows_of(1.0)[0]
    assert (groups_of(jax.random.key(0), config, equal) == -1).all()
    assert (groups_of(jax.random.key(0), config, x[:20]) == -1).all()


def test_the_number_of_suits_is_told_and_that_of_one_suit_or_of_noise_is_not(cards):
    frequent = np.isin(cards[1], (1, 3))
    config = recipes.invariant((12, 12))
    more = np.asarray(datasets.load(jax.random.key(4), "cards_full", size=12, per_suit=150).x)
    group = models.groups_of(jax.random.key(0), config, more)
    assert group.max() == 3 and adjusted_rand_score(np.arange(600) % 4, group) > 0.98
    assert models.groups_of(jax.random.key(0), config, cards[0][frequent]).max() == 1
    assert (models.groups_of(jax.random.key(0), config, more[::4]) == -1).all()
    noise = np.random.default_rng(0).normal(size=(300, 12, 12))
    assert (models.groups_of(jax.random.key(0), config, noise) == -1).all()


Record = namedtuple("Record", "values")


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.ones((12, 12, 30)), r"\[n 12 12\]. The examples seem to come last"),
        (np.ones((30, 12, 12, 3)), r"shape \(30, 12, 12, 3\): expected examples"),
        (np.ones((12, 12)), "leading axis"),
        (np.ones((2, 12, 12)), "2 examples are too few"),
        (np.ones((30, 12, 12)), "no differing values, all are 1"),
        (Record(np.ones((30, 11, 12))), r"shape \(30, 11, 12\): expected examples"),
        ("stack.npy", "read the file first"),
    ],
)
def test_what_has_no_groups_by_its_form_is_refused_in_words(x, words):
    config = VAEConfig(shape=(12, 12), classes=2, class_mode="joint")
    for guess in (models.groups_of, models.guess_classes):
        with pytest.raises(ValueError, match=words):
            guess(jax.random.key(0), config, x)
    with pytest.raises(ValueError, match="give a PRNG key"):
        models.groups_of(0, config, x)


def test_records_and_masked_arrays_are_data_as_arrays_are(cards):
    x = np.asarray(cards[0][:50])
    config = recipes.invariant((12, 12), data=x)
    assert recipes.invariant((12, 12), data=Record(x)) == config
    assert recipes.invariant((12, 12), data=jnp.asarray(x, jnp.bfloat16)).likelihood == config.likelihood
    hidden = np.ma.masked_array(np.where(x > 0.9, 7.0, x), x > 0.9)
    for given in (Record(hidden), Batch(x, (x <= 0.9).astype(np.float32))):
        np.testing.assert_array_equal(features_of(config, hidden), features_of(config, given))


def test_examples_beyond_those_looked_at_take_the_group_of_the_nearest(monkeypatch):
    more = np.asarray(datasets.load(jax.random.key(4), "cards_full", size=12, per_suit=150).x)
    config, whole = recipes.invariant((12, 12)), models.groups_of(jax.random.key(0), recipes.invariant((12, 12)), more)
    monkeypatch.setattr(guesses, "MOST_DENSE", 400)
    assert adjusted_rand_score(whole, models.groups_of(jax.random.key(0), config, more)) > 0.98


def test_latents_that_show_the_background_alone_are_named():
    x, sublattice = windows_of(0.6)
    config, rng = recipes.invariant((20, 20), data=x), np.random.default_rng(0)
    background = np.stack([x.mean((1, 2)), x.mean((1, 2)) + rng.normal(size=len(x))], 1)
    (problem,) = untold_groups(config, Batch(x), background, 0)
    assert "2 groups" in problem and "classes=2" in problem
    seen = np.stack([background[:, 0], sublattice + 0.1 * rng.normal(size=len(x))], 1)
    assert untold_groups(config, Batch(x), seen, 0) == ()


def test_latents_that_tell_a_factor_the_model_is_given_are_named():
    rng = np.random.default_rng(0)
    config = VAEConfig(shape=(6,), factors=1, factor_mode="conditional")
    z = rng.normal(size=(300, 2))
    (problem,) = told_factors(config, z[:, :1] ** 2, ("temperature",), z, 0)  # no line tells it
    assert "temperature" in problem and "fewer latents" in problem
    assert told_factors(config, rng.normal(size=(300, 1)), ("temperature",), z, 0) == ()
    assert told_factors(VAEConfig(shape=(6,)), z[:, :1], ("temperature",), z, 0) == ()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"steps": 0}, "steps is 0"),
        ({"latent": 0}, "latent is 0"),
        ({"starts": 0}, "starts is 0"),
        ({"classes": 1}, "classes=1: give two or more"),
        ({"labels": np.linspace(0.1, 0.9, 20)}, "give numbers as factors="),
        ({"labels": [""] * 20}, "0 classes"),
        ({"factors": {"strain": ["x"] * 20}}, "strain: factors are numbers"),
    ],
)
def test_what_a_fit_cannot_use_is_refused_in_the_words_of_the_user(wrong, words):
    curves = np.random.default_rng(0).normal(size=(20, 12))
    with pytest.raises(ValueError, match=words):
        models.fit_vae(curves, progress=False, **wrong)
