"""The page on a study's log: what it says, as labelled arrays and numbers."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np

import bo
from experiments.lab import scores
from experiments.lab.run import Array
from experiments.process import log, page, replay, settings, study
from experiments.process.page import missing
from experiments.process.replay import Evaluation, Evaluations, Replayed
from experiments.process.settings import Limit, StudySettings
from experiments.process.study import Candidates

FOLDER = "report"
BLIND = 256  # draws of the model, for what blind choices would have found
MOST_FITS = 30  # of a replay step by step
ARRAYS = page.ARRAYS | {
    "evaluated_cell": Array(("evaluation",), "1", "candidates in the order told"),
    "value": Array(("evaluation",), "as given", "objective; NaN: failed or beyond a limit"),
    "id": Array(("evaluation",), "1", "number in the log; -1: none"),
    "best": Array(("evaluation",), "as given", "best value so far"),
    "predicted_mean": Array(("evaluation",), "as given", "predicted before the value was told"),
    "predicted_std": Array(("evaluation",), "as given", "standard deviation of this prediction"),
    "z_score": Array(("evaluation",), "1", "deviation of the value from its prediction, in standard deviations"),
    "mean": Array(("cell",), "as given", "what the model expects of each candidate now"),
    "std": Array(("cell",), "as given", "standard deviation of the model"),
    "probability": Array(("cell",), "1", "probability of success"),
    "random_best": Array(("draw", "evaluation"), "as given", "best so far of random candidates, by draws of the model"),
    "family_best": Array(("draw", "evaluation"), "as given", "the same of random histories of the file"),
    "outcome": Array(("name", "evaluation"), "as given", "outcomes as told, NaN where there is none"),
    "limit": Array(("name", "end"), "as given", "limits of each outcome, ±∞ where there is none"),
    "pending_cell": Array(("pending",), "1", "candidates asked and not told"),
}


def write(folder: Path) -> tuple[Path, list[str]]:
    """Write the report of a study, and return its path with words on what of the log was not used.

    ValueError while fewer than two evaluations have succeeded.
    """
    candidates, plan = study.load(folder), settings.read(folder)
    book = log.read(folder, candidates.z.shape[1])
    found = replay.evaluations(book, plan, candidates)
    good = sum(np.isfinite(each.value) for each in found.told)
    if good < 2:
        raise ValueError(
            f"{good} evaluations of {folder} have succeeded and {len(found.told) - good} failed; a report needs two "
            "successes"
        )
    arrays = described(found, plan, candidates)
    numbers, words = numbers_of(arrays, found, plan, candidates)
    title = folder.resolve().name
    results = page.labelled(arrays, ARRAYS, title, page.words_of(candidates, plan) | words)
    names = sorted({name for each in found.told for name in each.row.outcomes})
    results = results.assign_coords(name=np.array(names, dtype=object))
    about = page.about("A process and its histories.", "log_figures")
    return page.save(folder / FOLDER, about, results, numbers, plan), found.notes


def described(found: Evaluations, plan: StudySettings, candidates: Candidates) -> dict[str, np.ndarray]:
    """Return the arrays of ``ARRAYS`` for the evaluations of a log."""
    told = found.told
    initial = min(plan.initial_points, len(told))
    every = max(1, (len(told) - initial) // MOST_FITS)
    session = replay.session_of(plan, candidates, initial, every)
    replayed = replay.replay(session, plan, told, stepwise=True)
    state = replayed.state.state
    surface = session.campaign.surface(state)
    values = np.array([each.value for each in told])
    names = sorted({name for each in told for name in each.row.outcomes})
    mean, std, z_score = predictions(replayed, initial, len(told))
    blind = blind_draws(session.campaign, state, plan.seed, candidates, len(told))
    return {
        **page.candidate_arrays(candidates),
        "evaluated_cell": np.array([each.cell for each in told]),
        "value": values,
        "id": np.array([-1 if each.row.id is None else each.row.id for each in told]),
        "best": missing(scores.best_so_far(values)),
        "predicted_mean": mean,
        "predicted_std": std,
        "z_score": z_score,
        "mean": np.asarray(surface.mean),
        "std": np.asarray(surface.std),
        "probability": probability_of(session.campaign, state),
        "random_best": blind[0],
        "family_best": blind[1],
        "outcome": np.array([[each.row.outcomes.get(name, np.nan) for each in told] for name in names]),
        "limit": np.array([plan.limits.get(name, Limit(-np.inf, np.inf)) for name in names]),
        "pending_cell": np.array(found.pending, int),
    }


def predictions(replayed: Replayed, initial: int, count: int) -> np.ndarray:
    """Return mean, standard deviation and z-score before each evaluation, (3, evaluation); NaN for the initial ones."""
    rows = np.full((3, count), np.nan)
    for number, info in enumerate(replayed.infos[initial:], initial):
        rows[:, number] = info.mean, info.std, info.z_score
    return rows


def probability_of(campaign: bo.Campaign, state: bo.State) -> np.ndarray:
    """Return the probability of success of every candidate."""
    cells = np.arange(len(state.visited))
    return np.asarray(jax.jit(jax.vmap(lambda cell: campaign.propose(state, cell).probability))(cells))


def blind_draws(campaign: bo.Campaign, state: bo.State, seed: int, candidates: Candidates, count: int) -> np.ndarray:
    """Return the best so far of random candidates and of random histories of the file, (2, draw, evaluation).

    By the model: each draw takes values of independent normals with its mean and deviation, and failures with its
    probability; a history of the file counts as the candidate nearest to its place in the latent space.
    """
    generator = np.random.default_rng(seed)
    surface, probability = campaign.surface(state), probability_of(campaign, state)
    mean, std = np.asarray(surface.mean), np.asarray(surface.std)
    nearest = replay.KDTree(candidates.z).query(candidates.code)[1]
    paths = []
    for cells in (np.arange(len(mean)), np.atleast_1d(nearest)):
        rows = np.stack([generator.permutation(len(cells))[:count] for _ in range(BLIND)])
        rows = cells[np.resize(rows, (BLIND, count))]
        values = generator.normal(mean[rows], std[rows])
        values[generator.random(rows.shape) > probability[rows]] = np.nan
        paths.append(missing(scores.best_so_far(values)))
    return np.stack(paths)


def numbers_of(
    arrays: dict[str, np.ndarray], found: Evaluations, plan: StudySettings, candidates: Candidates
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return numbers for the page, and words for it."""
    told, values = found.told, arrays["value"]
    best = int(np.nanargmax(values))
    expected = int(np.argmax(np.where(arrays["probability"] >= 0.5, arrays["mean"], -np.inf)))
    z = bo.calibration(SimpleNamespace(z_score=arrays["z_score"]))
    beyond = [each for each in told if each.row.status == "ok" and not np.isfinite(each.value)]
    numbers = {
        "evaluations": len(told),
        "budget": plan.budget,
        "failed": sum(each.row.status == "failed" for each in told),
        "beyond_limits": len(beyond),
        "waiting": len(found.pending),
        "candidates": len(candidates.z),
        "own_histories": len(candidates.own),
        "best_value": float(values[best]),
        "best_id": int(arrays["id"][best]),
        "best_cell": told[best].cell,
        "best_duration": float(candidates.duration[told[best].cell]),
        "best_evaluation": best + 1,
        "expected_best_cell": expected,
        "expected_best_mean": float(arrays["mean"][expected]),
        "expected_best_std": float(arrays["std"][expected]),
        "initial_points": min(plan.initial_points, len(told)),
        "initial_best": float(np.nanmax(np.append(values[: plan.initial_points], -np.inf))),
        "random_best_median": median(arrays["random_best"][:, -1]),
        "family_best_median": median(arrays["family_best"][:, -1]),
        "calibration_z_mean": float(z.z_mean),
        "calibration_z_std": float(z.z_std),
        "calibration_inside_95_percent": float(z.coverage[4]),
        "calibration_number": int(z.number),
    }
    contexts = any(each.row.context for each in told)
    words = {
        "notes": "\n".join(found.notes),
        "failures": "\n".join(failure_words(each, plan) for each in told if not np.isfinite(each.value)),
        "contexts": "Contexts are kept in the log; the model does not use them yet." if contexts else "",
    }
    return numbers, words


def median(values: np.ndarray) -> float:
    """Return the median, where NaN counts as the smallest; NaN where that is the median."""
    middle = float(np.median(np.where(np.isnan(values), -np.inf, values)))
    return middle if np.isfinite(middle) else float("nan")


def failure_words(each: Evaluation, plan: StudySettings) -> str:
    """Return why an evaluation counts as failed."""
    outcomes = log.cell_of(each.row, "outcomes")
    broken = [limit.words(name) for name, limit in plan.limits.items() if name in each.row.outcomes
              and not replay.inside(limit, each.row.outcomes[name])]  # fmt: skip
    why = "failed" if each.row.status == "failed" else f"not {', '.join(broken)}" if broken else "objective not finite"
    return " · ".join(word for word in (f"id {each.row.id}", f"cell {each.cell}", why, outcomes, each.row.note) if word)
