"""What values consist of: bytes and other values, for marks that are the same in every process (``identity``).

parts_of     what a value consists of
digest_of    its digest
is_users     whether a class is the user's; is_library whether a function is not
"""

import argparse
import dataclasses
import enum
import hashlib
import sys
import types
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

OURS = frozenset({"ferro_jax", "models", "bo", "experiments", "benchmarks"})


def digest_of(value: Any, above: tuple[int, ...], known: dict[int, tuple[Any, bytes]]) -> bytes:
    """Return the digest of a value.

    ``above`` are the identities of what holds it, so that circles end; ``known`` are the digests of values seen before,
    with the values, because an identity is only theirs while they live.
    """
    if id(value) in above:
        return b"circle"
    if id(value) not in known:
        inside = (*above, id(value))
        parts = (part if isinstance(part, bytes) else digest_of(part, inside, known) for part in parts_of(value))
        known[id(value)] = value, hashlib.sha256(b"".join(parts)).digest()
    return known[id(value)][1]


def parts_of(value: Any) -> list[Any]:
    """Return what a value consists of: bytes, and other values."""
    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        return [_tag(value), repr(value).encode()]
    if isinstance(value, np.generic):
        return parts_of(value.item())
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
        return [_tag(value), *sorted(digest_of(each, (), {}) for each in value)]
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
    if is_library(function):
        return [b"function", f"{function.__module__}.{function.__qualname__}".encode(), *held]
    names = names_in(function.__code__)
    used = {name: value for name, value in function.__globals__.items() if name in names}
    return [b"function", function.__code__, *held, used]


def is_library(function: types.FunctionType) -> bool:
    """Return whether a function comes from this project, from Python or from an installed package."""
    return in_library(function.__module__ or "", function.__code__.co_filename)


def is_users(kind: type) -> bool:
    """Return whether a class is the user's, or one of Python's that only holds values."""
    file = getattr(sys.modules.get(kind.__module__), "__file__", "") or ""
    return kind in (types.SimpleNamespace, argparse.Namespace) or not in_library(kind.__module__, file)


def in_library(module: str, file: str) -> bool:
    """Return whether a module of that name and file is this project's, Python's or an installed package's."""
    top = module.split(".")[0]
    return top in OURS or top in sys.stdlib_module_names - {"__main__"} or "-packages" in file


def names_in(code: types.CodeType) -> set[str]:
    """Return the global names that a function and those inside it use."""
    inner = [const for const in code.co_consts if isinstance(const, types.CodeType)]
    return set(code.co_names).union(*(names_in(each) for each in inner))


def _of_object(value: Any) -> list[Any]:
    """Return what an object is: the function that it wraps, its leaves as a tree of arrays, or its type alone, with the
    code that calls it where that is the user's."""
    name = name_of(value)
    wrapped = getattr(value, "__wrapped__", None) or getattr(value, "fun", None)  # jit, custom_vmap
    if callable(wrapped):
        return [name, wrapped]
    leaves = [value] if isinstance(value, Iterator) else jax.tree.leaves(value)  # JAX warns of iterators
    if len(leaves) != 1 or leaves[0] is not value:
        return [name, leaves]
    call = type(value).__call__ if callable(value) else None
    return [name, call] if isinstance(call, types.FunctionType) and not is_library(call) else [name]


def name_of(value: Any) -> bytes:
    """Return the name of a value's type, with its module."""
    return f"{type(value).__module__}.{type(value).__qualname__}".encode()


def is_data(value: Any) -> bool:
    """Return whether a value is made of numbers, text, arrays and functions alone."""
    if isinstance(value, Mapping):
        return all(map(is_data, value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return all(map(is_data, value))
    plain = bool | int | float | complex | str | bytes | np.generic | np.ndarray | jax.Array | types.FunctionType
    return value is None or isinstance(value, plain)
