"""Ensembles: a member equals the single fit; classes are matched across members; the guide to the number of classes."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import models
from models import Batch, Code, FitConfig, Model, alignment, fit
from models.training.loop import split_rows

FIT = FitConfig(epochs=4, batch_size=10, learning_rate=0.1, validation_fraction=0.25)
CENTRES = np.array([[0.0, 3.0], [3.0, -2.0], [-3.0, -2.0]], np.float32)


def mixture(classes):
    """A mixture of unit Gaussians in the plane as a Model: bound and posterior of the class are exact."""

    def joint(params, x):
        return -0.5 * jnp.sum((x[None] - params["means"]) ** 2, axis=1) - jnp.log(2 * jnp.pi * classes)

    def init(key):
        return {"means": 2 * jax.random.normal(key, (classes, 2), jnp.float32)}

    def bound(key, params, batch, search=False):
        x = batch.x if isinstance(batch, Batch) else batch
        value = -jnp.mean(jax.nn.logsumexp(jax.vmap(joint, (None, 0))(params, x), axis=1))
        return value, {"negative_elbo": value}

    def encode(params, x, *, mask=None, label=None, factor=None, search=False):
        return Code(x, jnp.ones_like(x), probabilities=jax.nn.softmax(joint(params, x)))

    return Model(init, lambda key, params, batch, fraction=1.0: bound(key, params, batch), encode, None, bound)


def blobs(key, n=90):
    return jnp.asarray(np.repeat(CENTRES, n // 3, 0)) + 0.5 * jax.random.normal(key, (n, 2), jnp.float32)


def test_member_of_an_ensemble_is_the_single_fit(key):
    keys, data = jax.random.split(key, 3), Batch(blobs(key))
    params, history = jax.jit(lambda k: models.fit_ensemble(k, mixture(3), data, FIT))(keys)
    alone, history_alone = jax.jit(lambda k: fit(k, mixture(3), data, FIT))(keys[1])
    np.testing.assert_allclose(params["means"][1], alone["means"], atol=1e-5)
    np.testing.assert_allclose(history.validation["loss"][1], history_alone.validation["loss"], rtol=1e-5)


def test_the_best_restart_is_the_one_whose_held_out_bound_is_lowest(key):
    data = blobs(key)
    best = jax.jit(lambda k: models.restarts(k, 5, mixture(3), data, replace(FIT, epochs=10)))(key)
    assert best.negative_elbo.shape == (5,) and best.chosen == np.argmin(best.negative_elbo)
    _, held = split_rows(jax.random.split(key, 3)[0], len(data), FIT)
    again = jax.jit(mixture(3).bound)(key, best.params, data[np.asarray(held)])[0]
    np.testing.assert_allclose(again, best.negative_elbo[best.chosen], rtol=1e-5)
    assert np.ptp(best.negative_elbo) > 0.01


def test_a_restart_that_blew_up_is_never_chosen(key):
    def init(key):
        bad = jax.random.bernoulli(key, 0.7)
        return {"means": jnp.where(bad, jnp.nan, 1.0) * jnp.asarray(CENTRES)}

    best = jax.jit(lambda k: models.restarts(k, 6, mixture(3)._replace(init=init), blobs(k), FIT))(key)
    values = np.asarray(best.negative_elbo)
    assert np.isnan(values).any() and np.isfinite(values[best.chosen]) and best.history.finite.all()


def shuffled(generator, members=6, n=300, classes=4, wrong=0.1):
    """Return the true classes, each member's order of the classes, and the members' one-hot predictions.

    Members agree except for a share ``wrong`` of the examples.
    """
    truth = generator.integers(classes, size=n)
    names = np.stack([generator.permutation(classes) for _ in range(members)])
    predicted = np.where(generator.random((members, n)) < wrong, generator.integers(classes, size=(members, n)), truth)
    return truth, names, np.eye(classes)[np.take_along_axis(names, predicted, 1)]


def test_alignment_finds_the_permutations_that_were_applied():
    truth, names, probabilities = shuffled(np.random.default_rng(1))
    permutations = alignment.align(probabilities)
    # class k of the consensus is names[m, t] for one and the same true class t in every member
    true_class = np.take_along_axis(np.argsort(names, 1), permutations, 1)
    assert (true_class == true_class[:1]).all() and (np.sort(permutations, 1) == np.arange(4)).all()
    ours = alignment.consensus(alignment.aligned(probabilities, permutations))
    assert np.mean(true_class[0][ours.mean.argmax(1)] == truth) > 0.98
    unmatched = alignment.consensus(probabilities)
    assert ours.disagreement.mean() < 0.5 * unmatched.disagreement.mean()
    assert ours.stability.min() > 0.8 > unmatched.stability.max()


def test_alignment_does_not_depend_on_the_order_of_members_or_examples():
    _, _, probabilities = shuffled(np.random.default_rng(2))
    order = np.random.default_rng(3).permutation(300)
    first = alignment.aligned(probabilities, alignment.align(probabilities)).mean(0)
    other = probabilities[::-1][:, order]
    second = alignment.aligned(other, alignment.align(other)).mean(0)
    second = second[:, alignment.match(first[order], second)]
    np.testing.assert_allclose(first[order], second)


def test_dispersion_is_zero_where_all_agree_and_the_prior_entropy_where_nobody_does():
    same = np.tile(np.eye(3)[None, [0, 1, 2, 0]], (5, 1, 1))
    ours = alignment.consensus(same)
    for part in (ours.std, ours.total, ours.within, ours.disagreement):
        np.testing.assert_allclose(part, 0, atol=1e-12)
    np.testing.assert_array_equal(ours.stability, 1)
    torn = alignment.consensus(np.eye(3)[[[0], [1], [2]]])
    np.testing.assert_allclose(torn.disagreement, np.log(3))
    unsure = alignment.consensus(np.full((4, 2, 3), 1 / 3))
    np.testing.assert_allclose(unsure.total, np.log(3))
    np.testing.assert_allclose(unsure.disagreement, 0, atol=1e-12)
    assert np.isnan(alignment.consensus(same[:, :1]).stability[1:]).all()


def begun_at_blobs(classes):
    """A mixture whose components start at the blobs, in any order: chance decides only how blobs are divided."""

    def init(key):
        to_order, to_noise = jax.random.split(key)
        centres = jnp.asarray(CENTRES)[jax.random.permutation(to_order, classes) % 3]
        return {"means": centres + 0.5 * jax.random.normal(to_noise, (classes, 2), jnp.float32)}

    return mixture(classes)._replace(init=init)


@pytest.mark.slow
def test_members_agree_on_the_right_number_of_classes_and_disagree_on_too_many(key):
    data, held_out = blobs(key, 120), blobs(jax.random.split(key)[0], 90)
    reported = []
    guide = models.class_guide(
        key, begun_at_blobs, data, held_out, FIT, classes=(3, 6), members=6, progress=reported.append
    )
    assert reported == guide.classes.tolist() == [3, 6] and guide.negative_elbo.shape == (2, 6)
    assert guide.disagreement[0] < 0.2 * guide.disagreement[1] and guide.stability[0] > guide.stability[1]
    assert guide.used[0] == 3 and guide.least_stable[0] == 1


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda key: models.restarts(key, 0, mixture(2), blobs(key), FIT), "starts=0"),
        (lambda key: models.class_guide(key, mixture, blobs(key), blobs(key), FIT, members=1), "members=1"),
        (lambda key: alignment.align(np.full((2, 3, 2), np.nan)), "expected finite"),
        (lambda key: models.fit_ensemble(key[None], mixture(2), blobs(key, 12), FIT), "at most 9"),
        (lambda key: models.class_probabilities(classless(), {"a": jnp.ones(2)}, blobs(key)), "no classes"),
    ],
)
def test_bad_input_is_refused_in_words(key, call, words):
    with pytest.raises(ValueError, match=words):
        call(key)


def classless():
    return mixture(2)._replace(encode=lambda params, x, **given: Code(x, jnp.ones_like(x)))
