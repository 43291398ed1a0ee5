"""The campaign of a study, rebuilt from its log: every command starts here."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.spatial import KDTree

import bo
from experiments.process import formula, log
from experiments.process.formula import Formula
from experiments.process.log import Log, Row
from experiments.process.settings import StudySettings
from experiments.process.study import Candidates

ROOM = 16  # rows beyond the budget, for evaluations that are pending
CLOSE = 2.0  # spacings of the cells, within which a rounded z still means its cell


class Evaluation(NamedTuple):
    """An answered row as the campaign receives it; ``value`` is NaN where it failed."""

    row: Row
    cell: int
    value: float
    noise: float  # variance


class Evaluations(NamedTuple):
    """What a log says: evaluations in the order told, cells that wait for an answer, words on what was not used."""

    told: list[Evaluation]
    pending: list[int]
    notes: list[str]


class Replayed(NamedTuple):
    """A session that has been told a log; ``infos`` are those of ``tell``, empty unless it went step by step."""

    session: Any
    state: Any
    infos: list[Any]


def evaluations(book: Log, settings: StudySettings, candidates: Candidates) -> Evaluations:
    """Return what the rows of a log mean under the settings of the study."""
    rows, notes = log.settled(book.rows)
    notes = [*book.notes, *notes]
    objective = settings.objective or only_outcome(rows)
    tree, told, pending = KDTree(candidates.z), [], []
    close = CLOSE * float(np.median(tree.query(candidates.z, 2)[0][:, 1])) if len(candidates.z) > 1 else CLOSE
    for row in rows:
        if row.status == "withdrawn":
            continue
        try:
            cell, said = cell_of(row, candidates.z, tree, close)
            notes += said
            if row.status == "asked":
                pending.append(cell)
            else:
                value, noise, said = valued(row, objective, settings)
                notes += said
                told.append(Evaluation(row, cell, value, noise))
        except ValueError as error:
            notes.append(f"{row.name}: {error}: not used")
    once, said = averaged(told)
    seen = {each.cell for each in once}
    return Evaluations(once, [cell for cell in dict.fromkeys(pending) if cell not in seen], [*notes, *said])


def only_outcome(rows: Sequence[Row]) -> Formula | None:
    """Return the only outcome of the rows as a formula, None without one. ValueError where there are several."""
    names = sorted({name for row in rows for name in row.outcomes})
    if len(names) > 1:
        raise ValueError(
            f'the log holds {", ".join(names)}: say in study.toml what to maximise, such as objective = "{names[0]}"'
        )
    return formula.parse(names[0]) if names else None


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


def valued(row: Row, objective: Formula | None, settings: StudySettings) -> tuple[float, float, list[str]]:
    """Return value, noise variance and words of an answered row. ValueError for a missing outcome."""
    if row.status == "failed":
        return math.nan, 0.0, []
    if objective is None or not row.outcomes:
        raise ValueError("it is ok, but has no outcomes")
    if missing := sorted((objective.names | settings.limits.keys()) - row.outcomes.keys()):
        raise ValueError(f"it lacks {', '.join(missing)}, which objective or limits need")
    broken = [limit.words(name) for name, limit in settings.limits.items() if not inside(limit, row.outcomes[name])]
    if broken:
        return math.nan, 0.0, []
    value = float(formula.evaluate(objective, row.outcomes))
    if not math.isfinite(value):
        return math.nan, 0.0, [f"{row.name}: {objective.text} is not finite, so it counts as failed"]
    return value, formula.variance(objective, row.outcomes, row.noise), []


def inside(limit: Any, value: float) -> bool:
    """Return whether an outcome keeps its limit; NaN does not."""
    return limit.above < value < limit.below


def averaged(told: Sequence[Evaluation]) -> tuple[list[Evaluation], list[str]]:
    """Return one evaluation for each cell, and words where several were made into one.

    Successes are averaged; beside a success a failure is left out. It stands where the first of them was told.
    """
    groups: dict[int, list[Evaluation]] = {}
    for each in told:
        groups.setdefault(each.cell, []).append(each)
    notes = []
    for cell, group in groups.items():
        if len(group) == 1:
            continue
        good = [each for each in group if math.isfinite(each.value)]
        failed = len(group) - len(good)
        notes.append(
            f"cell {cell} was measured {len(group)} times"
            + (f", {failed} failed: " if failed else ": ")
            + ("it counts as failed" if not good else "the mean is used" if len(good) > 1 else "the success is used")
        )
        if good:
            mean = sum(each.value for each in good) / len(good)
            noise = sum(each.noise for each in good) / len(good) ** 2
            groups[cell] = [group[0]._replace(row=good[0].row, value=mean, noise=noise)]
    return [group[0] for group in groups.values()], notes


def session_of(
    settings: StudySettings, candidates: Candidates, initial_points: int | None = None, every: int = 1
) -> Any:
    """Return the session of a study. ValueError for a budget that the candidates cannot serve."""
    check_budget(settings, candidates)
    initial = settings.initial_points if initial_points is None else initial_points
    steps = max(1, min(settings.budget + ROOM, len(candidates.z)) - initial)
    config = bo.CampaignConfig(initial, steps, refit_every=every, buckets=1)  # one size: everything is compiled once
    acquisitions = {
        "log_ei": bo.log_expected_improvement,
        "ucb": lambda: bo.upper_confidence_bound(settings.kappa),
        "thompson": bo.thompson,
    }
    acquisition = acquisitions[settings.acquisition]()
    return bo.session(bo.campaign(never, jnp.asarray(candidates.z, float), bo.gaussian_process(), acquisition, config))


def check_budget(settings: StudySettings, candidates: Candidates) -> None:
    """ValueError for a budget that is larger than the number of candidates."""
    if settings.budget > len(candidates.z):
        raise ValueError(
            f"budget = {settings.budget}, but there are {len(candidates.z)} candidates: lower the budget in "
            "study.toml, or learn with more --cells"
        )


def never(key: Any, x: Any) -> Any:
    """Return NaN: the objective of a session is never called, values are told."""
    del key, x
    return jnp.nan


def replay(session: Any, settings: StudySettings, told: Sequence[Evaluation], *, stepwise: bool = False) -> Replayed:
    """Tell a session all evaluations, with one fit at the end or, ``stepwise``, as if they were just being made."""
    state, infos = session.start(jax.random.key(settings.seed)), []
    if stepwise:
        for each in told:
            state, info = session.tell(state, each.cell, each.value, each.noise)
            infos.append(info)
    elif told:
        cells, values, noise = zip(*((each.cell, each.value, each.noise) for each in told), strict=True)
        state, _ = session.tell_many(state, cells, values, np.asarray(noise))
    return Replayed(session, state, infos)


def ask(replayed: Replayed, number: int, pending: Sequence[int]) -> list[int]:
    """Return the cells to evaluate next. ValueError where none is left."""
    return [int(cell) for cell in replayed.session.ask(replayed.state, number, pending=pending, numbers=True)]
