"""What a function returns, in one file: arrays as npz, all else as JSON in it. Nothing that is read can run code.

Arrays of NumPy and JAX, PRNG keys, numbers, words, None, paths, lists, tuples and dictionaries, and NamedTuples and
dataclasses of this project come back as what they were. Records are found by their names in this project's packages.
"""

import dataclasses
import json
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.lab.resuming import CODE
from ferro_jax.files import arrays_of, owner, whole, write_arrays

_TREE = "tree"  # name of the JSON text among the arrays


def write(path: Path, value: Any, record: Path | None = None) -> None:
    """Write a value whole or not at all, which belongs to the ``record`` of a run (``ferro_jax.files.owner``).

    TypeError for what cannot be read back, such as a function.
    """
    arrays: dict[str, np.ndarray] = {}
    arrays[_TREE] = np.frombuffer(json.dumps(_encoded(value, arrays)).encode(), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_arrays(path, arrays, owner=owner(record, path) if record else "")


def read(path: Path, record: Path | None = None) -> Any:
    """Return the value of a file that ``write`` has written. ValueError names a file that holds anything else, or
    belongs to another record."""
    advice = "delete it, and it is computed again"
    with whole(path, advice):
        arrays = arrays_of(path, advice, owner=owner(record, path) if record else "")
        return _decoded(json.loads(arrays[_TREE].tobytes()), arrays)


def _encoded(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """Return a value as JSON has it; its arrays go to ``arrays`` and leave their numbers."""
    if isinstance(value, jax.Array | np.ndarray | np.generic):
        return _encoded_array(value, arrays)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Path):
        return {"path": str(value)}
    if isinstance(value, Mapping):
        return {"dict": [[_encoded(key, arrays), _encoded(each, arrays)] for key, each in value.items()]}
    if fields := _fields_of(type(value)):
        name = f"{type(value).__module__}:{type(value).__qualname__}"
        _class_of(name)
        return {"record": name, "fields": {field: _encoded(getattr(value, field), arrays) for field in fields}}
    if type(value) in (list, tuple):
        return {type(value).__name__: [_encoded(each, arrays) for each in value]}
    raise TypeError(
        f"a {type(value).__qualname__} cannot be kept for a run that is resumed: let the function return arrays, "
        "numbers, words, and records of them"
    )


def _encoded_array(value: Any, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Return the kind of an array and its number among ``arrays``; words as a list."""
    kind = "jax" if isinstance(value, jax.Array) else "scalar" if isinstance(value, np.generic) else "numpy"
    more = {}
    if isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, jax.dtypes.prng_key):
        kind, more = "keys", {"impl": str(jax.random.key_impl(value))}
        value = jax.random.key_data(value)
    value = np.asarray(value)
    if value.dtype == object:
        return {"words": [_encoded(each, {}) for each in value.ravel()], "shape": value.shape}
    number = str(len(arrays))
    arrays[number] = value
    return {kind: number, **more}


def _decoded(node: Any, arrays: Any) -> Any:
    """Return the value of what ``_encoded`` returned."""
    if not isinstance(node, dict):
        return node
    match node:
        case {"numpy": number}:
            return arrays[number]
        case {"jax": number}:
            return jnp.asarray(arrays[number])
        case {"scalar": number}:
            return arrays[number][()]
        case {"keys": number, "impl": impl}:
            return jax.random.wrap_key_data(jnp.asarray(arrays[number]), impl=impl)
        case {"words": words, "shape": shape}:
            return np.array([*words, None], object)[:-1].reshape(shape)
        case {"path": text}:
            return Path(text)
        case {"dict": pairs}:
            return {_decoded(key, arrays): _decoded(each, arrays) for key, each in pairs}
        case {"list": entries}:
            return [_decoded(each, arrays) for each in entries]
        case {"tuple": entries}:
            return tuple(_decoded(each, arrays) for each in entries)
        case {"record": name, "fields": fields}:
            return _class_of(name)(**{field: _decoded(each, arrays) for field, each in fields.items()})
    raise ValueError(f"it has an entry of {', '.join(node)}, which no version writes")


def _fields_of(kind: type) -> tuple[str, ...]:
    """Return the fields of a NamedTuple or dataclass, none of any other class."""
    if dataclasses.is_dataclass(kind):
        return tuple(field.name for field in dataclasses.fields(kind) if field.init)
    return getattr(kind, "_fields", ()) if issubclass(kind, tuple) else ()


def _class_of(name: str) -> type:
    """Return the record class ``module:name`` of this project, whose modules do nothing when they are imported.

    ValueError for anything else.
    """
    module, _, path = name.partition(":")
    parts = module.split(".")
    if parts[0] not in CODE or any(part.startswith("__") for part in [*parts, *path.split(".")]):
        raise ValueError(f"{name} is no record of this project")
    try:
        found: Any = import_module(module)
    except ImportError as error:
        raise ValueError(f"{name} is no record of this project ({error})") from None
    for part in path.split("."):
        found = vars(found).get(part) if hasattr(found, "__dict__") else None
    if not isinstance(found, type) or not _fields_of(found):
        raise ValueError(f"{name} is no record of this project")
    return found
