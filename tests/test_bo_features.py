"""Features of a pool: their units, the same for the pool and for new points, smooth; what is refused."""

from functools import cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bo.campaigns.cube import unit_cube
from bo.features.base import Features, fit_features, function, pca, raw
from bo.features.convolution import random_conv
from bo.features.diffusion import diffuse, diffusion, distilled
from models.features import bounded, conv, mlp, skip


class Circle(NamedTuple):
    """Angles of points on a circle, and the points in 6 dimensions."""

    angle: np.ndarray
    x: np.ndarray


@cache
def circle() -> Circle:
    """160 points, bent into 6 dimensions."""
    angle = np.random.default_rng(0).uniform(0, 2 * np.pi, 160)
    flat = np.stack([np.cos(angle), np.sin(angle)], 1)
    return Circle(angle, np.concatenate([flat, flat**2, np.prod(flat, 1, keepdims=True), 0 * angle[:, None]], 1))


@cache
def fitted() -> Features:
    """Three blocks of features of these points."""
    return fit_features(jax.random.key(0), circle().x, (raw(), pca(3), diffusion(6)))


def test_blocks_have_spread_one_and_survive_the_campaigns_unit_cube():
    x, features = circle().x, fitted()
    np.testing.assert_allclose(unit_cube(features.table, jnp.float64), features.table, atol=1e-12)
    for block in features.blocks:
        values = np.asarray(features.values(block.name))
        np.testing.assert_allclose(values.var(0).sum(), 1, rtol=1e-9)
    distance = np.linalg.norm(np.asarray(features.values("raw")[3] - features.values("raw")[90]))
    np.testing.assert_allclose(distance, np.linalg.norm(x[3] - x[90]) / np.sqrt(x.var(0).sum()), rtol=1e-9)
    with pytest.raises(ValueError, match="no block 'vae'"):
        features.values("vae")


@pytest.mark.slow
def test_new_points_get_the_features_of_the_pool():
    x, features = circle().x, fitted()
    again = features.apply(jnp.asarray(x[:20]))
    stop = features.blocks[1].stop
    np.testing.assert_allclose(
        again[:, :stop], features.table[:20, :stop], atol=1e-9
    )  # raw and principal components: exact
    error = np.abs(again[:, stop:] - features.table[:20, stop:])  # Nyström's extension
    assert error.max() < 0.2 and error.mean() < 0.03

    angle = circle().angle
    middle = (x[:1] + x[np.argsort(np.abs(angle - angle[0]))[1]][None]) / 2
    slope = jax.jacfwd(lambda point: features.apply(point[None])[0])(jnp.asarray(middle[0]))
    assert np.all(np.isfinite(slope)) and np.abs(slope[stop:]).max() > 0


def test_diffusion_coordinates_follow_the_manifold_and_not_the_density():
    """Twice as many points on one half of a circle: α = 1 still gives cos and sin of the arc."""
    angle = np.concatenate([np.linspace(0, np.pi, 200), np.linspace(np.pi, 2 * np.pi, 100)[1:-1]])
    diffused = diffuse(np.stack([np.cos(angle), np.sin(angle)], 1), 2, 10, 0.02)
    np.testing.assert_allclose(np.linalg.norm(diffused.coordinates, axis=1), 1, rtol=1e-9)
    turn = np.unwrap(np.arctan2(diffused.coordinates[:, 1], diffused.coordinates[:, 0]))
    assert abs(abs(turn[-1] - turn[0]) - 2 * np.pi) < 0.3  # once around, steadily
    assert np.all(np.diff(turn) * np.sign(turn[-1] - turn[0]) > -1e-3)


def test_diffusion_coordinates_are_those_of_dense_matrices():
    """α = 1, self-tuned widths (Zelnik-Manor and Perona 2004), coordinates divided by √(1 − λ) and by their length."""
    pool = np.random.default_rng(3).normal(size=(40, 3))
    distance = np.linalg.norm(pool[:, None] - pool[None], axis=2)
    order = np.argsort(distance, 1)
    width = np.take_along_axis(distance, order[:, 6:7], 1)
    near = np.zeros((40, 40), bool)
    np.put_along_axis(near, order[:, 1:7], True, 1)
    kernel = np.where(near | near.T, np.exp(-(distance**2) / (width * width.T)), 0) + np.eye(40)
    kernel = kernel / kernel.sum(1) / kernel.sum(1)[:, None]
    walk = kernel / kernel.sum(1)[:, None]
    value, vector = np.linalg.eig(walk)
    order = np.argsort(-value.real)[1:5]  # without the constant one
    weight = kernel.sum(1) / kernel.sum()
    vector = vector.real[:, order] / np.sqrt(weight @ vector.real[:, order] ** 2)
    expected = vector / np.sqrt(1 - value.real[order])
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    found = diffuse(pool, 4, 6, 1e-9).coordinates
    np.testing.assert_allclose(found * np.sign((found * expected).sum(0)), expected, atol=1e-6)


def test_parts_that_do_not_touch_stay_a_finite_distance_apart():
    cloud = np.random.default_rng(1).normal(size=(60, 3))
    diffused = diffuse(np.concatenate([cloud, cloud + 100]), 5, 8, 0.02)
    assert np.all(np.isfinite(diffused.coordinates))
    distance = np.linalg.norm(diffused.coordinates[:60].mean(0) - diffused.coordinates[60:].mean(0))
    assert distance > 1  # of coordinates that have length 1


def test_a_distilled_network_gives_the_same_features_to_new_points():
    x, exact = circle().x, diffusion(3)
    extractor = distilled(exact, mlp((6, 32, 3)), steps=400)
    params, values = extractor.fit(jax.random.key(1), x[:120])
    expected = exact.apply(exact.fit(jax.random.key(1), x[:120])[0], jnp.asarray(x[120:]))
    error = np.asarray(extractor.apply(params, jnp.asarray(x[120:]))) - np.asarray(expected)
    assert np.sqrt(np.mean(error**2)) < 0.2 * values.std()


@pytest.mark.parametrize("chunk", [7, 1000])
def test_a_function_sees_every_point_of_the_pool_whatever_the_pieces(chunk):
    extractor = function("squares", lambda x: x**2, chunk=chunk)
    _, squares = extractor.fit(jax.random.key(0), circle().x)
    np.testing.assert_allclose(squares, circle().x ** 2, rtol=1e-6)


def test_random_convolutions_depend_on_the_key_and_are_the_same_for_the_pool_and_new_images():
    images = np.random.default_rng(2).normal(size=(40, 8, 8)).reshape(40, -1)
    extractor = random_conv((8, 8, 1), filters=8, width=3, regions=2, components=5)
    params, values = extractor.fit(jax.random.key(0), images)
    np.testing.assert_allclose(extractor.apply(params, jnp.asarray(images)), values, atol=1e-4)
    other = extractor.fit(jax.random.key(1), images)[1]
    assert np.abs(other - values).max() > 1e-3


def test_a_matrix_of_zeros_is_bounded_already():
    assert np.all(np.asarray(bounded(jnp.zeros((3, 2)), 1.0)) == 0)


def test_a_network_may_shrink_distances_but_not_to_nothing():
    network = skip(5, 2, norm=0.5)
    params = network.init(jax.random.key(0))
    assert (
        np.linalg.norm(jax.jacobian(lambda x: network.apply(params, x[None])[0])(jnp.ones(5)), 2) < 0.5 + 0.5**3 + 0.1
    )
    for norm in (0.0, -1.0, np.nan):
        with pytest.raises(ValueError, match="norm="):
            skip(5, 2, norm=norm)


@pytest.mark.slow
def test_networks_are_bounded_and_every_weight_gets_a_gradient(key):
    matrix = jax.random.normal(key, (20, 7), jnp.float32)
    assert abs(np.linalg.norm(bounded(matrix, 1.5), 2) - 1.5) < 0.06  # a few power iterations
    np.testing.assert_array_equal(bounded(0.01 * matrix, 1.0), 0.01 * matrix)
    for network in (skip(16, 3), conv((4, 4, 1), 3)):
        weights = network.init(key)
        x = jax.random.normal(key, (9, 16), jnp.float32)
        slopes = jax.grad(lambda w: jnp.sum(jnp.sin(network.apply(w, x))))(weights)  # noqa: B023
        assert all(np.any(np.asarray(leaf) != 0) for leaf in jax.tree.leaves(slopes))


@pytest.mark.parametrize(
    ("pool", "extractors", "message"),
    [
        (np.zeros((2, 4)), (raw(),), "3 points or more"),
        (np.full((9, 4), np.nan), (raw(),), "9 points have pixels that are not finite, the first is 0"),
        (np.zeros((9, 4)), (raw(),), "all 9 points of the pool are the same"),
        (np.eye(9), (raw(), raw()), "distinct names"),
        (np.eye(9), (diffusion(),), "larger pool"),
        (np.eye(9), (random_conv((4, 4, 1), width=3, regions=2),), "images of"),
    ],
)
def test_bad_pools_are_refused(pool, extractors, message):
    with pytest.raises(ValueError, match=message):
        fit_features(jax.random.key(0), pool, extractors)
    with pytest.raises(ValueError, match="sequence"):
        fit_features.__wrapped__(jax.random.key(0), np.eye(9), raw())
    for wrong in (lambda: pca(0), lambda: diffusion(0), lambda: random_conv((2, 2, 1)), lambda: skip(2, 3)):
        with pytest.raises(ValueError):
            wrong()
