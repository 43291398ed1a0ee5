"""Inputs of a space: real numbers, integers, categories, and linear constraints on the first two.

    bo.real("temperature", 20, 120, units="°C")        bo.real("dose", 1e-3, 10, log=True)
    bo.integer("coats", 1, 6)                          bo.category("solvent", ["water", "ethanol", "DMF"])
    bo.real("day", 0, 30, context=True)                given at each evaluation, not chosen
    bo.at_most({"copper": 1, "zinc": 1}, 0.8)          copper + zinc ≤ 0.8

The records are made by these functions, which check them.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from ferro_jax import options, values

LEAST_STEPS = 1000  # numbers of the surrogate's precision between two bounds


class Input(NamedTuple):
    """One input of a space. A category lies between the codes 0 and len(choices) − 1."""

    name: str
    kind: str  # real, integer, category
    low: float
    high: float
    choices: tuple = ()
    units: str = ""
    log: bool = False
    context: bool = False


class Linear(NamedTuple):
    """The constraint Σ weight · input ≤ most, in the user's units."""

    weights: tuple[tuple[str, float], ...]
    most: float


def real(
    name: str, low: float | int, high: float | int, units: str = "", *, log: bool = False, context: bool = False
) -> Input:
    """Return a real input between ``low`` and ``high``; with ``log`` equal ratios are equally far apart.

    A ``context`` input is given at each evaluation, such as the day or the temperature of the room. Its bounds only set
    the scale. ValueError for bounds that are not finite and increasing, and for log with a bound that is not positive.
    """
    _check_bounds(name, low, high)
    units, log, context = _checked_options(name, units, log, context)
    if log and not low > 0:
        raise ValueError(f"input {name!r} has log=True and the lower bound {low}; give a positive one")
    if log and math.isinf(float(high) / float(low)):
        raise ValueError(
            f"input {name!r} has log=True from {low} to {high}, whose ratio is no number: narrow the bounds"
        )
    return Input(_checked(name), "real", float(low), float(high), (), units, log, context)


def integer(name: str, low: float | int, high: float | int, units: str = "", *, context: bool = False) -> Input:
    """Return an input of whole numbers from ``low`` to ``high``, both included; ValueError for other bounds."""
    _check_bounds(name, low, high)
    units, _, context = _checked_options(name, units, False, context)
    if low != int(low) or high != int(high):
        raise ValueError(f"bounds of input {name!r} are {low} and {high}; an integer input needs whole numbers")
    return Input(_checked(name), "integer", float(low), float(high), (), units, False, context)


def category(name: str, choices: Sequence[Any], *, context: bool = False) -> Input:
    """Return an input that is one of ``choices``, which have no order; ValueError for fewer than two, or for repeats.

    With ``context=True`` it may be the batch of a material, or the campaign that an evaluation belongs to.
    """
    if isinstance(choices, str | set | frozenset) or not hasattr(choices, "__len__") or len(choices) < 2:
        raise ValueError(f"choices of input {name!r} are {choices!r}; give a list of at least two")
    if unhashable := [choice for choice in choices if not isinstance(choice, Hashable)]:
        raise ValueError(f"choice {unhashable[0]!r} of input {name!r} can change: give words, numbers or tuples")
    context = _checked_options(name, "", False, context)[2]
    choices = [choice.item() if isinstance(choice, np.generic) else choice for choice in choices]
    if len(set(choices)) < len(choices):
        raise ValueError(f"choices of input {name!r} are {list(choices)}; one of them comes twice")
    return Input(_checked(name), "category", 0.0, float(len(choices) - 1), tuple(choices), "", False, context)


def check_codes(inputs: Sequence[Input]) -> None:
    """ValueError for a category of numbers that are not its codes: an array does not tell which of the two it holds."""
    for one in inputs:
        if any(isinstance(choice, int | float) and choice != code for code, choice in enumerate(one.choices)):
            raise ValueError(
                f"a number of an array may be a code or a choice of input {one.name!r}, {list(one.choices)}: give a "
                "dict of name to value, or a list of choices; space.decode(x) makes a dict of an encoded row"
            )


def at_most(weights: Mapping[str, float | int], most: float | int) -> Linear:
    """Return the constraint Σ weight · input ≤ ``most``; ValueError for numbers that are not finite, or all weights 0.

    A sum that must be exact, such as fractions that add up to 1, leaves an input out: at most 1 for the others.
    """
    numbers = {str(name): values.number(weight, f"the weight of {name!r}") for name, weight in weights.items()}
    most = values.number(most, "the bound of the constraint")
    if not any(numbers.values()):
        raise ValueError(f"the constraint {dict(weights)} ≤ {most} needs finite numbers and a weight that is not 0")
    return Linear(tuple(numbers.items()), most)


def at_least(weights: Mapping[str, float | int], least: float | int) -> Linear:
    """Return the constraint Σ weight · input ≥ ``least``, as ``at_most`` of the opposite; ValueError as there."""
    least = values.number(least, "the bound of the constraint")
    numbers = {name: -values.number(weight, f"the weight of {name!r}") for name, weight in weights.items()}
    return at_most(numbers, -least)


def inward(bounds: Any, dtype: Any) -> Any:
    """Return bounds, (dim, 2), rounded to ``dtype`` towards the inside, so that no point leaves the user's bounds.

    ValueError where fewer than a thousand numbers of that precision lie between them, and where their distance or its
    reciprocal is no normal number of it.
    """
    if not values.is_known(bounds):
        return bounds.astype(dtype)
    edges = np.asarray(bounds, float)
    with np.errstate(over="ignore", invalid="ignore"):
        rounded = edges.astype(dtype)
        steps = np.spacing(np.abs(rounded).max(1))
    tiny = float(jnp.finfo(dtype).tiny)  # compiled code takes a smaller number for 0, also 1 / (high − low)
    for number, ((low, high), step) in enumerate(zip(edges, steps, strict=True)):
        if not tiny <= high - low <= 1 / tiny or not np.isfinite(rounded[number]).all():
            raise ValueError(
                f"bounds of input {number} are {low:.10g} and {high:.10g}, {high - low:.3g} apart, which "
                f"{jnp.dtype(dtype).name} cannot divide by: give the input in another unit"
            )
        if high - low < LEAST_STEPS * step:
            raise ValueError(
                f"bounds of input {number} are {low:.10g} and {high:.10g}, between which {jnp.dtype(dtype).name} has "
                f"hardly a number: subtract an offset, x - {low:.10g}, or use a surrogate in float64"
            )
    low = np.where(rounded[:, 0] < edges[:, 0], np.nextafter(rounded[:, 0], rounded.dtype.type(np.inf)), rounded[:, 0])
    high = np.where(
        rounded[:, 1] > edges[:, 1], np.nextafter(rounded[:, 1], rounded.dtype.type(-np.inf)), rounded[:, 1]
    )
    return np.stack([low, high], 1)


def _check_bounds(name: str, low: float | int, high: float | int) -> None:
    if not values.number(low, f"the lower bound of input {name!r}") < values.number(high, f"the upper one of {name!r}"):
        raise ValueError(f"bounds of input {name!r} are {low} and {high}; expected finite low < high")


def _checked(name: str) -> str:
    if not isinstance(name, str) or not name:
        raise ValueError(f"the name of an input is {name!r}; give a word")
    return name


def _checked_options(name: str, units: Any, log: Any, context: Any) -> tuple[str, bool, bool]:
    """Return the options of an input; ValueError for a unit that is no text, and for what is neither True nor False."""
    return (
        options.option(units, f"units of input {name!r}", str),
        options.option(log, f"log of input {name!r}", bool),
        options.option(context, f"context of input {name!r}", bool),
    )
