"""A fit on disk: its model as ``models.storage`` keeps it; beside it, arrays and words that lead to the units."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ferro_jax import values
from ferro_jax.files import arrays_of, made, whole, write_arrays, write_json
from models import storage
from models.types import FitHistory

FILE = "fitted.json"
ARRAYS = "fitted.npz"
FORMAT = 2


class Kind(NamedTuple):
    """What a kind of fit keeps beside config, params and history.

    ``records`` are fields that hold a NamedTuple of arrays and words, or None; ``report`` is the type of its report,
    ``words`` are fields that JSON can hold.
    """

    name: str
    records: Mapping[str, type]
    report: type
    words: tuple[str, ...]


def write(folder: Path | str, fitted: Any, kind: Kind) -> Path:
    """Write a fit to a folder and return it; ``fitted.json`` comes last, so a folder with it is complete."""
    folder = made(values.path(folder, "folder"))
    (folder / FILE).unlink(missing_ok=True)
    storage.save(folder, fitted.config, fitted.params)
    arrays: dict[str, np.ndarray] = {}
    words: dict[str, Any] = {name: getattr(fitted, name) for name in kind.words}
    for record in kind.records:
        value = getattr(fitted, record)
        for name, part in ({} if value is None else value._asdict()).items():
            kept = arrays if isinstance(part, np.ndarray) else words
            kept[f"{record}.{name}"] = part
    for part in ("train", "validation"):
        arrays |= {f"history.{part}.{name}": values for name, values in getattr(fitted.history, part).items()}
    arrays |= {f"history.{name}": getattr(fitted.history, name) for name in ("finite", "epochs", "chosen")}
    write_arrays(folder / ARRAYS, arrays)
    write_json(folder / FILE, {"format": FORMAT, "kind": kind.name, "report": fitted.report._asdict(), **words})
    return folder


def kind_of(folder: Path | str) -> str:
    """Return the name of the kind of fit in a folder. ValueError for a folder without one, or of another version."""
    return str(_words(folder)["kind"])


def read(folder: Path | str, kind: Kind) -> dict[str, Any]:
    """Return the fields of a fit of that kind from a folder. ValueError for a folder without one, or not whole."""
    folder = values.path(folder, "folder").resolve()
    words = _words(folder)
    if words["kind"] != kind.name:
        raise ValueError(f"{folder} holds a fit of the kind {words['kind']}, expected {kind.name}.")
    arrays = arrays_of(folder / ARRAYS)
    config, _, params = storage.load(folder)
    with whole(folder):
        return {"config": config, "params": params, **_fields(words, arrays, kind)}


def _fields(words: dict[str, Any], arrays: dict[str, Any], kind: Kind) -> dict[str, Any]:
    """Return the fields of a fit beside its model, from what its files hold."""
    given = words | arrays
    records = {
        record: of(**{name: given[f"{record}.{name}"] for name in of._fields}) if _has(given, record) else None
        for record, of in kind.records.items()
    }
    losses = {
        part: {name.split(".", 2)[2]: values for name, values in arrays.items() if name.startswith(f"history.{part}.")}
        for part in ("train", "validation")
    }
    history = FitHistory(**losses, **{name: arrays[f"history.{name}"] for name in ("finite", "epochs", "chosen")})
    return {
        "report": kind.report(**words["report"]),
        "history": history,
        **records,
        **{name: words[name] for name in kind.words},
    }


def _words(folder: Path | str) -> dict[str, Any]:
    """Return what JSON holds of a fit."""
    file = values.path(folder, "folder").resolve() / FILE
    if not file.is_file():
        raise ValueError(f"{file.parent} holds no {FILE}: give a folder that the save of a fit has written.")
    words = _tuples(storage.words_of(file))
    if words.get("format") != FORMAT or "kind" not in words:
        raise ValueError(f"{file} was written by another version (format {words.get('format')!r}): fit again.")
    return words


def _has(given: Mapping[str, Any], record: str) -> bool:
    """Return whether a record was kept."""
    return any(name.startswith(f"{record}.") for name in given)


def _tuples(value: Any) -> Any:
    """Return JSON with tuples in place of lists, as records have them."""
    if isinstance(value, dict):
        return {name: _tuples(entry) for name, entry in value.items()}
    return tuple(_tuples(entry) for entry in value) if isinstance(value, list) else value
