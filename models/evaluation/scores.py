"""Scores of what was found without labels against the truth: classes by matching, angles on the circle. NumPy."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment


def confusion(truth: np.ndarray, found: np.ndarray, classes: int) -> Int[np.ndarray, "truth found"]:
    """Counts: row = true class, column = class found. ValueError for labels outside 0 … classes − 1."""
    truth, found = np.asarray(truth, int), np.asarray(found, int)
    if truth.shape != found.shape or truth.ndim != 1 or not truth.size:
        raise ValueError(f"{truth.shape} true and {found.shape} found classes: give one each for every example.")
    if min(truth.min(), found.min()) < 0 or max(truth.max(), found.max()) >= classes:
        raise ValueError(f"classes run from {min(truth.min(), found.min())} to {max(truth.max(), found.max())}: "
                         f"expected 0 to {classes - 1}.")  # fmt: skip
    counts = np.zeros((classes, classes), int)
    np.add.at(counts, (truth, found), 1)
    return counts


def rename(truth: np.ndarray, found: np.ndarray, classes: int) -> Int[np.ndarray, " n"]:
    """Found classes under the true names that match them best (Hungarian method on the confusion matrix)."""
    rows, columns = linear_sum_assignment(confusion(truth, found, classes), maximize=True)
    names = np.empty(classes, int)
    names[columns] = rows
    return names[np.asarray(found, int)]


def clustering_accuracy(truth: np.ndarray, found: np.ndarray, classes: int) -> float:
    """Share of examples in the right class, clusters named to fit best (one name each)."""
    return float(np.mean(rename(truth, found, classes) == np.asarray(truth)))


def kmeans(key: jax.Array, points: Float[np.ndarray, "n latent"], classes: int) -> Int[np.ndarray, " n"]:
    """Cluster of every point: the best of ten starts of k-means (scikit-learn) seeded by the key."""
    from sklearn.cluster import KMeans

    seed = int(jax.random.randint(key, (), 0, 2**31 - 1))
    rule = KMeans(classes, n_init=10, random_state=seed)  # pyright: ignore[reportArgumentType]
    return rule.fit_predict(np.asarray(points, float))


def wrap(angle: float | np.ndarray, period: float | np.ndarray = 2 * np.pi) -> Any:
    """The same angle in [−period/2, period/2)."""
    return (np.asarray(angle, float) + period / 2) % period - period / 2


def circular_mean(angle: np.ndarray, period: float = 2 * np.pi) -> float:
    """Direction of the mean of exp(2πi angle/period), in [−period/2, period/2)."""
    turn = 2 * np.pi / period
    return float(wrap(float(np.angle(np.mean(np.exp(1j * turn * np.asarray(angle, float))))) / turn, period))


def circular_std(angle: np.ndarray, period: float = 2 * np.pi) -> float:
    """√(−2 ln R) scaled to the angle's unit, R the length of that mean; the standard deviation where it is small."""
    turn = 2 * np.pi / period
    length = np.abs(np.mean(np.exp(1j * turn * np.asarray(angle, float))))
    return float(np.sqrt(-2 * np.log(np.clip(length, 1e-300, 1))) / turn)


class AngleErrors(NamedTuple):
    """``error``: estimate − truth − offset of its group, modulo the symmetry, radians, signed. ``offset``: per class,
    or the same number for all. ``mean`` and ``median`` of |error| per class, radians."""

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
    """Errors of estimated angles (radians) up to what cannot be known.

    A class of ``symmetry`` s looks the same after a turn of 2π/s, so its errors are taken modulo that (``symmetry`` has
    one number per class). The zero of a latent angle is arbitrary as well: the offset that makes the mean |error|
    smallest is taken off, one per class, or one for all with ``common_offset``. Fitted on the examples it is scored
    on: one number per class.
    """
    truth, estimate = np.asarray(truth, float), np.asarray(estimate, float)
    label = np.zeros(len(truth), int) if label is None else np.asarray(label, int)
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
    """Offset of least mean |error|: the best of a grid over the circle, then the median of what is left."""
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
    """Angles of one class that were recovered up to jumps: the branches of its errors, largest first.

    A branch is what lies within ± ``width`` (radians) of the place that has most errors that near; its errors are
    taken out and the next is looked for, until one holds less than a share ``least``. Inside a branch the angle is
    right to its spread; the share of the first says how often one is inside.
    """
    period, rest, found = 2 * np.pi / symmetry, np.asarray(error, float), []
    while len(rest):
        places = rest[np.linspace(0, len(rest) - 1, min(len(rest), 500)).astype(int)]
        near = np.array([(np.abs(wrap(rest - place, period)) <= width).sum() for place in places])
        place = circular_mean(rest[np.abs(wrap(rest - places[near.argmax()], period)) <= width], period)
        inside = np.abs(wrap(rest - place, period)) <= width
        if inside.sum() < max(least * len(error), 1):
            break
        member = wrap(rest[inside] - place, period)
        centre = float(wrap(place + member.mean(), period))
        found.append(Branch(centre, float(inside.sum() / len(error)), float(member.std())))
        rest = rest[~inside]
    return sorted(found, key=lambda branch: -branch.share)
