"""The page on a study's log: what it says, as labelled arrays and numbers."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

import bo
from experiments.lab import scores
from experiments.lab.run import Array
from experiments.process import evaluations, fronts, functions, log, log_words, page, replay, settings, study, upcoming
from experiments.process.beliefs import beliefs_of, blind_draws, median
from experiments.process.evaluations import Evaluations
from experiments.process.page import missing
from experiments.process.replay import Replayed
from experiments.process.settings import Limit, StudySettings
from experiments.process.study import Candidates

FOLDER = "report"
MOST_FITS = 30  # of a replay step by step
ARRAYS = page.ARRAYS | {
    "evaluated_cell": Array(("evaluation",), "1", "candidates in the order told"),
    "value": Array(("evaluation",), "as given", "first objective; NaN: failed"),
    "objectives": Array(("evaluation", "objective"), "as given", "all objectives; NaN: failed or not measured"),
    "within": Array(("evaluation",), "1", "1 where it succeeded within the limits"),
    "id": Array(("evaluation",), "1", "number in the log; -1: added by hand, without one"),
    "best": Array(("evaluation",), "as given", "best value so far within the limits; of a front its hypervolume"),
    "front_row": Array(("front",), "1", "evaluations on the front"),
    "reference": Array(("objective",), "as given", "point above which the hypervolume counts"),
    "predicted_mean": Array(("evaluation",), "as given", "predicted before the value was told"),
    "predicted_std": Array(("evaluation",), "as given", "standard deviation of this prediction"),
    "probability_before": Array(("evaluation",), "1", "probability of success within the limits, predicted before"),
    "z_score": Array(("evaluation",), "1", "deviation of the value from its prediction, in standard deviations"),
    "mean": Array(("cell",), "as given", "what the model expects of each candidate now, first objective"),
    "means": Array(("objective", "cell"), "as given", "the same of all objectives"),
    "std": Array(("cell",), "as given", "standard deviation of the model, first objective"),
    "probability": Array(("cell",), "1", "probability of success within the limits"),
    "random_best": Array(("draw", "evaluation"), "as given", "best so far of random candidates, by draws of the model"),
    "family_best": Array(("draw", "evaluation"), "as given", "the same of random histories of the file"),
    "outcome": Array(("name", "evaluation"), "as given", "outcomes as told, NaN where there is none"),
    "limit": Array(("name", "end"), "as given", "limits of each outcome, ±∞ where there is none"),
    "next_cell": Array(("next",), "1", "candidates that would be asked next"),
    "next_mean": Array(("objective", "next"), "as given", "what the model expects of them"),
    "next_std": Array(("objective", "next"), "as given", "standard deviation of the model"),
    "next_probability": Array(("next",), "1", "probability of success within the limits"),
    "pending_cell": Array(("pending",), "1", "candidates asked and not told"),
}


def write(folder: Path) -> tuple[Path, list[str]]:
    """Write the report of a study, and return its path with words on what of the log was not used.

    ValueError while fewer than two evaluations have succeeded.
    """
    candidates, plan = study.load(folder), settings.read(folder)
    book = log.read(folder, candidates.z.shape[1])
    found = evaluations.read(book, plan, candidates)
    good = sum(np.isfinite(each.value) for each in found.told)
    if good < 2:
        raise ValueError(
            f"{good} evaluations of {folder} have succeeded and {len(found.told) - good} failed; a report needs two "
            "successes"
        )
    arrays = described(found, plan, candidates)
    numbers = numbers_of(arrays, found, plan, candidates)
    names = functions.names_of(plan) if plan.objectives else outcome_names(found)
    coming = upcoming.Upcoming(*(arrays[f"next_{name}"] for name in ("cell", "mean", "std", "probability")))
    words = page.words_of(candidates, plan) | log_words.words_of(found, plan, candidates, arrays["front_row"])
    words["reference"] = log_words.reference_words(names, arrays["reference"]) if plan.front else ""
    words |= upcoming.words_of(coming, list(names), candidates)
    results = page.labelled(arrays, ARRAYS, folder.resolve().name, words)
    coordinates = {"name": outcome_names(found), "objective": names}
    results = results.assign_coords({axis: np.array(each, dtype=object) for axis, each in coordinates.items()})
    results.attrs["objective"] = ", ".join(names)
    about = page.about("A process and its histories.", "log_front_figures" if plan.front else "log_figures")
    return page.save(folder / FOLDER, about, results, numbers, plan), found.notes


def outcome_names(found: Evaluations) -> list[str]:
    """Return the names of all outcomes that were told."""
    return sorted({name for each in found.told for name in each.row.outcomes})


def described(found: Evaluations, plan: StudySettings, candidates: Candidates) -> dict[str, np.ndarray]:
    """Return the arrays of ``ARRAYS`` for the evaluations of a log."""
    told = found.told
    initial = min(plan.initial_points, len(told))
    every = max(1, (len(told) - initial) // MOST_FITS)
    session = replay.session_of(plan, candidates, initial, every)
    replayed = replay.replay(session, plan, told, stepwise=True)
    asking = session if (initial, every) == (plan.initial_points, 1) else replay.session_of(plan, candidates)
    now = replay.replay(asking, plan, told)  # as ``ask`` does it
    known = replayed if now.state.state is None else now
    beliefs = beliefs_of(known.session.campaign, known.state.state)
    coming = upcoming.upcoming(upcoming.cells_of(now, plan, candidates, found), beliefs)
    values, within = np.array([each.value for each in told]), np.array([each.within for each in told])
    more = [[each.others.get(name, np.nan) for each in told] for name in functions.names_of(plan)[1:]]
    objectives = np.stack([values, *map(np.array, more)], axis=1)
    counted = within & np.isfinite(objectives).all(1)
    reference = fronts.reference_of(objectives, counted)
    volume = fronts.growth(objectives, counted, reference) if plan.front else None
    blind = blind_draws(beliefs, candidates, plan.seed, len(told), reference if plan.front else None)
    mean, std, z_score, probability = predictions(replayed, initial, len(told))
    names = outcome_names(found)
    return {
        **page.candidate_arrays(candidates),
        "evaluated_cell": np.array([each.cell for each in told]),
        "value": values,
        "objectives": objectives,
        "within": counted.astype(np.int8),
        "id": np.array([-1 if each.row.id is None else each.row.id for each in told]),
        "best": missing(scores.best_so_far(np.where(within, values, np.nan))) if volume is None else volume,
        "front_row": fronts.rows_of(objectives, counted),
        "reference": reference,
        "predicted_mean": mean,
        "predicted_std": std,
        "probability_before": probability,
        "z_score": z_score,
        "mean": beliefs.mean[0],
        "means": beliefs.mean,
        "std": beliefs.std[0],
        "probability": beliefs.probability,
        "random_best": blind[0],
        "family_best": blind[1],
        "outcome": np.array([[each.row.outcomes.get(name, np.nan) for each in told] for name in names]),
        "limit": np.array([plan.limits.get(name, Limit(-np.inf, np.inf)) for name in names]),
        "next_cell": coming.cells,
        "next_mean": coming.mean,
        "next_std": coming.std,
        "next_probability": coming.probability,
        "pending_cell": np.array([spot.cell for spot in found.pending], int),
    }


def predictions(replayed: Replayed, initial: int, count: int) -> np.ndarray:
    """Return mean, standard deviation, z-score and probability of success before each evaluation, (4, evaluation).

    NaN for the initial ones.
    """
    rows = np.full((4, count), np.nan)
    for number, info in enumerate(replayed.infos[initial:], initial):
        rows[:, number] = info.mean, info.std, info.z_score, info.probability
    return rows


def numbers_of(
    arrays: dict[str, np.ndarray], found: Evaluations, plan: StudySettings, candidates: Candidates
) -> dict[str, Any]:
    """Return the numbers of the page; NaN where there is none, such as the best of a front."""
    told, values, within = found.told, arrays["value"], arrays["within"] > 0
    z = bo.calibration(SimpleNamespace(z_score=arrays["z_score"]))
    failed, predicted = ~np.isfinite(values), np.isfinite(arrays["probability_before"])
    numbers = {
        "evaluations": len(told),
        "answers": found.answered,
        "budget": plan.budget,
        "successes": int((~failed).sum()),
        "failed": int(failed.sum()),
        "beyond_limits": int((~failed & ~within).sum()),
        "beyond_limits_after_initial": int((~failed & ~within)[plan.initial_points :].sum()),
        "waiting": len(found.pending),
        "candidates": len(candidates.z),
        "own_histories": len(candidates.own),
        "initial_points": min(plan.initial_points, len(told)),
        "random_best_median": median(arrays["random_best"][:, -1]),
        "family_best_median": median(arrays["family_best"][:, -1]),
        "calibration_z_mean": float(z.z_mean),
        "calibration_z_std": float(z.z_std),
        "calibration_inside_95_percent": float(z.coverage[4]),
        "calibration_number": int(z.number),
        "success_predicted_share": mean_of(arrays["probability_before"][predicted]),
        "success_share": mean_of(within[predicted]),
    }
    if plan.front:
        return numbers | {"front_size": len(arrays["front_row"]), "hypervolume": float(arrays["best"][-1])}
    return numbers | best_numbers(arrays, found, plan, candidates)


def mean_of(values: np.ndarray) -> float:
    """Return the mean, NaN of nothing."""
    return float(values.mean()) if values.size else float("nan")


def best_numbers(
    arrays: dict[str, np.ndarray], found: Evaluations, plan: StudySettings, candidates: Candidates
) -> dict[str, Any]:
    """Return the numbers of the best within the limits, NaN while there is none, and of the best that is expected."""
    values = np.where(arrays["within"] > 0, arrays["value"], -np.inf)
    best = int(values.argmax())
    known, cell = bool(np.isfinite(values[best])), found.told[best].cell
    expected = int(np.argmax(np.where(arrays["probability"] >= 0.5, arrays["mean"], -np.inf)))
    of_best = {
        "best_value": float(values[best]),
        "best_id": int(arrays["id"][best]) if arrays["id"][best] >= 0 else float("nan"),
        "best_cell": cell,
        "best_duration": float(candidates.duration[cell]),
        "best_evaluation": best + 1,
    }
    return {name: value if known else float("nan") for name, value in of_best.items()} | {
        "expected_best_cell": expected,
        "expected_best_mean": float(arrays["mean"][expected]),
        "expected_best_std": float(arrays["std"][expected]),
        "initial_best": float(np.append(values[: plan.initial_points], -np.inf).max()),
    }
