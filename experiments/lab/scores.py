"""Score what campaigns over a pool chose against the pool's true values. In NumPy."""

from typing import Any

import numpy as np
from scipy.stats import rankdata


def standardised(values: np.ndarray) -> np.ndarray:
    """Return the values with mean 0 and standard deviation 1, in double precision."""
    values = np.asarray(values, float)
    return (values - values.mean()) / values.std()


def best_so_far(values: np.ndarray) -> np.ndarray:
    """Return the largest value up to each evaluation, (seed, evaluation) of the same shape; skips non-finite values."""
    return np.maximum.accumulate(np.where(np.isfinite(values), values, -np.inf), axis=-1)


def regret(values: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the simple regret (seed, evaluation): the pool's maximum minus the best so far, in the target's unit."""
    return truth.max() - best_so_far(values)


def top_cells(truth: np.ndarray, share: float) -> np.ndarray:
    """Return the mask of the best ``share`` of the pool (at least one cell)."""
    count = max(1, round(share * len(truth)))
    mask = np.zeros(len(truth), bool)
    mask[np.argsort(truth)[-count:]] = True
    return mask


def recall(chosen: np.ndarray, truth: np.ndarray, share: float = 0.01) -> np.ndarray:
    """Return the share of the pool's top cells evaluated so far, (seed, evaluation); a cell counts once."""
    top = top_cells(truth, share)
    shares = np.empty(chosen.shape)
    for row, cells in zip(shares, chosen, strict=True):
        first = np.zeros(len(cells), bool)
        first[np.unique(cells, return_index=True)[1]] = True
        row[:] = np.cumsum(top[cells] & first) / top.sum()
    return shares


def evaluations_to(reached: np.ndarray) -> np.ndarray:
    """Count the evaluations until a condition (seed, evaluation) first holds; infinity where it never does."""
    return np.where(reached.any(-1), reached.argmax(-1) + 1.0, np.inf)


def rank_correlation(x: np.ndarray, y: np.ndarray) -> Any:
    """Return Spearman's rank correlation along the last axis, a number for vectors; ties get their mean rank.

    NaN where one of the two is constant or holds a NaN.
    """
    a, b = (rankdata(values, axis=-1) for values in (x, y))
    a, b = (ranks - ranks.mean(-1, keepdims=True) for ranks in (a, b))
    with np.errstate(invalid="ignore"):
        return (a * b).sum(-1) / np.sqrt((a**2).sum(-1) * (b**2).sum(-1))
