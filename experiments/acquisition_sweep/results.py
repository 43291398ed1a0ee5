"""What the campaigns of ``experiments/acquisition_sweep/compute.py`` needed, against the best κ in hindsight."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bo.acquisitions import weights as acquisitions_weights
from experiments.acquisition_sweep.campaigns import BLIND, CALIBRATION, Found, kappa_name
from experiments.acquisition_sweep.config import Config
from experiments.acquisition_sweep.landscapes import Landscape
from experiments.lab import scores, summaries
from experiments.lab.run import Run


def score(run: Run, places: Sequence[Landscape], found: Found, config: "Config") -> None:
    """Evaluations to a good candidate, gaps and z-scores of every method, and the rules against the envelope."""
    budget, swept = config.evaluations, [kappa_name(kappa) for kappa in config.kappas]
    others = [*config.rules, *BLIND]
    shape = (len(places), len(swept) + len(others), config.campaigns)
    needed, gap = np.empty(shape), np.empty((*shape, budget), np.float32)
    cells, z = np.empty((*shape, budget), np.int32), np.empty((*shape, budget), np.float32)
    for i, place in enumerate(places):
        for j, method in enumerate((*swept, *others)):
            cells[i, j], z[i, j] = found[place.name, method]
            needed[i, j] = scores.evaluations_to(place.good[cells[i, j]])
            gap[i, j] = scores.regret(place.table[cells[i, j]], place.table) / np.ptp(place.table)
    for name, values, text in (
        ("landscape", [place.name for place in places], "where campaigns search"),
        ("strategy", [*swept, *others], "swept weights, rules without ground truth, blind orders"),
    ):
        run.add(name, (name,), np.array(values, dtype=object), "1", text, coordinate=True)
    run.add("kappa", ("weight",), config.kappas, "1", "weight κ of the standard deviation, of the first methods", True)
    axes = ("landscape", "strategy", "seed", "evaluation")
    run.add("cell", axes, cells, "1", "candidate evaluated")
    run.add("z_score", axes, z, "1", "one-step-ahead z-score; none for the initial design and blind orders")
    run.add("gap", axes, gap, "1", "maximum minus best so far, over the pool's range")
    run.add(
        "needed", axes[:3], needed, "1", "evaluations to the first good candidate; infinite if not within the budget"
    )
    for i, place in enumerate(places):
        for j, method in enumerate((*swept, *others)):
            run.record(**_summary(f"{place.name}_{method}", needed[i, j], z[i, j], budget))
    _against_envelope(run, places, needed, others, config)
    _calibrated(run, z[:, len(swept) :], config)


def _summary(prefix: str, needed: np.ndarray, z: np.ndarray, budget: int) -> dict[str, float]:
    numbers = summaries.evaluations(needed, budget)
    known = np.isfinite(z)
    if known.any():
        numbers["z_rms"] = np.sqrt(np.mean(z[known].astype(float) ** 2))
        numbers["z_within_1_96_share"] = np.mean(np.abs(z[known]) < 1.96)
    return {f"{prefix}_{name}": value for name, value in numbers.items()}


def _against_envelope(
    run: Run, places: Sequence[Landscape], needed: np.ndarray, others: list[str], config: "Config"
) -> None:
    """Ratios of evaluations to those of each landscape's best κ, and the largest over the landscapes of every rule.

    A single κ for all landscapes is compared too: the best of those in hindsight.
    """
    budget, weights = config.evaluations, len(config.kappas)
    compared = [summaries.compare(own, own[:weights], budget, seed=config.seed) for own in needed]
    dims = ("landscape", "strategy")
    for name, text in (
        ("ratio", "median evaluations over those of the best κ in hindsight"),
        ("low", "lower end of the 95 % interval of that, over resampled seeds"),
        ("high", "upper end of it"),
        ("mean", "the same of restricted means"),
        ("judged", "median evaluations over those of the κ that the other half of the seeds chose"),
    ):
        values = np.stack([getattr(own, name) for own in compared])
        run.add(name if name == "ratio" else f"ratio_{name}", dims, values, "1", text)
        worst = np.where(np.isnan(values), np.inf, values).max(axis=0)
        for method, value in zip(others, worst[weights:], strict=True):
            run.record(**{f"{method}_worst_{'ratio' if name == 'ratio' else 'ratio_' + name}": value})
        if name in ("ratio", "mean", "judged"):
            best = int(np.argmin(worst[:weights]))
            suffix = "" if name == "ratio" else f"_{name}"
            run.record(**{f"single_kappa_best{suffix}": config.kappas[best]})
            run.record(**{f"single_kappa_worst_ratio{suffix}": worst[best]})
    run.add("chosen_share", ("landscape", "weight"), [own.chosen for own in compared], "1",
            "how often a random half of the seeds chose this κ")  # fmt: skip
    for place, own, comparison in zip(places, needed, compared, strict=True):
        best = summaries.envelope(own[:weights], budget)
        run.record(**{
            f"{place.name}_envelope_kappa": config.kappas[best],
            f"{place.name}_envelope_evaluations_median": summaries.quantile(own[best], 0.5),
            f"{place.name}_envelope_evaluations_judged": comparison.judged_evaluations,
            f"{place.name}_envelope_evaluations_restricted_mean":
                summaries.restricted_mean(own[:weights], budget).min(),
        })  # fmt: skip
        for row, method in enumerate(others, start=weights):
            run.record(**{
                f"{place.name}_{method}_ratio": comparison.ratio[row],
                f"{place.name}_{method}_ratio_low": comparison.low[row],
                f"{place.name}_{method}_ratio_high": comparison.high[row],
                f"{place.name}_{method}_ratio_mean": comparison.mean[row],
                f"{place.name}_{method}_ratio_judged": comparison.judged[row],
            })  # fmt: skip
    run.record(goal_ratio=1.1, rules_within_goal=int(sum(
        run.metrics[f"{rule}_worst_ratio"] <= 1.1 for rule in config.rules
    )))  # fmt: skip


def _calibrated(run: Run, z: np.ndarray, config: "Config") -> None:
    """The κ that the calibrated rule used at each evaluation, from its own z-scores up to then."""
    if "calibrated" not in config.rules:
        return
    own = jnp.asarray(z[:, config.rules.index("calibrated")], jnp.float64)
    place = jnp.arange(config.evaluations)

    def weight(scores: Any, count: Any) -> Any:
        seen = jnp.where(place < count, scores, jnp.nan)
        square = acquisitions_weights.mean_square(seen, count, **CALIBRATION)
        return config.calibrated_kappa * jnp.sqrt(square)

    every = jax.jit(jax.vmap(jax.vmap(jax.vmap(weight, (None, 0)), (0, None)), (0, None)))(own, place)
    run.add("calibrated_kappa", ("landscape", "seed", "evaluation"), every, "1",
            "κ of the calibrated rule at each evaluation")  # fmt: skip
