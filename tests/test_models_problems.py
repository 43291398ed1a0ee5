"""Fits that learn nothing say so: collapsed content, unused classes, no better than the mean, not finite."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import models
from models import FitConfig, FitHistory, VAEConfig, collapse
from models.evaluation.problems import Checked, in_words

GOOD = Checked(1000, 0.11, 0.3, 0.1, (0.9, 1.1), (2.0, 3.0), (0.5, 0.46, 0.04), ())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"information": (0.01, 0.02)}, "latent space has collapsed"),
        ({"information": (0.001, 3.0), "error": 0.15}, "latent 1 of 2 has collapsed.*latent_dim=1"),
        ({"error": 0.299}, "no better than by the mean example"),
        ({"class_shares": (0.6, 0.4, 0.0)}, "class 2 of 3 is not used.*classes=2"),
        ({"error": 0.9999, "mean_error": 1.0, "noise": 0.99}, "no better"),  # hidden in noise, and nothing found
    ],
)
def test_every_problem_is_said_with_what_to_change(changes, words):
    (found,) = in_words(GOOD._replace(**changes))
    assert re.search(words, found)


def test_what_is_right_is_not_complained_about():
    assert in_words(GOOD) == ()
    assert in_words(GOOD._replace(information=(0.001, 3.0), error=0.105)) == ()  # explained down to the noise
    assert in_words(GOOD._replace(error=0.992, mean_error=1.0, noise=0.99)) == ()  # weak signal, found
    assert in_words(GOOD._replace(noise=float("nan"), class_shares=())) == ()


def test_a_latent_is_judged_by_what_it_tells_and_not_by_its_spread():
    """Means .08 apart are told apart by posteriors .01 wide, and not by those of the prior's width."""
    mean = 1.8 + 0.08 * np.random.default_rng(0).normal(size=(500, 2))
    spread, information = collapse.use_of_latents(mean, np.full((500, 2), [0.01, 1.0]))
    assert max(spread) < 0.1 and information[0] == pytest.approx(np.log(8), abs=0.1)
    assert collapse.collapsed(information) == [2] and collapse.collapsed([np.nan, 1.0]) == [1]


def history(**terms):
    """History of two members over three epochs, of which the second went well."""
    validation = {name: jnp.asarray([[0.0, 0.0, bad], [0.0, 0.0, good]]) for name, (bad, good) in terms.items()}
    train = {name: values for name, values in validation.items() if name == "classes_unused"}
    return FitHistory(train, validation, jnp.ones((2, 3), bool), jnp.asarray([3, 3]), jnp.asarray([3, 3]))


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ({"kl": (0.01, 2.0)}, "content has collapsed"),
        ({"rmse": (0.3, 0.1), "rmse_of_mean": (0.3, 0.3)}, "no better than by their mean"),
        ({"classes_unused": (2.0, 0.0)}, "2 of the classes are not used"),
    ],
)
def test_the_history_of_a_fit_says_it_for_the_member_that_failed(terms, words):
    (found,) = history(**terms).problems
    assert found.startswith("fit 0: ") and words in found


def test_a_training_that_became_non_finite_is_said_by_epoch():
    broken = history(kl=(0.0, 2.0))._replace(finite=jnp.asarray([[True, False, False], [True, True, True]]))
    (found,) = broken.problems
    assert "non-finite in epoch 2" in found


def test_a_fit_none_of_whose_epochs_was_better_says_so():
    terms = {"rmse": np.full(3, np.nan), "kl": np.full(3, np.nan)}
    (words,) = collapse.in_last_epoch(terms, terms, 0)
    assert "no epoch was better" in words
    cut = {name: values[:0] for name, values in terms.items()}
    assert collapse.in_last_epoch(cut, cut, 0) == (words,)


def test_a_rare_class_that_some_batches_miss_is_used():
    missed = history(classes_unused=(1.0, 0.0))
    assert not missed._replace(train={"classes_unused": 0.4 * missed.validation["classes_unused"]}).problems


def test_a_grey_frame_under_a_bernoulli_likelihood_collapses_and_says_so():
    """A weak grey pattern: the codes collapse under Bernoulli, and not with what observation_of finds."""
    generator = np.random.default_rng(0)
    wave = np.sin(np.linspace(0, 2 * np.pi, 20))
    grey = 0.4 + 0.06 * generator.normal(size=(300, 1)) * wave[None] + 0.01 * generator.normal(size=(300, 20))
    x = jnp.asarray(grey, jnp.float32)
    fit_config = FitConfig(epochs=200, batch_size=48, validation_fraction=0.2, learning_rate=1e-2)
    checked = {}
    for likelihood, sigma in {("bernoulli", 1.0), models.observation_of(x)[:2]}:
        model = models.vae(VAEConfig(shape=(20,), hidden=(16,), latent_dim=1, likelihood=likelihood, sigma=sigma))
        params, losses = jax.jit(lambda key, model=model: models.fit(key, model, x, fit_config))(jax.random.key(0))
        checked[likelihood] = models.problems_of(model, params, x, losses), losses
    report, losses = checked["bernoulli"]
    assert report.information[0] < collapse.EMPTY and "collapsed" in report.problems[0]
    assert any("no better" in problem for problem in report.problems)
    assert any("content has collapsed" in problem for problem in losses.problems)
    report, losses = checked["gaussian"]
    assert report.problems == losses.problems == () and report.information[0] > 1
    assert report.noise == pytest.approx(0.01, rel=0.1) and report.error < 1.5 * report.noise


def falling(error, bound, noise):
    """History of one fit over 40 epochs with these rates per epoch of the error's share and of the bound in nats."""
    epochs = np.arange(40)
    bounds = 100 + bound * epochs[::-1] + noise * np.random.default_rng(0).normal(size=40)
    terms = {"rmse": 0.5 + error * epochs[::-1], "rmse_of_mean": np.ones(40), "negative_elbo": bounds}
    terms = {name: jnp.asarray(values, jnp.float32) for name, values in terms.items()}
    return FitHistory(terms, terms, jnp.ones(40, bool), jnp.asarray(40), jnp.asarray(40))


def test_a_training_that_ends_while_the_bound_still_rises_was_too_short():
    (found,) = falling(0.01, 2.0, 0.001).problems
    assert "too short" in found and "rose by 8 nats" in found and "4 %" in found  # four epochs of 2 nats
    assert not falling(0.01, 2.0, 20.0).problems  # lost in the noise of the epochs
    assert not falling(0.001, 2.0, 0.5).problems  # sure, but little
    assert not falling(-0.01, -2.0, 0.5).problems
