"""Diffusion coordinates of images whose distances are the least over small shifts."""

from functools import cache
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage
from sklearn.datasets import load_digits

from bo.features.base import Features, fit_features
from bo.features.diffusion import diffuse, diffusion, neighbours_of, shifted

SHAPE = (7, 9)


@cache
def spots() -> np.ndarray:
    """60 images (60, 63) of a spot of random place and width; the last one is the first one, moved by a pixel."""
    row, column = np.mgrid[: SHAPE[0], : SHAPE[1]]
    place, width = np.random.default_rng(0).uniform(1, 5, (60, 2)), np.random.default_rng(1).uniform(0.5, 2, 60)
    square = (row - place[:, :1, None]) ** 2 + (column - place[:, 1:, None]) ** 2
    images = np.exp(-square / (2 * width[:, None, None] ** 2))
    images[-1] = ndimage.shift(images[0], (1, -1), order=1, mode="nearest")
    return images.reshape(60, -1)


@cache
def fitted() -> Features:
    """The features of the spots, with shifts of up to a pixel."""
    return fit_features(jax.random.key(0), spots(), (diffusion(6, neighbours=5, image=SHAPE, shift=1),))


@pytest.mark.parametrize("offset", [(0, 0), (0, -1), (-1, 1), (2, 12)])
def test_shifted_images_are_those_of_scipy_with_repeated_edges(offset):
    images = np.random.default_rng(2).normal(size=(3, *SHAPE))
    expected = ndimage.shift(images, (0, *offset), order=1, mode="nearest").reshape(3, -1)
    found = shifted(jnp.asarray(images.reshape(3, -1)), jnp.asarray(offset), SHAPE)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_without_a_shift_every_bit_is_that_of_the_euclidean_distance():
    plain, given = (diffusion(5, neighbours=4, image=image) for image in (None, SHAPE))
    (params, values), (same, again) = (each.fit(jax.random.key(0), spots()) for each in (plain, given))
    np.testing.assert_array_equal(values, again)
    np.testing.assert_array_equal(
        plain.apply(params, jnp.asarray(spots()[:9])), given.apply(same, jnp.asarray(spots()[:9]))
    )
    assert np.abs(diffuse(spots(), 5, 4, 0.02, SHAPE, 1).coordinates - values).max() > 1e-3


def test_an_image_and_its_copy_a_pixel_away_are_nearest_neighbours():
    mean = np.zeros(spots().shape[1])
    far, others = neighbours_of(spots(), 3, mean, None, 0)
    distance, near = neighbours_of(spots(), 3, mean, SHAPE, 1)
    assert near[0, 0] == 59 and distance[0, 0] < 1e-6
    assert others[0, 0] != 59 and far[0, 0] > 0.05


def test_neighbours_are_those_of_all_distances_at_all_shifts():
    images, mean = spots(), spots().mean(0)
    table = np.full((60, 60), np.inf)
    for offset in product((-1, 0, 1), repeat=2):  # whole pixels: what lies between them is blurred and nearer
        copies = np.stack([ndimage.shift(x.reshape(SHAPE), offset, order=1, mode="nearest").ravel() for x in images])
        table = np.minimum(table, np.linalg.norm(copies[:, None] - images[None], axis=2))
    np.fill_diagonal(table, np.inf)
    distance, near = neighbours_of(images - mean, 6, mean, SHAPE, 1)
    np.testing.assert_allclose(distance, np.sort(table, 1)[:, :6], atol=1e-6)
    np.testing.assert_allclose(np.take_along_axis(table, near, 1), distance, atol=1e-6)
    assert all(len(set(row)) == 6 for row in near.tolist())  # no neighbour twice
    for image in (images, images + 1e7):
        moved = diffuse(image, 6, 6, 0.02, SHAPE, 1)
        np.testing.assert_allclose(moved.bandwidth * moved.spread, distance[:, -1], atol=1e-6)


def test_new_images_get_the_coordinates_of_the_pool():
    images = load_digits(return_X_y=True)[0][:400] / 16
    features = fit_features(jax.random.key(0), images, (diffusion(6, image=(8, 8), shift=1),))
    plain = fit_features(jax.random.key(0), images, (diffusion(6),))
    error, usual = (
        np.abs(each.apply(jnp.asarray(images[:100])) - each.table[:100]).mean() for each in (features, plain)
    )
    assert error < 1.25 * usual < 0.1
    copies = ndimage.shift(images[:100].reshape(-1, 8, 8), (0, 1, 0), order=1, mode="nearest").reshape(100, -1)
    error, usual = (np.abs(each.apply(jnp.asarray(copies)) - each.table[:100]).mean() for each in (features, plain))
    assert error < 0.7 * usual


def test_coordinates_of_new_images_have_the_gradients_of_their_differences():
    apply = fitted().apply
    point, direction = jnp.asarray(spots()[3] * 0.6 + spots()[8] * 0.4), jnp.cos(jnp.arange(63.0) / 5)

    def coordinates(step):
        return jnp.sum(jnp.sin(apply((point + step * direction)[None])))

    slope = jax.jit(jax.grad(coordinates))(0.0)
    around = [float(coordinates(step)) for step in (-1e-5, 1e-5)]
    np.testing.assert_allclose(slope, (around[1] - around[0]) / 2e-5, rtol=1e-4)
    assert abs(slope) > 1e-3
    flat = jax.grad(lambda x: jnp.sum(apply(x[None])))(jnp.full(63, 0.5))  # all shifts are equally near
    assert np.all(np.isfinite(flat))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shift": 1.0}, "shift=1 without image"),
        ({"shift": -1, "image": SHAPE}, "shift is -1; expected a whole number of at least 0"),
        ({"shift": 0.5, "image": SHAPE}, "shift is 0.5; expected a whole number"),
        ({"shift": 7, "image": SHAPE}, "nothing is left of images of .7, 9. pixels"),
        ({"shift": float("nan"), "image": SHAPE}, "finite"),
        ({"shift": float("inf"), "image": SHAPE}, "finite"),
        ({"shift": 1, "image": (0, 63)}, "at least 1"),
        ({"shift": 1, "image": (8, 8)}, "images of .8, 8. have 64"),
        ({"image": (8, 8)}, "images of .8, 8. have 64"),
    ],
)
def test_shifts_and_shapes_that_do_not_fit_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        fit_features(jax.random.key(0), spots(), (diffusion(4, neighbours=4, **options),))
