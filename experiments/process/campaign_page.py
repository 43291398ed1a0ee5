"""The page on campaigns of a JAX function: labelled arrays, numbers, and what the lab draws of them."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiments.lab import scores, summaries
from experiments.lab.run import Array
from experiments.process import fronts, functions, log_words, page, study
from experiments.process.settings import StudySettings
from experiments.process.study import Candidates

FOLDER = "campaigns"
QUARTILES = [0.25, 0.5, 0.75]  # of scores of which smaller is better; +∞ is a seed without a success
ARRAYS = page.ARRAYS | {
    "chosen": Array(("method", "seed", "evaluation"), "1", "candidate, or history of the file"),
    "values": Array(("method", "seed", "evaluation"), "as given", "first objective; NaN: failed"),
    "within": Array(("method", "seed", "evaluation"), "1", "1 where it succeeded within the limits"),
    "objectives": Array(("method", "seed", "evaluation", "objective"), "as given", "all objectives"),
    "paths": Array(("method", "seed", "evaluation"), "as given", "best so far within the limits, or hypervolume"),
    "z_scores": Array(("method", "seed", "evaluation"), "1", "deviation of the value from its prediction, in σ"),
    "reference": Array(("objective",), "as given", "point above which the hypervolume counts"),
    "refined_start": Array(("sample", "channel"), "as given", "best history before refinement"),
    "refined": Array(("sample", "channel"), "as given", "refined history"),
}


class Found(NamedTuple):
    """What the campaigns of a method evaluated, (seed, evaluation) each, ``objectives`` with an axis more.

    ``value`` is the first objective, NaN where it failed; ``within`` says whether it succeeded within the limits.
    """

    index: Any  # pyright: ignore[reportIncompatibleMethodOverride]
    value: Any
    z_score: Any
    within: Any
    objectives: Any


def write(
    folder: Path,
    candidates: Candidates,
    plan: StudySettings,
    found: dict[str, Found],
    refined: Any,
    objective: str,
) -> Path:
    """Write the page on campaigns and, where there is one, the refined history as CSV; returns the page."""
    arrays = page.candidate_arrays(candidates) | arrays_of(found, plan)
    numbers = numbers_of(arrays, plan) | {"candidates": len(candidates.z)}
    methods = "\n".join(found)
    words = page.words_of(candidates, plan) | {"function": objective, "methods": methods, "refined": ""}
    words["reference"] = log_words.reference_words(functions.names_of(plan), arrays["reference"]) if plan.front else ""
    if refined is not None:
        for name, key in (("refined_start", "start"), ("refined", "history")):
            arrays[name] = getattr(refined, key).reshape(len(refined.history), -1)
        numbers |= {"refined_value": refined.value, "refined_start_value": refined.start_value}
        numbers["refined_duration"] = refined.duration
        time = np.linspace(0, refined.duration, len(refined.history))
        path = folder / "refined.csv"
        study.write_history(path, time, arrays["refined"], study.columns(candidates))
        words["refined"] = path.name
    results = page.labelled(arrays, ARRAYS, folder.resolve().name, words)
    names = np.array(functions.names_of(plan), dtype=object)
    results = results.assign_coords(method=np.array(list(found), dtype=object), objective=names)
    about = page.about(
        f"Campaigns of {objective} over histories.", "campaign_front_figures" if plan.front else "campaign_figures"
    )
    return page.save(folder / FOLDER, about, results, numbers, plan)


def arrays_of(found: dict[str, Found], plan: StudySettings) -> dict[str, np.ndarray]:
    """Return what the methods evaluated, with the best so far or, of a front, the hypervolume of each seed."""
    values, within, objectives = (
        np.stack([getattr(each, name) for each in found.values()]) for name in ("value", "within", "objectives")
    )
    counted = within.astype(bool) & np.isfinite(objectives).all(-1)
    reference = fronts.reference_of(objectives, counted)
    if plan.front:
        seeds = [zip(*rows, strict=True) for rows in zip(objectives, counted, strict=True)]
        paths = np.array([[fronts.growth(*each, reference) for each in method] for method in seeds])
    else:
        paths = page.missing(scores.best_so_far(np.where(counted, values, np.nan)))
    return {
        "chosen": np.stack([each.index for each in found.values()]),
        "values": values,
        "within": counted.astype(np.int8),
        "objectives": objectives,
        "paths": paths,
        "z_scores": np.stack([each.z_score for each in found.values()]),
        "reference": reference,
    }


def numbers_of(arrays: dict[str, np.ndarray], plan: StudySettings) -> dict[str, Any]:
    """Return the numbers of every method: best or hypervolume at the end and half way, failures, broken limits."""
    values, paths = arrays["values"], arrays["paths"]
    failed = np.isnan(values)
    numbers: dict[str, Any] = {"budget": plan.budget, "seeds": values.shape[1]}
    for number, path in enumerate(paths):
        for score, place in (("best", -1), ("half_way", path.shape[1] // 2 - 1)):
            quartiles = summaries.quantile(-np.where(np.isnan(path[:, place]), -np.inf, path[:, place]), QUARTILES)
            for end, value in zip(("q75", "median", "q25"), quartiles, strict=True):
                numbers[f"method_{number}_{score}_{end}"] = -float(value)
        numbers[f"method_{number}_failed_share"] = float(failed[number].mean())
        numbers[f"method_{number}_beyond_limits"] = float((~failed & (arrays["within"] == 0))[number].sum(1).mean())
    return numbers
