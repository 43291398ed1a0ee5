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
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

FILE = "log.csv"
STATUSES = ("asked", "ok", "failed", "withdrawn")
NAME = re.compile(r"[^\W\d]\w*")
PAIR = re.compile(rf"({NAME.pattern})\s*[=:]\s*([^\s;]+)")
NOTHING: Mapping[str, float] = MappingProxyType({})
NEEDED = ("id", "status", "outcomes")


class Row(NamedTuple):
    """One row of the log. ``cell`` is None and ``z`` is () where the log does not say it; ``line`` is 0 for a new row.

    ``asked`` and ``told`` are times as text, which sorts as they follow each other.
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
    """The rows of a log, words on what could not be used, its columns and its separator."""

    rows: list[Row]
    notes: list[str]
    columns: tuple[str, ...]
    separator: str

    @property
    def answers(self) -> list[Row]:
        """The row that counts for each id (rows without an id count each), answered or still asked."""
        return settled(self.rows)[0]


def columns_of(latents: int) -> tuple[str, ...]:
    """Return the columns of a log over a latent space."""
    z = tuple(f"z{axis}" for axis in range(1, latents + 1))
    return ("id", "cell", *z, "status", "asked", "told", "outcomes", "noise", "context", "note")


def read(folder: Path, latents: int) -> Log:
    """Return the log of a study, empty where there is none. ValueError for a file without the columns it needs."""
    path = folder / FILE
    text = path.read_bytes().decode("utf-8-sig", errors="replace") if path.exists() else ""
    if not text.strip():
        return Log([], [], columns_of(latents), ",")
    first = text.lstrip().splitlines()[0]
    separator = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    rows, notes, columns, before = [], [], (), 0
    for cells in reader:
        line, before = before + 1, reader.line_num
        cells = [cell.strip() for cell in cells]
        if not any(cells):
            continue
        if not columns:
            columns = tuple(cell.lower() for cell in cells)
            if missing := set(NEEDED) - set(columns):
                raise ValueError(
                    f"{path}: the first line has no column {', '.join(sorted(missing))}; it should be "
                    f"{','.join(columns_of(latents))}"
                )
            continue
        if len(cells) > len(columns):
            notes.append(f"line {line} has {len(cells)} cells for {len(columns)} columns: not used")
            continue
        try:
            rows.append(_row(dict(zip(columns, cells, strict=False)), line, latents))
        except ValueError as error:
            notes.append(f"line {line}: {error}: not used")
    return Log(rows, notes, columns, separator)


def _row(cells: dict[str, str], line: int, latents: int) -> Row:
    """Return a row from its cells. ValueError says what is wrong."""
    status = cells.get("status", "").lower()
    if status not in STATUSES:
        raise ValueError(f"status {status!r} is none of {', '.join(STATUSES)}")
    z = [cells.get(f"z{axis}", "") for axis in range(1, latents + 1)]
    return Row(
        id=whole("id", cells["id"]),
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


def number(what: str, text: str) -> float:
    """Return a number, with a decimal point or comma. ValueError for anything else."""
    try:
        return float(text.strip().replace("−", "-").replace(",", ".", 1))
    except ValueError:
        raise ValueError(f"{what} {text!r} is no number") from None


def whole(what: str, text: str) -> int | None:
    """Return a whole number that is not negative, None for an empty text. ValueError for anything else."""
    if not text:
        return None
    value = number(what, text)
    if not (value >= 0 and value == int(value)):
        raise ValueError(f"{what} {text!r} is no whole number of at least 0")
    return int(value)


def pairs(what: str, text: str) -> dict[str, float]:
    """Return the numbers of "cap=3.41 temp=48.2". ValueError for other text, and for a name with two values."""
    found: dict[str, float] = {}
    for name, value in PAIR.findall(text):
        value = number(name, value.rstrip(","))
        if found.setdefault(name, value) != value and not (math.isnan(value) and math.isnan(found[name])):
            raise ValueError(f"{what} gives {name} twice, {found[name]:g} and {value:g}")
    if rest := PAIR.sub("", text).strip(" ;,\t"):
        raise ValueError(f"{what} {rest!r} is not of the form name=value")
    return found


def deviations(text: str) -> dict[str, float]:
    """Return the standard deviations of "cap=0.02". ValueError for one that is negative or not finite."""
    found = pairs("noise", text)
    for name, value in found.items():
        if not 0 <= value < math.inf:
            raise ValueError(f"noise {name}={value:g} is no standard deviation: give a number of at least 0")
    return found


def settled(rows: Sequence[Row]) -> tuple[list[Row], list[str]]:
    """Return the row that counts for each id, in the order told, and words on answers that another one replaces.

    An answer counts more than "asked"; of several the one told last. The order does not depend on that of the rows.
    """

    def order(row: Row) -> tuple:
        return (row.told or "~", row.id if row.id is not None else math.inf, row.cell or 0, *row.outcomes.values())

    groups: dict[int | str, list[Row]] = {}
    for row in rows:
        groups.setdefault(f"line {row.line}" if row.id is None else row.id, []).append(row)
    counted, notes = [], []
    for group in groups.values():
        asked = next((row for row in group if row.status == "asked"), None)
        answers = sorted((row for row in group if row.status != "asked"), key=lambda row: (row.told, row.line))
        row = answers[-1] if answers else group[-1]
        if len(answers) > 1:
            notes.append(f"id {row.id} was answered {len(answers)} times: the answer of line {row.line} counts")
        if row.cell is None and not row.z and asked is not None:
            row = row._replace(cell=asked.cell, z=asked.z)
        if asked is not None and not row.context:
            row = row._replace(context=asked.context)
        counted.append(row)
    return sorted(counted, key=order), notes


def append(folder: Path, log: Log, rows: Sequence[Row]) -> None:
    """Write rows at the end of the log, in one write that is on disk when this returns.

    A last line that was cut off, by a person or a killed process, is ended first.
    """
    path = folder / FILE
    data = path.read_bytes() if path.exists() else b""
    lines = io.StringIO()
    writer = csv.writer(lines, delimiter=log.separator, lineterminator="\n")
    if not data.strip():
        writer.writerow(log.columns)
    elif not data.endswith(b"\n"):
        lines.write("\n")
    for row in rows:
        writer.writerow([cell_of(row, column) for column in log.columns])
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        os.write(descriptor, lines.getvalue().encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if not data:
        sync_folder(folder)


def cell_of(row: Row, column: str) -> str:
    """Return what a row has in a column, as text."""
    if re.fullmatch(r"z\d+", column):
        axis = int(column[1:]) - 1
        return f"{row.z[axis]:.6g}" if axis < len(row.z) else ""
    value = getattr(row, column, "")
    if isinstance(value, Mapping):
        return " ".join(f"{name}={number:.10g}" for name, number in value.items())
    return "" if value is None else " ".join(str(value).split())


def sync_folder(folder: Path) -> None:
    """Make the names of a folder's files last through a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
