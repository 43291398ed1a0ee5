"""Texts that come from outside as numbers: cells of the log, outcomes that are told or printed."""

import math
import re
import unicodedata
from datetime import datetime

NAME = re.compile(r"[^\W\d]\w*")
PAIR = re.compile(rf"({NAME.pattern})\s*[=:]\s*([^\s;]+)")
LARGEST = 10**15  # of an id and of a cell: up to it every whole number is a float, too
DAY_FIRST = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4}|\d{2})(?:,?\s+(\d{1,2})(:\d\d(?::\d\d(?:[.,]\d+)?)?))?")
MOST = 1e300  # of a number in study.toml
MOST_NOISE = 1e100  # its square is a number, too


def name_of(text: str) -> str:
    """Return the name of an outcome in one spelling (Unicode NFKC, as Python's own parser spells those of formulas)."""
    return unicodedata.normalize("NFKC", text)


def number(what: str, text: str) -> float:
    """Return a number, with a decimal point or comma. ValueError for anything else."""
    try:
        return float(text.strip().replace("−", "-").replace(",", ".", 1))
    except ValueError:
        raise ValueError(f"{what} {text!r} is no number") from None


def whole(what: str, text: str) -> int | None:
    """Return a whole number from 0 to ``LARGEST``, None for an empty text. ValueError for anything else."""
    if not text:
        return None
    value = number(what, text)
    if not (0 <= value <= LARGEST and value == int(value)):
        raise ValueError(f"{what} {text!r} is no whole number from 0 to {LARGEST:.0e}")
    return int(value)


def pairs(what: str, text: str) -> dict[str, float]:
    """Return the numbers of "cap=3.41 temp=48.2", by names in one spelling (``name_of``).

    ValueError for other text, and for a name with two values.
    """
    found: dict[str, float] = {}
    for name, value in PAIR.findall(text):
        name, value = name_of(name), number(name, value.rstrip(","))
        if found.setdefault(name, value) != value and not (math.isnan(value) and math.isnan(found[name])):
            raise ValueError(f"{what} gives {name} twice, {found[name]:g} and {value:g}")
    if rest := PAIR.sub("", text).strip(" ;,\t"):
        raise ValueError(f"{what} {rest!r} is not of the form name=value")
    return found


def deviations(text: str) -> dict[str, float]:
    """Return the standard deviations of "cap=0.02". ValueError for one that is negative or above ``MOST_NOISE``."""
    found = pairs("noise", text)
    for name, value in found.items():
        if not 0 <= value <= MOST_NOISE:
            raise ValueError(
                f"noise {name}={value:g} is no standard deviation: give a number from 0 to {MOST_NOISE:.0e}"
            )
    return found


def time_of(text: str) -> datetime | None:
    """Return a time in local time: ISO 8601, or day.month.year with or without hours; None for other text."""
    text = text.strip()
    try:
        if found := DAY_FIRST.fullmatch(text):
            day, month, year, hour, rest = found.groups()
            year = f"20{year}" if len(year) == 2 else year
            text = f"{year}-{int(month):02}-{int(day):02} {int(hour or 0):02}{rest or ':00'}"
        time = datetime.fromisoformat(text)
        return time.astimezone().replace(tzinfo=None) if time.tzinfo else time
    except (ValueError, OverflowError, OSError):
        return None
