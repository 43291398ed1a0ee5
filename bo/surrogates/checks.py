"""Check data before a surrogate is fitted to them."""

from typing import Any

import numpy as np
from jax.core import Tracer

from bo.data import check_variances


def check(data: Any) -> None:
    """Raise ValueError for data that no surrogate can learn from, unless the data are traced.

    That is fewer than 3 observations, inputs or targets that are not finite, known noise that is no variance, and
    constant targets.
    """
    if any(isinstance(leaf, Tracer) for leaf in (data.y, data.mask, data.x)):
        return
    mask = np.asarray(data.mask)
    y = np.asarray(data.y)[mask]
    if y.size < 3:
        raise ValueError(f"{y.size} observations: expected 3 or more, because fewer cannot tell a trend from noise")
    if not np.all(np.isfinite(y)) or not np.all(np.isfinite(np.asarray(data.x)[mask])):
        raise ValueError("inputs or targets are not finite: take such rows out of the mask")
    if not isinstance(data.noise, Tracer):
        check_variances(np.where(mask, np.asarray(data.noise), 0), "known noise")
    if np.ptp(y) <= 8 * np.finfo(y.dtype).eps * np.abs(y).max():
        raise ValueError(f"all {y.size} targets are {y[0]:g}: there is nothing to learn from them")
