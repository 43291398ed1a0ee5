"""From scores and campaigns to a verdict: correlations, and paired differences over seeds."""

from typing import Any

import numpy as np
from scipy.stats import binomtest

from experiments.lab import scores, summaries
from experiments.latent_quality import organisation
from experiments.latent_quality.config import DEEP, REPRESENTATIONS, TASKS

LEVEL = 0.05
SUCCESS = ("evaluations", "recall")


def summary(prefix: str, needed: np.ndarray, recall: np.ndarray, budget: int) -> dict[str, float]:
    """Return what the seeds of a method needed, and their recall at the end, (seed,) each, under names with prefix."""
    numbers = {**summaries.evaluations(needed, budget), **summaries.quartiles("recall", recall)}
    return {f"{prefix}_{name}": value for name, value in numbers.items()}


def correlations(
    quality: np.ndarray, needed: np.ndarray, recall: np.ndarray, budget: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return Spearman's correlation, within a task, of each score with success, (task, score, success) twice.

    ``quality`` (task, representation, seed, score), ``needed`` and ``recall`` at the end (task, representation, seed).
    The first is over representations × seeds. The second is over the representations' medians and restricted means,
    because these average the luck of a design out. Success is minus the evaluations needed, and recall: a positive
    number says that what the score calls order goes with success.
    """
    shape = (len(TASKS), len(organisation.NAMES), len(SUCCESS))
    single, middle = np.full(shape, np.nan), np.full(shape, np.nan)
    for t in range(len(TASKS)):
        per_seed = (-np.minimum(needed[t], budget + 1), recall[t])
        typical = (-summaries.restricted_mean(needed[t], budget), recall[t].mean(-1))
        for s, sign in enumerate(organisation.SIGNS):
            order = sign * quality[t, :, :, s]
            for k in range(len(SUCCESS)):
                single[t, s, k] = scores.rank_correlation(order.reshape(1, -1), per_seed[k].reshape(1, -1))[0]
                middle[t, s, k] = scores.rank_correlation(np.median(order, -1)[None], typical[k][None])[0]
    return single, middle


def correlation_numbers(prefix: str, values: np.ndarray) -> dict[str, float]:
    """Return median and range over the tasks of correlations (task, score, success)."""
    numbers = {}
    for s, score in enumerate(organisation.NAMES):
        for k, success in enumerate(SUCCESS):
            numbers |= summaries.spread(f"{prefix}_{score}_{success}", values[:, s, k])
    return numbers


def sign_test(better: np.ndarray, worse: np.ndarray) -> float:
    """Two-sided p of as many wins and losses or a more uneven split, ties left out; 1 where all are ties."""
    wins, losses = int(np.sum(better)), int(np.sum(worse))
    return float(binomtest(wins, wins + losses).pvalue) if wins + losses else 1.0


def claim(name: str, quality: np.ndarray, needed: np.ndarray, recall: np.ndarray, budget: int) -> dict[str, Any]:
    """Compare a deep kernel with the VAE on the same seeds: order by neighbour_r2, speed by evaluations and recall.

    Shapes as in ``correlations``. Returns gains of every task with the p of a sign test, and the number of tasks in
    which that is below LEVEL.
    """
    vae, deep, numbers = REPRESENTATIONS.index("vae"), REPRESENTATIONS.index(name), {}
    counts = dict.fromkeys(("organised", "disordered", "faster", "slower", "recall_higher", "recall_lower"), 0)
    for t, task in enumerate(TASKS):
        capped = np.minimum(needed[t], budget + 1)
        pairs = {
            "neighbour_r2_gain": (quality[t, deep, :, 0] - quality[t, vae, :, 0], "organised", "disordered"),
            "evaluations_saved": (capped[vae] - capped[deep], "faster", "slower"),
            "recall_gain": (recall[t, deep] - recall[t, vae], "recall_higher", "recall_lower"),
        }
        for what, (gain, up, down) in pairs.items():
            p = sign_test(gain > 0, gain < 0)
            numbers |= summaries.quartiles(f"{task}_{name}_{what}", gain) | {f"{task}_{name}_{what}_p": p}
            if p < LEVEL:
                counts[up if np.sum(gain > 0) > np.sum(gain < 0) else down] += 1
        means = [summaries.restricted_mean(needed[t, method], budget) for method in (deep, vae)]
        numbers[f"{task}_{name}_evaluations_ratio"] = means[0] / means[1]
    return numbers | {f"verdict_{name}_{what}_tasks": count for what, count in counts.items()}


def claims(quality: np.ndarray, needed: np.ndarray, recall: np.ndarray, budget: int) -> dict[str, Any]:
    """Return ``claim`` of all deep kernels together."""
    numbers: dict[str, Any] = {"tasks": len(TASKS)}
    for name in DEEP:
        numbers |= claim(name, quality, needed, recall, budget)
    return numbers
