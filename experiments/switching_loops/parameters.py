"""Parameters of loops: the hysteresis function fitted robustly."""

from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import least_squares

from experiments.datasets.loops import PARAMETERS, response_of, rising
from experiments.lab.checkpoints import once

NAMES = tuple(PARAMETERS)
NOISE = 0.05  # of a loop, in its extent


class Fitted(NamedTuple):
    """Parameters of loops by name, [n] each, and the share of each loop's variance that its fit explains, [n]."""

    parameters: dict[str, np.ndarray]
    explained: np.ndarray


@once
def fit(loops: np.ndarray, bad: np.ndarray, bias: np.ndarray) -> Fitted:
    """Fit the hysteresis function to loops [n step], bad samples left out.

    Residuals beyond twice the noise count by their absolute value (loss "soft_l1" of scipy), in units of the loop's
    own extent; coercive biases stay within the sweep.
    """
    found = [_fit_one(loop[~hole], bias, ~hole) for loop, hole in zip(loops, bad, strict=True)]
    values = np.array([parameters for parameters, _ in found])
    return Fitted(dict(zip(NAMES, values.T, strict=True)), np.array([explained for _, explained in found]))


def _fit_one(known: np.ndarray, bias: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the parameters in the order of NAMES, and the explained share of the variance."""
    scale, centre = float(np.ptp(known)) or 1.0, float(np.median(known))
    y, reach, up = (known - centre) / scale, float(np.abs(bias).max()), rising(bias)[at]
    v = bias[at]
    branches = [y[(np.abs(v) < reach / 4) & branch] for branch in (~up, up)]
    gap = np.median(branches[0]) - np.median(branches[1]) if min(map(len, branches)) else 1.0

    def residuals(p: np.ndarray) -> np.ndarray:
        return response_of(dict(zip(NAMES, p, strict=True)), bias)[at] - y

    start = np.array([0.0, 0.0, gap or 0.1, reach / 2, -reach / 2, reach / 10])
    most = np.array([3.0, 3 / reach, 4.0, reach, reach, reach])
    least = np.append(-most[:-1], 0.01 * reach)

    def jacobian(p: np.ndarray) -> np.ndarray:
        gap, width = v - np.where(up, p[3], p[4]), p[5]
        bent = np.tanh(gap / width)
        slope = -p[2] / 2 * (1 - bent**2) / width
        centres = np.where(up, slope, 0), np.where(up, 0, slope)
        return np.stack([np.ones_like(v), v, bent / 2, *centres, slope * gap / width], 1)

    rule: dict[str, Any] = {"jac": jacobian, "loss": "soft_l1", "f_scale": 2 * NOISE, "max_nfev": 60}
    best = least_squares(residuals, start, bounds=(least, most), x_scale=most / 4, **rule)
    left = np.sum(residuals(best.x) ** 2) / max(np.sum((y - y.mean()) ** 2), 1e-30)
    p = best.x * np.array([scale, scale, scale, 1, 1, 1])
    p[0] += centre
    return p, 1 - float(left)
