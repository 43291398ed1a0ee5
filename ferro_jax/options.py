"""Options from outside, checked against annotations and turned into Python's own numbers, texts and tuples.

    @dataclass(frozen=True)
    class FitConfig:
        epochs: int = 75
        schedule: str = "cosine"

        def __post_init__(self):
            options.check_fields(self)

``FitConfig(epochs=2.5)`` then raises a ValueError that names the option, the value and what is expected. Of use without
JAX, so that programs can show their options at once.
"""

import dataclasses
import math
import types
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

_WORDS = {bool: "True or False", int: "a whole number", float: "a finite number", str: "text", type(None): "None"}
_UNIONS = (Union, types.UnionType)


class _DoesNotFitError(Exception):
    """A value is not what an annotation says."""


def check_fields(config: Any, *, infinite: Iterable[str] = ()) -> None:
    """Check every field of a frozen dataclass as ``option`` does, and keep it in Python's own types.

    Configs are compared, hashed and written as text, and 3 and numpy.int64(3) are written differently. The fields
    named in ``infinite`` may also be infinite.
    """
    hints = _hints(type(config))
    for field in dataclasses.fields(config):
        value = option(getattr(config, field.name), field.name, hints[field.name], infinite=field.name in infinite)
        object.__setattr__(config, field.name, value)


def option(value: Any, name: str, expected: Any, *, infinite: bool = False) -> Any:
    """Return a value in Python's own types if it is what the annotation ``expected`` says; ValueError if not.

    An int may be NumPy's or JAX's, or a float that is whole; a float is a finite real number (with ``infinite`` also an
    infinite one); a bool is True or False, of Python's or NumPy's. Tuples may be lists or arrays. A class is that of an
    instance; what is neither a class nor made of these (``Any``, a function) is not checked.
    """
    try:
        return _fitted(value, expected, infinite)
    except _DoesNotFitError:
        text = repr(value)
        text = text if len(text) <= 80 else f"{text[:77]}… ({type(value).__name__})"
        words = _described(expected)
        words = words.replace("finite number", "number") if infinite else words
        alone = isinstance(value, str) and tuple[str, ...] in (expected, *get_args(expected))
        raise ValueError(f"{name} is {text}; expected {words}{f', such as ({text},)' if alone else ''}") from None


@cache
def _hints(config: type) -> dict[str, Any]:
    return get_type_hints(config)


def _fitted(value: Any, expected: Any, infinite: bool) -> Any:
    origin, inner = get_origin(expected), get_args(expected)
    if origin in _UNIONS:
        return _fitted_to_one(value, inner, infinite)
    if origin is tuple:
        return _fitted_tuple(value, inner, infinite)
    if origin is Literal:
        value = value.item() if isinstance(value, np.generic) else value
        return value if _require(any(value == one and type(value) is type(one) for one in inner)) else None
    if expected in (bool, int, float):
        return _fitted_number(value, expected, infinite)
    if expected is str:
        _require(isinstance(value, str))
        return str(value)
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        _require(isinstance(value, Mapping))
        return {_fitted(key, inner[0], infinite): _fitted(one, inner[1], infinite) for key, one in value.items()}
    if isinstance(expected, type):
        _require(isinstance(value, expected))
    return value


def _fitted_to_one(value: Any, several: tuple, infinite: bool) -> Any:
    """Return the value as the first annotation of a union that it fits."""
    for expected in several:
        try:
            return _fitted(value, expected, infinite)
        except _DoesNotFitError:
            continue
    raise _DoesNotFitError


def _fitted_tuple(value: Any, inner: tuple, infinite: bool) -> tuple:
    _require(isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.ndim > 0))
    if len(inner) == 2 and inner[1] is Ellipsis:
        inner = (inner[0],) * len(value)
    _require(len(value) == len(inner))
    return tuple(_fitted(one, expected, infinite) for one, expected in zip(value, inner, strict=True))


def _fitted_number(value: Any, expected: type, infinite: bool) -> Any:
    """Return a boolean or a number of Python's; a whole number that stands for a float stays an int."""
    if isinstance(value, np.generic) or (getattr(value, "shape", None) == () and hasattr(value, "item")):
        try:
            value = np.asarray(value).item()
        except (TypeError, ValueError):  # traced, or a key
            raise _DoesNotFitError from None
    if expected is bool:
        _require(isinstance(value, bool))
        return value
    _require(isinstance(value, int | float) and not isinstance(value, bool))
    try:
        finite = math.isfinite(value)
    except OverflowError:  # an int above all floats
        finite = expected is int
    if expected is int:
        _require(finite and value == int(value))
        return int(value)
    _require(finite or (infinite and value == math.inf))
    return value


def _require(true: bool) -> bool:
    if not true:
        raise _DoesNotFitError
    return True


def _described(expected: Any) -> str:
    """Return what an annotation asks for, in words."""
    origin, inner = get_origin(expected), get_args(expected)
    if origin in _UNIONS:
        words = [_described(one) for one in inner if one is not int or float not in inner]
        return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]
    if origin is Literal:
        return f"one of {', '.join(repr(one) for one in inner)}"
    if origin is tuple and inner:
        number = "" if inner[-1] is Ellipsis else f"{len(inner)} "
        return f"a tuple of {number}{_plural(_described(inner[0]))}"
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        return f"a dict of {_described(inner[0])} to {_described(inner[1])}"
    return _WORDS.get(expected, f"a {getattr(expected, '__name__', expected)}")


def _plural(words: str) -> str:
    """Return "whole numbers" of "a whole number"."""
    words = words.removeprefix("a ")
    return words.replace("tuple", "tuples", 1) if "tuple" in words else f"{words}s"
