"""A smoother of histories in time: local linear regression with Gaussian weights (Fan and Gijbels 1996).

Straight lines pass through it unchanged, up to both ends, which a moving average bends.
"""

from functools import cache

import numpy as np
from jaxtyping import Float

LEAST = 0.3  # width in samples below which neighbours have no weight


@cache
def smoothing_matrix(samples: int, width: float) -> Float[np.ndarray, "samples samples"]:
    """Return the matrix that smooths histories; ``width`` is the weights' standard deviation as a share of the history.

    Rows sum to 1; a width of less than LEAST samples gives the identity.
    """
    time = np.linspace(0, 1, samples)
    if samples < 3 or width * (samples - 1) < LEAST:
        return np.eye(samples)
    offset = time[None] - time[:, None]
    weight = np.exp(-0.5 * (offset / width) ** 2)
    zeroth, first, second = (np.sum(weight * offset**power, 1, keepdims=True) for power in range(3))
    return weight * (second - first * offset) / (zeroth * second - first**2)
