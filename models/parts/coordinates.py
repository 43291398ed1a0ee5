"""Pixel coordinates, poses as affine maps of them, and rotated copies of an image.

Coordinates are those of ``models.types.Pose``: the centre of the image is 0, x runs to the right and y up (row 0 is the
top), and ±1 are the edges of the LONGER side, so that pixels are square and a rotation is rigid in images that are not.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from models.types import Pose

COMPONENTS = ("angle", "shift", "scale", "shear")


class Affine(NamedTuple):
    """The map from the position r of a pixel to its position u in the content: u = inverse · (r − shift)."""

    inverse: Float[Array, "axis axis"]
    shift: Float[Array, " axis"]


def pixel_grid(shape: tuple[int, ...]) -> Float[np.ndarray, "pixels axis"]:
    """Return the centres of the pixels of an image ``(ny, nx)`` or signal ``(n,)``, in row-major order, float32.

    One column, x, for signals; x and y for images.
    """
    longest = max(shape)
    axes = [(2 * np.arange(size) + 1 - size) / longest for size in shape]
    if len(shape) == 1:
        return axes[0].astype(np.float32)[:, None]
    y, x = np.meshgrid(-axes[0], axes[1], indexing="ij")
    return np.stack([x.ravel(), y.ravel()], -1).astype(np.float32)


def rotation(angle: Float[Array, ""]) -> Float[Array, "2 2"]:
    """Return the matrix of an anticlockwise rotation by ``angle`` radians."""
    cosine, sine = jnp.cos(angle), jnp.sin(angle)
    return jnp.stack([jnp.stack([cosine, -sine]), jnp.stack([sine, cosine])])


def affine(pose: Pose, axes: int) -> Affine:
    """Return a pose as the map from pixels to the content, float32; components that are None do nothing.

    The inverse of M = rotation(angle) · [[1, tan shear], [0, 1]] · exp(scale) is written out.
    """
    inverse = jnp.eye(axes, dtype=jnp.float32)
    if pose.angle is not None:
        inverse = rotation(-pose.angle) @ inverse
    if pose.shear is not None:
        ones, zeros = jnp.ones_like(pose.shear), jnp.zeros_like(pose.shear)
        inverse = jnp.stack([jnp.stack([ones, -jnp.tan(pose.shear)]), jnp.stack([zeros, ones])]) @ inverse
    if pose.scale is not None:
        inverse = inverse * jnp.exp(-pose.scale)
    shift = jnp.zeros(axes, jnp.float32) if pose.shift is None else pose.shift
    return Affine(inverse, shift)


def transform(pose: Pose, positions: Float[Array, "pixels axis"]) -> Float[Array, "pixels axis"]:
    """Map positions in an image of this pose to positions in the content."""
    inverse, shift = affine(pose, positions.shape[-1])
    return (positions - shift[None]) @ inverse.T


def bin_angles(bins: int) -> Float[np.ndarray, " bins"]:
    """Return the centres of ``bins`` equal parts of the circle, from 0 anticlockwise, in (−π, π], float32."""
    angles = 2 * math.pi * np.arange(bins) / bins
    return np.where(angles > math.pi + 1e-6, angles - 2 * math.pi, angles).astype(np.float32)


class Taps(NamedTuple):
    """Bilinear interpolation as a table [bins pixels 4]: value = Σ weight · image[position] over four neighbours."""

    position: np.ndarray
    weight: np.ndarray


def rotation_taps(shape: tuple[int, int], bins: int) -> Taps:
    """Return the tables that turn an image BACK by each angle of ``bin_angles``; outside, the edge continues."""
    ny, nx = shape
    grid = pixel_grid(shape).astype(np.float64)
    cosine, sine = np.cos(bin_angles(bins))[:, None], np.sin(bin_angles(bins))[:, None]
    # pixel u of the copy has the value of the image at rotation(angle) · u
    x, y = cosine * grid[:, 0] - sine * grid[:, 1], sine * grid[:, 0] + cosine * grid[:, 1]
    scale = max(shape) / 2
    column = np.clip(x * scale + (nx - 1) / 2, 0, nx - 1)
    row = np.clip(-y * scale + (ny - 1) / 2, 0, ny - 1)
    # A rotation by 90° maps pixels to pixels up to rounding errors, which are removed here.
    column, row = np.round(column, 5), np.round(row, 5)
    left, top = np.minimum(column.astype(int), nx - 2), np.minimum(row.astype(int), ny - 2)
    right, below = column - left, row - top
    index = np.stack([top * nx + left, top * nx + left + 1, (top + 1) * nx + left, (top + 1) * nx + left + 1], -1)
    weight = np.stack([(1 - below) * (1 - right), (1 - below) * right, below * (1 - right), below * right], -1)
    return Taps(index.astype(np.int32), weight.astype(np.float32))


def rotated_copies(taps: Taps, values: Float[Array, "pixels channel"]) -> Float[Array, "bins pixels channel"]:
    """Return the image turned back by each angle of the table."""
    return jnp.einsum("apk,apkc->apc", jnp.asarray(taps.weight), values[jnp.asarray(taps.position)])


def spread_pixels(key: jax.Array, pixels: int, count: int) -> jax.Array:
    """Draw ``count`` of ``pixels`` indices, one from each of as many equal parts.

    Every pixel is expected count/pixels times, so Σ over the drawn ones times pixels/count is unbiased for Σ over all.
    """
    place = (jnp.arange(count, dtype=jnp.float32) + jax.random.uniform(key, (count,), jnp.float32)) * (pixels / count)
    return jnp.minimum(place.astype(jnp.int32), pixels - 1)


def spread_evenly(pixels: int, count: int) -> Array | None:
    """Return the middles of ``count`` equal parts of ``pixels`` indices; None, for all, where there are no more."""
    return None if pixels <= count else ((jnp.arange(count) + 0.5) * (pixels / count)).astype(jnp.int32)
