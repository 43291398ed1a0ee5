"""The page on campaigns of a JAX function: labelled arrays, numbers, and what the lab draws of them."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiments.lab import scores, summaries
from experiments.lab.run import Array
from experiments.process import page, study
from experiments.process.settings import StudySettings
from experiments.process.study import Candidates

FOLDER = "campaigns"
ARRAYS = page.ARRAYS | {
    "chosen": Array(("method", "seed", "evaluation"), "1", "candidate, or history of the file"),
    "values": Array(("method", "seed", "evaluation"), "as given", "objective; NaN: failed"),
    "paths": Array(("method", "seed", "evaluation"), "as given", "best so far; NaN before the first success"),
    "z_scores": Array(("method", "seed", "evaluation"), "1", "deviation of the value from its prediction, in σ"),
    "refined_start": Array(("sample", "channel"), "as given", "best history before refinement"),
    "refined": Array(("sample", "channel"), "as given", "refined history"),
}


class Found(NamedTuple):
    """What the campaigns of a method evaluated, (seed, evaluation) each: rows, values (NaN: failed), z-scores."""

    index: Any  # pyright: ignore[reportIncompatibleMethodOverride]
    value: Any
    z_score: Any


def write(
    folder: Path,
    candidates: Candidates,
    plan: StudySettings,
    found: dict[str, Found],
    refined: Any,
    objective: str,
) -> Path:
    """Write the page on campaigns and, where there is one, the refined history as CSV; returns the page."""
    values = np.stack([each.value for each in found.values()])
    paths = scores.best_so_far(values)
    arrays = {
        **page.candidate_arrays(candidates),
        "chosen": np.stack([each.index for each in found.values()]),
        "values": values,
        "paths": page.missing(paths),
        "z_scores": np.stack([each.z_score for each in found.values()]),
    }
    rows = []
    for name, path, value in zip(found, paths, values, strict=True):
        ends = {end: -number for end, number in quartiles(-path[:, -1]).items()}
        half = {end: -number for end, number in quartiles(-path[:, path.shape[1] // 2 - 1]).items()}
        rows.append({"name": name, "best": ends, "half": half, "failed": float(np.isnan(value).mean())})
    numbers: dict[str, Any] = {"budget": plan.budget, "seeds": values.shape[1], "candidates": len(candidates.z)}
    for number, row in enumerate(rows):
        numbers |= {f"method_{number}_best_{end}": value for end, value in row["best"].items()}
        numbers |= {f"method_{number}_half_way_{end}": value for end, value in row["half"].items()}
        numbers[f"method_{number}_failed_share"] = row["failed"]
    methods = "\n".join(found)
    words = page.words_of(candidates, plan) | {"function": objective, "methods": methods, "refined": ""}
    if refined is not None:
        arrays |= {name: getattr(refined, key).reshape(len(refined.history), -1)
                   for name, key in (("refined_start", "start"), ("refined", "history"))}  # fmt: skip
        numbers |= {"refined_value": refined.value, "refined_start_value": refined.start_value}
        numbers["refined_duration"] = refined.duration
        time = np.linspace(0, refined.duration, len(refined.history))
        path = folder / "refined.csv"
        study.write_history(path, time, arrays["refined"], study.columns(candidates))
        words["refined"] = path.name
    results = page.labelled(arrays, ARRAYS, folder.resolve().name, words)
    results = results.assign_coords(method=np.array(list(found), dtype=object))
    about = page.about(f"Campaigns of {objective} over histories.", "campaign_figures")
    return page.save(folder / FOLDER, about, results, numbers, plan)


def quartiles(values: np.ndarray) -> dict[str, float]:
    """Return quartiles of scores of which smaller is better; +∞ is a seed without a success."""
    found = summaries.quantile(values, [0.25, 0.5, 0.75])
    return dict(zip(("q75", "median", "q25"), (float(value) for value in found), strict=True))
