"""Were the error bars honest? From the one-step-ahead z-scores that every campaign produces for free."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.special import erf, ndtri

LEVELS = (0.5, 0.68, 0.8, 0.9, 0.95, 0.99)


class Calibration(NamedTuple):
    """``coverage`` is the share of observations inside the central interval that should hold ``level`` of them.

    Below its level: the model was overconfident. ``z_std`` is 1 for honest error bars, ``number`` that of the
    z-scores. A campaign looks where it expects much, so its choices are no random sample: z-scores lean to the left.
    """

    level: np.ndarray
    coverage: np.ndarray
    z_mean: float
    z_std: float
    number: int


def calibration(info: Any, levels: Sequence[float] = LEVELS) -> Calibration:
    """Coverage of all members' predictions before each evaluation, from the ``info`` of ``campaign.run``.

    Initial points, values that are not finite and steps after a stop have no z-score; with none at all the coverage is
    NaN and the number 0. ValueError for a level that is not between 0 and 1.
    """
    level = np.asarray(levels, float)
    if not np.all((level > 0) & (level < 1)):
        raise ValueError(f"levels are {levels}; each must lie between 0 and 1")
    z = np.asarray(info.z_score)
    z = z[np.isfinite(z)]
    if not z.size:
        return Calibration(level, np.full(level.shape, np.nan), float("nan"), float("nan"), 0)
    inside = (np.abs(z)[:, None] <= ndtri(0.5 + level / 2)).mean(axis=0)
    return Calibration(level, inside, float(z.mean()), float(z.std()), z.size)


def nominal(z: np.ndarray) -> np.ndarray:
    """The level whose central interval just holds each z: uniform on [0, 1] for honest error bars."""
    return erf(np.abs(z) / np.sqrt(2))
