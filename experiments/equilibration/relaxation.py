"""Observations (a) and (b): the curl after the field stops, and how its rate goes with its size."""

from typing import Any

import jax
import numpy as np
from scipy import stats

import ferro_jax as ferro
from experiments.equilibration.config import Config
from experiments.equilibration.simulations import Drawn, Series
from experiments.lab.run import Outcome
from experiments.lab.scores import rank_correlation
from experiments.lab.summaries import spread

HOLDS = (0, 50, 100, 200, 500, 1000, 2000)
CLEAR = 0.02  # a change of the curl by more than this share of its value at the onset counts as clear
SLOPE_STEPS = 20  # the initial slope is taken over these
PERMUTATIONS = 500


def relaxation(drawn: Drawn, series: dict[str, Series], random: np.random.Generator, config: Config) -> Outcome:
    """Follow the curl after the field stops, under every variant."""
    held_field = np.abs(drawn.curves[:, -1])
    arrays: dict[str, list] = {name: [] for name in ("onset", "final", "rate", "slope")}
    numbers: dict[str, Any] = {}
    for name, part in series.items():
        held = part.curl[..., part.setup.drive_steps - 1 :].astype(float)
        onset, final = held[..., 0], held[..., -1]
        numbers |= changes_of(name, held, config)
        dt = float(part.setup.params.dt)
        rate = np.asarray(jax.jit(ferro.relaxation_rate)(np.moveaxis(held, -1, 0), dt))
        slope = (onset - held[..., SLOPE_STEPS]) / (SLOPE_STEPS * dt)
        clear = (np.abs(final - onset) > CLEAR * onset) & (rate > 0)
        rate = np.where(clear, rate, np.nan)
        numbers |= correlate(name, {"rate": rate, "slope": slope}, onset, final, held_field, random)
        numbers |= spread(f"{name}_rate_median_per_model_time", np.nanmedian(rate, axis=1).astype(float))
        numbers |= spread(f"{name}_rate_defined_share", clear.mean(1))
        for key, values in (("onset", onset), ("final", final), ("rate", rate), ("slope", slope)):
            arrays[key].append(values)
    for name, key in (("onset", "onset"), ("end", "final")):
        lecture, synchronous = np.mean(arrays[key][:2], axis=-1)  # the first two variants
        numbers |= spread(f"lecture_minus_synchronous_{name}_mean_model_units", lecture - synchronous)
    return Outcome({key: np.stack(parts) for key, parts in arrays.items()} | {"held_field": held_field}, numbers)


def changes_of(name: str, held: np.ndarray, config: Config) -> dict[str, Any]:
    """Return numbers of the curl at some holds and of its changes; ``held`` (realisation, history, hold)."""
    onset, final, numbers = held[..., 0], held[..., -1], {}
    for hold in (hold for hold in HOLDS if hold <= config.hold_steps):
        now = held[..., hold]
        numbers |= spread(f"{name}_hold{hold}_curl_mean_model_units", now.mean(1))
        for quartile in (25, 50, 75):
            numbers |= spread(f"{name}_hold{hold}_curl_q{quartile}_model_units", np.percentile(now, quartile, 1))
        if hold:
            numbers |= shares_that_change(f"{name}_hold{hold}", onset, now)
    numbers |= shares_that_change(f"{name}_end", onset, final)
    change = final.mean(1) - onset.mean(1)
    numbers |= spread(f"{name}_mean_change_model_units", change)
    numbers |= spread(f"{name}_mean_change_share_of_onset", change / onset.mean(1))
    late = final - held[..., 50]
    numbers |= spread(f"{name}_change_after_hold50_model_units", late.mean(1))
    top = held[..., 50] >= np.quantile(held[..., 50], 0.9, axis=1, keepdims=True)
    of_top = np.nanmean(np.where(top, late, np.nan), 1)
    return numbers | spread(f"{name}_change_after_hold50_of_top_tenth_model_units", of_top)


def shares_that_change(prefix: str, before: np.ndarray, after: np.ndarray) -> dict[str, float]:
    """Return the shares of the histories (realisation, history) that fall, clearly fall and clearly rise."""
    return (
        spread(f"{prefix}_falls_share", (after < before).mean(1))
        | spread(f"{prefix}_clearly_falls_share", (after < (1 - CLEAR) * before).mean(1))
        | spread(f"{prefix}_clearly_rises_share", (after > (1 + CLEAR) * before).mean(1))
    )


def spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Return the rank correlation, NaN for fewer than five pairs."""
    return float(rank_correlation(x, y)) if len(x) > 4 else float("nan")


def partial(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> float:
    """Return the rank correlation of x and y among histories of equal z."""
    if len(x) <= 4:
        return float("nan")
    xy, xz, yz = spearman(x, y), spearman(x, z), spearman(y, z)
    return (xy - xz * yz) / np.sqrt((1 - xz**2) * (1 - yz**2))


def chance(x: np.ndarray, y: np.ndarray, random: np.random.Generator) -> float:
    """Return the 95 % quantile of |rank correlation| over random permutations of the pairs."""
    first, second = (np.asarray(stats.zscore(stats.rankdata(v))) for v in (x, y))
    permuted = random.permuted(np.tile(first, (PERMUTATIONS, 1)), axis=1)
    return float(np.quantile(np.abs(permuted @ second) / len(x), 0.95))


def correlate(
    name: str,
    measures: dict[str, np.ndarray],
    onset: np.ndarray,
    final: np.ndarray,
    held_field: np.ndarray,
    random: np.random.Generator,
) -> dict[str, Any]:
    """Correlate each measure with the curl at the onset over the histories of each realisation, with baselines."""
    numbers = {}
    for measure, values in measures.items():
        rows: dict[str, list[float]] = {key: [] for key in ("spearman", "pearson", "partial", "chance")}
        for row, start in zip(values, onset, strict=True):
            known = np.isfinite(row)
            x, y, z = row[known], start[known], held_field[known]
            rows["spearman"].append(spearman(x, y))
            rows["pearson"].append(float(np.corrcoef(x, y)[0, 1]) if len(x) > 4 else float("nan"))
            rows["partial"].append(partial(x, y, z))
            rows["chance"].append(chance(x, y, random) if len(x) > 4 else float("nan"))
        prefix = f"{name}_{measure}_with_onset"
        numbers |= spread(f"{prefix}_spearman", rows["spearman"])
        numbers |= spread(f"{prefix}_pearson", rows["pearson"])
        numbers |= spread(f"{prefix}_spearman_at_equal_held_field", rows["partial"])
        numbers |= spread(f"{prefix}_spearman_95_percent_of_permutations_below", rows["chance"])
    numbers |= spread(f"{name}_final_with_onset_spearman", rank_correlation(onset, final))
    numbers |= spread(f"{name}_held_field_with_onset_spearman", rank_correlation(held_field, onset))
    rates = [(row[np.isfinite(row)], held_field[np.isfinite(row)]) for row in measures["rate"]]
    return numbers | spread(f"{name}_held_field_with_rate_spearman", [spearman(*pair) for pair in rates])
