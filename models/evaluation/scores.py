"""Scores of unsupervised results against the truth: classes by matching, angles on the circle. NumPy."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from ferro_jax import values


def confusion(truth: np.ndarray, predicted: np.ndarray, classes: int) -> Int[np.ndarray, "truth predicted"]:
    """Count the examples of every true class (row) by predicted class (column).

    ValueError for labels outside 0 … classes − 1, and where the two disagree in their number.
    """
    truth, predicted = (np.asarray(values.integers(each, "classes")) for each in (truth, predicted))
    if truth.shape != predicted.shape or truth.ndim != 1 or not truth.size:
        raise ValueError(f"{truth.shape} true and {predicted.shape} predicted classes: give one each per example.")
    lowest, highest = min(truth.min(), predicted.min()), max(truth.max(), predicted.max())
    if lowest < 0 or highest >= classes:
        raise ValueError(f"classes run from {lowest} to {highest}: expected 0 to {classes - 1}.")
    counts = np.zeros((classes, classes), int)
    np.add.at(counts, (truth, predicted), 1)
    return counts


def rename(truth: np.ndarray, predicted: np.ndarray, classes: int) -> Int[np.ndarray, " n"]:
    """Return the predicted classes under the true names that match them best.

    Each true name is used once (the Hungarian method on the confusion matrix).
    """
    rows, columns = linear_sum_assignment(confusion(truth, predicted, classes), maximize=True)
    names = np.empty(classes, int)
    names[columns] = rows
    return names[values.integers(predicted, "classes")]


def clustering_accuracy(truth: np.ndarray, predicted: np.ndarray, classes: int) -> float:
    """Return the share of examples in the right class, after ``rename``."""
    return float(np.mean(rename(truth, predicted, classes) == np.asarray(truth)))


def kmeans(key: jax.Array, points: Float[np.ndarray, "n latent"], classes: int) -> Int[np.ndarray, " n"]:
    """Return the cluster of every point: the best of ten starts of k-means (scikit-learn), seeded by the key."""
    seed = int(jax.random.randint(values.key(key), (), 0, 2**31 - 1))
    rule = KMeans(classes, n_init=10, random_state=seed)  # pyright: ignore[reportArgumentType]
    with threadpool_limits(1):  # because threads that share few cores spin, which took eight times the processor time
        return rule.fit_predict(np.asarray(values.floats(points, "points", finite=True), float))


def wrap(angle: float | np.ndarray, period: float | np.ndarray = 2 * np.pi) -> Any:
    """Return the same angle in [−period/2, period/2)."""
    return (np.asarray(values.floats(angle, "angle"), float) + period / 2) % period - period / 2


def circular_mean(angle: np.ndarray, period: float = 2 * np.pi) -> float:
    """Return the direction of the mean of exp(2πi angle/period), in [−period/2, period/2)."""
    turn = 2 * np.pi / period
    return float(wrap(float(np.angle(np.mean(np.exp(1j * turn * _angles(angle))))) / turn, period))


def circular_std(angle: np.ndarray, period: float = 2 * np.pi) -> float:
    """Return √(−2 ln R) in the unit of the angle, with R the length of the mean of exp(2πi angle/period).

    Where it is small it equals the standard deviation.
    """
    turn = 2 * np.pi / period
    length = np.abs(np.mean(np.exp(1j * turn * _angles(angle))))
    return float(np.sqrt(-2 * np.log(np.clip(length, 1e-300, 1))) / turn)


def _angles(angle: Any) -> np.ndarray:
    """Return finite angles in double precision."""
    return np.asarray(values.floats(angle, "angle", finite=True), float)


class AngleErrors(NamedTuple):
    """Errors of estimated angles, in radians.

    ``error``: estimate − truth − offset of the class, modulo the symmetry, signed. ``offset``: per class, or the same
    number for all. ``mean`` and ``median`` of |error| per class.
    """

    error: Float[np.ndarray, " n"]
    offset: Float[np.ndarray, " classes"]
    mean: Float[np.ndarray, " classes"]
    median: Float[np.ndarray, " classes"]


def angle_errors(
    truth: np.ndarray,
    estimate: np.ndarray,
    label: np.ndarray | None = None,
    symmetry: Sequence[int] | np.ndarray = (1,),
    *,
    common_offset: bool = False,
) -> AngleErrors:
    """Return the errors of estimated angles (radians) up to the symmetry of each class and an arbitrary zero.

    A class of ``symmetry`` s looks the same after a turn of 2π/s, so its errors are taken modulo that (``symmetry`` has
    one number per class). The zero of a latent angle is arbitrary as well: the offset that makes the mean |error|
    smallest is subtracted, one per class, or one for all with ``common_offset``. The offset is fitted on the same
    examples that are scored, which costs one number per class. ValueError for lengths that disagree and for labels
    without a symmetry.
    """
    truth, estimate = _angles(truth), _angles(estimate)
    label = np.zeros(len(truth), int) if label is None else np.asarray(values.integers(label, "label"))
    if not truth.shape == estimate.shape == label.shape or not truth.size:
        raise ValueError(
            f"{truth.shape} true and {estimate.shape} estimated angles, {label.shape} labels: give one each."
        )
    if label.min() < 0 or label.max() >= len(symmetry) or min(symmetry) < 1:
        raise ValueError(
            f"symmetry={tuple(symmetry)}: give a fold of 1 or more for each of the {label.max() + 1} classes."
        )
    period = 2 * np.pi / np.asarray(symmetry, float)
    difference, offset = estimate - truth, np.zeros(len(symmetry))
    if common_offset:
        offset[:] = _best_offset(difference, period[label])
    else:
        for k in np.unique(label):
            offset[k] = wrap(_best_offset(difference[label == k], period[k]), period[k])
    error = wrap(difference - offset[label], period[label])
    size = [np.abs(error[label == k]) if (label == k).any() else np.array([np.nan]) for k in range(len(symmetry))]
    return AngleErrors(error, offset, np.array([s.mean() for s in size]), np.array([np.median(s) for s in size]))


def _best_offset(difference: np.ndarray, period: float | np.ndarray, steps: int = 720) -> float:
    """Return the offset of least mean |error|: the best of a grid over the circle, corrected by the median error."""
    offsets = np.arange(steps) * (2 * np.pi / steps)
    sizes = [np.abs(wrap(difference - offset, period)).mean() for offset in offsets]
    best = offsets[int(np.argmin(sizes))]
    better = best + np.median(wrap(difference - best, period))
    return float(better if np.abs(wrap(difference - better, period)).mean() < min(sizes) else best)


class Branch(NamedTuple):
    """Errors that belong together: their mean (radians), share of all examples, standard deviation (radians)."""

    centre: float
    share: float
    spread: float


def branches(error: np.ndarray, symmetry: int = 1, *, width: float = np.pi / 6, least: float = 0.05) -> list[Branch]:
    """Return the branches of the angle errors (radians) of one class, the largest first.

    Angles that were recovered up to jumps have errors around several centres. A branch holds the errors within
    ± ``width`` (radians) of the centre that has most errors that near; its errors are removed and the next branch is
    searched, until one holds less than a share ``least``. Inside a branch the angle is right up to the branch's spread;
    the share of the first branch says how often an angle is inside.
    """
    period, rest, result = 2 * np.pi / symmetry, _angles(error), []
    while len(rest):
        places = rest[np.linspace(0, len(rest) - 1, min(len(rest), 500)).astype(int)]
        near = np.array([(np.abs(wrap(rest - place, period)) <= width).sum() for place in places])
        place = circular_mean(rest[np.abs(wrap(rest - places[near.argmax()], period)) <= width], period)
        inside = np.abs(wrap(rest - place, period)) <= width
        if inside.sum() < max(least * len(error), 1):
            break
        member = wrap(rest[inside] - place, period)
        centre = float(wrap(place + member.mean(), period))
        result.append(Branch(centre, float(inside.sum() / len(error)), float(member.std())))
        rest = rest[~inside]
    return sorted(result, key=lambda branch: -branch.share)
