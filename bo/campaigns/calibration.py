"""Whether predicted standard deviations were right, from the one-step-ahead z-scores of a campaign."""

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


def nominal(z: np.ndarray) -> np.ndarray:
    """Return the level whose central interval just holds each z: uniform on [0, 1] for right standard deviations."""
    return erf(np.abs(z) / np.sqrt(2))
