"""Poses as affine maps: rigid in images of any shape, undone by their inverse, turning in the documented direction."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from models import Pose
from models.parts import coordinates

SCALAR = jnp.float32
transform = jax.jit(coordinates.transform)
rotated_copies = jax.jit(coordinates.rotated_copies)


def pose(angle=0.0, shift=(0.0, 0.0), scale=0.0, shear=0.0):
    return Pose(SCALAR(angle), jnp.asarray(shift, SCALAR), SCALAR(scale), SCALAR(shear))


def test_grid_is_square_in_pixels_and_centred_whatever_the_sides():
    grid = coordinates.pixel_grid((3, 6)).reshape(3, 6, 2)
    np.testing.assert_allclose(np.diff(grid[..., 0], axis=1), 1 / 3, rtol=1e-6)
    np.testing.assert_allclose(np.diff(grid[..., 1], axis=0), -1 / 3, rtol=1e-6)  # y points up
    np.testing.assert_allclose(grid.mean((0, 1)), 0, atol=1e-7)
    assert grid[0, -1, 0] == pytest.approx(5 / 6) and grid[0, 0, 1] == pytest.approx(1 / 3)
    np.testing.assert_allclose(coordinates.pixel_grid((4,))[:, 0], [-0.75, -0.25, 0.25, 0.75])


def test_rotation_is_rigid_and_undone_by_its_opposite():
    grid = jnp.asarray(coordinates.pixel_grid((3, 7)))
    turned = transform(pose(angle=0.7), grid)
    lengths = np.linalg.norm(np.asarray(turned)[:, None] - np.asarray(turned)[None], axis=-1)
    np.testing.assert_allclose(lengths, np.linalg.norm(grid[:, None] - grid[None], axis=-1), atol=1e-6)
    np.testing.assert_allclose(transform(pose(angle=-0.7), turned), grid, atol=1e-6)


def test_both_signs_in_one_batch():
    grid = jnp.asarray(coordinates.pixel_grid((4, 4)))
    angles = jnp.asarray([0.5, -0.5], SCALAR)
    both = jax.vmap(lambda a: transform(Pose(angle=a), grid))(angles)
    for angle, transformed in zip(angles, both, strict=True):
        np.testing.assert_allclose(transformed, transform(pose(angle=angle), grid), atol=1e-6)


def test_a_point_of_the_content_appears_where_the_definition_says(key):
    """A content at u appears at r = rotation · shear · scale · u + shift; ``transform`` is the inverse of that."""
    u = np.asarray(jax.random.normal(key, (2,)), np.float32)
    angle, shear, scale, shift = 0.4, 0.3, 0.2, np.array([0.1, -0.2])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    r = turn @ np.array([[1, np.tan(shear)], [0, 1]]) @ (np.exp(scale) * u) + shift
    back = transform(pose(angle, shift, scale, shear), jnp.asarray(r[None], SCALAR))
    np.testing.assert_allclose(back[0], u, atol=1e-6)


@pytest.mark.parametrize("shape", [(5, 5), (4, 4), (4, 6)])
def test_rotated_copies_turn_the_image_back(shape):
    """A smooth function turned by the angle of a bin is upright again in the copy of that bin."""
    grid = coordinates.pixel_grid(shape)

    def drawn(angle):
        u = np.asarray(transform(pose(angle=angle), jnp.asarray(grid)))
        return (1 + u[:, 0] + 0.5 * u[:, 1]).astype(np.float32)  # bilinear interpolation is exact for it

    angles = coordinates.bin_angles(8)
    taps = coordinates.rotation_taps(shape, 8)
    inside = np.hypot(*grid.T) < min(shape) / max(shape) * 0.8
    for index, angle in enumerate(angles):
        copy = rotated_copies(taps, jnp.asarray(drawn(angle))[:, None])[index, :, 0]
        np.testing.assert_allclose(np.asarray(copy)[inside], drawn(0.0)[inside], atol=1e-5)


def test_quarter_turns_move_pixels_and_interpolate_nothing():
    image = np.arange(16, dtype=np.float32).reshape(4, 4)
    copies = rotated_copies(coordinates.rotation_taps((4, 4), 4), jnp.asarray(image).reshape(16, 1))
    for turns, copy in enumerate(np.asarray(copies).reshape(4, 4, 4)):
        np.testing.assert_array_equal(copy, np.rot90(image, -turns))  # rot90 is anticlockwise as shown


def test_drawn_pixels_estimate_the_sum_without_bias(key):
    values = np.random.default_rng(0).normal(size=30)
    spread = jax.jit(jax.vmap(lambda k: coordinates.spread_pixels(k, 30, 7)))
    index = np.asarray(spread(jax.random.split(key, 20_000)))
    estimates = values[index].sum(1) * 30 / 7
    assert abs(estimates.mean() - values.sum()) < 4 * estimates.std() / np.sqrt(20_000)
    np.testing.assert_array_equal(np.unique(index), np.arange(30))
