"""Evaluations to a threshold, with seeds that never reach it: summaries, envelope, uncertainty. In NumPy.

``needed`` is what ``scores.evaluations_to`` gives: a number of evaluations, or infinity for a seed that did not get
there within the ``budget``. No seed is dropped.
"""

from typing import Any, NamedTuple

import numpy as np

from experiments.lab.run import Run


def quantile(needed: np.ndarray, level: float | list[float], budget: int, axis: int = -1) -> np.ndarray:
    """Quantile(s) over seeds, between order statistics by interpolation; infinity where the upper one was not reached.

    Which of the censored seeds would have come first does not matter to a quantile below them.
    """
    upper = np.quantile(needed, level, axis=axis, method="higher")
    between = np.quantile(np.minimum(needed, budget), level, axis=axis)
    return np.where(np.isinf(upper), np.inf, between)


def restricted_mean(needed: np.ndarray, budget: int) -> Any:
    """Mean over seeds of min(evaluations, budget): what a user would have spent who stops at the budget."""
    return np.minimum(needed, budget).mean(axis=-1)


def envelope(sweep: np.ndarray, budget: int) -> int:
    """Number of the weight with the smallest median, (weight, seed); the restricted mean decides between equals."""
    return int(np.lexsort((restricted_mean(sweep, budget), quantile(sweep, 0.5, budget)))[0])


def ratio(numerator: Any, denominator: Any) -> np.ndarray:
    """The quotient of two medians: infinite if the first was not reached, not a number if neither was."""
    both = np.isinf(numerator) & np.isinf(denominator)
    with np.errstate(invalid="ignore"):
        return np.where(both, np.nan, numerator / denominator)


class Comparison(NamedTuple):
    """Methods against the envelope of the sweep: ratios of median evaluations (``mean``: of restricted means)."""

    ratio: np.ndarray  # (method,) on the same seeds
    low: np.ndarray  # (method,) 95 % interval of it over resampled seeds, the best weight chosen anew in each
    high: np.ndarray
    mean: np.ndarray  # (method,)
    judged: np.ndarray  # (method,) best weight chosen on half of the seeds, both judged on the other half
    judged_evaluations: float  # of that weight on the other half
    chosen: np.ndarray  # (weight,) how often the halves chose each weight


def compare(
    methods: np.ndarray, sweep: np.ndarray, budget: int, *, seed: int = 0, draws: int = 2000, splits: int = 400
) -> Comparison:
    """Ratios of ``methods`` (method, seed) to the best of ``sweep`` (weight, seed); the seeds of both are paired.

    The best weight in hindsight was picked on the seeds that it is judged by, which flatters it; ``judged`` is without
    that advantage: the median over random halvings of the seeds.
    """
    random = np.random.default_rng(seed)
    seeds = sweep.shape[1]
    best = envelope(sweep, budget)
    whole = ratio(quantile(methods, 0.5, budget), quantile(sweep[best], 0.5, budget))
    mean = restricted_mean(methods, budget) / restricted_mean(sweep, budget).min()

    drawn = np.empty((draws, len(methods)))
    for row in drawn:
        rows = random.integers(seeds, size=seeds)
        row[:] = ratio(quantile(methods[:, rows], 0.5, budget), quantile(sweep[:, rows], 0.5, budget).min())
    # a resample in which neither got there says nothing good about the method
    drawn = np.where(np.isnan(drawn), np.inf, drawn)
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0, method="inverted_cdf")

    others, spent = np.empty((splits, len(methods))), np.empty(splits)
    chosen = np.zeros(len(sweep))
    for number in range(splits):
        order = random.permutation(seeds)
        choose, judge = order[: seeds // 2], order[seeds // 2 :]
        weight = envelope(sweep[:, choose], budget)
        spent[number] = quantile(sweep[weight, judge], 0.5, budget)
        others[number] = ratio(quantile(methods[:, judge], 0.5, budget), spent[number])
        chosen[weight] += 1 / splits
    others = np.where(np.isnan(others), np.inf, others)
    middle = np.quantile(others, 0.5, axis=0, method="inverted_cdf")
    return Comparison(whole, low, high, mean, middle, float(np.quantile(spent, 0.5, method="inverted_cdf")), chosen)


def record_spread(run: Run, name: str, values: Any) -> None:
    """Median, smallest and largest over realisations as ``name_median``, ``name_min`` and ``name_max``; values that
    are not finite, such as those of a loop that never crosses zero, are left out."""
    values = np.asarray(values)
    known = values[np.isfinite(values)]
    for label, function in (("median", np.median), ("min", np.min), ("max", np.max)):
        run.record(**{f"{name}_{label}": function(known) if len(known) else float("nan")})
