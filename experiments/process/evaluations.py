"""What the rows of a log mean under the settings of a study: evaluations, and what still waits for an answer."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.spatial import KDTree

from experiments.process import contexts, formula, log
from experiments.process.contexts import Given
from experiments.process.formula import Formula
from experiments.process.log import NOTHING, Log, Row
from experiments.process.settings import StudySettings
from experiments.process.study import Candidates

LINE = re.compile(r"line (\d+)")
CLOSE = 2.0  # spacings of the cells, within which a rounded z still means its cell


class Spot(NamedTuple):
    """A candidate, and the context in which it is evaluated."""

    cell: int
    given: Given = ()


class Evaluation(NamedTuple):
    """An answered row as the campaign receives it; ``value`` is NaN where it failed.

    ``others`` holds further objectives and outcomes that have a limit, NaN where they were not measured.
    """

    row: Row
    spot: Spot
    value: float
    noise: float  # variance of the value
    others: Mapping[str, float] = NOTHING
    within: bool = False  # whether it succeeded and keeps all limits

    @property
    def cell(self) -> int:
        """Number of the candidate."""
        return self.spot.cell


class Evaluations(NamedTuple):
    """What a log says: evaluations in the order told, what waits for an answer, words on what was not used.

    ``answered`` is the number of rows that count towards the budget, repeats and rows that cannot be used among them.
    """

    told: list[Evaluation]
    pending: list[Spot]
    notes: list[str]
    answered: int = 0


def read(book: Log, plan: StudySettings, candidates: Candidates) -> Evaluations:
    """Return what the rows of a log mean."""
    rows, notes = log.settled(book.rows)
    notes = [*book.notes, *notes]
    objectives = plan.objectives or only_outcome(rows, plan)
    tree, told, pending = KDTree(candidates.z), [], []
    close = CLOSE * float(np.median(tree.query(candidates.z, 2)[0][:, 1])) if len(candidates.z) > 1 else CLOSE
    for row in rows:
        if row.status == "withdrawn":
            continue
        try:
            cell, said = cell_of(row, candidates.z, tree, close)
            notes += said
            spot = Spot(cell, contexts.given(plan.context, row.context))
            if row.status == "asked":
                pending.append(spot)
            else:
                each, said = valued(row, spot, objectives, plan)
                notes += said
                told.append(each)
        except ValueError as error:
            notes.append(f"{row.name}: {error}: not used")
    once, said = averaged(told, objectives, plan)
    seen = {each.spot for each in once}
    waiting = [spot for spot in dict.fromkeys(pending) if spot not in seen]
    answered = sum(row.status in ("ok", "failed") for row in rows)
    return Evaluations(once, waiting, sorted([*notes, *said], key=line_of), answered)


def left(found: Evaluations, candidates: Candidates, given: Given) -> int:
    """Return how many candidates are neither told nor pending in a context."""
    spots = {*(each.spot for each in found.told), *found.pending}
    return len(candidates.z) - sum(spot.given == given for spot in spots)


class UsedUpError(ValueError):
    """Too few candidates are neither told nor pending in a context."""


def check_left(found: Evaluations, candidates: Candidates, given: Given, number: int) -> None:
    """UsedUpError unless ``number`` candidates are neither told nor pending in a context."""
    free = left(found, candidates, given)
    if free < number:
        where = f" at {contexts.words(given)}" if given else ""
        raise UsedUpError(
            f"of {len(candidates.z)} candidates {free} are neither told nor pending{where}, and {number} asked for: "
            + ("ask in another --context, " if given else "")
            + "or learn with more --cells in a new folder"
        )


def line_of(note: str) -> float:
    """Return the line of the log that a note names, ∞ where it names none."""
    found = LINE.search(note)
    return float(found[1]) if found else math.inf


def only_outcome(rows: Sequence[Row], plan: StudySettings) -> tuple[Formula, ...]:
    """Return the only outcome of the rows as a formula, none without one. ValueError where there are several."""
    names = sorted({name for row in rows for name in row.outcomes}.union(plan.limits))
    if len(names) > 1:
        raise ValueError(
            f"the log and [limits] hold {', '.join(names)}: say in study.toml what to maximise, such as "
            f'objective = "{names[0]}"'
        )
    return (formula.parse(names[0]),) if names else ()


def cell_of(row: Row, z: np.ndarray, tree: KDTree, close: float) -> tuple[int, list[str]]:
    """Return the cell of a row, by its number or by its place, and words on a doubt. ValueError where none is meant."""
    if row.cell is not None and row.cell >= len(z):
        raise ValueError(f"there is no cell {row.cell}, cells are 0 to {len(z) - 1}")
    if not row.z:
        if row.cell is None:
            raise ValueError("it has neither a cell nor a place z")
        return row.cell, []
    if not np.isfinite(row.z).all():
        raise ValueError(f"its place z = {row.z} is not finite")
    if row.cell is not None:
        far = np.linalg.norm(z[row.cell] - row.z) > close
        return row.cell, [f"{row.name}: its z is not that of cell {row.cell}, which is used"] if far else []
    distance, cell = tree.query(row.z)
    if distance > close:
        raise ValueError(f"no cell lies near z = {row.z}")
    return int(cell), []


def valued(row: Row, spot: Spot, objectives: tuple[Formula, ...], plan: StudySettings) -> tuple[Evaluation, list[str]]:
    """Return an answered row as an evaluation, and words on what it lacks. ValueError without the first objective."""
    failed = Evaluation(row, spot, math.nan, 0.0)
    if row.status == "failed":
        return failed, []
    if not objectives or not row.outcomes:
        raise ValueError("it is ok, but has no outcomes")
    first, *more = objectives
    if missing := sorted(first.names - row.outcomes.keys()):
        raise ValueError(f"it lacks {', '.join(missing)}, which the objective needs")
    value = float(formula.evaluate(first, row.outcomes))
    if not math.isfinite(value):
        return failed, [f"{row.name}: {first.text} is not finite, so it counts as failed"]
    others = {name: row.outcomes.get(name, math.nan) for name in plan.limits if name != first.text}
    for each in more:
        known = each.names <= row.outcomes.keys()
        others[each.text] = float(formula.evaluate(each, row.outcomes)) if known else math.nan
    others = {name: number if math.isfinite(number) else math.nan for name, number in others.items()}
    unknown = [name for name, number in others.items() if math.isnan(number)]
    said = f"{row.name}: it lacks {', '.join(unknown)}: used for what it has, but never among the best"
    noise = formula.variance(first, row.outcomes, row.noise)
    within = plan.keeps({**others, first.text: value})
    return Evaluation(row, spot, value, noise, others, within), [said] if unknown else []


def averaged(
    told: Sequence[Evaluation], objectives: tuple[Formula, ...], plan: StudySettings
) -> tuple[list[Evaluation], list[str]]:
    """Return one evaluation for each cell in each context, and words where several were made into one.

    Successes are averaged; beside a success a failure is left out. It stands where the first of them was told.
    """
    groups: dict[Spot, list[Evaluation]] = {}
    for each in told:
        groups.setdefault(each.spot, []).append(each)
    notes = []
    for spot, group in groups.items():
        if len(group) == 1:
            continue
        good = [each for each in group if math.isfinite(each.value)]
        failed = len(group) - len(good)
        at = f" at {contexts.words(spot.given)}" if spot.given else ""
        notes.append(
            f"cell {spot.cell} was measured {len(group)} times{at}"
            + (f", {failed} failed: " if failed else ": ")
            + ("it counts as failed" if not good else "the mean is used" if len(good) > 1 else "the success is used")
        )
        if good:
            mean = sum(each.value for each in good) / len(good)
            noise = sum(each.noise for each in good) / len(good) ** 2
            others = {name: _mean([each.others[name] for each in good]) for name in good[0].others}
            within = plan.keeps({**others, objectives[0].text: mean})
            groups[spot] = [Evaluation(good[0].row, spot, mean, noise, others, within)]
    return [group[0] for group in groups.values()], notes


def _mean(values: list[float]) -> float:
    """Return the mean of the values that are known, NaN where none is."""
    known = [value for value in values if math.isfinite(value)]
    return sum(known) / len(known) if known else math.nan


def check_starts(found: Evaluations, plan: StudySettings) -> None:
    """ValueError while a safe study has too few evaluations that are known to keep the limits."""
    kept = sum(each.within for each in found.told)
    if plan.safe is not None and kept < plan.initial_points:
        raise ValueError(
            f"safe = {plan.safe:g} starts from evaluations that keep all limits: initial_points = "
            f"{plan.initial_points}, and the log holds {kept} of them. Add rows to {log.FILE} of histories that you "
            "know to be safe (status ok, cell or place, outcomes), or lower initial_points"
        )
