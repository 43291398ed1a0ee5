"""What objects hold: attributes, the parts of descriptors, the state of objects of libraries."""

import copyreg
import ctypes
import functools
import hashlib
import importlib.machinery
import io
import logging
import socket
import subprocess
import sys
import threading
import types
import warnings
import weakref
from collections.abc import Iterable
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import jax
import numpy as np

from ferro_jax.parts import is_library

_HANDLES = (
    type(threading.Lock()), type(threading.RLock()), threading.Event, threading.Condition, threading.Semaphore,
    threading.Thread, threading.local, io.IOBase, socket.socket, logging.Logger, logging.Handler, subprocess.Popen,
    Executor, weakref.ref, jax.Device, types.FrameType,
)  # fmt: skip
_RULES = ("jvp", "fwd", "bwd", "vmap_rule")  # of functions with derivatives or batching of their own

Entries = list[tuple[str, Any]]


def is_handle(value: Any) -> bool:
    """Return whether an object holds no values: locks, files, threads, loggers."""
    return isinstance(value, _HANDLES)


def is_builtin(value: Any) -> bool:
    """Return whether a value is a function in C of a module."""
    is_method = isinstance(value, types.BuiltinFunctionType) and not isinstance(value.__self__, types.ModuleType | None)
    return isinstance(value, types.BuiltinFunctionType | np.ufunc) and not is_method


def attributes_of(value: Any) -> Entries:
    """Return the attributes of an object, those in slots too."""
    slots = getattr(copyreg, "_slotnames")(type(value))  # noqa: B009
    missing = object()
    found = [(name, each) for name in slots if (each := getattr(value, name, missing)) is not missing]
    return (
        [*found, *sorted(vars(value).items(), key=lambda item: str(item[0]))] if hasattr(value, "__dict__") else found
    )


def of_descriptor(value: Any) -> Entries:
    """Return what an attribute of a class consists of."""
    if isinstance(value, types.MemberDescriptorType | types.GetSetDescriptorType):
        return []
    if isinstance(value, property):
        return [("get", value.fget), ("set", value.fset)]
    if isinstance(value, staticmethod | classmethod):
        return [(type(value).__name__, value.__func__)]
    if isinstance(value, functools.cached_property | functools.partialmethod):
        return [("function", value.func)]
    return [("", value)]


def is_generated(kind: type, function: types.FunctionType) -> bool:
    """Return whether a method of a dataclass or NamedTuple was written by Python."""
    is_record = "__dataclass_fields__" in vars(kind) or "_fields" in vars(kind)
    module = sys.modules.get(kind.__module__)
    return is_record and function.__code__.co_filename == "<string>" and bool(getattr(module, "__file__", ""))


def place_of(value: Any) -> str:
    """Return the file of a module, or of a class's module; "" where there is none."""
    module = value if isinstance(value, types.ModuleType) else sys.modules.get(value.__module__)
    return str(getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), ""))


def compiled(module: types.ModuleType) -> str:
    """Return the file of a compiled module; "" of one in Python."""
    file = place_of(module)
    return file if file.endswith(tuple(importlib.machinery.EXTENSION_SUFFIXES)) else ""


def digest_of_file(file: str | Path) -> bytes:
    """Return the digest of a file's content."""
    return hashlib.sha256(Path(file).read_bytes()).digest()


def versions_of(libraries: Iterable[str]) -> dict[str, str]:
    """Return the versions of those packages that say one."""
    found = {name: getattr(sys.modules.get(name), "__version__", None) for name in sorted(libraries)}
    return {name: text for name, text in found.items() if isinstance(text, str) and name not in sys.stdlib_module_names}


def state_of(value: Any) -> Entries | None:
    """Return the state of an object of a library's class; None where it has none that can be read."""
    kind, top = type(value), type(value).__module__.partition(".")[0]
    if is_handle(value) or (isinstance(value, np.dtype) and value.fields is None):
        return []
    if callable(getattr(value, "__wrapped__", None) or getattr(value, "fun", None)):
        rules = [(name, vars(value).get(name)) for name in _RULES if hasattr(value, "__dict__")]
        return [(name, rule) for name, rule in rules if isinstance(rule, types.FunctionType) and not is_library(rule)]
    if isinstance(value, memoryview):
        return [("bytes", value.tobytes())]
    if isinstance(value, ctypes.CDLL):
        file = str(vars(value).get("_name"))
        return [("file", digest_of_file(file) if Path(file).is_file() else file)]
    if (found := _of_table(value, top)) is not None:
        return found
    if isinstance(value, types.BuiltinFunctionType) and not isinstance(value.__self__, types.ModuleType | None):
        return [("name", value.__name__), ("self", value.__self__)]
    return _reduced(value, kind)


def _of_table(value: Any, top: str) -> Entries | None:
    """Return values, names and coordinates of a table of pandas or xarray; None for anything else."""
    if top == "pandas" and hasattr(value, "index") and hasattr(value, "dtypes"):
        columns = [value.iloc[:, at] for at in range(value.shape[1])] if value.ndim == 2 else [value]
        values = [(str(each.dtype), np.asarray(each)) for each in columns]
        names = value.columns if value.ndim == 2 else value.name
        return [("values", values), ("names", names), ("index", value.index)]
    if top == "pandas" and hasattr(value, "to_numpy"):
        return [("values", [str(value.dtype), np.asarray(value), list(getattr(value, "names", ()))])]
    if top == "xarray" and hasattr(value, "dims"):
        variables = getattr(value, "variables", None) or dict(getattr(value, "coords", {}))
        own = [] if hasattr(value, "data_vars") else [tuple(value.dims), np.asarray(value.values), value.name]
        inner = {str(name): (each.dims, np.asarray(each.values)) for name, each in variables.items()}
        return [("values", own), ("variables", inner), ("attrs", dict(value.attrs))]
    return None


def _reduced(value: Any, kind: type) -> Entries | None:
    """Return what ``pickle`` would keep of an object, without keeping it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reduce = copyreg.dispatch_table.get(kind)
            found = reduce(value) if reduce else value.__reduce_ex__(4)
    except Exception:  # each library has its own way to say that it cannot
        return None
    if isinstance(found, str):
        return [("name", found)]
    function, arguments, *rest = found
    state, items, pairs = (*rest[:3], *[None] * (3 - len(rest[:3])))
    return [
        ("made by", function),
        ("of", arguments),
        ("state", state),
        ("items", None if items is None else list(items)),
        ("pairs", None if pairs is None else list(pairs)),
    ]
