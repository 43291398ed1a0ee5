"""Whether predicted standard deviations were right, from the one-step-ahead z-scores of a campaign."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.special import erf, ndtri

from ferro_jax import values

LEVELS = (0.5, 0.68, 0.8, 0.9, 0.95, 0.99)


class Calibration(NamedTuple):
    """``coverage`` is the share of observations inside the central interval that should hold ``level`` of them.

    A coverage below its level says that the model was overconfident. ``z_mean`` and ``z_std``, 1 for right standard
    deviations, are of ``number`` z-scores. A campaign chooses points with high predictions, which are no random sample:
    z-scores lean to negative values.
    """

    level: np.ndarray
    coverage: np.ndarray
    z_mean: float
    z_std: float
    number: int


def calibration(info: Any, levels: Sequence[float] = LEVELS) -> Calibration:
    """Return the coverage of the predictions before each evaluation, of all members, from the ``info`` of ``bo.run``.

    Initial points, values that are not finite and steps after a stop have no z-score. Without any z-score the coverage
    is NaN and the number 0. ValueError for a level that is not between 0 and 1.
    """
    level = np.asarray(values.floats(levels, "levels"), float)
    if not np.all((level > 0) & (level < 1)):
        raise ValueError(f"levels are {levels}; each must lie between 0 and 1")
    z = np.asarray(info.z_score)
    z = z[np.isfinite(z)]
    if not z.size:
        return Calibration(level, np.full(level.shape, np.nan), float("nan"), float("nan"), 0)
    inside = (np.abs(z)[:, None] <= ndtri(0.5 + level / 2)).mean(axis=0)
    return Calibration(level, inside, float(z.mean()), float(z.std()), z.size)


def half_widths(z_score: Any, level: float = 0.95, *, weight: int = 10) -> np.ndarray:
    """Return how many standard deviations wide each side of an interval must be, to hold ``level`` of what comes next.

    ``z_score`` [*members evaluations] are those of a campaign (``info.z_score``), NaN where there is none; the result
    has one entry more: for each evaluation, from those before it, and for the next one. It is the quantile of the
    |z-scores| so far, as in ``bo.quantile_upper_confidence_bound``; ``weight`` virtual ones, at the quantiles of a
    normal distribution, stand in until there are enough. Intervals are right where errors go on as they were, whatever
    their distribution. ValueError for a level that is not between 0 and 1, a weight below 1 and infinite scores.
    """
    z = np.abs(np.asarray(values.array(z_score, "z_score"), float))
    if z.ndim < 1 or np.isinf(z).any():
        raise ValueError(f"z_score has shape {z.shape}, {int(np.isinf(z).sum())} infinite; expected (…, evaluations)")
    level, weight = values.number(level, "level"), values.whole(weight, "weight")
    if not 0 < level < 1 or weight < 1:
        raise ValueError(f"level is {level}, weight {weight}: give a share between 0 and 1, and 1 or more")
    virtual = ndtri(0.5 + 0.5 * (np.arange(weight) + 0.5) / weight)
    rows = z.reshape(math.prod(z.shape[:-1]), z.shape[-1])
    widths = np.empty((len(rows), z.shape[-1] + 1))
    for row, width in zip(rows, widths, strict=True):
        for count in range(len(width)):
            seen = row[:count]
            known = np.concatenate([virtual, seen[np.isfinite(seen)]])
            width[count] = np.quantile(known, level, method="hazen")
    return widths.reshape(*z.shape[:-1], -1)


def nominal(z: np.ndarray) -> np.ndarray:
    """Return the level whose central interval just holds each z: uniform on [0, 1] for right standard deviations."""
    return erf(np.abs(z) / np.sqrt(2))
