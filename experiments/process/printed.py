"""What a program prints, as outcomes: lines NAME=VALUE, or objects in JSON."""

import json
import math
from typing import Any

from experiments.process import cells


def read(text: str, number: int) -> dict[str, float]:
    """Return the outcomes that a program printed: its last line in JSON, or all its lines of the form NAME=VALUE.

    ValueError for an answer without outcomes, with two values for one name, or for another id.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise ValueError("it printed nothing; print a line NAME=VALUE for each outcome")
    found = in_json(text.strip()) or last_in_json(lines)
    if found is None:
        found = cells.pairs("the output", " ".join(line for line in lines if is_pairs(line)))
        if not found:
            raise ValueError(f"it printed no line NAME=VALUE; the last is {lines[-1][:100]!r}")
    answered = found.pop("id", number)
    if answered != number:
        raise ValueError(f"it answered for id {answered:g}, asked was {number}")
    if not found:
        raise ValueError("it printed an id, but no outcome")
    return found


def is_pairs(line: str) -> bool:
    """Return whether a line is pairs NAME=VALUE or NAME: NUMBER and nothing else; "Note: done" is a remark."""
    first = cells.PAIR.match(line)
    if first is None or cells.PAIR.sub("", line).strip(" ;,"):
        return False
    if first[0][len(first[1]) :].lstrip().startswith("="):
        return True
    try:
        cells.number(first[1], first[2].rstrip(","))
    except ValueError:
        return False
    return True


def last_in_json(lines: list[str]) -> dict[str, float] | None:
    """Return the outcomes of the last line, None where it is no object in JSON.

    ValueError where a line before it gives one of them another value.
    """
    found = in_json(lines[-1])
    if found is None:
        return None
    for line in lines[:-1]:
        before = loaded(line)
        for name, value in before.items() if isinstance(before, dict) else ():
            name = cells.name_of(name)
            if name in found and not same(number_of(name, value), found[name]):
                raise ValueError(f"the output gives {name} twice, {str(value)[:50]} and {found[name]:g}")
    return found


def in_json(text: str) -> dict[str, float] | None:
    """Return the outcomes of an object in JSON, None for other text. ValueError for values that are no numbers."""
    found = loaded(text)
    return {name: number_of(name, value) for name, value in found.items()} if isinstance(found, dict) else None


def loaded(text: str) -> Any:
    """Return what a text in JSON holds, None for other text. ValueError for an object with two values for one name."""
    if not text.startswith("{"):
        return None
    try:
        return json.loads(text, object_pairs_hook=once)
    except json.JSONDecodeError:
        return None
    except RecursionError:
        raise ValueError(f"it printed JSON that is nested too deeply: {text[:50]} …") from None


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the pairs of an object in JSON as a dictionary. ValueError for a name that has two values."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        name = cells.name_of(name)
        if not same(found.setdefault(name, value), value):
            raise ValueError(f"the output gives {name} twice, {str(found[name])[:50]} and {str(value)[:50]}")
    return found


def same(one: Any, other: Any) -> bool:
    """Return whether two values are the same; NaN is the same as NaN."""
    return one == other or (one != one and other != other)


def number_of(name: str, value: Any) -> float:
    """Return a value of an object in JSON as a number, NaN for null. ValueError for other values."""
    if not cells.NAME.fullmatch(name):
        raise ValueError(f"the outcome {name[:50]!r} needs a name of letters, digits and underscores")
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"it gave {name} = {str(value)[:50]!r}, which is no number")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"it gave {name} = {str(value)[:20]}…, which is too large") from None
