"""What a saved state belongs to: a digest of functions, numbers and arrays that is the same in every process.

    identity.digest((surrogate, acquisition))     functions by their code and by what they hold, arrays by their bytes
    identity.reached(campaign.parts)              what the code of functions uses beyond that, as entries of a record
    identity.check(file, theirs, ours)            ValueError that names what differs

In ``digest`` a function of a library or of this project counts by its name and by what it holds in partials, closures
and defaults; which version of it that is, ``versions`` says. A function of the user's counts by its code and by the
numbers, arrays and functions that it uses. Of any other object the type counts alone, and the code that calls it:
instruments, locks and files differ from day to day. ``attributes`` tells such objects apart, for what is compiled and
so cannot change.
``reached`` adds the rest: functions of the user's modules, classes, and the state of all other objects
(``ferro_jax.reach``). Records of earlier versions lack it, so what needs it is not continued from them.
"""

import json
import platform
import types
import warnings
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import jax
import numpy as np

from ferro_jax.files import whole
from ferro_jax.parts import digest_of, is_data, is_users, name_of, parts_of
from ferro_jax.reach import reach

PACKAGES = ("ferro-jax", "jax", "jaxlib", "numpy")
REACHED = "code or values that its functions use"  # entry of a record
_LENGTH = 16  # hexadecimal digits of a digest


def digest(value: Any) -> str:
    """Return 16 hexadecimal digits that tell values apart: functions, records, arrays, keys, numbers and text."""
    return digest_of(value, (), {}).hex()[:_LENGTH]


def attributes(value: Any) -> str:
    """Return a digest of the numbers, text, arrays and functions in the attributes of objects of the user's classes
    that a value holds; "" where it holds none."""
    found: dict[int, Any] = {}
    _collect(value, found, {})
    held = [{name: each for name, each in vars(one).items() if is_data(each)} for one in found.values()]
    return digest(held) if any(held) else ""


def reached(value: Any, *, instruments: bool = False) -> dict[str, Any]:
    """Return entries of a record: what the code of functions that a value holds uses beyond their ``digest``, where it
    uses anything, and "versions" of Python, JAX, this project and the packages that it uses.

    With ``instruments`` attributes of objects of the user's classes do not count, because they differ from day to day.
    """
    found = reach(value, instruments=instruments)
    return {**({REACHED: found.mark} if found.mark else {}), "versions": {**found.libraries, **versions()}}


def _collect(value: Any, found: dict[int, Any], known: dict[int, Any]) -> None:
    """Gather the objects with attributes that a value holds, in the order in which they are met."""
    if id(value) in known or isinstance(value, bytes | type | types.ModuleType | np.ndarray | jax.Array):
        return
    known[id(value)] = value  # kept, because an identity is only its own while it lives
    parts = parts_of(value)
    if parts and parts[0] == name_of(value) and hasattr(value, "__dict__") and is_users(type(value)):
        found[id(value)] = value
        parts = [*parts, *vars(value).values()]
    for part in parts:
        _collect(part, found, known)


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


def _options(theirs: Any, ours: Any) -> list[str]:
    """Return the options of the first of two records in words, such as "Config(steps=20)", that the second has not."""
    if not (isinstance(theirs, str) and isinstance(ours, str) and theirs.endswith(")") and ours.endswith(")")):
        return []
    old, new = (words[:-1].split("(", 1)[-1].split(", ") for words in (theirs, ours))
    return [part for part in old if "=" in part and part not in new]


def check(place: Any, theirs: Mapping[str, Any], ours: Mapping[str, Any], what: str) -> None:
    """Raise ValueError unless ``theirs``, what a saved state belongs to, is ``ours``; name what differs.

    Other "versions" are no other problem: they are a warning, because values that were measured stay true.
    """
    theirs, ours = json.loads(json.dumps(theirs)), json.loads(json.dumps(ours))  # tuples as lists, as a file has them
    names = [name for name in {**ours, **theirs} if name != "versions" and ours.get(name) != theirs.get(name)]
    if names:
        is_old = REACHED in names and REACHED not in theirs
        old = f" (or it was begun by an earlier version, which kept no {REACHED})" if is_old else ""
        options = [part for name in names for part in _options(theirs.get(name), ours.get(name))]
        saved = f"; it was saved with {', '.join(options)}" if options else ""
        raise ValueError(
            f"{place} holds a {what} with other {', '.join(names)}: continue it with what it was started with, or give "
            f"another folder{old}{saved}"
        )
    old, new = theirs.get("versions", {}), ours.get("versions", {})
    known = [name for name in new if name in PACKAGES or name in old]
    changed = [f"{name} {old.get(name)} (now {new[name]})" for name in known if old.get(name) != new[name]]
    if changed:
        words = f"{place} was begun with {', '.join(changed)}: it goes on, but its last digits may differ"
        warnings.warn(words, UserWarning, stacklevel=3)
