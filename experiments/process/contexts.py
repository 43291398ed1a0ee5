"""What is given with each evaluation and not chosen (a day, a batch): ``[context]`` of study.toml, and its values."""

import math
import re
from typing import Any, NamedTuple

from experiments.process.cells import MOST, NAME, PAIR, name_of, number

RESERVED = re.compile(r"z\d+|history|id")  # names of a candidate's columns, and of places in a command
CHOICE = re.compile(r"[^\s;,=:]+")
Given = tuple[tuple[str, float | str], ...]  # name and value of every context, in the order of study.toml


class Context(NamedTuple):
    """One context: a number, for which ``low`` to ``high`` set the scale, or one of ``choices``."""

    name: str
    low: float
    high: float
    choices: tuple[str, ...]


def read(table: Any) -> tuple[Context, ...]:
    """Return the contexts of ``[context]``. ValueError says which line to change."""
    if not isinstance(table, dict):
        raise ValueError(f"context = {table!r}; give a table [context] of lines such as day = {{ low = 0, high = 30 }}")
    found = tuple(_context(name_of(name), given) for name, given in table.items())
    if len({one.name for one in found}) < len(found):
        raise ValueError(f"context gives one name twice: {', '.join(table)}")
    return found


def _context(name: str, given: Any) -> Context:
    """Return one context; ValueError unless its name is free and it is two numbers or a list of words."""
    if not NAME.fullmatch(name) or RESERVED.fullmatch(name):
        raise ValueError(f"context {name!r}: give another name, of letters, digits and underscores")
    if isinstance(given, list):
        choices = tuple(str(choice) for choice in given)
        if len(set(choices)) < 2 or len(set(choices)) < len(choices):
            raise ValueError(f"context {name} = {given!r}; give at least two different choices")
        wrong = any(isinstance(choice, bool) or not isinstance(choice, str | int) for choice in given)
        if wrong or not all(map(CHOICE.fullmatch, choices)):
            raise ValueError(f"context {name} = {given!r}; choices are words without spaces, commas and = signs")
        return Context(name, 0.0, 0.0, choices)
    good = isinstance(given, dict) and given.keys() == {"low", "high"}
    if not good or not all(type(end) in (int, float) and abs(end) < MOST for end in given.values()):
        raise ValueError(f'context {name} = {given!r}; give {name} = {{ low = 0, high = 30 }} or a list ["a", "b"]')
    if not given["low"] < given["high"]:
        raise ValueError(f"context {name}: low = {given['low']:g} is not below high = {given['high']:g}")
    return Context(name, float(given["low"]), float(given["high"]), ())


def given(contexts: tuple[Context, ...], text: str) -> Given:
    """Return the values of "day=3 batch=a", one for each context; none where the study has no contexts.

    ValueError for one that is missing, unknown or given twice, for a number that is none, and for no known choice.
    """
    if not contexts:
        return ()
    form = " ".join(f"{one.name}={'|'.join(one.choices) or 'NUMBER'}" for one in contexts)
    pairs = [(name_of(name), value) for name, value in PAIR.findall(text)]
    found = dict(pairs)
    if PAIR.sub("", text).strip(" ;,\t") or len(found) < len(pairs) or found.keys() != {one.name for one in contexts}:
        raise ValueError(f"the context {text!r} is not of the form {form}")
    return tuple((one.name, _value(one, found[one.name].rstrip(","))) for one in contexts)


def _value(one: Context, text: str) -> float | str:
    """Return the value of a context from its text."""
    if one.choices:
        if text not in one.choices:
            raise ValueError(f"the context {one.name} is {text!r}; expected one of {', '.join(one.choices)}")
        return text
    value = number(one.name, text)
    if not math.isfinite(value):
        raise ValueError(f"the context {one.name} is {text!r}; give a finite number")
    return value


def fits(contexts: tuple[Context, ...], text: str) -> bool:
    """Return whether a text gives the contexts of a study."""
    try:
        given(contexts, text)
    except ValueError:
        return False
    return True


def words(given: Given) -> str:
    """Return contexts as a person would write them."""
    return " ".join(f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}" for name, value in given)
