"""Curves, spectra and matrices in text files."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from experiments.datasets.files.checking import measured
from experiments.datasets.files.records import Axis, Measured
from models.histories.headings import has_corner, is_axis
from models.histories.tables import UNITS, Table, is_number, numbers, read_table

PLACES = ("auto", "column", "row", "none")
NUMBER = re.compile(r"([-+]?\d+\.?\d*(?:[eE][-+]?\d+)?)\s*([^\d\s]*)")  # of a curve, in its name: "20.0 C"
IDS = frozenset({"", "id", "ids", "name", "curve", "spectrum", "loop", "index", "number", "sample", "point", "pixel"})


def read_text(path: Path, x: str = "auto") -> Measured:
    """Return the curves of a text file as [curve point], with their common x axis.

    ``x="column"``: the first column holds the x axis, and each further column is a curve. ``x="row"``: the first row
    holds it, and each further row is a curve. Below a first cell of text, or an empty one, the first column is none of
    the curves': numbers in it, a temperature of each curve say, become the values of the first axis, under the name
    and unit in the first cell; above names of curves, or numbers that count them, that is the name of the x axis.
    Three columns of which the first stays for a whole curve and the second repeats with each are the number of a curve,
    the x axis and the values; below a header their rows may come in any order, and an id may be text. Names of curves
    that are a number each, in one unit, are values of the first axis too.
    ``x="none"``: each row is a curve, or a row of pixels. "auto": a header of words has the axis in the first column,
    unless that is called id, index or the like; a header of numbers that rise, fall or sweep to and fro in equal steps
    is the axis itself; without either the first column, where it does. Units stand in brackets behind a name, or in a
    row of their own; columns at the end that are empty are left out. ValueError for text among the numbers, rows of
    several lengths, an x axis with gaps, curves of a row for each point that differ in their x, and where both fit.
    """
    if x not in PLACES:
        raise ValueError(f"x={x!r}: give one of {', '.join(PLACES)}")
    table = read_table(path, None)
    _check_lengths(path, table)
    table = _without_empty_ends(table)
    corner = "" if table.header else table.rows[0][0]
    first = table.rows[0]
    named_row = has_corner(table)
    if named_row:  # "energy (eV), 1.0, 1.5, 2.0" above rows that begin with a name or a number
        table = table._replace(rows=[["", *first[1:]], *table.rows[1:]])
    texts = not table.header and all(not is_number(row[0]) for row in table.rows[1:]) and len(table.rows) > 1
    ids = bool(table.header) and table.header[0].lower() in IDS
    names = [row[0] for row in table.rows] if ids and not all(is_number(row[0]) for row in table.rows) else []
    cells = np.stack(numbers(path, table, 0 if texts or names else None))
    if x in ("auto", "column") and (points := _points(path, table, cells, names)) is not None:
        return points
    place = x if x != "auto" else _place(path, table, cells, named_row)
    if place == "column":
        return _columns(path, table, cells)
    if place == "row":
        return _rows(path, cells, corner if named_row or texts else "", named_row or texts)
    cells = cells[:, 1:] if texts or ids else cells
    notes = ("no x axis was found: x='column' or x='row' says where it is",) if x == "auto" else ()
    return measured(cells, (), f"{path.name}: {len(cells)} rows of {cells.shape[1]} values", notes)


def _check_lengths(path: Path, table: Table) -> None:
    """Raise ValueError for rows of several lengths."""
    width = len(table.header) or len(table.rows[0])
    for row, line in zip(table.rows, table.lines, strict=True):
        if len(row) != width:
            raise ValueError(
                f"{path}, line {line} has {len(row)} cells, expected {width}: leave cells empty where a value is "
                "missing. Curves of several lengths are read by models.histories.read."
            )


def _place(path: Path, table: Table, cells: np.ndarray, named_row: bool) -> str:
    """Return where the x axis is: "column", "row" or "none"."""
    if table.header:
        return "none" if table.header[0].lower() in IDS or cells.shape[1] < 2 else "column"
    row = len(cells) > 1 and is_axis(cells[0, 1:] if named_row else cells[0])
    if named_row and row:
        return "row"
    column = cells.shape[1] > 1 and is_axis(cells[:, 0])
    if row and column:
        raise ValueError(
            f"{path}: both the first row and the first column rise or fall: say which is the x axis by x='row' or "
            "x='column', or x='none' where neither is."
        )
    return "row" if row else "column" if column else "none"


def _columns(path: Path, table: Table, cells: np.ndarray) -> Measured:
    """Return the columns after the first one as curves over it."""
    if cells.shape[1] < 2:
        raise ValueError(f"{path} has one column: an x axis in it leaves no curve; x='none' takes it for values.")
    _check_axis(path, cells[:, 0], "first column")
    names, units = table.header or ("",) * cells.shape[1], table.units or ("",) * cells.shape[1]
    if (curve := _points_of_a_curve(cells)) > 1:
        number = Axis(names[0], units[0], cells[::curve, 0])
        note = f"each value of the first column, {names[0]}, has a curve of {curve} rows: they are axes[0].values"
        axis = Axis(names[1], units[1], cells[:curve, 1])
        return _curves(path, cells[:, 2].reshape(-1, curve), axis, (note,), units[2], number)
    notes = (f"curves: {_listed(names[1:])}",) if table.header else ()
    unit = units[1] if len(set(units[1:])) == 1 else ""
    return _curves(path, cells[:, 1:].T, Axis(names[0], units[0], cells[:, 0]), notes, unit, _number_in(names[1:]))


def _without_empty_ends(table: Table) -> Table:
    """Return a table without the columns at its end that are empty, as a separator behind the last cell leaves one."""
    width = len(table.rows[0])
    while width > 1 and not any(row[width - 1] for row in (table.header[:width] or table.rows[0], *table.rows)):
        width -= 1
    return Table(table.header[:width], table.units[:width], [row[:width] for row in table.rows], table.lines)


def _points(path: Path, table: Table, cells: np.ndarray, names: list[str]) -> Measured | None:
    """Return curves of a table with a row for each point, (id of the curve, x, value) below a header; None for others.

    Curves keep the order of their rows where all have the same x in it; else they are sorted, where each has every x
    once. ``names`` are the ids where these are text. ValueError for ids that repeat over curves of different x.
    """
    ids = bool(table.header) and table.header[0].lower() in IDS
    if not table.header or cells.shape[1] != 3:
        return None
    words = list(dict.fromkeys(names))
    cells = np.column_stack([[words.index(name) for name in names], cells[:, 1:]]) if names else cells
    curves, axis = np.unique(cells[:, 0]), np.unique(cells[:, 1])
    if len(curves) == len(cells) or (len(curves) == 1 and not ids):
        return None
    _check_axis(path, cells[:, 1], "second column")
    size = len(cells) if len(curves) == 1 else _points_of_a_curve(cells)
    if size == 1 and len(cells) == len(curves) * len(axis) == len(np.unique(cells[:, :2], axis=0)):
        cells, size = cells[np.lexsort((cells[:, 1], cells[:, 0]))], len(axis)
    if size == 1 and ids:
        raise ValueError(
            f"{path}: ids repeat in the first column, {table.header[0]}, as where each row is a point of a curve, but "
            f"the curves differ in {table.header[1] or 'the second column'}: give each curve the same values there, "
            "once each, with an empty cell where a value is missing; read curves of several lengths by "
            "models.histories.read; or say x='none' where each row is a record of its own"
        )
    if size == 1:
        return None
    kept = f"each value of the first column, {table.header[0]}, has a curve of {size} rows: "
    note = kept + (f"they are {_listed(words)}" if names else "they are axes[0].values")
    number = Axis(table.header[0], table.units[0], cells[::size, 0])
    x = Axis(table.header[1], table.units[1], cells[:size, 1])
    return _curves(path, cells[:, 2].reshape(-1, size), x, (note,), table.units[2], number)


def _points_of_a_curve(cells: np.ndarray) -> int:
    """Return how many rows each curve has where three columns are its number, its axis and its values; else 1."""
    if cells.shape[1] != 3:
        return 1
    begins = np.flatnonzero(np.diff(cells[:, 0], prepend=np.nan) != 0)
    size = int(begins[1]) if len(begins) > 1 else 1
    if size < 2 or len(cells) % size or not np.array_equal(begins, np.arange(0, len(cells), size)):
        return 1
    axes = cells[:, 1].reshape(-1, size)
    return size if (axes == axes[0]).all() and len(np.unique(axes[0])) > 1 else 1


def _listed(names: Sequence[str]) -> str:
    """Return names in a line: all of a dozen, of more the first ones and the last."""
    return ", ".join(names if len(names) <= 12 else [*names[:3], f"… ({len(names)} in all)", names[-1]])


def _number_in(names: Sequence[str]) -> Axis | None:
    """Return the first axis of curves that are called by a number each, in one unit ("20.0 C"); None for others."""
    found = [NUMBER.fullmatch(name.strip()) for name in names]
    matches = [match for match in found if match]
    if len(matches) < len(names) or len({match[2] for match in matches}) > 1 or len(names) < 2:
        return None
    return Axis("curve", matches[0][2], np.array([float(match[1]) for match in matches]))


def _rows(path: Path, cells: np.ndarray, corner: str, named: bool) -> Measured:
    """Return the rows after the first one as curves over it; numbers in a column beside them are the first axis.

    The ``corner`` above that column names it, unless it holds names or counts the curves: then it names the x axis.
    """
    axis, curves = (cells[0, 1:], cells[1:, 1:]) if named else (cells[0], cells[1:])
    if not curves.size:
        raise ValueError(f"{path} has one row: an x axis in it leaves no curve; x='none' takes it for values.")
    _check_axis(path, axis, "first row")
    found = UNITS.match(corner)
    name, unit = (found[1], found[2]) if found else (corner, "")
    name = "" if name.lower() in IDS else name
    beside = cells[1:, 0] if named else np.full(len(curves), np.nan)
    if np.isnan(beside).all():
        notes = ("the first column, names of the curves, is left out",) if named and corner else ()
        return _curves(path, curves, Axis(name, unit, axis), notes, "")
    if not name or ((np.diff(beside) == 1).all() and beside[0] in (0, 1)):
        notes = ("the first column is taken for numbers of the curves: they are axes[0].values",)
        return _curves(path, curves, Axis(name, unit, axis), notes, "", Axis("curve", "", beside))
    note = (
        f"the first column, {corner}, has a number for each curve: they are axes[0].values. The axis of the curves is "
        "the first row, whose name and unit the file does not tell"
    )
    return _curves(path, curves, Axis("", "", axis), (note,), "", Axis(name, unit, beside))


def _check_axis(path: Path, axis: np.ndarray, where: str) -> None:
    if np.isnan(axis).any():
        raise ValueError(
            f"{path}: the x axis in the {where} has gaps: fill them in the file (datasets.read(path, x='none') takes "
            "the axis for values)."
        )


def _curves(
    path: Path, curves: np.ndarray, axis: Axis, notes: tuple[str, ...], unit: str, number: Axis | None = None
) -> Measured:
    """Return curves [curve point] with their axes; ``number`` is the first one where curves are more than counted."""
    number = number or Axis("curve", "", np.arange(len(curves), dtype=float))
    source = f"{path.name}: {len(curves)} curves of {curves.shape[1]} points"
    return measured(curves, (number, axis), source, notes, unit=unit)
