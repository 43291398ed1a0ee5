"""What a saved state belongs to: a digest of functions, numbers and arrays that is the same in every process.

    identity.digest((surrogate, acquisition))     functions by their code and by what they hold, arrays by their bytes
    identity.check(file, theirs, ours)            ValueError that names what differs

A function of a library or of this project counts by its name and by what it holds in partials, closures and defaults;
which version of it that is, ``versions`` says. A function of the user's counts by its code and by the numbers, arrays
and functions that it uses. Of any other object the type counts alone, and the code that calls it: instruments, locks
and files differ from day to day. ``attributes`` tells such objects apart, for what is compiled and so cannot change.
"""

import argparse
import dataclasses
import enum
import hashlib
import json
import platform
import sys
import types
import warnings
from collections.abc import Mapping
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ferro_jax.files import whole

OURS = frozenset({"ferro_jax", "models", "bo", "experiments", "benchmarks"})
PACKAGES = ("ferro-jax", "jax", "jaxlib", "numpy")
_LENGTH = 16  # hexadecimal digits of a digest


def digest(value: Any) -> str:
    """Return 16 hexadecimal digits that tell values apart: functions, records, arrays, keys, numbers and text."""
    return _of(value, (), {}).hex()[:_LENGTH]


def attributes(value: Any) -> str:
    """Return a digest of the numbers, text, arrays and functions in the attributes of objects of the user's classes
    that a value holds; "" where it holds none."""
    found: dict[int, Any] = {}
    _collect(value, found, {})
    held = [{name: each for name, each in vars(one).items() if _is_data(each)} for one in found.values()]
    return digest(held) if any(held) else ""


def _collect(value: Any, found: dict[int, Any], known: dict[int, Any]) -> None:
    """Gather the objects with attributes that a value holds, in the order in which they are met."""
    if id(value) in known or isinstance(value, bytes | type | types.ModuleType | np.ndarray | jax.Array):
        return
    known[id(value)] = value  # kept, because an identity is only its own while it lives
    parts = _parts(value)
    if parts and parts[0] == _name_of(value) and hasattr(value, "__dict__") and _is_users(type(value)):
        found[id(value)] = value
        parts = [*parts, *vars(value).values()]
    for part in parts:
        _collect(part, found, known)


def _is_data(value: Any) -> bool:
    """Return whether a value is made of numbers, text, arrays and functions alone."""
    if isinstance(value, Mapping):
        return all(map(_is_data, value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return all(map(_is_data, value))
    plain = bool | int | float | complex | str | bytes | np.generic | np.ndarray | jax.Array | types.FunctionType
    return value is None or isinstance(value, plain)


def versions() -> dict[str, str]:
    """Return the versions of what computes: Python, JAX, NumPy and this project."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def read(file: Path) -> dict[str, Any]:
    """Return what a saved state belongs to, from its JSON. ValueError for a file that is not whole."""
    with whole(file):
        found = json.loads(file.read_text())
    if not isinstance(found, dict):
        raise ValueError(f"{file} holds a {type(found).__name__}, no record of a saved state")
    return found


def check(place: Any, theirs: Mapping[str, Any], ours: Mapping[str, Any], what: str) -> None:
    """Raise ValueError unless ``theirs``, what a saved state belongs to, is ``ours``; name what differs.

    Other "versions" are no other problem: they are a warning, because values that were measured stay true.
    """
    theirs, ours = json.loads(json.dumps(theirs)), json.loads(json.dumps(ours))  # tuples as lists, as a file has them
    names = [name for name in {**ours, **theirs} if name != "versions" and ours.get(name) != theirs.get(name)]
    if names:
        raise ValueError(
            f"{place} holds a {what} with other {', '.join(names)}: continue it with what it was started with, or give "
            "another folder"
        )
    old, new = theirs.get("versions", {}), ours.get("versions", {})
    changed = [f"{name} {old.get(name)} (now {new[name]})" for name in new if old.get(name) != new[name]]
    if changed:
        words = f"{place} was begun with {', '.join(changed)}: it goes on, but its last digits may differ"
        warnings.warn(words, UserWarning, stacklevel=3)


def _of(value: Any, above: tuple[int, ...], known: dict[int, tuple[Any, bytes]]) -> bytes:
    """Return the digest of a value.

    ``above`` are the identities of what holds it, so that circles end; ``known`` are the digests of values seen before,
    with the values, because an identity is only theirs while they live.
    """
    if id(value) in above:
        return b"circle"
    if id(value) not in known:
        inside = (*above, id(value))
        parts = (part if isinstance(part, bytes) else _of(part, inside, known) for part in _parts(value))
        known[id(value)] = value, hashlib.sha256(b"".join(parts)).digest()
    return known[id(value)][1]


def _parts(value: Any) -> list[Any]:
    """Return what a value consists of: bytes, and other values."""
    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        return [_tag(value), repr(value).encode()]
    if isinstance(value, np.generic):
        return _parts(value.item())
    if isinstance(value, jax.Array | np.ndarray):
        return _of_array(value)
    if isinstance(value, type | types.ModuleType):
        return [
            b"named",
            f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', value.__name__)}".encode(),
        ]
    if isinstance(value, enum.Enum | Path):
        return [_tag(value), str(value).encode()]
    if isinstance(value, Mapping):
        return [_tag(value), *(part for key in sorted(value, key=repr) for part in (repr(key).encode(), value[key]))]
    if isinstance(value, set | frozenset):
        return [_tag(value), *sorted(_of(each, (), {}) for each in value)]
    if isinstance(value, tuple | list):
        return [_tag(value), *value]
    if isinstance(value, partial):
        return [b"partial", value.func, value.args, value.keywords]
    if isinstance(value, types.MethodType):
        return [b"method", value.__func__, value.__self__]
    if isinstance(value, types.FunctionType):
        return _of_function(value)
    if isinstance(value, types.CodeType):
        return [b"code", value.co_code, repr(value.co_names).encode(), value.co_consts]
    if isinstance(value, types.CellType):
        return [b"cell", *_content(value)]
    if dataclasses.is_dataclass(value):
        return [_tag(value), *(getattr(value, field.name) for field in dataclasses.fields(value))]
    return _of_object(value)


def _content(cell: types.CellType) -> list[Any]:
    try:
        return [cell.cell_contents]
    except ValueError:  # not filled yet
        return []


def _tag(value: Any) -> bytes:
    return type(value).__qualname__.encode()


def _of_array(value: Any) -> list[Any]:
    """Return type, shape and bytes of an array, or of the data of PRNG keys."""
    if isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, jax.dtypes.prng_key):
        return [b"key", str(jax.random.key_impl(value)).encode(), jax.random.key_data(value)]
    array = np.asarray(value)
    if array.dtype.hasobject:
        return [b"objects", array.tolist()]
    return [b"array", f"{array.dtype}{array.shape}".encode(), np.ascontiguousarray(array).tobytes()]


def _of_function(function: types.FunctionType) -> list[Any]:
    """Return what a function is: its name or its code, and all that it holds.

    Of a function that an installed package wraps, such as one whose types are checked, it is the function inside,
    because the wrapper holds what it learned in its calls.
    """
    while "-packages" in function.__code__.co_filename and isinstance(
        inside := getattr(function, "__wrapped__", None), types.FunctionType
    ):
        function = inside
    held = [function.__closure__ or (), function.__defaults__ or (), function.__kwdefaults__ or {}]
    if _is_library(function):
        return [b"function", f"{function.__module__}.{function.__qualname__}".encode(), *held]
    names = _names_in(function.__code__)
    used = {name: value for name, value in function.__globals__.items() if name in names}
    return [b"function", function.__code__, *held, used]


def _is_library(function: types.FunctionType) -> bool:
    """Return whether a function comes from this project, from Python or from an installed package."""
    return _in_library(function.__module__ or "", function.__code__.co_filename)


def _is_users(kind: type) -> bool:
    """Return whether a class is the user's, or one of Python's that only holds values."""
    file = getattr(sys.modules.get(kind.__module__), "__file__", "") or ""
    return kind in (types.SimpleNamespace, argparse.Namespace) or not _in_library(kind.__module__, file)


def _in_library(module: str, file: str) -> bool:
    top = module.split(".")[0]
    return top in OURS or top in sys.stdlib_module_names - {"__main__"} or "-packages" in file


def _names_in(code: types.CodeType) -> set[str]:
    """Return the global names that a function and those inside it use."""
    inner = [const for const in code.co_consts if isinstance(const, types.CodeType)]
    return set(code.co_names).union(*(_names_in(each) for each in inner))


def _of_object(value: Any) -> list[Any]:
    """Return what an object is: the function that it wraps, its leaves as a tree of arrays, or its type alone, with the
    code that calls it where that is the user's."""
    name = _name_of(value)
    wrapped = getattr(value, "__wrapped__", None) or getattr(value, "fun", None)  # jit, custom_vmap
    if callable(wrapped):
        return [name, wrapped]
    leaves = jax.tree.leaves(value)
    if len(leaves) != 1 or leaves[0] is not value:
        return [name, leaves]
    call = type(value).__call__ if callable(value) else None
    return [name, call] if isinstance(call, types.FunctionType) and not _is_library(call) else [name]


def _name_of(value: Any) -> bytes:
    return f"{type(value).__module__}.{type(value).__qualname__}".encode()
