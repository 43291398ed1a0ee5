"""Observations as surrogates and campaigns take them.

The records are NamedTuples: a class that checks its fields raises when vmap rebuilds it with a batch axis.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ferro_jax import values


class Data(NamedTuple):
    """Observations in arrays of fixed capacity; ``mask`` is true where a row holds one.

    ``noise`` is the known variance of each observation in units of y², added to the noise that is fitted.
    ``bo.observations`` makes such a record of given points.
    """

    x: Float[Array, "capacity dim"]
    y: Float[Array, "capacity"]
    mask: Bool[Array, "capacity"]
    noise: Float[Array, "capacity"]


class Shared(NamedTuple):
    """A number that all members of a vmapped campaign have in common, such as the row that is written next.

    A surrogate wraps such a leaf of its posterior in ``Shared``; ``vmap`` then gives it no batch axis. With one, each
    member would write its row at a place of its own: a scatter, and slow.
    """

    value: Array


class Observation(NamedTuple):
    """What an objective may return instead of a number: a value and the known variance of its noise.

    ``outcomes`` are the other named values, F["k"], that ``bo.Outcomes`` takes from a dict; None without them.
    """

    value: Float[Array, ""]
    variance: Float[Array, ""]
    outcomes: Any = None


def observations(
    x: Float[Array, "n dim"],
    y: Float[Array, "n"],
    mask: Bool[Array, "n"] | None = None,
    noise: Float[Array, "n"] | None = None,
) -> Data:
    """Return the Data of points x, (n, dim), and values y, (n).

    ``mask`` is true (or 1) for the rows to be used, by default all; rows that a masked array y hides are not used.
    ``noise`` is the known variance of each value, by default 0. What is left out may hold anything and becomes 0.
    ValueError for shapes that do not go together, numbers that are not finite, and a negative or infinite variance.
    """
    points, (targets, shown) = values.floats(x, "x"), values.masked(y, "y")
    noise = None if noise is None else values.floats(noise, "noise")
    mask = None if mask is None else values.mask(mask, "mask")
    shapes = {"y": targets.shape} | {n: jnp.shape(v) for n, v in (("mask", mask), ("noise", noise)) if v is not None}
    if points.ndim != 2 or any(shape != points.shape[:1] for shape in shapes.values()):
        hint = "; x[:, None] makes a column of it" if points.ndim == 1 else ""
        raise ValueError(
            f"x has shape {points.shape}, {shapes}: expected x (n, dim) and one number per row of it{hint}"
        )
    used = jnp.ones(targets.shape, bool) if mask is None else jnp.asarray(mask)
    used = used if shown is None else used & jnp.asarray(shown)
    if values.is_known(points, targets, used, noise):
        points, targets, noise = _used(np.asarray(points), np.asarray(targets), np.asarray(used), noise)
    x, y = values.array(points, "x", by_column=True), values.array(targets, "y")
    return Data(x, y, used, jnp.zeros_like(y) if noise is None else jnp.asarray(noise, y.dtype))


def _used(x: np.ndarray, y: np.ndarray, used: np.ndarray, noise: Any) -> tuple[np.ndarray, np.ndarray, Any]:
    """Return x, y and noise with 0 where they are not used, because 0 · NaN would be NaN; ValueError as above."""
    values.check_finite(x[used], "x")
    values.check_finite(y[used], "y")
    x, y = np.where(used[:, None], x, x.dtype.type(0)), np.where(used, y, y.dtype.type(0))
    if noise is not None:
        noise = np.where(used, noise, 0)
        check_variances(noise, "known noise")
    return x, y, noise


def check_variances(noise: Any, name: str) -> None:
    """Raise ValueError for variances that are negative or not finite."""
    noise = np.asarray(values.floats(noise, name))
    bad = np.flatnonzero(~(np.isfinite(noise) & (noise >= 0)))
    if bad.size:
        raise ValueError(
            f"{name} is {noise[bad[0]]:g} at row {bad[0]}: it is a variance, a finite number of at least 0; leave out "
            "a value that says nothing"
        )


def append(
    data: Data, row: int, x: Float[Array, "dim"], y: Float[Array, ""], noise: Float[Array, ""] | float = 0.0
) -> Data:
    """Return the data with one more observation in ``row``; ValueError when a concrete row is beyond the capacity."""
    data, capacity = as_floats(data), data.x.shape[0]
    if isinstance(row, int) and not 0 <= row < capacity:
        raise ValueError(f"row {row} is outside the capacity {capacity}: grow(data, capacity) first")
    x, y, noise = (values.array(each, name, finite=True) for each, name in ((x, "x"), (y, "y"), (noise, "noise")))
    return write(data, jnp.asarray(row), x, y, noise, jnp.asarray(True))


def as_floats(data: Data) -> Data:
    """Return the data with floats and a mask of booleans, whatever they were made of."""
    x, y, noise = (values.array(each, name) for each, name in ((data.x, "x"), (data.y, "y"), (data.noise, "noise")))
    return Data(x, y, jnp.asarray(values.mask(data.mask, "mask")), noise)


def write(data: Data, row: Array, x: Array, y: Array, noise: Array, valid: Array) -> Data:
    """Return the data with (x, y, noise) in ``row``, or with that row left out of the mask, as 0, when not valid."""

    def put(leaf, value):
        return jax.lax.dynamic_update_index_in_dim(leaf, jnp.asarray(value, leaf.dtype), row, 0)

    y, noise = jnp.where(valid, y, 0), jnp.where(valid, noise, 0)
    return Data(put(data.x, x), put(data.y, y), put(data.mask, valid), put(data.noise, noise))


def grow(data: Data, capacity: int) -> Data:
    """Return the same observations in larger arrays; ValueError if the capacity would shrink."""
    data, extra = as_floats(data), values.whole(capacity, "capacity") - data.x.shape[0]
    if extra < 0:
        raise ValueError(f"capacity {capacity} is smaller than the present {data.x.shape[0]}: it can only grow")
    return Data(*(jnp.pad(leaf, [(0, extra)] + [(0, 0)] * (leaf.ndim - 1)) for leaf in data))
