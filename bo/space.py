"""Spaces of mixed inputs: what a row of the user's means in numbers, in the unit cube, and to a kernel.

    space = bo.Space([bo.real("dose", 20, 120), bo.integer("coats", 1, 6), bo.category("solvent", ["water", "DMF"])])
    x = space.encode({"dose": 80, "coats": 3, "solvent": "DMF"})      array([80., 3., 1.])
    space.decode(x)                                                   the dict again
    campaign = bo.box(objective, space, bo.gaussian_process(bo.GPConfig(kernel=space.kernel())), acquisition)

A point is a row of numbers, one for each input in its order: reals and integers in the user's units, categories as
codes 0, 1, 2 … in the order of their choices. Campaigns, their objectives and Info hold such rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bo.inputs import Input, Linear, check_codes, inward
from ferro_jax import values
from ferro_jax.pandas_tables import records_of

MOST_CANDIDATES = 1_000_000
ROUNDING = 1e-9  # of a constraint, relative to the size of its terms


class Candidates(NamedTuple):
    """Rows of a space for a campaign over a pool: (pool, free), without the context columns."""

    space: "Space"
    x: np.ndarray

    def whole(self) -> np.ndarray:
        """Return the rows with the context columns at their lowest value, (pool, dim)."""
        whole = np.tile(self.space.bounds[:, 0], (len(self.x), 1))
        whole[:, self.space.free] = self.x
        return whole


@dataclass(frozen=True)
class Space:
    """Mixed inputs, with linear constraints between the reals and integers among them.

    inputs   made by ``bo.real``, ``bo.integer``, ``bo.category``; those with ``context=True`` are given at each
             evaluation and not chosen
    linear   made by ``bo.at_most``, ``bo.at_least``

    ValueError for no input to choose, a name that comes twice, and a constraint on an unknown input, a category or a
    context.
    """

    inputs: Sequence[Input]
    linear: Sequence[Linear] = ()

    def __post_init__(self):
        object.__setattr__(self, "inputs", tuple(self.inputs))
        object.__setattr__(self, "linear", tuple(self.linear))
        if not all(isinstance(one, Input) for one in self.inputs):
            raise ValueError("inputs of a space are made by bo.real, bo.integer and bo.category")
        if not all(isinstance(one, Linear) for one in self.linear):
            raise ValueError("linear constraints are made by bo.at_most and bo.at_least")
        if len(set(self.names)) < len(self.names):
            raise ValueError(f"inputs are named {list(self.names)}; one name comes twice")
        if all(one.context for one in self.inputs):
            raise ValueError("no input is to be chosen: all are context, or there is none")
        allowed = {one.name for one in self.inputs if one.kind != "category" and not one.context}
        for constraint in self.linear:
            if unknown := {name for name, _ in constraint.weights} - allowed:
                raise ValueError(
                    f"a constraint has weights for {sorted(unknown)}; it may only weigh the reals and integers that "
                    f"are chosen: {sorted(allowed)}"
                )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the inputs, in the order of the columns."""
        return tuple(one.name for one in self.inputs)

    @property
    def bounds(self) -> Float[np.ndarray, "dim 2"]:
        """Lowest and highest number of each column."""
        return np.array([(one.low, one.high) for one in self.inputs])

    @property
    def context(self) -> tuple[int, ...]:
        """Columns that are given."""
        return tuple(n for n, one in enumerate(self.inputs) if one.context)

    @property
    def free(self) -> tuple[int, ...]:
        """Columns that are chosen."""
        return tuple(n for n, one in enumerate(self.inputs) if not one.context)

    def columns(self, *kinds: str) -> tuple[int, ...]:
        """Return the columns of some kinds of input."""
        return tuple(n for n, one in enumerate(self.inputs) if one.kind in kinds)

    def encode(self, rows: Any, columns: Sequence[int] | None = None) -> np.ndarray:
        """Return a row, a dict of name to value, as numbers (dim), and a list of them as (n, dim).

        An array of numbers is taken as encoded already. Other sequences are rows of values, in the order of the inputs,
        and so is a table of pandas. ``columns`` are the columns that the rows have, by default all. ValueError for a
        name that is missing or unknown, a value that is no choice, not whole or outside its bounds (but of a context).
        """
        inputs = self.inputs if columns is None else [self.inputs[n] for n in columns]
        if isinstance(rows := records_of(rows), Mapping):
            return self._encode_row(rows, inputs)
        if isinstance(rows, np.ndarray | Array) and np.asarray(rows).dtype.kind in "biuf":
            x = np.asarray(values.floats(rows, "rows"), float)
            if x.ndim not in (1, 2) or x.shape[-1] != len(inputs):
                raise ValueError(f"encoded rows have shape {x.shape}; expected (n, {len(inputs)}): {_listed(inputs)}")
            check_codes(inputs)
            for row in np.atleast_2d(x):
                for one, value in zip(inputs, row, strict=True):
                    _check(one, value)
            return x
        if len(rows) and isinstance(rows[0], Mapping | Sequence | np.ndarray) and not isinstance(rows[0], str):
            return np.stack([self._encode_row(row, inputs) for row in rows])
        return self._encode_row(rows, inputs)

    def _encode_row(self, row: Any, inputs: Sequence[Input]) -> np.ndarray:
        if not isinstance(row, Mapping):
            if len(row) != len(inputs):
                raise ValueError(f"a row has {len(row)} values; expected {len(inputs)}: {_listed(inputs)}")
            row = dict(zip((one.name for one in inputs), row, strict=True))
        names = {one.name for one in inputs}
        if set(row) != names:
            missing, unknown = sorted(names - set(row)), sorted(map(str, set(row) - names))
            raise ValueError(f"a row lacks {missing} and has the unknown {unknown}; expected {_listed(inputs)}")
        return np.array([_number(one, row[one.name]) for one in inputs])

    def decode(self, x: Any) -> Any:
        """Return a row of numbers (dim) as a dict of floats, ints and choices; of (n, dim) a list of dicts."""
        x = np.asarray(values.floats(x, "x"), float)
        if x.ndim == 2:
            return [self.decode(row) for row in x]
        if x.shape != (len(self.inputs),):
            raise ValueError(f"x has shape {x.shape}; expected ({len(self.inputs)},): {_listed(self.inputs)}")
        return {one.name: _value(one, number) for one, number in zip(self.inputs, x, strict=True)}

    def named(self, x: Float[Array, "*rows dim"]) -> dict[str, Float[Array, "*rows"]]:
        """Return the columns of encoded points by name, for use in an objective; a category stays a code."""
        x = values.floats(x, "x")
        return {name: x[..., n] for n, name in enumerate(self.names)}

    def kernel(self, numbers: str = "matern52") -> str:
        """Return the expression of a kernel for ``bo.GPConfig``: ``numbers`` on reals and integers times Hamming's.

        Every input has a lengthscale of its own. Categories that are context add a Hamming kernel of theirs, because a
        batch, or an earlier campaign, may lie higher or lower as a whole. The expression may be written by hand.
        """
        parts = {numbers: self.columns("real", "integer"), "hamming": self.columns("category")}
        product = " * ".join(f"{name}{list(columns)}" for name, columns in parts.items() if columns)
        levels = [n for n in self.context if self.inputs[n].kind == "category"]
        return f"{product} + hamming{levels}" if levels else product

    def to_cube(self, x: Any) -> Any:
        """Return encoded points, (..., dim), as points of the unit cube, in their precision; in NumPy or JAX."""
        x = values.floats(x, "x")
        xp = np if isinstance(x, np.ndarray) else jnp
        low, width, log = self._scales(x, xp)
        ratio = xp.where(log, x, 1) / xp.where(log, low, 1)
        return xp.where(
            log, xp.log(ratio) / xp.log1p(xp.where(log, width, 1) / xp.where(log, low, 1)), (x - low) / width
        )

    def from_cube(self, z: Any) -> Any:
        """Return points of the unit cube, (..., dim), as encoded ones: integers and codes whole, chosen reals within
        their bounds; NumPy's or JAX's arrays."""
        xp = np if isinstance(z, np.ndarray) else jnp
        low, width, log = self._scales(z, xp)
        high = xp.broadcast_to(xp.asarray(inward(self.bounds, z.dtype)[:, 1]), z.shape)
        curved = low * xp.exp(z * xp.log1p(xp.where(log, width, 1) / xp.where(log, low, 1)))
        x = xp.where(log, curved, low + width * z)
        whole, free = (
            xp.broadcast_to(xp.asarray(flags), z.shape)
            for flags in ([one.kind != "real" for one in self.inputs], [not one.context for one in self.inputs])
        )
        return xp.where(whole, xp.round(x), xp.where(free, xp.clip(x, low, high), x))

    def _scales(self, x: Any, xp: Any) -> tuple[Any, Any, Any]:
        low, high = (xp.broadcast_to(xp.asarray(edge), x.shape) for edge in inward(self.bounds, x.dtype).T)
        return low, high - low, xp.broadcast_to(xp.asarray([one.log for one in self.inputs]), x.shape)

    def inequalities(self) -> tuple[Float[np.ndarray, "constraints dim"], Float[np.ndarray, "constraints"]]:
        """Return A and b of the constraints A x ≤ b on encoded points."""
        weights = np.zeros((len(self.linear), len(self.inputs)))
        for row, constraint in enumerate(self.linear):
            for name, weight in constraint.weights:
                weights[row, self.names.index(name)] += weight
        return weights, np.array([constraint.most for constraint in self.linear])

    def feasible(self, x: Any) -> np.ndarray | np.bool_:
        """Return whether encoded points, (n, dim), satisfy the linear constraints, up to rounding."""
        weights, most = self.inequalities()
        size = np.abs(weights) @ np.abs(self.bounds).max(axis=1) + np.abs(most)
        return np.all(np.asarray(values.floats(x, "x")) @ weights.T <= most + ROUNDING * size, axis=-1)

    def candidates(self, rows: Any) -> Candidates:
        """Return rows, dicts or values without the context, as the candidates of a campaign over a pool.

        ValueError as from ``encode``, and for a row that a linear constraint forbids.
        """
        x = np.atleast_2d(self.encode(rows, self.free))
        allowed = self._feasible_free(x)
        if not allowed.all():
            raise ValueError(
                f"row {int(np.argmin(allowed))} of the candidates violates a linear constraint: leave it out"
            )
        return Candidates(self, x)

    def grid(self, points: int | Mapping[str, int] = 11) -> Candidates:
        """Return all combinations of the chosen inputs that the linear constraints allow.

        A real input has ``points`` values between its bounds, or as many as ``points`` says for its name (by default
        11); integers and categories have all of theirs. ValueError for more than a million, for none, and for a name in
        ``points`` that is no chosen real input.
        """
        chosen = [self.inputs[n] for n in self.free]
        several = points if isinstance(points, Mapping) else {one.name: points for one in chosen if one.kind == "real"}
        if unknown := set(several) - {one.name for one in chosen if one.kind == "real"}:
            raise ValueError(f"points names {sorted(map(str, unknown))}, which are no chosen real inputs of the space")
        several = {name: values.whole(number, "points", 1) for name, number in several.items()}
        numbers = [several.get(one.name, 11) if one.kind == "real" else one.high - one.low + 1 for one in chosen]
        if (size := float(np.prod(numbers))) > MOST_CANDIDATES:
            raise ValueError(
                f"the grid has {size:.0f} points, more than {MOST_CANDIDATES}: lower points, or use bo.box"
            )
        spaced = [np.geomspace if one.log else np.linspace for one in chosen]
        axes = [space(one.low, one.high, int(n)) for space, one, n in zip(spaced, chosen, numbers, strict=True)]
        x = np.array(list(product(*axes)))
        x = x[self._feasible_free(x)]
        if not len(x):
            raise ValueError("no point of the grid satisfies the linear constraints: raise points, or relax them")
        return Candidates(self, x)

    def _feasible_free(self, x: np.ndarray) -> Any:
        return self.feasible(Candidates(self, x).whole())


def _listed(inputs: Sequence[Input]) -> str:
    return ", ".join(one.name for one in inputs)


def _number(one: Input, value: Any) -> float:
    """Return a value of the user's as a number, checked."""
    if one.kind == "category":
        if value not in one.choices:
            raise ValueError(f"input {one.name!r} is {value!r}; expected one of {list(one.choices)}")
        return float(one.choices.index(value))
    try:
        if isinstance(value, str | bytes) or np.iscomplexobj(value) or np.ma.is_masked(value):  # float() takes them
            raise TypeError
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"input {one.name!r} is {value!r}; expected a number") from None
    _check(one, number)
    return number


def _check(one: Input, number: float) -> None:
    """ValueError unless the number may stand in the input's column."""
    units = f" {one.units}" if one.units else ""
    if one.kind != "real" and np.isfinite(number) and number != round(number):
        raise ValueError(f"input {one.name!r} is {number}; expected a whole number")
    outside = not one.low <= number <= one.high and not (one.context and one.kind != "category")
    if not np.isfinite(number) or outside or (one.log and number <= 0):
        raise ValueError(f"input {one.name!r} is {number}{units}; expected {one.low:g} to {one.high:g}{units}")


def _value(one: Input, number: float) -> Any:
    """Return a number as a value of the user's."""
    if one.kind == "category":
        return one.choices[int(number)]
    return int(number) if one.kind == "integer" else float(number)
