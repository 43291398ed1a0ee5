"""Summarise one number per seed: quantiles, ranges, evaluations to a goal. In NumPy.

Some seeds never reach a goal within their budget. Their value is infinity (``scores.evaluations_to``), and no summary
drops them. One rule holds everywhere: the q-quantile is interpolated linearly between the two order statistics around
it, and where the upper of these is infinite the quantile is infinite. The median of [10, 20, 30, never] is 25: both
order statistics in the middle are known, and which value "never" would have had does not matter to them. The median
of [10, 20, never, never] is infinite: half of the seeds did not get there.

Names of numbers end alike everywhere: ``_q25``, ``_median``, ``_q75`` (``quartiles``), or ``_min``, ``_median``,
``_max`` (``spread``). All functions return dictionaries of numbers, for ``run.record(**quartiles("regret", values))``.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from experiments.lab.run import Array, Run


def quantile(values: Any, level: float | Sequence[float], axis: int = -1) -> Any:
    """Return quantile(s) over ``axis`` by the rule of this module; of NaN, NaN.

    Several levels come first, as in ``numpy.quantile``.
    """
    values = np.asarray(values, float)
    upper = np.quantile(values, level, axis=axis, method="higher")
    known = np.where(np.isposinf(values), np.max(values, initial=0.0, where=np.isfinite(values)), values)
    return np.where(np.isposinf(upper), np.inf, np.quantile(known, level, axis=axis))[()]


def quartiles(name: str, values: Any) -> dict[str, float]:
    """Return the quartiles of a vector, one value per seed, as ``name_q25``, ``name_median`` and ``name_q75``."""
    ends = ("q25", "median", "q75")
    return {f"{name}_{end}": q for end, q in zip(ends, quantile(values, [0.25, 0.5, 0.75]), strict=True)}


def spread(name: str, values: Any) -> dict[str, float]:
    """Return median, smallest and largest of a vector of values as ``name_median``, ``name_min``, ``name_max``.

    NaN and infinite values, such as the width of a loop that never crosses zero, are left out; NaN if all are.
    """
    values = np.asarray(values)
    known = values[np.isfinite(values)]
    functions = (("median", np.median), ("min", np.min), ("max", np.max))
    return {f"{name}_{end}": float(function(known)) if len(known) else float("nan") for end, function in functions}


def evaluations(needed: np.ndarray, budget: int) -> dict[str, float]:
    """Return what the seeds of a campaign needed: quartiles, restricted mean, and the share that never got there."""
    return {
        **quartiles("evaluations", needed),
        "evaluations_restricted_mean": restricted_mean(needed, budget),
        "never_share": np.isinf(needed).mean(),
    }


def restricted_mean(needed: np.ndarray, budget: int) -> Any:
    """Return the mean over seeds of min(evaluations, budget): what a user would have spent who stops at the budget."""
    return np.minimum(needed, budget).mean(axis=-1)


def envelope(sweep: np.ndarray, budget: int) -> int:
    """Return the index of the weight with the smallest median of ``sweep`` (weight, seed).

    The restricted mean decides between equal medians.
    """
    return int(np.lexsort((restricted_mean(sweep, budget), quantile(sweep, 0.5)))[0])


def ratio(numerator: Any, denominator: Any) -> np.ndarray:
    """Return the quotient of two medians: infinite if the first was not reached, NaN if neither was."""
    both = np.isinf(numerator) & np.isinf(denominator)
    with np.errstate(invalid="ignore"):
        return np.where(both, np.nan, numerator / denominator)


class Comparison(NamedTuple):
    """Methods against the envelope of a sweep: ratios of median evaluations (``mean``: of restricted means)."""

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
    """Return ratios of ``methods`` (method, seed) to the best of ``sweep`` (weight, seed); both have the same seeds.

    The best weight in hindsight was picked on the seeds that it is judged by, which flatters it; ``judged`` is without
    that advantage: the median over random halvings of the seeds.
    """
    random = np.random.default_rng(seed)
    seeds = sweep.shape[1]
    best = envelope(sweep, budget)
    whole = ratio(quantile(methods, 0.5), quantile(sweep[best], 0.5))
    mean = restricted_mean(methods, budget) / restricted_mean(sweep, budget).min()

    drawn = np.empty((draws, len(methods)))
    for row in drawn:
        rows = random.integers(seeds, size=seeds)
        row[:] = ratio(quantile(methods[:, rows], 0.5), quantile(sweep[:, rows], 0.5).min())
    # a resample in which neither got there says nothing good about the method
    drawn = np.where(np.isnan(drawn), np.inf, drawn)
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0, method="inverted_cdf")

    others, spent = np.empty((splits, len(methods))), np.empty(splits)
    chosen = np.zeros(len(sweep))
    for number in range(splits):
        order = random.permutation(seeds)
        choose, judge = order[: seeds // 2], order[seeds // 2 :]
        weight = envelope(sweep[:, choose], budget)
        spent[number] = quantile(sweep[weight, judge], 0.5)
        others[number] = ratio(quantile(methods[:, judge], 0.5), spent[number])
        chosen[weight] += 1 / splits
    others = np.where(np.isnan(others), np.inf, others)
    middle = np.quantile(others, 0.5, axis=0, method="inverted_cdf")
    return Comparison(whole, low, high, mean, middle, float(np.quantile(spent, 0.5, method="inverted_cdf")), chosen)


def record_scores(run: Run, table: Mapping[str, Array], scores: Mapping[str, Any], prefix: str = "") -> None:
    """Record scores of one value per seed: the values as arrays that ``table`` describes, their ``spread`` as numbers.

    The array is called ``prefix + name``; the numbers are called so too, with ``_median``, ``_min`` and ``_max`` added.
    """
    for name, values in scores.items():
        values = np.asarray(values, float)
        run.add(prefix + name, values, table[name])
        run.record(**spread(prefix + name, values))
