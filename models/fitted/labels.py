"""Classes and factors as a user gives them, text or numbers, to what a model is trained on and back."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

UNKNOWN = -1
MISSING = ("NAType", "NaTType")  # of pandas
MOST_SINGLE = 10  # classes that may have one labelled example each
BEYOND = 0.1  # share of the range of a factor by which it may be exceeded


class Factors(NamedTuple):
    """How factors are standardised: scaled = (factor − centre) / spread, and the range that was trained."""

    names: tuple[str, ...] = ()
    centre: np.ndarray = np.zeros(0)
    spread: np.ndarray = np.ones(0)
    low: np.ndarray = np.zeros(0)
    high: np.ndarray = np.zeros(0)


def class_names(classes: int | Sequence[str] | None, labels: Any) -> tuple[str, ...]:
    """Return the names of the classes: given ones, numbers from 0, or the sorted different labels.

    ValueError for one class, for labels that do not name the classes, and for labels that differ from one example to
    the next.
    """
    if isinstance(classes, str | bytes):
        raise ValueError(f"classes={classes!r}: give a number, classes=2, or the names, classes=('A', 'B').")
    if classes is not None and not isinstance(classes, int | np.integer):
        return tuple(str(name) for name in classes)
    if classes is not None and classes < 2:
        raise ValueError(f"classes={classes}: give two or more, or leave classes out.")
    given = [] if labels is None else _entries(labels)
    found = [entry for entry in given if not _is_unknown(entry)]
    if classes is not None and all(_is_number(entry) and 0 <= entry < classes for entry in found):
        return tuple(str(number) for number in range(int(classes)))
    if broken := [entry for entry in found if isinstance(entry, float)]:
        raise ValueError(
            f"labels are classes, whole numbers or words, and {broken[0]:g} is neither: give numbers as factors=."
        )
    names = tuple(str(entry) for entry in sorted(set(found), key=lambda entry: (str(type(entry)), entry)))
    if classes is not None and len(names) > classes:
        raise ValueError(f"the labels are {', '.join(names)}: more than classes={classes}.")
    if classes is not None and len(names) < classes:
        raise ValueError(
            f"the labels name {', '.join(names)} only: name all {classes} classes, classes=({names[0]!r}, …)."
        )
    if len(names) > max(len(found) / 2, MOST_SINGLE) and 2 * len(found) > len(given):
        raise ValueError(
            f"the labels name {len(names)} classes for {len(found)} labelled examples: a class needs several. Give "
            "numbers that vary from one example to the next as factors=."
        )
    if labels is not None and len(names) < 2:
        raise ValueError(
            f"the labels name {len(names)} class{'es' * (not names)}: give two or more, or leave the labels out."
        )
    return names


def numbered(labels: Any, names: tuple[str, ...], count: int) -> np.ndarray:
    """Return labels as numbers of ``names`` [n], −1 where unknown: −1, "", None, NaN or masked.

    ValueError for a label that is no class and for another number of labels than ``count``.
    """
    entries = _entries(labels)
    if len(entries) != count:
        raise ValueError(f"{len(entries)} labels for {count} examples: give one each, −1, '' or None where unknown.")
    number = {name: index for index, name in enumerate(names)}
    result = np.full(count, UNKNOWN, np.int32)
    for row, entry in enumerate(entries):
        if _is_unknown(entry):
            continue
        if str(entry) in number:
            result[row] = number[str(entry)]
        elif _is_number(entry) and 0 <= entry < len(names):
            result[row] = int(entry)
        else:
            raise ValueError(f"label {entry!r} of example {row} is none of the classes {', '.join(names)}.")
    return result


def _entries(labels: Any) -> list[Any]:
    """Return labels as plain Python values, None where masked; words without the blanks around them, because "A " is a
    slip of the keyboard and no class of its own."""
    if isinstance(labels, np.ma.MaskedArray):
        entries = zip(labels.data.ravel().tolist(), np.ma.getmaskarray(labels).ravel().tolist(), strict=True)
        return [None if masked else entry for entry, masked in entries]
    if np.ndim(labels) == 0:
        raise ValueError(f"labels={labels!r}: give a label for each example")
    values = np.asarray(labels).ravel().tolist() if hasattr(labels, "dtype") else list(labels)
    values = [entry.decode(errors="replace") if isinstance(entry, bytes) else entry for entry in values]
    values = [entry.strip() if isinstance(entry, str) else entry for entry in values]
    return [int(entry) if isinstance(entry, float) and entry.is_integer() else entry for entry in values]


def _is_number(entry: Any) -> bool:
    return isinstance(entry, int) and not isinstance(entry, bool)


def _is_unknown(entry: Any) -> bool:
    if entry is None or (isinstance(entry, float) and np.isnan(entry)) or type(entry).__name__ in MISSING:
        return True
    return (_is_number(entry) and entry == UNKNOWN) or (isinstance(entry, str) and entry.strip() in ("", "-1"))


def factor_table(factors: Any, count: int, expected: tuple[str, ...] = ()) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return factors [n factor] as float64, NaN where unknown, and their names.

    ``factors`` is a mapping from names to columns, a column [n] or a table [n factor]. Columns of a mapping are taken
    in the order of the ``expected`` names, where these are given.
    """
    if isinstance(factors, Mapping):
        if not factors:
            raise ValueError("factors={}: name one or more, or leave factors out.")
        if expected and set(factors) != set(expected):
            raise ValueError(f"factors {', '.join(map(str, factors))}: the model has {', '.join(expected)}.")
        factors = {name: factors[name] for name in expected} if expected else factors
        names = tuple(str(name) for name in factors)
        table = np.column_stack([_column(column, str(name)) for name, column in factors.items()])
    else:
        table = _column(factors, "factors")
        table = table[:, None] if table.ndim == 1 else table
        names = (
            tuple(f"factor {number + 1}" for number in range(table.shape[-1])) if table.shape[-1] > 1 else ("factor",)
        )
    if table.ndim != 2 or len(table) != count:
        raise ValueError(f"factors of shape {table.shape} for {count} examples: give a number each, NaN where unknown.")
    if np.isinf(table).any():
        raise ValueError("factors hold infinite values: give NaN where one is unknown.")
    return table, names


def _column(column: Any, name: str) -> np.ndarray:
    """Return a factor's values as floats, NaN where masked; ValueError names a factor that is no number."""
    kind = np.asarray(column).dtype.kind
    if kind in "cMm":
        what = "complex numbers" if kind == "c" else "dates or durations"
        raise ValueError(f"{name}: factors are real numbers, and these are {what}: give numbers in a unit")
    try:
        if isinstance(column, np.ma.MaskedArray):
            return np.ma.filled(column.astype(float), np.nan)
        return np.asarray(column, float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: factors are numbers, NaN where unknown ({error}); give words as labels=.") from None


def factors_of(table: np.ndarray, names: tuple[str, ...]) -> Factors:
    """Return the standardisation of a table of factors. ValueError for a factor that never varies or is never known."""
    known = np.isfinite(table).any(0)
    if not known.all():
        raise ValueError(f"{names[int(np.argmin(known))]} is unknown for every example: leave it out.")
    low, high = np.nanmin(table, 0), np.nanmax(table, 0)
    if not (high > low).all():
        raise ValueError(f"{names[int(np.argmin(high > low))]} has the same value in every example: leave it out.")
    centre = low + np.nanmean(table - low, 0)  # the difference first: times since 1970 would lose their digits
    with np.errstate(over="ignore"):
        spread = np.nanstd(table - centre, 0)
    if not (np.isfinite(spread) & (spread > 0)).all():
        at = int(np.argmin(np.isfinite(spread) & (spread > 0)))
        raise ValueError(
            f"{names[at]} from {low[at]:g} to {high[at]:g} has no spread as a number: give it another unit."
        )
    return Factors(names, centre, spread, low, high)


def standardised(table: np.ndarray, factors: Factors) -> np.ndarray:
    """Return factors [n factor] in units of their spread around their mean, as float32.

    ValueError for another number of factors and for values outside the range that was trained.
    """
    if table.shape[-1] != len(factors.names):
        raise ValueError(f"{table.shape[-1]} factors, the model has {len(factors.names)}: {', '.join(factors.names)}.")
    margin = BEYOND * (factors.high - factors.low)
    outside = ((table < factors.low - margin) | (table > factors.high + margin)).any(0)
    if outside.any():
        at = int(np.argmax(outside))
        raise ValueError(
            f"{factors.names[at]} from {np.nanmin(table[..., at]):.10g} to {np.nanmax(table[..., at]):.10g} lies "
            f"outside the trained range of {factors.low[at]:.10g} to {factors.high[at]:.10g}: are the units the same?"
        )
    return ((table - factors.centre) / factors.spread).astype(np.float32)
