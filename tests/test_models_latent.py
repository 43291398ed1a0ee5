"""Latent tools on images with poses and classes; scores of classes and angles against the truth."""

from inspect import unwrap

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import models
from models import Batch, Code, Model, Pose, scores

SHAPE = (2, 3)
NOWHERE = Pose()
GRID = np.stack(np.meshgrid(np.arange(3.0), np.arange(3.0)), -1).reshape(-1, 2)


def decode(params, z, *, pose=NOWHERE, label=None, factor=None):
    """A picture whose pixels are the inputs: z₁, z₂, angle, shift x, label, factor."""
    angle = 0.0 if pose.angle is None else pose.angle
    shift = jnp.zeros(2) if pose.shift is None else pose.shift
    label = 0 if label is None else jnp.argmax(label) if jnp.ndim(label) else label
    factor = jnp.zeros(1) if factor is None else factor
    return jnp.stack([z[0], z[1], angle, shift[0], label, factor[0]]).astype(jnp.float32).reshape(SHAPE)


def encode(params, x, *, mask=None, label=None, factor=None, search=False):
    flat = x.reshape(-1)
    return Code(
        flat[:2],
        jnp.full(2, 0.1, jnp.float32),
        Pose(angle=flat[2], shift=jnp.stack([flat[3], flat[3]])),
        probabilities=jax.nn.one_hot(flat[4].astype(int) if label is None else label, 4, dtype=jnp.float32),
        factor=flat[5:],
    )


def bound(key, params, batch, search=False):
    """The mean of all values as the bound, so that means over chunks can be compared with the mean over all."""
    value = jnp.mean(batch.x) + 0 * jax.random.normal(key)
    return value, {"reconstruction": value, "searched": jnp.asarray(float(search), jnp.float32)}


MODEL = Model(lambda key: {}, lambda key, params, batch, fraction=1.0: bound(key, params, batch), encode, decode, bound)


def pictures(n=7):
    values = np.random.default_rng(0).normal(size=(n, 6))
    values[:, 4] = np.arange(n) % 4
    return jnp.asarray(values.reshape(n, *SHAPE), jnp.float32)


@pytest.mark.parametrize("chunk", [3, 100])
def test_every_example_goes_through_its_own_code_and_back(chunk):
    x = pictures()
    np.testing.assert_array_equal(models.reconstruct_all(MODEL, {}, x, chunk), x)
    code = models.encode_all(MODEL, {}, Batch(x, label=jnp.full(7, 2)), chunk)
    assert code.mean.shape == (7, 2) and (code.probabilities.argmax(1) == 2).all()


def test_a_second_call_traces_nothing_outside_jit_as_well(key):
    traced, x = [], pictures()

    def counted(*arguments, **given):
        traced.append(1)
        return encode(*arguments, **given)

    model = MODEL._replace(encode=counted, config={"not": "hashable"})
    for call in (lambda: models.encode_all(model, {}, x), lambda: models.evaluate(key, model, {}, x, 1)):
        call()
        times = len(traced)
        call()
        assert len(traced) == times > 0


def test_quality_is_that_of_all_examples_whatever_the_chunks_and_misses_what_is_masked(key):
    x = pictures()
    for chunk in (None, 3, 7, 50):
        quality = models.evaluate(key, MODEL, {}, x, 2, chunk=chunk)
        np.testing.assert_allclose(quality["negative_elbo"], x.mean(), rtol=1e-5)
        assert quality["rmse_mean"] == 0 and quality["searched"] == 0
    assert models.evaluate(key, MODEL, {}, x, 1, search=True)["searched"] == 1
    off = MODEL._replace(decode=lambda *a, **k: decode(*a, **k).at[0, 0].add(2.0))
    assert models.evaluate(key, off, {}, x, 1)["rmse_mean"] == pytest.approx(2 / np.sqrt(6))
    mask = jnp.ones_like(x).at[:, 0, 0].set(0)
    hidden = x.at[:, 0, 0].set(jnp.nan)
    known = off._replace(bound=MODEL.bound, encode=lambda p, x, **k: encode(p, jnp.nan_to_num(x), **k))
    assert models.evaluate(key, known, {}, Batch(hidden, mask), 1)["rmse_mean"] == 0


def test_manifold_has_its_axes_where_they_belong_and_carries_pose_label_and_factor():
    first, second = models.linear_axis(3), models.quantile_axis(5)
    z, images = models.manifold(
        MODEL, {}, (first, second), pose=Pose(angle=jnp.asarray(0.5)), label=3, factor=jnp.array([7.0])
    )
    assert z.shape == (3, 5, 2) and images.shape == (3, 5, *SHAPE)
    np.testing.assert_allclose(images[..., 0, 0], np.broadcast_to(first[:, None], (3, 5)))
    np.testing.assert_allclose(images[..., 0, 1], np.broadcast_to(second, (3, 5)))
    np.testing.assert_allclose(images[0, 0, 0, 2], 0.5)
    np.testing.assert_allclose(images[1, 2, 1, 1:], [3, 7])
    swapped = models.manifold(MODEL, {}, (first,), latents=(1,), at=jnp.array([9.0, 0.0]))[1]
    np.testing.assert_allclose(swapped[:, 0, :2], np.stack([np.full(3, 9), first], 1))


def test_quantile_axis_has_the_prior_s_probabilities():
    axis = models.quantile_axis(9, tail=0.1)
    np.testing.assert_allclose(stats.norm.cdf(axis), np.linspace(0.1, 0.9, 9), atol=1e-6)
    assert axis.dtype == jnp.float32


def test_traversal_moves_one_latent_at_a_time_with_the_rest_of_each_row():
    z, axis = jnp.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), jnp.array([-1.0, 0.0, 1.0, 2.0])
    images = models.traverse(MODEL, {}, z, axis, pose=Pose(angle=jnp.arange(3.0)), label=jnp.array([0, 1, 2]))
    assert images.shape == (3, 2, 4, *SHAPE)
    np.testing.assert_allclose(images[1, 0, :, 0], [[-1, 4, 1], [0, 4, 1], [1, 4, 1], [2, 4, 1]])
    np.testing.assert_allclose(images[2, 1, 3], [[5, 2, 2], [0, 2, 0]])
    turned = models.traverse_pose(MODEL, {}, z[0], Pose(angle=axis), label=1)
    np.testing.assert_allclose(turned[:, 0, 2], axis)


def test_clusters_are_named_to_fit_best_and_k_means_finds_blobs(key):
    truth = np.repeat([0, 1, 2], 20)
    assert scores.clustering_accuracy(truth, (truth + 1) % 3, 3) == 1
    predicted = np.where(np.arange(60) % 10 == 0, 0, (truth + 1) % 3)
    np.testing.assert_array_equal(scores.rename(truth, predicted, 3)[1:10], 0)
    counts = scores.confusion(truth, predicted, 3)
    assert counts.sum() == 60 and counts[0, 1] == 18
    for one in (truth[:, None], truth[:0]):
        with pytest.raises(ValueError, match="one each per example"):
            scores.confusion(one, one, 3)
    for wrong in (truth - 1, truth + 1):
        with pytest.raises(ValueError, match="expected 0 to 2"):
            scores.confusion(truth, wrong, 3)
    points = np.random.default_rng(0).normal(size=(60, 2)) + 10 * np.eye(3)[truth][:, :2]
    assert scores.clustering_accuracy(truth, scores.kmeans(key, points, 3), 3) == 1


def test_circular_statistics_equal_scipy():
    angle = np.random.default_rng(0).normal(3.0, 0.4, 500)
    assert scores.circular_mean(angle) == pytest.approx(scores.wrap(stats.circmean(angle)))
    assert scores.circular_std(angle) == pytest.approx(stats.circstd(angle))
    assert scores.circular_std(angle, np.pi) == pytest.approx(stats.circstd(angle, high=np.pi))


@pytest.mark.parametrize("common", [False, True])
def test_angle_errors_forget_symmetry_and_offset_but_nothing_else(common):
    generator = np.random.default_rng(4)
    label, symmetry = generator.integers(3, size=600), np.array([1, 2, 4])
    truth, noise = generator.uniform(-2, 2, 600), generator.normal(0, 0.02, 600)
    offset = np.full(3, 0.9) if common else np.array([0.9, -0.4, 0.3])
    turns = generator.integers(4, size=600) * 2 * np.pi / symmetry[label]
    errors = scores.angle_errors(truth, truth + noise + offset[label] + turns, label, symmetry, common_offset=common)
    np.testing.assert_allclose(scores.wrap(errors.offset - offset, 2 * np.pi / symmetry), 0, atol=0.01)
    np.testing.assert_allclose(errors.mean, 0.02 * np.sqrt(2 / np.pi), rtol=0.15)
    wrong = scores.angle_errors(truth, truth + turns, np.zeros(600, int), (1,))
    assert wrong.mean[0] > 0.3


def test_one_offset_for_all_shows_that_classes_disagree():
    label, truth = np.repeat([0, 1], 200), np.linspace(-1, 1, 400)
    errors = scores.angle_errors(truth, truth + 1.0 * label, label, (1, 1), common_offset=True)
    assert errors.mean.sum() == pytest.approx(1.0, abs=0.02)
    assert scores.angle_errors(truth, truth + 1.0 * label, label, (1, 1)).mean.max() < 1e-9


def test_branches_are_found_with_their_shares_and_spreads():
    generator = np.random.default_rng(5)
    centre = np.repeat([3.1, 1.0, -1.1], [600, 300, 100])
    branches = scores.branches(scores.wrap(centre + generator.normal(0, 0.05, 1000)))
    np.testing.assert_allclose([b.share for b in branches], [0.6, 0.3, 0.1], atol=0.01)
    np.testing.assert_allclose([b.spread for b in branches], 0.05, rtol=0.2)
    np.testing.assert_allclose([b.centre for b in branches], [3.1, 1.0, -1.1], atol=0.02)
    assert len(scores.branches(generator.uniform(-np.pi, np.pi, 2000))) > 3


def test_cells_of_a_grid_are_apart_or_refused():
    near = models.latent_grid(1e6, 1e6 + 1, 3)
    assert len(np.unique(near[:, 0])) == 3 and near.shape == (9, 2)
    np.testing.assert_array_equal(models.latent_grid(-1.0, 1.0, 1), [[-1.0, -1.0]])
    for low, high, points in ((1e9, 1e9 + 1, 3), (-1.0, 1e39, 3), (1.0, 1.00001, 1000)):
        with pytest.raises(ValueError, match="single precision cannot tell these points apart"):
            models.latent_grid(low, high, points)
        with pytest.raises(ValueError, match="single precision"):
            models.linear_axis(points, low, high)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: models.decode_all(MODEL, {}, jnp.zeros((3, 2)), label=jnp.zeros(2, int)), "2 poses"),
        (lambda: models.manifold(MODEL, {}, (jnp.zeros(2), jnp.zeros(2)), latents=(0, 0)), "one axis per latent"),
        (lambda: models.quantile_axis(3, tail=0.5), "tail=0.5"),
        (lambda: models.linear_axis(3, 1.0, 1.0), "low < high"),
        (lambda: models.latent_grid(-1.0, np.inf, 3), "high is inf; expected one finite number"),
        (lambda: models.linear_axis(0), "one point or more"),
        (lambda: models.decode_all(MODEL, {}, jnp.zeros((3, 2)), -1), "chunk is -1; expected a whole number of at"),
        (lambda: models.encode_all(MODEL, {}, pictures(), 0), "chunk is 0"),
        (lambda: models.evaluate(jax.random.key(0), MODEL, {}, pictures(), 0), "samples is 0"),
        (lambda: models.evaluate(jax.random.key(0), MODEL, {}, pictures(), chunk=0), "chunk is 0"),
        (lambda: models.negative_elbo(jax.random.key(0), MODEL, {}, pictures(), samples=0), "samples is 0"),
        (lambda: models.inside_support(GRID, GRID, neighbours=0), "neighbours is 0; expected a whole number of at"),
        (lambda: models.inside_support(GRID, GRID, coverage=np.nan), "coverage is nan"),
        (lambda: scores.confusion(np.array([0, 3]), np.array([0, 1]), 3), "expected 0 to 2"),
        (lambda: scores.angle_errors(np.zeros(2), np.zeros(3)), "give one each"),
        (lambda: scores.angle_errors(np.zeros(2), np.zeros(2), np.array([0, 1]), (1,)), "each of the 2 classes"),
    ],
)
def test_bad_input_is_refused_in_words(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: unwrap(models.latent_grid)(-1.0, 1.0, 2.5), "points is 2.5; expected a whole number"),
        (lambda: unwrap(models.latent_grid)(-1.0, 1.0, "a"), "points is 'a'"),
        (lambda: unwrap(models.quantile_axis)(2.5), "points is 2.5"),
        (lambda: unwrap(models.quantile_axis)("3"), "points is '3'"),
        (lambda: unwrap(models.decode_all)(MODEL, {}, jnp.zeros((3, 2)), chunk=2.5), "chunk is 2.5"),
        (lambda: unwrap(models.reconstruct_all)(MODEL, {}, pictures(), "2"), "chunk is '2'"),
        (lambda: unwrap(models.evaluate)(jax.random.key(0), MODEL, {}, pictures(), 2.5), "samples is 2.5"),
        (lambda: unwrap(models.inside_support)(GRID, GRID, neighbours=2.5), "neighbours is 2.5"),
        (lambda: unwrap(models.inside_support)(np.zeros((4, 3)), GRID), r"grid has shape \(4, 3\), means \(9, 2\)"),
        (lambda: unwrap(models.inside_support)(GRID[0], GRID), r"grid has shape \(2,\)"),
    ],
)
def test_what_users_without_a_type_checker_give_is_refused_by_its_name(call, words):
    with pytest.raises(ValueError, match=words):
        call()
