"""Evaluations that the campaigns needed, against those of the best κ in hindsight."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bo.acquisitions.weights import mean_square
from experiments.acquisition_sweep.campaigns import Choices
from experiments.acquisition_sweep.config import CALIBRATION, GOAL, Config, methods_of
from experiments.acquisition_sweep.landscapes import Landscape
from experiments.lab import scores, summaries

PARTS = ("ratio", "low", "high", "mean", "judged")  # of a Comparison


class Scores(NamedTuple):
    """Scores of all methods on all landscapes, each array (landscape, strategy, seed), most with evaluations last."""

    cell: np.ndarray
    z_score: np.ndarray
    gap: np.ndarray  # maximum minus best so far, over the pool's range
    needed: np.ndarray  # evaluations to the first good candidate; infinite if not within the budget


def score(places: Sequence[Landscape], choices: Sequence[dict[str, Choices]], config: Config) -> Scores:
    """Score what every method chose on every landscape."""
    budget, methods = config.evaluations, [*methods_of(config)]
    shape = (len(places), len(methods), config.campaigns)
    needed, gap = np.empty(shape), np.empty((*shape, budget), np.float32)
    cell, z_score = np.empty((*shape, budget), np.int32), np.empty((*shape, budget), np.float32)
    for i, place in enumerate(places):
        for j, method in enumerate(methods):
            cell[i, j], z_score[i, j] = choices[i][method]
            needed[i, j] = scores.evaluations_to(place.good[cell[i, j]])
            gap[i, j] = scores.regret(place.table[cell[i, j]], place.table) / np.ptp(place.table)
    return Scores(cell, z_score, gap, needed)


def summary(needed: np.ndarray, z_score: np.ndarray, budget: int) -> dict[str, Any]:
    """Return the numbers of one method on one landscape: evaluations (seed,), calibration of the z-scores."""
    numbers: dict[str, Any] = summaries.evaluations(needed, budget)
    known = np.isfinite(z_score)
    if known.any():
        numbers["z_rms"] = np.sqrt(np.mean(z_score[known].astype(float) ** 2))
        numbers["z_within_1_96_share"] = np.mean(np.abs(z_score[known]) < 1.96)
    return numbers


def compare(needed: np.ndarray, config: Config) -> list[summaries.Comparison]:
    """Compare all methods (landscape, strategy, seed) with the best κ of each landscape."""
    weights = len(config.kappas)
    return [summaries.compare(each, each[:weights], config.evaluations, seed=config.seed) for each in needed]


def worst_ratios(compared: Sequence[summaries.Comparison], config: Config) -> dict[str, float]:
    """Return the largest ratio over the landscapes of every rule, and of the best single κ, chosen in hindsight."""
    weights, numbers = len(config.kappas), {}
    others = methods_of(config)[weights:]
    for part in PARTS:
        values = np.stack([getattr(comparison, part) for comparison in compared])
        worst = np.where(np.isnan(values), np.inf, values).max(axis=0)
        suffix = "" if part == "ratio" else f"_{part}"
        numbers |= {f"{name}_worst_ratio{suffix}": value for name, value in zip(others, worst[weights:], strict=True)}
        if part in ("ratio", "mean", "judged"):
            best = int(np.argmin(worst[:weights]))
            numbers[f"single_kappa_best{suffix}"] = config.kappas[best]
            numbers[f"single_kappa_worst_ratio{suffix}"] = worst[best]
    within = sum(numbers[f"{name}_worst_ratio"] <= GOAL for name in config.rules)
    return {**numbers, "goal_ratio": GOAL, "rules_within_goal": int(within)}


def envelope(needed: np.ndarray, comparison: summaries.Comparison, config: Config) -> dict[str, float]:
    """Return the best κ of a landscape, from ``needed`` (strategy, seed), and the ratios of all rules to it."""
    budget, weights = config.evaluations, len(config.kappas)
    best = summaries.envelope(needed[:weights], budget)
    numbers = {
        "envelope_kappa": config.kappas[best],
        "envelope_evaluations_median": summaries.quantile(needed[best], 0.5),
        "envelope_evaluations_judged": comparison.judged_evaluations,
        "envelope_evaluations_restricted_mean": summaries.restricted_mean(needed[:weights], budget).min(),
    }
    for row, method in enumerate(methods_of(config)[weights:], start=weights):
        for part in PARTS:
            suffix = "" if part == "ratio" else f"_{part}"
            numbers[f"{method}_ratio{suffix}"] = getattr(comparison, part)[row]
    return numbers


def calibrated_kappa(z_score: np.ndarray, config: Config) -> Any:
    """Return the κ that the calibrated rule used (landscape, seed, evaluation), from its own z-scores up to then.

    ``z_score`` has axes (landscape, strategy, seed, evaluation).
    """
    calibrated = jnp.asarray(z_score[:, methods_of(config).index("calibrated")], jnp.float64)
    evaluations = jnp.arange(config.evaluations)

    def weight(scores: Any, count: Any) -> Any:
        before = jnp.where(evaluations < count, scores, jnp.nan)
        return config.calibrated_kappa * jnp.sqrt(mean_square(before, count, **CALIBRATION))

    return jax.jit(jax.vmap(jax.vmap(jax.vmap(weight, (None, 0)), (0, None)), (0, None)))(calibrated, evaluations)
