"""The log of a study, ``log.csv``: rows as a person may edit them, read with words on what cannot be used; appended.

An id may have several rows, because a row is never changed by a command: first "asked", later "ok", "failed" or
"withdrawn". Of several answers the one told last counts. Rows may stand in any order.
"""

import csv
import io
import math
import os
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from experiments.process.cells import deviations, number, pairs, time_of, whole

FILE = "log.csv"
STATUSES = ("asked", "ok", "failed", "withdrawn")
NOTHING: Mapping[str, float] = MappingProxyType({})
NEEDED = ("id", "status", "outcomes")


class Row(NamedTuple):
    """One row of the log. ``cell`` is None and ``z`` is () where the log does not say it; ``line`` is 0 for a new row.

    ``asked`` and ``told`` are times as text (``time_of``).
    """

    id: int | None
    cell: int | None
    z: tuple[float, ...]
    status: str
    asked: str = ""
    told: str = ""
    outcomes: Mapping[str, float] = NOTHING
    noise: Mapping[str, float] = NOTHING
    context: str = ""
    note: str = ""
    line: int = 0

    @property
    def name(self) -> str:
        """What a message calls the row."""
        return f"line {self.line} (id {self.id})" if self.id is not None else f"line {self.line}"


class Log(NamedTuple):
    """The rows of a log, words on what could not be used, its columns, its separator, and the bytes of the file."""

    rows: list[Row]
    notes: list[str]
    columns: tuple[str, ...]
    separator: str
    data: bytes = b""

    @property
    def answers(self) -> list[Row]:
        """The row that counts for each id (rows without an id count each), answered or still asked."""
        return settled(self.rows)[0]


def columns_of(latents: int) -> tuple[str, ...]:
    """Return the columns of a log over a latent space."""
    z = tuple(f"z{axis}" for axis in range(1, latents + 1))
    return ("id", "cell", *z, "status", "asked", "told", "outcomes", "noise", "context", "note")


def content(folder: Path, file: str = FILE) -> bytes:
    """Return the bytes of the log, none where there is no log. ValueError where it cannot be read."""
    path = folder / file
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror})") from error


def read(folder: Path, latents: int) -> Log:
    """Return the log of a study, empty where there is none.

    A line is a row, because no command writes a cell of several lines; so a row that was cut off costs no other.
    ValueError for a file that cannot be read, and for one without the columns it needs.
    """
    data = content(folder)
    text = data.decode("utf-8-sig", errors="replace")
    if not text.strip():
        return Log([], [], columns_of(latents), ",", data)
    first = text.lstrip().splitlines()[0]
    separator = max(",;\t", key=first.count)
    rows, notes, columns = [], [], ()
    for line, written in enumerate(re.split(r"\r\n|\n|\r", text), 1):
        try:
            cells = _cells(written, separator)
            if not any(cells):
                continue
            if columns:
                rows.append(_row(_named(cells, columns), line, latents))
        except ValueError as error:
            if not columns:
                raise ValueError(f"{folder / FILE}, line {line}: {error}") from error
            notes.append(f"line {line}: {error}: not used")
            continue
        if not columns:
            columns, said = _columns(cells, folder / FILE, latents)
            notes += said
    return Log(rows, notes, columns, separator, data)


def _cells(line: str, separator: str) -> list[str]:
    """Return the cells of a line. ValueError where a quote is not closed."""
    reader = csv.reader([line + "\n", "\n"], delimiter=separator)
    try:
        cells = next(reader)
    except csv.Error as error:
        raise ValueError(str(error)) from error
    if reader.line_num > 1:
        raise ValueError("the quote is not closed")
    return [cell.strip() for cell in cells]


def _columns(cells: list[str], path: Path, latents: int) -> tuple[tuple[str, ...], list[str]]:
    """Return the columns of the first line, and words on those that it has twice. ValueError for one that lacks."""
    columns = tuple(cell.lower() for cell in cells)
    if missing := set(NEEDED) - set(columns):
        raise ValueError(
            f"{path}: the first line has no column {', '.join(sorted(missing))}; it should be "
            f"{','.join(columns_of(latents))}"
        )
    twice = sorted({column for column in columns if column and columns.count(column) > 1})
    return columns, [f"the first line has the column {column} twice: the first of them is used" for column in twice]


def _named(cells: list[str], columns: tuple[str, ...]) -> dict[str, str]:
    """Return the cells of a row by their columns. ValueError where there are more cells than columns."""
    if len(cells) > len(columns):
        raise ValueError(f"it has {len(cells)} cells for {len(columns)} columns")
    found: dict[str, str] = {}
    for column, cell in zip(columns, cells, strict=False):
        found.setdefault(column, cell)
    return found


def _row(cells: dict[str, str], line: int, latents: int) -> Row:
    """Return a row from its cells. ValueError says what is wrong."""
    status = cells.get("status", "").lower()
    if status not in STATUSES:
        raise ValueError(f"status {status!r} is none of {', '.join(STATUSES)}")
    z = [cells.get(f"z{axis}", "") for axis in range(1, latents + 1)]
    return Row(
        id=whole("id", cells.get("id", "")),
        cell=whole("cell", cells.get("cell", "")),
        z=tuple(number(f"z{axis}", cell) for axis, cell in enumerate(z, 1)) if all(z) else (),
        status=status,
        asked=cells.get("asked", ""),
        told=cells.get("told", ""),
        outcomes=pairs("outcomes", cells.get("outcomes", "")),
        noise=deviations(cells.get("noise", "")),
        context=cells.get("context", ""),
        note=cells.get("note", ""),
        line=line,
    )


def settled(rows: Sequence[Row]) -> tuple[list[Row], list[str]]:
    """Return the row that counts for each id, in the order told, and words on rows that others replace.

    An answer counts more than "asked"; of several the one told last, or that of the last line where a time told cannot
    be read. It keeps the place of the first answer to its id. The order does not depend on that of the rows.
    """
    groups: dict[int | str, list[Row]] = {}
    for row in rows:
        groups.setdefault(f"line {row.line}" if row.id is None else row.id, []).append(row)
    counted: list[tuple[tuple, Row]] = []
    notes: list[str] = []
    for group in groups.values():
        asked = [row for row in group if row.status == "asked"]
        answers = [row for row in group if row.status != "asked"]
        if len({row.cell for row in asked}) > 1:
            notes.append(f"id {group[0].id} was asked for several cells: that of {asked[0].name} counts")
        if not answers:
            notes += [f"{row.name}: status asked, but it has outcomes: set ok" for row in asked if row.outcomes]
        row, said = last_told(answers) if answers else (asked[0], [])
        notes += said
        if row.cell is None and not row.z and asked:
            row = row._replace(cell=asked[0].cell, z=asked[0].z)
        if asked and not row.context:
            row = row._replace(context=asked[0].context)
        counted.append((place(row, answers), row))
    return [row for _, row in sorted(counted, key=itemgetter(0))], notes


def place(row: Row, answers: Sequence[Row]) -> tuple:
    """Return what a row is sorted by: the time at which its id was first answered, and else what its order says.

    A correction keeps the place of what it corrects, because the candidates that follow were chosen with a value there.
    """
    times = [time for each in answers if each.status != "withdrawn" and (time := time_of(each.told))]
    return (min(times), "", *order(row)[2:]) if times else order(row)


def last_told(answers: Sequence[Row]) -> tuple[Row, list[str]]:
    """Return the answer that was told last of those to one id, and words where there are several."""
    known = all(time_of(row.told) for row in answers)
    row = max(answers, key=lambda row: (time_of(row.told) if known else datetime.min, row.line))
    if len(answers) == 1:
        return row, []
    why = "" if known else ", the last line, because a time told is missing or cannot be read"
    return row, [f"id {row.id} was answered {len(answers)} times: the answer of line {row.line} counts{why}"]


def order(row: Row) -> tuple:
    """Return what rows are sorted by: the time told, times that cannot be read and rows without one behind."""
    time = time_of(row.told)
    text = "" if time else row.told or "~"
    return (time or datetime.max, text, math.inf if row.id is None else row.id, row.cell or 0, str(dict(row.outcomes)))


def append(folder: Path, log: Log, rows: Sequence[Row], file: str = FILE) -> None:
    """Write rows at the end of the log, in one write that is on disk when this returns.

    A last line that was cut off, by a person or a killed process, is ended first.
    ValueError where it cannot be written.
    """
    path, data = folder / file, content(folder, file)
    lines = io.StringIO()
    writer = csv.writer(lines, delimiter=log.separator, lineterminator="\n")
    if not data.strip():
        writer.writerow(log.columns)
    elif not data.endswith(b"\n"):
        lines.write("\n")
    for row in rows:
        writer.writerow([cell_of(row, column) for column in log.columns])
    try:
        write_through(path, lines.getvalue().encode())
        if not data:
            sync_folder(folder)
    except OSError as error:
        raise ValueError(f"{path} cannot be written ({error.strerror})") from error


def write_through(path: Path, data: bytes) -> None:
    """Write bytes at the end of a file, onto the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        while data:  # a disk that is full takes a part, and then refuses the rest
            data = data[os.write(descriptor, data) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def cell_of(row: Row, column: str) -> str:
    """Return what a row has in a column, as text."""
    if re.fullmatch(r"z\d+", column):
        axis = int(column[1:]) - 1
        return f"{row.z[axis]:.6g}" if axis < len(row.z) else ""
    value = getattr(row, column, "")
    if isinstance(value, Mapping):
        return " ".join(name + "=" + repr(float(number)).removesuffix(".0") for name, number in value.items())
    return "" if value is None else " ".join(str(value).split())


def sync_folder(folder: Path) -> None:
    """Make the names of a folder's files last through a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
