"""The unit cube in which surrogates work: how points of a pool, in the user's units, come into it."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ferro_jax import values


def check_rows(x: Any, dim: int) -> None:
    """ValueError unless points have the shape (n, dim)."""
    if jnp.ndim(x) != 2 or jnp.shape(x)[1] != dim:
        raise ValueError(f"points have shape {jnp.shape(x)}; expected (n, {dim}), in your units: one row for each")


def unit_cube(candidates: Float[Array, "pool dim"], dtype: Any) -> Float[Array, "pool dim"]:
    """Return the pool with each column scaled to [0, 1]; a constant column becomes 0.

    ValueError for NaN and infinity, and for a type that is no float.
    """
    rows = values.floats(candidates, "candidates", finite=True)
    if not jnp.issubdtype(dtype, jnp.floating):
        raise ValueError(f"dtype is {jnp.dtype(dtype).name}; expected one of floats, such as float32")
    return in_precision(partial(scaled, rows), rows, dtype)


def in_precision(to_cube: Callable[[Any], Any], x: Any, dtype: Any) -> Array:
    """Return points in the unit cube in ``dtype``, rounded to it after their offset has been taken off."""
    return jnp.asarray(to_cube(x.astype(np.promote_types(x.dtype, dtype))), dtype)


def scaled(candidates: Any, x: Any) -> Any:
    """Return points scaled as the pool's columns are to [0, 1]; in NumPy where both are NumPy's."""
    xp = np if isinstance(x, np.ndarray) and isinstance(candidates, np.ndarray) else jnp
    pool = candidates.astype(x.dtype)
    low, high = xp.min(pool, axis=0, keepdims=True), xp.max(pool, axis=0, keepdims=True)
    return (x - low) / xp.where(high > low, high - low, 1)
