"""Figures of the report on exploration weights: weights and rules. All draw from saved results alone."""

from typing import Any

import numpy as np
import xarray
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter

from experiments.acquisition_sweep.campaign_figures import (
    ENVELOPE,
    RULES,
    TITLES,
    calibration,
    landscapes,
    places_of,
    regret,
    rules_of,
    weights_in_use,
)
from experiments.lab.panels import RUN_TIME
from experiments.lab.plotting import COLOURS, PAGE, panels
from experiments.lab.report import Metrics, Panel


def _quartiles(metrics: Metrics, place: str, method: str, never: float) -> list[float]:
    """Return the quartiles of the evaluations; ``never`` stands for a quantile that was not reached."""
    values = (metrics[f"{place}_{method}_evaluations_{q}"] for q in ("q25", "median", "q75"))
    return [never if value is None or not np.isfinite(value) else value for value in values]


def weights(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the evaluations to a good candidate against κ, and beside it those of the rules."""
    names, rules = places_of(results), rules_of(results)
    figure, axes = panels(len(names), 2, PAGE / 2, 2.7, sharex="col", sharey="row", width_ratios=[1, 1.3])
    kappa, budget = results.kappa.to_numpy(), int(metrics["evaluations"])
    never = 1.18 * budget
    for (left, right), name in zip(axes, names, strict=True):
        low, middle, high = np.transpose([_quartiles(metrics, name, f"kappa_{k:g}", never) for k in kappa])
        left.plot(kappa, middle, "o-", color=COLOURS[0])
        left.fill_between(kappa, low, high, color=COLOURS[0], alpha=0.2, lw=0)
        best = metrics[f"{name}_envelope_evaluations_median"]
        for row, rule in enumerate(rules):
            low, middle, high = _quartiles(metrics, name, rule, never)
            right.errorbar(
                row, middle, [[middle - low], [high - middle]], fmt="D", ms=6, lw=1.5, capsize=3, color=RULES[rule][1]
            )
        for ax in (left, right):
            if best is not None:
                ax.axhspan(best, 1.1 * best, color=ENVELOPE, alpha=0.16, lw=0)
                ax.axhline(best, color=ENVELOPE, lw=1.2, ls="--")
            ax.axhline(budget, color="k", lw=0.8, ls=":")
        if best is not None:
            left.plot(metrics[f"{name}_envelope_kappa"], best, "*", ms=16, color=ENVELOPE, mec="white", zorder=5)
        left.set(xscale="log", yscale="log", ylabel="evaluations", title=TITLES[name])
        _plain(left, budget, never)
    left, right = axes[-1]
    left.set_xticks(kappa, [f"{k:g}" for k in kappa])
    left.tick_params(axis="x", which="minor", bottom=False)
    left.set_xlabel("κ, weight of the standard deviation")
    right.set_xticks(range(len(rules)), [RULES[rule][0] for rule in rules], rotation=35, ha="right")
    right.set_xlim(-0.6, len(rules) - 0.4)
    axes[0, 1].set_title("rules without ground truth; blind orders")
    return figure


def _plain(ax: Axes, budget: int, never: float) -> None:
    marks = [mark for mark in (5, 10, 15, 20, 30, 50, 75, 100, 150, 200, 500) if mark < 0.8 * budget]
    ax.yaxis.set_major_locator(FixedLocator([*marks, budget, never]))
    ax.yaxis.set_minor_locator(FixedLocator([]))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: "never" if value > budget else f"{value:g}"))
    ax.set_ylim(top=1.1 * never)


def ratios(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the median evaluations of every rule over those of the best κ, with intervals, on every landscape."""
    names, rules = places_of(results), rules_of(results)
    figure, axes = panels(1, len(names), PAGE / len(names), 0.75 + 0.33 * len(rules), sharex=True, sharey=True)
    limit, row = 5.0, np.arange(len(rules))
    for ax, name in zip(axes.flat, names, strict=True):
        middle, low, high, judged = (
            np.minimum([_or(metrics[f"{name}_{rule}_ratio{part}"], limit) for rule in rules], limit)
            for part in ("", "_low", "_high", "_judged")
        )
        for at, rule in enumerate(rules):
            colour = RULES[rule][1]
            ax.hlines(at, low[at], high[at], color=colour, lw=2)
            ax.plot(middle[at], at, ">" if middle[at] == limit else "D", ms=7, color=colour)
        ax.plot(judged, row, "o", ms=4.5, color="white", mec="k", lw=0)
        ax.axvline(1, color="k", lw=1)
        ax.axvline(1.1, color=ENVELOPE, lw=1.2, ls="--")
        ax.set(xscale="log", xlim=(0.6, 1.06 * limit), title=TITLES[name])
        ax.xaxis.set_major_locator(FixedLocator([1, 2, limit]))
        ax.xaxis.set_minor_locator(FixedLocator([]))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.grid(axis="y", lw=0.4)
    axes[0, 0].set_yticks(row, [RULES[rule][0] for rule in rules])
    axes[0, 0].invert_yaxis()
    figure.supxlabel("evaluations over the best κ's")
    return figure


def _or(value: Any, otherwise: float) -> float:
    return otherwise if value is None or not np.isfinite(value) else float(value)


PANELS = (
    Panel(
        "landscapes",
        "Landscapes",
        "Values of the candidates, and how many of them are good: the dots, or what lies right of the dashed line.",
        landscapes,
    ),
    Panel(
        "weights",
        "Evaluations against κ",
        "Medians over {{ campaigns }} seeds with quartiles; a star marks the best κ in "
        "hindsight, the band 10 % above it, the dotted line the budget; 'never' is a quantile that was not "
        "reached.",
        weights,
    ),
    Panel(
        "ratios",
        "Rules against the best κ",
        "Ratios of medians with 95 % intervals over resampled seeds, the best κ chosen "
        "anew in each; circles: against the κ that the other half of the seeds chose. Dashed: the goal, 1.1; triangles "
        "lie beyond the axis.",
        ratios,
    ),
    Panel("regret", "Gap to the maximum", "Medians with quartiles. Dashed: where a candidate is good.", regret),
    Panel(
        "calibration",
        "Calibration",
        "Share of one-step-ahead observations within ±z of the prediction, over what a calibrated surrogate would have; "
        "below the diagonal it is overconfident.",
        calibration,
    ),
    Panel(
        "weights_in_use",
        "The calibrated rule's κ",
        "Medians with quartiles over the seeds. Dashed: the best κ in hindsight.",
        weights_in_use,
        ("calibrated_kappa",),
    ),
    RUN_TIME,
)
