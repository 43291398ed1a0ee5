"""Observations (a) and (b) of ``experiments/equilibration/compute.py``: the curl after the field stops."""

import jax
import numpy as np
from scipy import stats

import ferro_jax as ferro
from experiments.equilibration.config import Config
from experiments.equilibration.simulations import Series
from experiments.lab.run import Run
from experiments.lab.scores import rank_correlation
from experiments.lab.summaries import record_spread

HOLDS = (0, 50, 100, 200, 500, 1000, 2000)
CLEAR = 0.02  # a change of the curl by more than this share of its value at the onset counts as clear
SLOPE_STEPS = 20  # the initial slope is taken over these
PERMUTATIONS = 500


def relaxation(run: Run, series: dict[str, Series], random: np.random.Generator, config: "Config") -> None:
    """(a) and (b): the curl after the field stops."""
    drive = int(run.metrics["drive_steps"])
    held_field = np.abs(run.results.curve.to_numpy()[:, -1])
    arrays: dict[str, list] = {name: [] for name in ("onset", "final", "rate", "slope")}
    for name, part in series.items():
        held = part.curl[..., drive - 1 :].astype(float)
        onset, final = held[..., 0], held[..., -1]
        for hold in (hold for hold in HOLDS if hold <= config.hold_steps):
            now = held[..., hold]
            record_spread(run, f"{name}_hold{hold}_curl_mean_model_units", now.mean(1))
            for quartile in (25, 50, 75):
                record_spread(run, f"{name}_hold{hold}_curl_q{quartile}_model_units", np.percentile(now, quartile, 1))
            if hold:
                _record_changes(run, f"{name}_hold{hold}", onset, now)
        _record_changes(run, f"{name}_end", onset, final)
        change = final.mean(1) - onset.mean(1)
        record_spread(run, f"{name}_mean_change_model_units", change)
        record_spread(run, f"{name}_mean_change_share_of_onset", change / onset.mean(1))
        late = final - held[..., 50]
        record_spread(run, f"{name}_change_after_hold50_model_units", late.mean(1))
        top = held[..., 50] >= np.quantile(held[..., 50], 0.9, axis=1, keepdims=True)
        record_spread(
            run, f"{name}_change_after_hold50_of_top_tenth_model_units", np.nanmean(np.where(top, late, np.nan), 1)
        )
        dt = run.metrics[f"{name}_time_step_model_time"]
        rate = np.asarray(jax.jit(ferro.relaxation_rate)(np.moveaxis(held, -1, 0), dt))
        slope = (onset - held[..., SLOPE_STEPS]) / (SLOPE_STEPS * dt)
        clear = (np.abs(final - onset) > CLEAR * onset) & (rate > 0)
        rate = np.where(clear, rate, np.nan)
        _correlate(run, name, {"rate": rate, "slope": slope}, onset, final, held_field, random)
        record_spread(run, f"{name}_rate_median_per_model_time", np.nanmedian(rate, axis=1).astype(float))
        record_spread(run, f"{name}_rate_defined_share", clear.mean(1))
        for key, values in (("onset", onset), ("final", final), ("rate", rate), ("slope", slope)):
            arrays[key].append(values)
    for name, key in (("onset", "onset"), ("end", "final")):
        lecture, synchronous = np.mean(arrays[key][:2], axis=-1)  # the first two variants
        record_spread(run, f"lecture_minus_synchronous_{name}_mean_model_units", lecture - synchronous)
    dims = ("variant", "realisation", "history")
    for key, units, text in (
        ("onset", "model unit", "sum of |curl P| when the field stops"),
        ("final", "model unit", "sum of |curl P| at the end of the hold"),
        ("rate", "1 per model time", f"relaxation rate of the curl; missing where it changes by under {CLEAR:.0%}"),
        ("slope", "model unit per model time", f"fall of the curl per time in the first {SLOPE_STEPS} held steps"),
    ):
        run.add(key, dims, np.stack(arrays[key]), units, text)
    run.add("held_field", ("history",), held_field, "1", "|field| that is held, in the largest field")


def _record_changes(run: Run, prefix: str, before: np.ndarray, after: np.ndarray) -> None:
    """Shares of the histories (realisation, history) that fall, clearly fall and clearly rise."""
    for what, share in (("falls", after < before), ("clearly_falls", after < (1 - CLEAR) * before),
                        ("clearly_rises", after > (1 + CLEAR) * before)):  # fmt: skip
        record_spread(run, f"{prefix}_{what}_share", share.mean(1))


def _correlate(
    run: Run,
    name: str,
    measures: dict[str, np.ndarray],
    onset: np.ndarray,
    final: np.ndarray,
    held_field: np.ndarray,
    random: np.random.Generator,
) -> None:
    """Correlation over histories of each measure with the curl at the onset, per realisation; baselines."""

    def spearman(x: np.ndarray, y: np.ndarray) -> float:
        return float(rank_correlation(x, y)) if len(x) > 4 else float("nan")

    def partial(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> float:
        """Spearman correlation of x and y among histories of equal z."""
        if len(x) <= 4:
            return float("nan")
        xy, xz, yz = spearman(x, y), spearman(x, z), spearman(y, z)
        return (xy - xz * yz) / np.sqrt((1 - xz**2) * (1 - yz**2))

    def chance(x: np.ndarray, y: np.ndarray) -> float:
        """What 95 % of the correlations of permuted pairs stay below in size."""
        first, second = (np.asarray(stats.zscore(stats.rankdata(v))) for v in (x, y))
        permuted = random.permuted(np.tile(first, (PERMUTATIONS, 1)), axis=1)
        return float(np.quantile(np.abs(permuted @ second) / len(x), 0.95))

    for measure, values in measures.items():
        rows: dict[str, list[float]] = {key: [] for key in ("spearman", "pearson", "partial", "chance")}
        for row, start in zip(values, onset, strict=True):
            known = np.isfinite(row)
            x, y, z = row[known], start[known], held_field[known]
            rows["spearman"].append(spearman(x, y))
            rows["pearson"].append(float(np.corrcoef(x, y)[0, 1]) if len(x) > 4 else float("nan"))
            rows["partial"].append(partial(x, y, z))
            rows["chance"].append(chance(x, y) if len(x) > 4 else float("nan"))
        prefix = f"{name}_{measure}_with_onset"
        record_spread(run, f"{prefix}_spearman", rows["spearman"])
        record_spread(run, f"{prefix}_pearson", rows["pearson"])
        record_spread(run, f"{prefix}_spearman_at_equal_held_field", rows["partial"])
        record_spread(run, f"{prefix}_spearman_95_percent_of_permutations_below", rows["chance"])
    record_spread(run, f"{name}_final_with_onset_spearman", rank_correlation(onset, final))
    record_spread(run, f"{name}_held_field_with_onset_spearman", rank_correlation(held_field, onset))
    rates = [(row[np.isfinite(row)], held_field[np.isfinite(row)]) for row in measures["rate"]]
    record_spread(run, f"{name}_held_field_with_rate_spearman", [spearman(*pair) for pair in rates])
