"""First rows of text tables that are no data: an axis of numbers above the columns, or numbers that count these."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from models.histories.tables import UNITS, Table, is_number, numbers

IDS = frozenset({"", "id", "ids", "name", "history", "curve", "cell", "index", "run", "sample", "experiment", "number"})
TIMES = frozenset({"t", "time", "times", "zeit", "seconds", "minutes", "hours", "timestamp"})
TURNS = 8  # of a sweep, at most: four cycles


class Heading(NamedTuple):
    """A table of histories without what stands above them.

    ``times`` [samples] are those of a row of times, ``named`` says whether the first column holds ids because of what
    stands above it, ``notes`` what was decided.
    """

    table: Table
    times: np.ndarray | None = None
    named: bool = False
    time_unit: str = ""
    notes: tuple[str, ...] = ()


def is_axis(values: np.ndarray) -> bool:
    """Return whether three or more values rise or fall, or eight or more sweep to and fro in equal steps."""
    steps = np.diff(values)
    if len(values) > 2 and ((steps > 0).all() or (steps < 0).all()):
        return True
    if len(values) < 8 or not np.isfinite(steps).all():
        return False
    moving = steps[steps != 0]
    turns = np.count_nonzero(np.diff(np.sign(moving)))
    return _equal(np.abs(steps)) and bool(turns <= TURNS)


def has_corner(table: Table) -> bool:
    """Return whether the first row has a cell of text, or an empty one, before its numbers."""
    first = table.rows[0]
    return not table.header and len(first) > 2 and not (is_number(first[0]) and first[0])


def without_heading(path: Path, table: Table, header: bool | None) -> Heading:
    """Return a table of histories, a row each, without a first row of times or of 0, 1, 2, …

    A row of numbers that rise, as many as the longest history has samples, holds the times where it stands beside an
    empty cell or a word such as id or time, or where ``header`` says that it is none of the histories; else where it
    begins at 0 or has equal steps, and no history is so.
    """
    rows = table.rows
    if header is None and len(rows) > 2 and len(rows[0]) > 2 and _counts(rows):
        said = "the first row, 0, 1, 2, …, was taken for numbers of columns; header=False makes it a history."
        return Heading(_below(table), None, not rows[0][0], "", (said,))
    if header is False:
        return Heading(table)
    names_are_numbers = bool(header) and not any(table.units)
    first = Table((), (), [list(table.header), *rows], [0, *table.lines]) if names_are_numbers else table
    times = None if _counts(first.rows) else _times(path, first, above=bool(header))
    if times is None:
        return Heading(table)
    cornered = has_corner(first)
    found = UNITS.match(first.rows[0][0]) if cornered else None
    unit = found[2] if found and found[1].lower() in TIMES else ""
    said = (
        f"the first row, numbers that rise from {times[0]:g} to {times[-1]:g}, was taken for the times of the samples; "
        "header=False makes it a history."
    )
    return Heading(_below(first), times, cornered, unit, (said,))


def _below(table: Table) -> Table:
    """Return a table without its first row."""
    return Table((), (), table.rows[1:], table.lines[1:])


def _counts(rows: list[list[str]]) -> bool:
    """Return whether the first row is 0, 1, 2, …, for each column or for those behind an empty cell."""
    counts = [str(number) for number in range(max(map(len, rows)))]
    return rows[0] in (counts, ["", *counts[:-1]])


def _times(path: Path, table: Table, *, above: bool) -> np.ndarray | None:
    """Return the numbers of the first row where they are times of the samples, None where they are a history.

    ``above`` says that the row is no history.
    """
    if table.header or len(table.rows) < 3:
        return None
    cornered = has_corner(table)
    corner, cells = (table.rows[0][0], table.rows[0][1:]) if cornered else ("", table.rows[0])
    if not all(cell and is_number(cell) for cell in cells) or max(map(len, table.rows)) > len(table.rows[0]):
        return None
    below = _below(table)
    column = 0 if cornered else None
    if not all(is_number(cell) for row in below.rows for cell in row[cornered:]):
        return None  # text among the values: whoever reads them says where
    times = numbers(path, table._replace(rows=[cells], lines=table.lines[:1]))[0]
    if not (is_axis(times) and (np.diff(times) > 0).all()):
        return None
    found = UNITS.match(corner)
    word = (found[1] if found else corner).lower()
    texts = cornered and not any(is_number(row[0]) for row in below.rows)
    if above or (cornered and (word in IDS | TIMES or not texts)):
        return times
    histories = [values[cornered:] for values in numbers(path, below, column)]
    return times if _regular(times) and not any(map(_regular, histories)) else None


def _regular(values: np.ndarray) -> bool:
    """Return whether three or more values rise from 0, or in equal steps."""
    values = values[~np.isnan(values)]
    steps = np.diff(values)
    return len(values) > 2 and bool((steps > 0).all()) and (bool(values[0] == 0) or _equal(steps))


def _equal(sizes: np.ndarray) -> bool:
    """Return whether nine of ten steps have the size of the median one, which is not 0."""
    middle = np.median(sizes)
    return bool(middle > 0 and (np.abs(sizes - middle) <= 0.01 * middle).mean() >= 0.9)
