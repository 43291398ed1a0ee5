"""Objectives that go by the number of a candidate, such as a table of values that are measured already."""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from ferro_jax import values as given


@dataclass(frozen=True, eq=False)
class Indexed:
    """Candidates (pool, dim) whose objective takes x with the candidate's number as a last entry: ``bo.indexed``."""

    candidates: Any


@dataclass(frozen=True, eq=False)
class Lookup:
    """The objective of ``bo.lookup``: the value of a candidate, by its number."""

    values: Float[Array, "pool"]

    def __call__(self, key: Array, x: Float[Array, "numbered"]) -> Float[Array, ""]:
        """Return the value of candidate x[-1]; NaN where that is no number of a candidate."""
        del key
        number, size = x[-1], self.values.shape[0]
        known = (number >= 0) & (number < size) & (number == jnp.floor(number))
        value = self.values[jnp.where(known, number, 0).astype(jnp.int32)]
        return jnp.where(known, value, jnp.asarray(jnp.nan, value.dtype))


def indexed(candidates: Any) -> Indexed:
    """Return candidates (pool, dim) of a campaign whose objective goes by their number.

    ``bo.campaign`` then calls ``objective(key, x)`` with the coordinates and, as a last entry, the number of the
    candidate. The surrogate does not see the number, and x of an answer does not have it. ``bo.lookup`` needs none of
    this. ``candidates`` may be those of a ``bo.Space``.
    """
    return Indexed(candidates)


def lookup(values: Any) -> Lookup:
    """Return the objective that reads the value of each candidate from values (pool,); NaN is a failed evaluation.

    The surrogate sees the coordinates of the candidates alone. ValueError unless there is one number for each candidate
    (``bo.campaign`` compares the two).
    """
    table = given.array(values, "values")
    if table.ndim != 1:
        raise ValueError(f"values have shape {table.shape}; expected (pool,), one number for each candidate")
    return Lookup(table)


def by_number(objective: Any, candidates: Any) -> tuple[Any, bool]:
    """Return the candidates themselves, and whether the objective takes their number."""
    if isinstance(candidates, Indexed):
        return candidates.candidates, True
    return candidates, isinstance(objective, Lookup)


def check_table(objective: Any, size: int) -> None:
    """ValueError for a table of another length than the pool."""
    if isinstance(objective, Lookup) and objective.values.shape[0] != size:
        raise ValueError(
            f"the table of bo.lookup has {objective.values.shape[0]} values, and there are {size} candidates: give one "
            "value for each, NaN for a failed evaluation"
        )


def with_number(x: Float[Array, "*n dim"], index: Any) -> Float[Array, "*n dim+1"]:
    """Append the numbers of candidates to their coordinates."""
    return jnp.concatenate([x, jnp.asarray(index, x.dtype)[..., None]], axis=-1)
