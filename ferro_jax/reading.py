"""What the code of a function reads: names, and modules that it imports when it is called."""

import dis
import importlib
import importlib.util
import types
from collections.abc import Iterator
from typing import Any

from ferro_jax.parts import in_library, names_in

_IMPORT = dis.opmap["IMPORT_NAME"]


def inner(function: types.FunctionType) -> types.FunctionType:
    """Return the function that an installed package wraps, such as one whose types are checked; else the function."""
    while "-packages" in function.__code__.co_filename and isinstance(
        wrapped := getattr(function, "__wrapped__", None), types.FunctionType
    ):
        function = wrapped
    return function


def names(code: types.CodeType) -> set[str]:
    """Return the names of globals and attributes that a code and those inside it use, of ``getattr`` too."""
    found = names_in(code)
    if "getattr" in found:
        found |= {text for each in _codes(code) for text in each.co_consts if isinstance(text, str)}
    return found


def imported(function: types.FunctionType) -> list[types.ModuleType]:
    """Return the modules, not of a library, that a function imports when it is called; they are imported now."""
    found = []
    for code in _codes(function.__code__):
        if _IMPORT not in code.co_code[::2]:
            continue
        before: list[Any] = []
        for each in dis.get_instructions(code):
            if each.opcode == _IMPORT:
                level, names = before[-2:] if len(before) > 1 else (0, None)
                found += _modules(each.argval, level, names, function.__globals__.get("__package__"))
            before.append(each.argval)
    return found


def _modules(name: str, level: Any, names: Any, package: str | None) -> Iterator[types.ModuleType]:
    """Yield a module and those that are imported from it by ``names``; none of a library, or that is not there."""
    try:
        whole = importlib.util.resolve_name("." * level + name, package) if level else name
        top = importlib.util.find_spec(whole.partition(".")[0])
        if top is None or in_library(top.name, str(top.origin)):
            return
        module = importlib.import_module(whole)
        yield module
        for each in names or ():
            if each not in vars(module) and hasattr(module, "__path__"):
                yield importlib.import_module(f"{whole}.{each}")
    except Exception:  # as the function itself may be prepared for
        return


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for each in code.co_consts:
        if isinstance(each, types.CodeType):
            yield from _codes(each)
