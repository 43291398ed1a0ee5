"""What the code of functions reaches beyond their own code and numbers: modules, classes, and objects with a state.

``identity.digest`` counts modules and classes by their names and objects by their types. ``reach`` returns a mark of
what that leaves out, "" where nothing is left out, so that marks of earlier versions stay as they are:

- of a module of the user's, the attributes whose names the code reads; of a compiled one, its file;
- of a class of the user's, the methods and attributes whose names the code reads, and special methods;
- of an object of the user's, all attributes, in slots too; of a library's, its state, as ``pickle`` would ask for it;
- of a masked array, its mask.

Python's own modules and installed packages count by name, and by version among ``Reached.libraries``. Locks, files and
threads hold no values. What has no state that can be read is named in a warning.
"""

import dataclasses
import functools
import hashlib
import types
import warnings
from collections.abc import Iterable, Mapping
from enum import Enum
from pathlib import PurePath
from typing import Any, NamedTuple

import jax
import numpy as np

from ferro_jax import objects, reading
from ferro_jax.parts import in_library, is_data, is_library, is_users, name_of, parts_of

_ATOMS = (type(None), bool, int, float, complex, str, bytes, types.CodeType, types.EllipsisType)
_COVERED = (dict, list, tuple, types.MappingProxyType, functools.partial, PurePath, Enum)
_BEFORE = {"__init__", "__new__", "__post_init__", "__init_subclass__", "__set_name__", "__repr__", "__str__"}
_BUILT_WITH = {"equinox", "flax", "gpjax", "jax", "jaxlib", "numpyro", "optax", "ml_dtypes"}
_MOST_PASSES = 50

Entries = list[tuple[str, Any]]


class Reached(NamedTuple):
    """A mark of what code reaches ("" for nothing), and the versions of the installed packages that it uses."""

    mark: str
    libraries: dict[str, str]


def reach(value: Any, *, instruments: bool = False) -> Reached:
    """Return the mark of what the functions that a value holds reach.

    With ``instruments`` attributes of objects of the user's classes do not count, because they differ from day to day.
    """
    walker, mark = _Walker(set(), {}, instruments), b""
    for _ in range(_MOST_PASSES):  # a method that is found reads more names
        walker = _Walker(walker.names | walker.read, walker.arrays, instruments)
        try:
            mark = walker.walk(value)
        except RecursionError as error:
            raise ValueError(
                f"a {type(value).__name__} holds objects in too many levels to be told apart: hold arrays instead"
            ) from error
        if walker.read <= walker.names:
            break
    if walker.unmarked:
        warnings.warn(
            f"the state of {', '.join(sorted(walker.unmarked))} cannot be read: what was saved is continued whatever "
            "they hold; give arrays, numbers or functions of a module instead, or take a new folder when they change",
            UserWarning,
            stacklevel=4,
        )
    return Reached(mark.hex()[:16], objects.versions_of(walker.libraries))


class _Walker:
    """One pass over a value, for the names that the code met in earlier passes reads."""

    def __init__(self, names: set[str], arrays: dict[int, tuple[Any, bytes]], instruments: bool):
        self.names, self.arrays, self.instruments = names, arrays, instruments
        self.read: set[str] = set()  # names in the code that this pass meets
        self.libraries: set[str] = set()
        self.unmarked: set[str] = set()
        self.walked: dict[tuple[int, bool], tuple[Any, bytes]] = {}  # with values, because an identity is only theirs
        self.known: dict[int, tuple[Any, bytes]] = {}

    def walk(self, value: Any, ours: bool = False) -> bytes:
        """Return the digest of what a value reaches and ``identity.digest`` does not count; b"" for nothing.

        ``ours`` says that a function of this project holds it, which builds its objects from what counts already.
        """
        if isinstance(value, _ATOMS) and type(value) in _ATOMS:
            return b""
        place = id(value), ours
        if place not in self.walked:
            self.walked[place] = value, b""
            function = value.func if isinstance(value, functools.partial) else value
            inner = is_library(function) if isinstance(function, types.FunctionType) else ours
            found = [self.walk(each, inner) for each in self._counted(value)]
            if not (ours and (isinstance(value, slice) or type(value).__module__.partition(".")[0] in _BUILT_WITH)):
                found += [label.encode() + self.full(each, ()) for label, each in self._more(value, counted=True)]
            digest = _digest(b"%d:%d:" % (number, len(each)) + each for number, each in enumerate(found) if each)
            self.walked[place] = value, digest if any(found) else b""
        return self.walked[place][1]

    def full(self, value: Any, above: tuple[int, ...]) -> bytes:
        """Return the digest of all that a value is; ``above`` are the identities of what holds it."""
        if id(value) in above:
            return b"circle"
        is_plain = isinstance(value, np.ndarray | jax.Array) and value.dtype != np.dtype(object)
        known = self.arrays if is_plain else self.known
        if id(value) not in known:
            inside = (*above, id(value))
            found = [each if isinstance(each, bytes) else self.full(each, inside) for each in parts_of(value)]
            found += [label.encode() + self.full(each, inside) for label, each in self._more(value, counted=False)]
            known[id(value)] = value, _digest(b"%d:" % len(each) + each for each in found)
        return known[id(value)][1]

    def _counted(self, value: Any) -> list[Any]:
        """Return what a value holds and ``identity`` counts already."""
        if isinstance(value, set | frozenset):
            return []
        if isinstance(value, np.ndarray | jax.Array):
            return list(value.ravel()) if isinstance(value, np.ndarray) and value.dtype.hasobject else []
        parts = [each for each in parts_of(value) if not isinstance(each, bytes)]
        return [*parts, *(each for _, each in self._attributes(value) if _is_counted(value, each))]

    def _more(self, value: Any, *, counted: bool) -> Entries:
        """Return what ``parts_of`` leaves out of a value; with ``counted`` without what ``attributes`` counts."""
        kind = type(value)
        if kind in _ATOMS or isinstance(value, types.MethodType | types.CellType | np.generic):
            return []
        if isinstance(value, types.ModuleType):
            return self._of_module(value)
        if isinstance(value, type):
            return self._of_class(value, ())
        if isinstance(value, types.FunctionType):
            return self._of_function(value)
        found: Entries = []
        if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
            found.append(("mask", np.ma.getmaskarray(value)))
        if isinstance(value, set | frozenset):
            walked = sorted(self.walk(each) for each in value)
            found += [("elements", b"".join(walked))] if any(walked) else []
        if is_users(kind):
            found += [("value", value.value)] if isinstance(value, Enum) else []
            found += self._of_class(kind, _BEFORE | ({"__call__"} if parts_of(value)[0] == name_of(value) else set()))
            return found + [
                (name, each)
                for name, each in self._attributes(value)
                if not (counted and _is_counted(value, each)) and not objects.is_handle(each)
            ]
        if isinstance(value, (*_COVERED, np.ndarray, jax.Array, set, frozenset)) or dataclasses.is_dataclass(value):
            return found
        return self._of_library(value, counted)

    def _of_module(self, module: types.ModuleType) -> Entries:
        """Return the attributes of a module of the user's that the code reads, or the file of a compiled one."""
        if in_library(module.__name__, objects.place_of(module)):
            self.libraries.add(module.__name__.partition(".")[0])
            return []
        if compiled := objects.compiled(module):
            return [("file", objects.digest_of_file(compiled))]
        held = vars(module)
        return [(name, held[name]) for name in sorted(self.names & held.keys()) if not _is_special(name)]

    def _of_class(self, kind: type, left_out: Iterable[str]) -> Entries:
        """Return methods and attributes of a class and its bases, of the user's, that the code reads.

        ``left_out`` are special methods that an object's state has been through; () for the class itself.
        """
        found: Entries = []
        for level, base in enumerate(kind.__mro__):
            if in_library(base.__module__, objects.place_of(base)):
                self.libraries.add(base.__module__.partition(".")[0])
                continue
            for name, each in sorted(vars(base).items()):
                special = isinstance(each, types.FunctionType) and not objects.is_generated(base, each)
                if special and name not in left_out if _is_special(name) else name in self.names:
                    found += [(f"{level}.{name}.{part}", inner) for part, inner in objects.of_descriptor(each)]
        if not left_out and dataclasses.is_dataclass(kind) and is_users(kind):
            for field in dataclasses.fields(kind):
                found += [(field.name, each) for each in (field.default, field.default_factory)]
        return found

    def _of_function(self, function: types.FunctionType) -> Entries:
        """Return what a function of the user's imports when it is called, and its attributes; note what it reads."""
        function = reading.inner(function)
        if is_library(function):
            self.libraries.add((function.__module__ or "").partition(".")[0])
            return []
        self.read |= reading.names(function.__code__)
        held = {name: each for name, each in vars(function).items() if not _is_special(name)}
        found = [(name, held[name]) for name in sorted(self.names & held.keys())]
        for module in reading.imported(function):
            found += [(f"{module.__name__}.{name}", each) for name, each in self._of_module(module)]
        return found

    def _of_library(self, value: Any, counted: bool) -> Entries:
        """Return the state of an object of a library's class."""
        self.libraries.add(type(value).__module__.partition(".")[0])
        if counted and getattr(value, "__name__", None) in self.names and objects.is_builtin(value):
            return []  # the code has its name
        state = objects.state_of(value)
        if state is None:
            self.unmarked.add(f"a {type(value).__module__}.{type(value).__qualname__}")
            return []
        return state

    def _attributes(self, value: Any) -> Entries:
        """Return the attributes of an object of the user's, beside the fields of a dataclass."""
        if isinstance(value, type | types.FunctionType | types.ModuleType | Enum) or not is_users(type(value)):
            return []
        is_record = dataclasses.is_dataclass(value) or isinstance(value, list | tuple | Mapping)
        if self.instruments and not is_record:
            return []
        fields = {field.name for field in dataclasses.fields(value)} if dataclasses.is_dataclass(value) else set()
        return [(name, each) for name, each in objects.attributes_of(value) if name not in fields]


def _is_counted(holder: Any, value: Any) -> bool:
    """Return whether ``identity.attributes`` counts an attribute of an object, or what it holds."""
    if not hasattr(holder, "__dict__") or not any(each is value for each in vars(holder).values()):
        return False
    return parts_of(holder)[0] == name_of(holder) and (is_data(value) or _is_object(value))


def _is_object(value: Any) -> bool:
    """Return whether a value is an object with attributes, of the user's."""
    plain = isinstance(value, type | types.ModuleType) or objects.is_handle(value)
    return not plain and is_users(type(value)) and parts_of(value)[0] == name_of(value)


def _is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _digest(parts: Iterable[bytes]) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()
