"""Compare targets of different choices, in units of their spread over histories."""

import itertools

import numpy as np

from experiments.convergence.config import COMPARISONS
from experiments.lab.run import Outcome, RunError
from experiments.lab.scores import rank_correlation
from experiments.lab.summaries import spread


def compare_all(targets: dict[str, np.ndarray], subset_seeds: int) -> Outcome:
    """Compare every choice with what COMPARISONS names beside it, and rank the choices.

    ``targets`` hold a (realisation, history) array for each choice. RunError where one is not finite.
    """
    for name, values in targets.items():
        if name != "synchronous_double" and not np.isfinite(values).all():
            raise RunError(f"the target went non-finite under {name}")
    names, numbers = sorted(targets), {}
    for name in ("random_1", "synchronous_1", "quarter_1", "synchronous_finest", "random_held", "synchronous_held"):
        numbers |= spread(f"{name}_std_over_histories", targets[name].std(-1))
        numbers |= spread(f"{name}_mean", targets[name].mean(-1))
    results = differences(targets, subset_seeds)
    for name, scores in results.items():
        for score, values in scores.items():
            numbers |= spread(f"{name}_{score}", values)
    order = sorted(results, key=lambda name: -np.median(results[name]["rms_over_std"]))
    numbers |= {f"{name}_rank": order.index(name) + 1 for name in order} | {"comparisons": len(order)}
    arrays = {"choice": np.array(names, dtype=object), "target": np.stack([targets[name] for name in names])}
    return Outcome(arrays, numbers)


def differences(targets: dict[str, np.ndarray], subset_seeds: int) -> dict[str, dict[str, np.ndarray]]:
    """Return what ``compare`` gives for each comparison, and over pairs of subset seeds and of random fields."""
    stable = {name for name, values in targets.items() if np.isfinite(values).all()}
    results = {name: compare(targets[a], targets[b]) for name, _, a, b in COMPARISONS if {a, b} <= stable}
    seeds = ["random_1", *(f"subset_seed_{n}" for n in range(2, subset_seeds + 1))]
    pairs = [compare(targets[a], targets[b]) for a, b in itertools.combinations(seeds, 2)]
    results["subset_seed"] = {key: np.mean([pair[key] for pair in pairs], axis=0) for key in pairs[0]}
    base = targets["random_1"]
    pairs = [compare(base[[a]], base[[b]]) for a, b in itertools.combinations(range(len(base)), 2)]
    results["random_field"] = {key: np.concatenate([pair[key] for pair in pairs]) for key in pairs[0]}
    return results


def compare(a: np.ndarray, b: np.ndarray) -> dict[str, np.ndarray]:
    """Return how far two targets (realisation, history) differ, one number a random field.

    ``over_std``: in units of the mean of the two standard deviations over the histories. ``top_kept``: share of a's
    best tenth that is among b's best tenth too.
    """
    std = (a.std(-1) + b.std(-1)) / 2
    count = max(1, a.shape[-1] // 10)
    best = [np.argsort(values, axis=-1)[:, -count:] for values in (a, b)]
    kept = [len(np.intersect1d(x, y)) / count for x, y in zip(*best, strict=True)]
    return {
        "rms": rms(a - b),
        "rms_over_std": rms(a - b) / std,
        "shift_over_std": (b - a).mean(-1) / std,
        "scatter_over_std": (a - b).std(-1) / std,
        "spearman": rank_correlation(a, b),
        "correlation": correlations(a, b),
        "top_kept": np.array(kept),
    }


def rms(values: np.ndarray) -> np.ndarray:
    """Return the root mean square over the histories, one number a random field."""
    return np.sqrt(np.mean(values**2, axis=-1))


def correlations(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the Pearson correlation over the histories, one number a random field."""
    return np.array([np.corrcoef(x, y)[0, 1] for x, y in zip(a, b, strict=True)])
