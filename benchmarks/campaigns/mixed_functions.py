"""Mixed test functions in NumPy, for both sides of ``benchmarks.campaigns.mixed``.

All are maximised, from x (..., d) in the units of their columns to (...); a category is a code 0, 1, 2 …

Sources: func2c and func3c are those of Ru et al. 2020 (CoCaBO), sums of Rosenbrock's, the six-hump camel's and Beale's
functions that the categories choose, without their added noise. ackley13 is Ackley's function of ten binary and three
real inputs as in Daulton et al. 2022 (probabilistic reparameterisation).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Column(NamedTuple):
    """One input: its kind, and the lowest and highest value (or code)."""

    kind: str  # real, integer, category
    low: float
    high: float


class MixedFunction(NamedTuple):
    """A function of mixed inputs, its columns, its maximum, and the initial and all evaluations of a campaign."""

    value: Callable[[np.ndarray], np.ndarray]
    columns: tuple[Column, ...]
    optimum: float
    initial: int
    evaluations: int


def rosenbrock(x: np.ndarray) -> np.ndarray:
    """Return Rosenbrock's function of two inputs, divided by 300."""
    return (100 * (x[..., 1] - x[..., 0] ** 2) ** 2 + (x[..., 0] - 1) ** 2) / 300


def camel(x: np.ndarray) -> np.ndarray:
    """Return the six-hump camel's function, divided by 10."""
    a, b = x[..., 0], x[..., 1]
    return ((4 - 2.1 * a**2 + a**4 / 3) * a**2 + a * b + (-4 + 4 * b**2) * b**2) / 10


def beale(x: np.ndarray) -> np.ndarray:
    """Return Beale's function, divided by 50."""
    a, b = x[..., 0], x[..., 1]
    return ((1.5 - a + a * b) ** 2 + (2.25 - a + a * b**2) ** 2 + (2.625 - a + a * b**3) ** 2) / 50


def func2c(x: np.ndarray) -> np.ndarray:
    """Return −func2C of categories 0 and 1 and of two reals in [−1, 1]."""
    parts = _parts(x[..., 2:])
    second = np.minimum(x[..., 1].astype(int), 2)
    return -(_chosen(parts, x[..., 0]) + _chosen(parts, second))


def func3c(x: np.ndarray) -> np.ndarray:
    """Return −func3C of categories 0, 1 and 2 and of two reals in [−1, 1]."""
    parts, third = _parts(x[..., 3:]), x[..., 2].astype(int)
    more = np.stack([5 * parts[1], 2 * parts[0], 2 * parts[2], 3 * parts[2]])
    second = np.minimum(x[..., 1].astype(int), 2)
    return -(_chosen(parts, x[..., 0]) + _chosen(parts, second) + _chosen(more, third))


def ackley13(x: np.ndarray) -> np.ndarray:
    """Return −Ackley's function of ten binary inputs and three reals in [−1, 1]."""
    return 20 * np.exp(-0.2 * np.sqrt((x**2).mean(-1))) + np.exp(np.cos(2 * np.pi * x).mean(-1)) - 20 - np.e


def _parts(reals: np.ndarray) -> np.ndarray:
    return np.stack([part(2 * reals) for part in (rosenbrock, camel, beale)])


def _chosen(parts: np.ndarray, code: np.ndarray) -> np.ndarray:
    return np.take_along_axis(parts, np.asarray(code).astype(int)[None], 0)[0]


_REAL, _BINARY = Column("real", -1, 1), Column("integer", 0, 1)
_CATEGORIES = Column("category", 0, 2), Column("category", 0, 4), Column("category", 0, 3)
LOWEST = -1.0316284534898774  # of the six-hump camel

FUNCTIONS = {
    "func2c": MixedFunction(func2c, (*_CATEGORIES[:2], _REAL, _REAL), -2 * LOWEST / 10, 10, 50),
    "func3c": MixedFunction(func3c, (*_CATEGORIES, _REAL, _REAL), -7 * LOWEST / 10, 10, 60),
    "ackley13": MixedFunction(ackley13, (_BINARY,) * 10 + (_REAL,) * 3, 0.0, 20, 80),
}
