"""A learned family of histories on disk: the VAE as models.storage keeps it; beside it the way to physical units."""

from pathlib import Path
from typing import Any

import numpy as np

from ferro_jax import values
from ferro_jax.files import arrays_of, made, whole, write_arrays, write_json
from models import storage
from models.histories.records import Learned, Report, Scaling
from models.types import FitHistory, Params

FILE = "histories.json"
ARRAYS = "histories.npz"
FORMAT = 4
PARTS = ("train", "validation")


def save(learned: Learned, folder: Path | str) -> Path:
    """Write a learned family to a folder, which is made where it is missing, and return it.

    The folder holds what ``models.save`` writes, ``histories.npz`` (scaling, bounds, posteriors of the training
    histories, losses) and ``histories.json`` (names, units, report). The latter is written last, so a folder that has
    it is complete. An older family in the folder is replaced.
    """
    folder = made(values.path(folder, "folder"))
    (folder / FILE).unlink(missing_ok=True)
    storage.save(folder, learned.config, learned.params)
    scaling = learned.scaling
    arrays = {
        "centre": scaling.centre,
        "spread": scaling.spread,
        "log_duration": scaling.log_duration,
        "durations": np.array([scaling.shortest, scaling.longest]),
        "smooth": scaling.smooth,
        "low": learned.low,
        "high": learned.high,
        "mean": learned.mean,
        "std": learned.std,
    }
    write_arrays(folder / ARRAYS, arrays | _by_name(learned.losses))
    labels = {"names": learned.names, "units": learned.units, "time_unit": learned.time_unit, "single": learned.single}
    write_json(folder / FILE, {"format": FORMAT, **labels, "report": learned.report._asdict()})
    return folder


def load(folder: Path | str) -> Learned:
    """Return a learned family from a folder that ``save`` has written, bit for bit as it was.

    ValueError for a folder without one, of another version, or whose files are not whole.
    """
    folder = values.path(folder, "folder").resolve()
    file = folder / FILE
    if not file.is_file():
        raise ValueError(f"{folder} holds no {FILE}: give a folder that models.histories.save has written.")
    saved = storage.words_of(file)
    if saved.get("format") != FORMAT:
        raise ValueError(
            f"{file} has format {saved.get('format')!r}, this version reads {FORMAT}: learn the histories again."
        )
    config, _, params = storage.load(folder)
    arrays = arrays_of(folder / ARRAYS)
    with whole(folder):
        return _learned(config, params, arrays, saved)


def _learned(config: Any, params: Params, a: dict[str, Any], saved: dict[str, Any]) -> Learned:
    """Return a learned family from what its files hold."""
    scaling = Scaling(a["centre"], a["spread"], a["log_duration"], *a["durations"].tolist(), smooth=float(a["smooth"]))
    report = saved["report"]
    for name in ("latent_std", "information", "problems"):
        report[name] = tuple(report[name])
    return Learned(
        config,
        params,
        scaling,
        a["low"],
        a["high"],
        a["mean"],
        a["std"],
        saved["single"],
        tuple(saved["names"]),
        tuple(saved["units"]),
        saved["time_unit"],
        Report(**report),
        _from_names(a),
    )


def _by_name(losses: FitHistory) -> dict[str, Any]:
    """Return the losses as arrays by name, ``train.TERM`` and ``validation.TERM`` beside the others."""
    named = {f"{part}.{term}": values for part in PARTS for term, values in getattr(losses, part).items()}
    return {**named, **{name: getattr(losses, name) for name in FitHistory._fields if name not in PARTS}}


def _from_names(arrays: dict[str, Any]) -> FitHistory:
    """Return losses from arrays by name."""
    train, validation = (
        {name.removeprefix(f"{part}."): each for name, each in arrays.items() if name.startswith(f"{part}.")}
        for part in PARTS
    )
    return FitHistory(train, validation, arrays["finite"], arrays["epochs"], arrays["chosen"])
