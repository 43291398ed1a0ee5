"""The likelihood that suits given data, and the width of their noise."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

MAD = 1.4826  # standard deviation of a Gaussian over its median absolute deviation
FLOOR = 0.2  # share of the contrast below which sigma does not go


class Observed(NamedTuple):
    """How data are observed: the ``likelihood`` and ``sigma`` of a VAEConfig, in the units of the data."""

    likelihood: str
    sigma: float


def observation_of(x: Float[np.ndarray, "n *shape"]) -> Observed:
    """Return the likelihood of examples, NaN where missing: Bernoulli where all are 0 or 1, else Gaussian.

    Its sigma is the noise, from second differences along the last spatial axis, and at least ``FLOOR`` of the contrast.
    """
    known = x[np.isfinite(x)]
    if np.isin(known, (0, 1)).all():
        return Observed("bernoulli", 1.0)
    along = np.diff(x, 2, axis=min(x.ndim - 1, 2)) / np.sqrt(6)
    noise = MAD * float(np.nanmedian(np.abs(along))) if along.size else 0.0
    low, high = np.quantile(known, [0.005, 0.995])
    return Observed("gaussian", max(FLOOR * float(np.std(np.clip(known, low, high))), noise))
