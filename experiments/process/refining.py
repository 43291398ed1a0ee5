"""Refinement of the best history of the campaigns in its samples, within bounds, slew limits and limits of outcomes."""

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from experiments.process import functions
from experiments.process.campaign_page import Found
from experiments.process.config import Run
from experiments.process.functions import Measure
from experiments.process.settings import StudySettings
from experiments.process.study import Candidates
from models import latent


class Refined(NamedTuple):
    """The best history before and after its samples were refined, and what it is worth."""

    start: np.ndarray
    history: np.ndarray
    duration: float
    start_value: float
    value: float


def refine(
    measure: Measure, candidates: Candidates, plan: StudySettings, found: dict[str, Found], options: Run
) -> Refined:
    """Return the best history that a campaign found within the limits, refined in its samples.

    A step beyond a limit is taken back and tried at half its length. ValueError where no campaign found a history that
    succeeds within the limits.
    """
    campaigns = [each for name, each in found.items() if not name.startswith("random")]
    values = np.concatenate([np.where(each.within, each.value, np.nan).ravel() for each in campaigns])
    if not np.isfinite(values).any():
        raise ValueError("no evaluation of the campaigns has succeeded within the limits: there is nothing to refine")
    cell = int(np.concatenate([each.index.ravel() for each in campaigns])[np.nanargmax(values)])
    start, duration = candidates.histories[cell], float(candidates.duration[cell])
    slew = np.asarray(slew_of(candidates, options.slew)) * duration / (len(start) - 1)
    bounds = list(zip(candidates.low.tolist(), candidates.high.tolist(), strict=True))
    value = partial(functions.value_within, measure, plan)
    result = latent.refine(value, start, bounds=bounds, slew=slew, duration=duration, steps=options.refine)
    best = float(np.nanmax(values))
    better = float(result.value) > best
    history = np.asarray(result.history) if better else start
    return Refined(start, history, duration, best, max(float(result.value), best))


def slew_of(candidates: Candidates, given: float) -> Any:
    """Return the largest fall and rise per unit of time of each channel, (channel, 2): given, or those of the file."""
    own = np.where(candidates.known, candidates.own, np.nan)
    own = own.reshape(*own.shape[:2], -1)
    if given:
        return np.full((own.shape[2], 2), given)
    rate = np.diff(own, axis=1) * (own.shape[1] - 1) / candidates.own_duration[:, None, None]
    rise, fall = np.nanmax(rate, (0, 1)), np.nanmax(-rate, (0, 1))
    largest = np.maximum(np.maximum(rise, fall), 1e-12)
    return np.stack([np.where(fall > 0, fall, largest), np.where(rise > 0, rise, largest)], 1)
