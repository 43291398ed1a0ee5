"""A fit on disk: the VAE as ``models.storage`` keeps it; beside it, arrays and words that lead to the user's units."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from models import storage
from models.fitted.labels import Factors
from models.fitted.records import Axis, Codes, Report
from models.fitted.scaling import Scaling
from models.types import FitHistory

FILE = "fitted.json"
ARRAYS = "fitted.npz"
FORMAT = 2
RECORDS = {"scaling": Scaling, "factors": Factors, "support": Codes, "axis": Axis}


def write(folder: Path | str, fitted: Any) -> Path:
    """Write a ``Fitted`` to a folder and return it; ``fitted.json`` comes last, so a folder with it is complete."""
    folder = Path(folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).unlink(missing_ok=True)
    storage.save(folder, fitted.config, fitted.params)
    arrays: dict[str, np.ndarray] = {}
    words: dict[str, Any] = {name: getattr(fitted, name) for name in ("classes", "pixel", "unit")}
    for record in RECORDS:
        for name, value in (getattr(fitted, record) or Axis("", "", np.zeros(0)))._asdict().items():
            kept = arrays if isinstance(value, np.ndarray) else words
            kept[f"{record}.{name}"] = value
    for part in ("train", "validation"):
        arrays |= {f"history.{part}.{name}": values for name, values in getattr(fitted.history, part).items()}
    arrays |= {f"history.{name}": getattr(fitted.history, name) for name in ("finite", "epochs", "chosen")}
    np.savez(folder / ARRAYS, **arrays)  # pyright: ignore[reportArgumentType]
    part = folder / (FILE + ".part")
    part.write_text(json.dumps({"format": FORMAT, "report": fitted.report._asdict(), **words}, indent=2))
    os.replace(part, folder / FILE)
    return folder


def read(folder: Path | str) -> dict[str, Any]:
    """Return the fields of a ``Fitted`` from a folder. ValueError for a folder without one, or of another version."""
    folder = Path(folder).resolve()
    file = folder / FILE
    if not file.is_file():
        raise ValueError(f"{folder} holds no {FILE}: give a folder that Fitted.save has written.")
    words = _tuples(json.loads(file.read_text()))
    if words["format"] != FORMAT:
        raise ValueError(f"{file} has format {words['format']!r}, this version reads {FORMAT}: fit again.")
    with np.load(folder / ARRAYS, allow_pickle=False) as held:
        arrays = {name: held[name] for name in held.files}
    config, _, params = storage.load(folder)
    given = words | arrays
    records = {
        record: kind(**{name: given[f"{record}.{name}"] for name in kind._fields}) for record, kind in RECORDS.items()
    }
    losses = {
        part: {name.split(".", 2)[2]: values for name, values in arrays.items() if name.startswith(f"history.{part}.")}
        for part in ("train", "validation")
    }
    history = FitHistory(**losses, **{name: arrays[f"history.{name}"] for name in ("finite", "epochs", "chosen")})
    rest = {name: words[name] for name in ("classes", "pixel", "unit")}
    axis = records.pop("axis")
    return {
        "config": config,
        "params": params,
        **records,
        "report": Report(**words["report"]),
        "history": history,
        "axis": axis if axis.values.size else None,
        **rest,
    }


def _tuples(value: Any) -> Any:
    """Return JSON with tuples in place of lists, as records have them."""
    if isinstance(value, dict):
        return {name: _tuples(entry) for name, entry in value.items()}
    return tuple(_tuples(entry) for entry in value) if isinstance(value, list) else value
