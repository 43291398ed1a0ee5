"""Latent manifolds and traversals as arrays: the decoder at regular points, for images and 1-D signals alike."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.special import ndtri
from jaxtyping import Array, Float

from ferro_jax import values
from models.evaluation.latent import decode_all, regular_axis
from models.types import Model, Params, Pose

NOWHERE = Pose()


def linear_axis(points: int, low: float = -2.0, high: float = 2.0) -> Float[Array, " points"]:
    """Return equal steps of a latent coordinate, ends included. ValueError as of ``latent_grid``."""
    return regular_axis(low, high, points)


def quantile_axis(points: int, tail: float = 0.05) -> Float[Array, " points"]:
    """Return quantiles of the prior N(0, 1) at equal steps of probability from ``tail`` to 1 − ``tail``.

    Every point then represents equally many examples, where the aggregated posterior follows the prior. ValueError for
    no points and a ``tail`` outside (0, 0.5).
    """
    points, tail = values.whole(points, "points"), values.number(tail, "tail")
    if points < 1 or not 0 < tail < 0.5:
        raise ValueError(f"points={points}, tail={tail}: give one point or more and a probability between 0 and 0.5.")
    return ndtri(jnp.linspace(tail, 1 - tail, points)).astype(jnp.float32)


def manifold(
    model: Model,
    params: Params,
    axes: Sequence[Float[Array, " _"]],
    *,
    latents: Sequence[int] | None = None,
    at: Float[Array, " latent"] | None = None,
    pose: Pose = NOWHERE,
    label: Any = None,
    factor: Any = None,
    chunk: int = 1000,
) -> tuple[Float[Array, "*grid latent"], Float[Array, "*grid_shape"]]:
    """Return (z, decoded) over the product of ``axes``, with one axis of the result for each.

    Entry [i, j] has axes[0][i] in latent ``latents[0]`` and axes[1][j] in ``latents[1]`` (the first ones by default);
    all other latents stay as in ``at``, zeros by default, which also says how many there are. ``pose``, ``label`` and
    ``factor`` hold for the whole manifold: one call per class. ValueError unless each axis has a latent of its own.
    """
    latents = tuple(range(len(axes))) if latents is None else tuple(latents)
    at = (
        jnp.zeros(max(latents, default=0) + 1, jnp.float32) if at is None else values.array(at, "at", dtype=jnp.float32)
    )
    if not axes or len(latents) != len(axes) or len(set(latents)) < len(latents) or max(latents) >= len(at):
        raise ValueError(
            f"{len(axes)} axes for latents {latents} of {len(at)}: give one axis per latent, each of them once."
        )
    axes = [values.array(axis, "axes", dtype=jnp.float32) for axis in axes]
    z = _grid(latents, at, axes)
    decoded = decode_all(model, params, z.reshape(-1, len(at)), chunk, pose=pose, label=label, factor=factor)
    return z, decoded.reshape(*z.shape[:-1], *decoded.shape[1:])


@partial(jax.jit, static_argnums=0)
def _grid(latents: tuple[int, ...], at: Array, axes: list[Array]) -> Array:
    """Return the points [*grid latent] with the product of ``axes`` in ``latents``, and ``at`` in the others."""
    grid = jnp.stack(jnp.meshgrid(*axes, indexing="ij"), axis=-1)
    return jnp.broadcast_to(at, (*grid.shape[:-1], len(at))).at[..., jnp.asarray(latents)].set(grid)


def traverse(
    model: Model,
    params: Params,
    z: Float[Array, "rows latent"],
    axis: Float[Array, " points"],
    *,
    pose: Pose = NOWHERE,
    label: Any = None,
    factor: Any = None,
) -> Float[Array, "rows latent points *shape"]:
    """Decode every row of ``z`` with each latent moved through ``axis`` in turn, the others kept.

    ``pose``, ``label`` and ``factor`` are one for all rows or one per row, as for ``decode_all``.
    """
    z, axis = values.array(z, "z"), values.array(axis, "axis", dtype=jnp.float32)
    rows, latents, points = *z.shape, len(axis)
    times = latents * points
    poses = Pose(**{name: _spread(value, int(name == "shift"), rows, times) for name, value in pose._asdict().items()})
    label, factor = _spread(label, 0, rows, times), _spread(factor, 1, rows, times)
    flat = decode_all(model, params, _moved(z, axis), pose=poses, label=label, factor=factor)
    return flat.reshape(rows, latents, points, *flat.shape[1:])


@jax.jit
def _moved(z: Array, axis: Array) -> Array:
    """Return the rows [rows·latents·points latent] with each latent moved through ``axis`` in turn."""
    rows, latents, points = *z.shape, len(axis)
    moved = jnp.broadcast_to(z[:, None, None, :], (rows, latents, points, latents))
    index = jnp.arange(latents)
    return moved.at[:, index, :, index].set(axis).reshape(-1, latents)


def _spread(value: Any, ndim: int, rows: int, times: int) -> Any:
    """Repeat values given per row, one for each decoded image; a single value for all rows stays."""
    if value is None or jnp.ndim(value) == ndim:
        return value
    if len(value) != rows:
        raise ValueError(f"{len(value)} poses, labels or factors for {rows} rows of z: give one, or one per row.")
    return jnp.repeat(jnp.asarray(value), times, axis=0)


def traverse_pose(
    model: Model, params: Params, z: Float[Array, " latent"], poses: Pose, *, label: Any = None, factor: Any = None
) -> Float[Array, "points *shape"]:
    """Decode one content in every pose of ``poses`` (points along the first axis of each component that is given)."""
    z, points = values.array(z, "z"), len(jax.tree.leaves(poses)[0])
    return decode_all(
        model, params, jnp.broadcast_to(z[None], (points, len(z))), pose=poses, label=label, factor=factor
    )
