"""What a study would ask next, without asking, and what its model expects of it."""

from typing import NamedTuple

import numpy as np

from experiments.process import evaluations, replay
from experiments.process.beliefs import Beliefs
from experiments.process.evaluations import Evaluations
from experiments.process.replay import Replayed
from experiments.process.settings import StudySettings
from experiments.process.study import Candidates

NEXT = 4


class Upcoming(NamedTuple):
    """The cells that would be asked next, with means and standard deviations of the objectives (objective, next) and
    the probability of success within the limits (next).
    """

    cells: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    probability: np.ndarray


def cells_of(replayed: Replayed, plan: StudySettings, candidates: Candidates, found: Evaluations) -> np.ndarray:
    """Return the cells that ``ask`` would choose, NEXT or as many as are left, in the last evaluation's context.

    None for a safe study that lacks its starts. ``replayed`` is told as ``ask`` tells it: all at once.
    """
    kept = sum(each.within for each in found.told)
    given = found.told[-1].spot.given
    number = min(NEXT, evaluations.left(found, candidates, given))
    if number < 1 or (plan.safe is not None and kept < plan.initial_points):
        return np.zeros(0, int)
    return np.array(replay.ask(replayed, number, found.pending, given), int)


def upcoming(cells: np.ndarray, beliefs: Beliefs) -> Upcoming:
    """Return what a model expects of cells."""
    return Upcoming(cells, beliefs.mean[:, cells], beliefs.std[:, cells], beliefs.probability[cells])


def words_of(found: Upcoming, names: list[str], candidates: Candidates) -> dict[str, str]:
    """Return the head and the rows of the table, cells apart by tabs."""
    rows = []
    for number, cell in enumerate(found.cells):
        values = [
            f"{mean:.4g} ± {std:.2g}" for mean, std in zip(found.mean[:, number], found.std[:, number], strict=True)
        ]
        rows.append([str(cell), f"{candidates.duration[cell]:.4g}", *values, f"{found.probability[number]:.2f}"])
    return {
        "next_head": "\t".join(["cell", "duration", *names, "probability of success"]),
        "next_rows": "\n".join("\t".join(row) for row in rows),
    }
