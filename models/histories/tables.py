"""Text files as tables of numbers: separator, decimal comma, comments, header, units and missing cells found out."""

import csv
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

MISSING = frozenset({"", "nan", "na", "n/a", "null", "none", "-", "--", "?"})
THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2},\d{3}")
UNITS = re.compile(r"^(.*?)\s*[\[(/]\s*([^\[\]()/]*(?:/[^\[\]()]*)?)\s*[\])]?\s*$")


class Table(NamedTuple):
    """The cells of a text file: ``header`` and ``units`` as found ("" each where there is none), rows of text.

    ``lines`` are the numbers of the rows' lines in the file, from 1.
    """

    header: tuple[str, ...]
    units: tuple[str, ...]
    rows: list[list[str]]
    lines: list[int]


def read_table(path: Path, header: bool | None) -> Table:
    """Return the cells of a text file, with its header and the row of units that may follow it.

    The separator is a semicolon, a tab, a comma or white space, the first of these that the file uses; beside
    semicolons and tabs a comma is the decimal sign. Lines that begin with #, % or // are comments. ``header=None``
    takes a first row with a word in it for the header. ValueError for a file without data.
    """
    text = _text(path)
    kept = [(number, line) for number, line in enumerate(text.splitlines(), 1) if _is_data(line)]
    if not kept:
        raise ValueError(f"{path} holds no data: it is empty, or all of its lines are comments.")
    lines, cells = [number for number, _ in kept], _split(path, kept)
    named = _has_words(cells[0]) if header is None else header
    if not named:
        return Table((), (), cells, lines)
    names = [cell.strip() for cell in cells[0]]
    units = [""] * len(names)
    first = 1
    if len(cells) > 1 and _is_units(cells[1]):
        units, first = [_bare(cell) for cell in cells[1]], 2
        if len(units) != len(names):
            raise ValueError(
                f"{path}, line {lines[1]}: the row of units has {len(units)} cells, the header {len(names)}. Give a "
                "unit for each column (empty or - for none), or remove the row."
            )
    if {"id", "time", "t"} & {unit.lower() for unit in units} and not {"id", "time", "t"} & {n.lower() for n in names}:
        raise ValueError(f"{path}, line {lines[0]}: a row of units above the header; it belongs directly below it.")
    found = [UNITS.match(name) for name in names]
    units = [unit or (match[2] if match else "") for unit, match in zip(units, found, strict=True)]
    names = [match[1] if match else name for name, match in zip(names, found, strict=True)]
    if len(cells) == first:
        raise ValueError(f"{path} holds a header but no data.")
    return Table(tuple(names), tuple(units), cells[first:], lines[first:])


def numbers(path: Path, table: Table, names: int | None = None) -> list[np.ndarray]:
    """Return the cells of each row as numbers, NaN where a cell is missing and in the column of ``names``.

    ValueError for text and for infinite values, with their line and column.
    """
    result = []
    for cells, line in zip(table.rows, table.lines, strict=True):
        row = [cell if column != names else "" for column, cell in enumerate(cells)]
        try:
            values = np.array([float(cell) if cell else np.nan for cell in row])
        except ValueError:
            values = np.array([_number(path, cell, line, column) for column, cell in enumerate(row, 1)])
        if np.isinf(values).any():
            column = int(np.argmax(np.isinf(values))) + 1
            raise ValueError(f"{path}, line {line}, column {column}: an infinite value; leave the cell empty instead.")
        result.append(values)
    return result


def is_number(cell: str) -> bool:
    """Return whether a cell is a number or missing."""
    try:
        float(cell)
    except ValueError:
        return cell.strip().lower() in MISSING
    return True


def _number(path: Path, cell: str, line: int, column: int) -> float:
    """Return one cell as a number; ValueError says where the text is."""
    if not is_number(cell):
        raise ValueError(
            f"{path}, line {line}, column {column}: {cell.strip()!r} is no number. Correct the cell, leave it empty "
            "where the value is missing, or begin the line with # where it is a comment. A row of units belongs "
            "directly below the header."
        )
    return np.nan if cell.strip().lower() in MISSING else float(cell)


def _text(path: Path) -> str:
    """Return the text of a file in UTF-8 or UTF-16, with or without a byte order mark, or in Windows' alphabet."""
    raw = path.read_bytes()
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")


def _is_data(line: str) -> bool:
    """Return whether a line is neither empty nor a comment; a line of separators alone is a history without values."""
    return bool(line.strip()) and not line.lstrip().startswith(("#", "%", "//"))


def _split(path: Path, kept: list[tuple[int, str]]) -> list[list[str]]:
    """Return the cells of each line, with decimal points."""
    some = [line for _, line in kept[:100]]
    for separator in (";", "\t"):
        if any(separator in line for line in some):
            rows = _cells(path, kept, separator)
            _check_decimals(path, rows, kept)
            return [[_with_point(cell) for cell in row] for row in rows]
    if any("," in line for line in some):
        return _cells(path, kept, ",")
    return [line.split() for _, line in kept]


def _cells(path: Path, kept: list[tuple[int, str]], separator: str) -> list[list[str]]:
    """Return the cells of lines of a CSV. ValueError for a cell of several lines, as where a quote is not closed."""
    rows: list[list[str]] = []
    reader = csv.reader((line for _, line in kept), delimiter=separator, skipinitialspace=separator == ",")
    try:
        for row in reader:
            if reader.line_num > len(rows) + 1:
                raise ValueError("a cell in quotes goes on in the next line; close the quote, or join the lines.")
            rows.append([cell.strip() for cell in row])
    except (csv.Error, ValueError) as error:
        raise ValueError(f"{path}, line {kept[len(rows)][0]}: {error}") from error
    return rows


def _check_decimals(path: Path, rows: list[list[str]], kept: list[tuple[int, str]]) -> None:
    """Raise ValueError where commas may group thousands: beside decimal points, with three digits behind each."""
    numbers = [
        (cell, line) for row, (line, _) in zip(rows, kept, strict=True) for cell in row if is_number(_with_point(cell))
    ]
    commas = [(cell, line) for cell, line in numbers if "," in cell]
    if not commas or not any("." in cell for cell, _ in numbers):
        return
    if all(THOUSANDS.fullmatch(cell) for cell, _ in commas):
        cell, line = commas[0]
        raise ValueError(
            f"{path}, line {line}: {cell!r} may be {cell.replace(',', '.')} or {cell.replace(',', '')}, because the "
            "file has decimal points too: write numbers without thousands separators, or all with the same decimal sign"
        )


def _with_point(cell: str) -> str:
    """Return a number with a decimal comma as one with a decimal point, anything else as it is."""
    if "," not in cell:
        return cell
    changed = cell.replace(",", ".")
    return changed if is_number(changed) else cell


def _has_words(row: list[str]) -> bool:
    """Return whether a row is a header: it has words, more of them than numbers."""
    words = [cell for cell in row if cell and not is_number(cell)]
    filled = [cell for cell in row if cell]
    return 2 * len(words) > len(filled)


def _is_units(row: list[str]) -> bool:
    """Return whether a row holds units: no numbers, and at least one word."""
    return not any(_is_value(cell) for cell in row) and any(not is_number(cell) for cell in row)


def _is_value(cell: str) -> bool:
    """Return whether a cell is a number and not missing."""
    return is_number(cell) and cell.strip().lower() not in MISSING


def _bare(unit: str) -> str:
    """Return a unit without brackets, "" where there is none."""
    unit = unit.strip().strip("[]()")
    return "" if unit in ("-", "--") else unit
