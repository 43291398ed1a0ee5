"""What the pages of a study have in common: arrays with their meanings, words, and how a page is written."""

import json
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import xarray

from experiments.lab import environment, report
from experiments.lab.experiment import Description
from experiments.lab.options import Settings
from experiments.lab.run import Array
from experiments.process.settings import StudySettings
from experiments.process.study import Candidates
from ferro_jax.files import replaced

ARRAYS = {
    "cell_z": Array(("cell", "latent"), "1", "place of each candidate in the latent space"),
    "cell_history": Array(("cell", "sample", "channel"), "as given", "candidates"),
    "cell_duration": Array(("cell",), "as given", "their durations"),
    "own_history": Array(("own", "sample", "channel"), "as given", "histories of the file, NaN where missing"),
    "own_duration": Array(("own",), "as given", "their durations"),
}


class Page(Description):
    """What a page is about; its one stage names the module that takes the place of ``figures``."""

    __slots__ = ()

    def module(self, part: str) -> Any:
        """Return a module of the package."""
        return import_module(f"{self.package}.{self.stages[0] if part == 'figures' else part}")


def about(text: str, figures: str) -> Page:
    """Return what a page is about: a sentence, and the module of its figures."""
    return Page("experiments.process", text, Settings, Settings(), (figures,))


def candidate_arrays(candidates: Candidates) -> dict[str, np.ndarray]:
    """Return the arrays of ``ARRAYS``."""
    return {
        "cell_z": candidates.z,
        "cell_history": channels_last(candidates.histories),
        "cell_duration": candidates.duration,
        "own_history": channels_last(np.where(candidates.known, candidates.own, np.nan)),
        "own_duration": candidates.own_duration,
    }


def labelled(
    arrays: Mapping[str, Any], table: Mapping[str, Array], title: str, words: dict[str, str]
) -> xarray.Dataset:
    """Return arrays with the axes, units and meanings of a table, and words as attributes."""
    results = xarray.Dataset(attrs={"title": title, **words})
    for name, values in arrays.items():
        like = table[name]
        results[name] = xarray.Variable(like.dims, np.asarray(values), {"units": like.units, "long_name": like.text})
    return results


def words_of(candidates: Candidates, plan: StudySettings) -> dict[str, str]:
    """Return what every page says in words."""
    channels = zip(candidates.names, candidates.units, strict=True)
    return {
        "objective": plan.text,
        "front": "front" if plan.front else "",
        "limits": ", ".join(limit.words(name) for name, limit in plan.limits.items()) or "none",
        "time_unit": str(candidates.time_unit),
        "channels": "; ".join(f"{name or 'value'}{f' ({unit})' if unit else ''}" for name, unit in channels),
        "problems": " ".join(map(str, candidates.problems)) or "none.",
    }


def save(folder: Path, about: Page, results: xarray.Dataset, numbers: dict[str, Any], plan: StudySettings) -> Path:
    """Write arrays, numbers, figures and page to a folder; returns the page."""
    folder.mkdir(exist_ok=True)
    with replaced(folder / "results.nc") as part:
        results.to_netcdf(part, engine="h5netcdf")
    numbers = {name: value if isinstance(value, int) or np.isfinite(value) else None for name, value in numbers.items()}
    (folder / "metrics.json").write_text(json.dumps(numbers, indent=2))
    (folder / "environment.json").write_text(json.dumps(environment.describe(), indent=2))
    objectives = [formula.text for formula in plan.objectives]
    limits = {name: limit.words(name) for name, limit in plan.limits.items()}
    config = {**plan._asdict(), "objectives": objectives, "limits": limits, "smoke": False}
    return report.write(folder.resolve(), about, results, numbers, config)


def missing(values: np.ndarray) -> np.ndarray:
    """Return the values with NaN for −∞, which says that nothing has succeeded yet."""
    return np.where(np.isfinite(values), values, np.nan)


def channels_last(values: np.ndarray) -> np.ndarray:
    """Return histories with an axis of channels."""
    return values.reshape(*values.shape[:2], -1)
