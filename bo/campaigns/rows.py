"""Many points as a session's user gives them for predictions: checks and conversions on the host."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from bo.campaigns.points import has_context
from bo.campaigns.records import Box, Pool
from bo.space import Candidates, Space
from ferro_jax import values
from ferro_jax.pandas_tables import records_of


def points_of(domain: Pool | Box, rows: Any) -> np.ndarray:
    """Return points in the user's units, (n, dim), from rows of numbers, rows of a space or numbers of candidates.

    ValueError for another shape, and for points outside the bounds, the range of a pool's columns or a constraint.
    """
    space = domain.space
    numbers = None if isinstance(domain, Box) else numbers_of(rows)
    if numbers is not None and not isinstance(domain, Box):
        return candidates_of(domain, numbers)
    if space is not None:
        return rows_of_space(space, rows)
    x = np.asarray(values.floats(rows, "rows"), float)
    if isinstance(domain, Box):
        bounds = np.asarray(domain.bounds, float)
    else:  # in the precision of the candidates, so that rounding moves no candidate out of their range
        bounds, x = range_of(domain), x.astype(domain.candidates.dtype)
    check_shape(x, len(bounds))
    outside = np.flatnonzero(~((x >= bounds[:, 0]) & (x <= bounds[:, 1])).all(axis=1))
    if outside.size:
        row = int(outside[0])
        raise ValueError(
            f"{outside.size} points are outside, the first is number {row}, {x[row]}; expected numbers between "
            f"{bounds[:, 0]} and {bounds[:, 1]}"
        )
    return x


def rows_of_space(space: Space, rows: Any) -> np.ndarray:
    """Return rows of a space as numbers, (n, dim); ValueError unless the constraints allow them."""
    if isinstance(rows, Candidates):
        if space.context:
            raise ValueError("candidates have no context: give rows that name it, or dicts of name to value")
        rows = rows.x
    x = space.encode(rows)
    check_shape(x, len(space.inputs))
    allowed = np.asarray(space.feasible(x))
    if not allowed.all():
        row = int(np.argmin(allowed))
        raise ValueError(
            f"{int((~allowed).sum())} points violate a linear constraint, the first is number {row}, "
            f"{space.decode(x[row])}: space.feasible(space.encode(rows)) tells which"
        )
    return x


def listed(rows: Any, name: str, *, by_name: bool = True) -> list[Any]:
    """Return what is told of several experiments as a list; ValueError for what holds no several.

    Rows of a table are dicts or, unless ``by_name``, the numbers of its columns in their order.
    """
    rows = records_of(rows) if by_name or not hasattr(rows, "columns") else np.asarray(values.floats(rows, name))
    if isinstance(rows, Mapping | str) or not isinstance(rows, Iterable) or getattr(rows, "ndim", 1) == 0:
        raise ValueError(f"{name} is {rows!r}; expected a list with one entry for each experiment")
    return list(rows)


def check_shape(x: np.ndarray, dim: int) -> None:
    """ValueError unless points have the shape (n, dim), with n at least 1."""
    if x.ndim != 2 or x.shape[1] != dim or not len(x):
        raise ValueError(f"rows have shape {x.shape}; expected (n, {dim}): a list of points, [x] for a single one")


def range_of(domain: Pool) -> np.ndarray:
    """Return the lowest and highest number of each column of a pool, (dim, 2)."""
    candidates = np.asarray(domain.candidates)
    return np.stack([candidates.min(axis=0), candidates.max(axis=0)], axis=1)


def numbers_of(rows: Any) -> np.ndarray | None:
    """Return rows that are whole numbers, one for each point, as an array (n); None for other rows."""
    single = isinstance(rows, list | tuple | range) and all(isinstance(row, int | np.integer) for row in rows)
    array = np.asarray(rows) if single or hasattr(rows, "dtype") else None
    return array if array is not None and array.ndim == 1 and array.size and array.dtype.kind in "iu" else None


def candidates_of(domain: Pool, numbers: np.ndarray) -> np.ndarray:
    """Return the candidates of some numbers, (n, dim); ValueError for numbers that no candidate has."""
    if has_context(domain):
        raise ValueError("rows are numbers of candidates; give whole rows, because the context is a part of each point")
    candidates = np.asarray(domain.candidates)
    outside = numbers[(numbers < 0) | (numbers >= len(candidates))]
    if outside.size:
        raise ValueError(f"candidate {outside[0]} does not exist; candidates are 0..{len(candidates) - 1}")
    return candidates[numbers]
