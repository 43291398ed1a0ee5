"""Histories read from CSV (a row each, or id, time and values), npy, npz or HDF5."""

from itertools import pairwise
from pathlib import Path

import numpy as np

from ferro_jax.values import masked
from ferro_jax.values import path as values_path
from models.histories.arrays import SUFFIXES, numeric, read_arrays
from models.histories.checks import check_histories
from models.histories.headings import IDS, TIMES, Heading, without_heading
from models.histories.records import Histories
from models.histories.resampling import Course, Found, resample
from models.histories.tables import Table, numbers, read_table

FORMS = ("auto", "rows", "long")


def read(
    path: Path | str,
    *,
    samples: int | None = None,
    form: str = "auto",
    header: bool | None = None,
    step: float = 1.0,
    dataset: str = "",
    id_column: str = "",
    least: int = 2,
) -> Histories:
    """Read histories and bring them to a common grid of ``samples`` points of unit time.

    ``samples=None`` keeps the points that all histories have in common, else takes 200.

    CSV (any other ending counts as text): ``form="rows"`` has a row for each history, whose samples are ``step`` apart.
    Empty cells at the end of a row end the history, so shorter rows are shorter histories; other empty cells are
    missing values. A first column of text, or one that the header calls id, holds the names. ``form="long"`` has
    columns id, time and one for each channel; columns are found by their names, without a header in this order.
    ``id_column`` names the column that tells histories apart, where it has a name of its own. "auto" takes the long
    form where the header has a time, or where ids in the first of few columns repeat while the second rises. A row of
    units may follow the header, or units stand in its brackets: "current (A)". A first row of numbers that rise, as
    pandas writes the columns of a table, holds the times of the samples (``without_heading``), and 0, 1, 2, … count
    columns; ``notes`` says so, and ``header=False`` makes such a row a history.

    npy: [n samples] or [n samples channels], NaN where missing. npz and HDF5: the array ``dataset`` of that form, the
    only one of two or three axes by default; arrays "duration" [n] or "time" ([samples] or [n samples]) beside it are
    used. HDF5 attributes "names" and "units" of the data set name the channels.

    ValueError says what to change in the file: text cells, times that do not rise, a history without values, less
    than ``least`` histories, histories that are all alike.
    """
    path = values_path(path)
    if not path.is_file():
        raise ValueError(f"there is no file {path}: give the path of a CSV, npy, npz or HDF5 file.")
    if form not in FORMS:
        raise ValueError(f"form={form!r}: give one of {', '.join(FORMS)}.")
    if samples is not None and samples < 2:
        raise ValueError(f"samples={samples}: a history needs two or more.")
    if path.suffix.lower() in SUFFIXES:
        if id_column:
            raise ValueError(f"{path} is no CSV: a column of ids ({id_column}) can only be named for a CSV.")
        return _checked(read_arrays(path, dataset, step), samples, least, path)
    table = read_table(path, header)
    named = _column_of(table, path, id_column) if id_column else None
    long = form == "long" or (form == "auto" and _is_long(table, path, named))
    found = _long(table, path, named) if long else _rows(table, path, step, header, named)
    return _checked(found, samples, least, path)


def from_arrays(
    values: np.ndarray,
    *,
    duration: np.ndarray | float | None = None,
    names: tuple[str, ...] = (),
    units: tuple[str, ...] = (),
    time_unit: str = "",
) -> Histories:
    """Return histories from values [n samples] or [n samples channels] on a grid of unit time, NaN where missing.

    ``duration`` [n] is counted in steps where it is not given. ValueError as for ``read``.
    """
    values, shown = masked(values, "the histories")
    values = numeric(np.asarray(values if shown is None else np.where(shown, values, np.nan)), "the histories")
    count, points = values.shape[:2]
    channels = values.shape[2] if values.ndim == 3 else 1
    measured = ~np.isnan(values)
    names, units = names or ("",) * channels, units or ("",) * channels
    durations = np.broadcast_to(np.asarray(points - 1.0 if duration is None else duration, float), (count,)).copy()
    mask = None if measured.all() else measured.astype(np.float32)
    filled = np.where(measured, values, 0).astype(np.float32)
    ids = tuple(map(str, range(count)))
    histories = Histories(filled, mask, durations, ids, tuple(names), tuple(units), time_unit)
    check_histories(histories, 1)
    return histories


def _checked(found: Found, samples: int | None, least: int, path: Path) -> Histories:
    """Return histories on the common grid. ValueError where they cannot be learned from."""
    try:
        values, measured, duration = resample(found.courses, samples)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if values.shape[2] == 1:
        values, measured = values[..., 0], measured[..., 0]
    mask = None if measured.all() else measured.astype(np.float32)
    ids = tuple(course.name for course in found.courses)
    rest = (ids, found.names, found.units, found.time_unit, found.notes)
    histories = Histories(values.astype(np.float32), mask, duration, *rest)
    try:
        check_histories(histories, least)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return histories


def _is_long(table: Table, path: Path, named: int | None) -> bool:
    """Return whether a table has a column of times: by a name, or by numbers beside ids that repeat."""
    if any(name.lower() in TIMES for name in table.header):
        return True
    known = not table.header or named is not None or table.header[0].lower() in IDS
    return known and _rises_in_blocks(table, path, named or 0)


def _rises_in_blocks(table: Table, path: Path, ids: int) -> bool:
    """Return whether one of few columns repeats in blocks of rows while the next one rises in each."""
    width = len(table.rows[0])
    if not 3 <= width <= 12 or len(table.rows) < 3 or any(len(row) != width for row in table.rows):
        return False
    names = [row[ids] for row in table.rows]
    again = np.array([one == other for one, other in pairwise(names)])
    if not again.any() or len(set(names)) < 2 or len(set(names)) > 1 + int((~again).sum()):
        return False
    time = np.array([values[0 if ids == 1 else 1] for values in numbers(path, table, ids)])
    return bool((np.diff(time)[again] > 0).all())


def _column_of(table: Table, path: Path, name: str) -> int:
    """Return the number of a column by its name. ValueError where there is none or are several."""
    found = [column for column, other in enumerate(table.header) if other.lower() == name.lower()]
    if len(found) != 1:
        raise ValueError(
            f"{path} has {len(found)} columns {name} (columns: {', '.join(table.header) or 'without names'}): name the "
            "one column that tells the histories apart."
        )
    return found[0]


def _names_of(table: Table, path: Path, column: int) -> list[str]:
    """Return the ids of rows that are a history each. ValueError where one is missing or has two rows."""
    names: list[str] = []
    for row, line in zip(table.rows, table.lines, strict=True):
        name = row[column] if column < len(row) else ""
        if not name or name in names:
            raise ValueError(
                f"{path}, line {line}: the column {table.header[column]} is empty or repeats ({name}), and every row "
                "is taken for a history: give each an id of its own, or form='long' where rows are times."
            )
        names.append(name)
    return names


def _rows(table: Table, path: Path, step: float, header: bool | None, named: int | None) -> Found:
    """Return the histories of a table with a row for each; ``named`` is the column of their ids, where it is given."""
    heading = Heading(table) if named is not None else without_heading(path, table, header)
    table, notes = heading.table, heading.notes
    rows, names = table.rows, [row[0] for row in heading.table.rows] if heading.named else None
    if named is not None:
        names = _names_of(table, path, named)
    elif (table.header and table.header[0].lower() in IDS) or (names is None and all(_is_name(row[0]) for row in rows)):
        names = [row[0] for row in rows]
    courses = []
    column = None if names is None else named or 0
    for number, values in enumerate(numbers(path, table, column)):
        values = values if column is None else np.delete(values, column)
        known = np.flatnonzero(~np.isnan(values))
        name = names[number] if names else str(number)
        if not known.size:
            raise ValueError(
                f"{path}, line {table.lines[number]}: history {name} has no value at all: remove the row, or give its "
                "values."
            )
        values = values[: known[-1] + 1]
        time = step * np.arange(len(values)) if heading.times is None else heading.times[: len(values)]
        courses.append(Course(name, time, values[:, None]))
    if named is None and table.header and _rises_in_blocks(table, path, 0):
        notes += (f"every row was taken for a history, though {table.header[0]} repeats and {table.header[1]} rises as "
                  "ids and times do: if they are, call them id and time.",)  # fmt: skip
    unit = next((unit for unit in table.units if unit), "")
    return Found(courses, ("",), (unit,), heading.time_unit, notes)


def _is_name(cell: str) -> bool:
    """Return whether a cell begins with a letter and is no word for a missing value."""
    return cell[:1].isalpha() and cell.lower() not in ("nan", "na", "n/a", "null", "none")


def _long(table: Table, path: Path, named: int | None) -> Found:
    """Return the histories of a table with columns id, time and values; ``named`` is that of the ids, where given."""
    width = len(table.header) if table.header else len(table.rows[0])
    for row, line in zip(table.rows, table.lines, strict=True):
        if len(row) != width:
            raise ValueError(
                f"{path}, line {line} has {len(row)} cells, expected {width}: each row of the long form has an id, a "
                "time and a value of every channel (empty where it is missing)."
            )
    header = table.header or ("id", "t", *(f"value{number}" for number in range(1, width - 1)))
    units = table.units or ("",) * width
    lower = [name.lower() for name in header]
    elsewhere = 0 if named == 1 else 1
    time = next((column for column, name in enumerate(lower) if name in TIMES and column != named), elsewhere)
    name = named
    if name is None:
        name = next((column for column, name in enumerate(lower) if name in IDS and column != time), None)
    if name is None:
        raise ValueError(
            f"{path} has a column of times but none of the histories' ids (columns: {', '.join(header)}). Name it "
            "(id_column, or --id of a study's learn), add a column id, the same in all rows of one history; or "
            "transpose a table that has a history in each column."
        )
    channels = [column for column in range(width) if column not in (time, name)]
    if not channels:
        raise ValueError(f"{path} has ids and times but no column of values.")
    cells = np.stack(numbers(path, table, name))
    groups: dict[str, list[int]] = {}
    for number, row in enumerate(table.rows):
        groups.setdefault(row[name], []).append(number)
    courses = [Course(key, cells[rows, time], cells[np.ix_(rows, channels)]) for key, rows in groups.items()]
    names, channel_units = tuple(header[c] for c in channels), tuple(units[c] for c in channels)
    return Found(courses, names, channel_units, units[time], ())
