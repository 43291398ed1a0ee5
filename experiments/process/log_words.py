"""What the report of a study says in words: failures, contexts, the histories on the front."""

from collections.abc import Sequence

import numpy as np

from experiments.process import contexts, functions, log
from experiments.process.evaluations import Evaluation, Evaluations
from experiments.process.settings import StudySettings
from experiments.process.study import Candidates

NOT_LEARNED = "Contexts are kept in the log as notes; [context] in study.toml would make the model learn their effect."


def words_of(found: Evaluations, plan: StudySettings, candidates: Candidates, front: np.ndarray) -> dict[str, str]:
    """Return the words of the report; ``front`` are the evaluations on the front."""
    notes = any(each.row.context for each in found.told)
    last = contexts.words(found.told[-1].spot.given)
    learned = (
        f"Map, and what blind choices would have found, are those of the last evaluation's context, {last}. Values of "
        "different contexts do not compare; the best is the best of any."
    )
    rows = [front_cells(found.told[row], plan, candidates) for row in front] if plan.front else []
    return {
        "notes": "\n".join(found.notes),
        "failures": "\n".join(failures(found, plan)),
        "given": last if plan.context else "",
        "contexts": learned if plan.context else NOT_LEARNED if notes else "",
        "front_head": "\t".join(["id", "cell", "duration", *functions.names_of(plan), "outcomes", "context"]),
        "front_rows": "\n".join("\t".join(row) for row in rows),
        "safe": f"{plan.safe:g}" if plan.safe is not None else "",
    }


def reference_words(names: Sequence[str], reference: np.ndarray) -> str:
    """Return the point above which a hypervolume counts."""
    return ", ".join(f"{name} = {value + 0.0:.4g}" for name, value in zip(names, reference, strict=True))


def front_cells(each: Evaluation, plan: StudySettings, candidates: Candidates) -> list[str]:
    """Return the cells of the table of an evaluation on the front."""
    values = [each.value, *(each.others[name] for name in functions.names_of(plan)[1:])]
    return [
        called(each).removeprefix("id "),
        str(each.cell),
        f"{candidates.duration[each.cell]:.4g}",
        *(f"{value + 0.0:.4g}" for value in values),
        log.cell_of(each.row, "outcomes"),
        each.row.context,
    ]


def called(each: Evaluation) -> str:
    """Return what the report calls an evaluation: its id, or its line in the log."""
    return f"added by hand, line {each.row.line}" if each.row.id is None else f"id {each.row.id}"


def failures(found: Evaluations, plan: StudySettings) -> list[str]:
    """Return why evaluations do not count among the best: a line for each reason, with all that it holds for."""
    groups: dict[str, list[str]] = {}
    for each in found.told:
        if not each.within:
            groups.setdefault(why_not(each, plan), []).append(f"{called(each)} (cell {each.cell})")
    return [
        f"{', '.join(who)}: {why}" if len(who) == 1 else f"{len(who)} times: {why}: {', '.join(who)}"
        for why, who in groups.items()
    ]


def why_not(each: Evaluation, plan: StudySettings) -> str:
    """Return why an evaluation does not count among the best, with its outcomes and its note."""
    broken = [
        limit.words(name)
        for name, limit in plan.limits.items()
        if name in each.row.outcomes and not limit.holds(each.row.outcomes[name])
    ]
    lacking = sorted(plan.limits.keys() - each.row.outcomes.keys())
    why = (
        "failed"
        if each.row.status == "failed"
        else "objective not finite"
        if not np.isfinite(each.value)
        else f"not {', '.join(broken)}"
        if broken
        else f"without {', '.join(lacking)}"
    )
    outcomes = log.cell_of(each.row, "outcomes")
    return " · ".join(word for word in (why, outcomes, each.row.note) if word)
