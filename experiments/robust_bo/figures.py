"""Figures of the report on robust optima; every function draws from saved results alone."""

import numpy as np
import xarray
from matplotlib.figure import Figure

from experiments.lab.panels import RUN_TIME
from experiments.lab.plotting import COLOURS, SEQUENTIAL, colour_bar, panels
from experiments.lab.report import Metrics, Panel
from experiments.robust_bo.config import CONDITIONS, WAYS, conditions_of
from experiments.shared.lattices.options import PRESETS

CURL = "Σ|curl P| (model units)"
SHORT = {
    "published": "published", "subsets": "subsets", "defects": "defects", "noise": "noise", "all": "all three",
    "worst": "worst", "held": "held",
}  # fmt: skip


def table(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the median value of every optimum (rows) under every condition (columns); colours compare within a column."""
    figure, axes = panels(1, 2, 6.6, 4.6)
    for ax, (preset, title) in zip(axes.flat, PRESETS.items(), strict=True):
        names = conditions_of(preset)
        part = results.value.sel(preset=preset, way="gradient", found=names, judged=names)
        values = part.median("seed").transpose("found", "judged").to_numpy()
        shown = ax.imshow(values - values.max(0), cmap=SEQUENTIAL, aspect="auto")
        for row, column in np.ndindex(values.shape):
            dark = values[row, column] - values[:, column].max() < 0.5 * (values - values.max(0)).min()
            ax.text(column, row, f"{values[row, column]:.1f}", ha="center", va="center", color="white" if dark else "k")
        ax.set_xticks(range(len(names)), [SHORT[name] for name in names], rotation=30, ha="right")
        ax.set_yticks(range(len(names)), [SHORT[name] for name in names])
        ax.set(title=title, xlabel="judged under", ylabel="found under")
        colour_bar(shown, ax, label="below the best of the column (model units)")
    return figure


def gains(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw what each search gains over the published optimum under the condition that it was made for."""
    figure, axes = panels(1, 2, 6.2, 4.0, sharey=True)
    for ax, (preset, title) in zip(axes.flat, PRESETS.items(), strict=True):
        names = conditions_of(preset)
        for number, (way, label) in enumerate(WAYS.items()):
            for place, name in enumerate(names):
                part = results.value.sel(preset=preset, judged=name)
                gain = (part.sel(found=name, way=way) - part.sel(found="published", way="campaign")).to_numpy()
                at = place + 0.3 * (number - 0.5)
                ax.plot(np.full(len(gain), at), gain, "o", ms=4, color=COLOURS[number], alpha=0.6, mew=0)
                ax.plot(
                    [at - 0.1, at + 0.1],
                    [np.median(gain)] * 2,
                    color=COLOURS[number],
                    lw=3,
                    label=None if place else label,
                )
        ax.axhline(0, color="k", lw=0.8)
        ax.set_xticks(range(len(names)), [SHORT[name] for name in names], rotation=30, ha="right")
        ax.set(title=title, xlabel="condition")
    axes[0, 0].set_ylabel("gain over the published optimum\nin Σ|curl P| (model units)")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def draws(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the values in fresh worlds of the published optimum and of that found for them, of the first seed."""
    figure, axes = panels(1, 2, 6.2, 4.0, sharey=True)
    for ax, (preset, title) in zip(axes.flat, PRESETS.items(), strict=True):
        names = [name for name in conditions_of(preset) if name not in ("published", "held", "worst")]
        part = results.drawn.sel(preset=preset).isel(seed=0)
        for place, name in enumerate(names):
            both = (("published", "campaign", "published optimum"), (name, "gradient", "found for this condition"))
            for number, (found, way, label) in enumerate(both):
                values = part.sel(found=found, way=way, judged=name).to_numpy()
                at = place + 0.36 * (number - 0.5)
                drawn = ax.boxplot(values, positions=[at], widths=0.28, showfliers=True, patch_artist=True)
                drawn["boxes"][0].set(facecolor=COLOURS[number], alpha=0.6, label=None if place else label)
                drawn["medians"][0].set(color="k")
        ax.axhline(
            float(results.value.sel(preset=preset, found="published", way="campaign", judged="published").isel(seed=0)),
            color="k", lw=0.8, ls=":",
        )  # fmt: skip
        ax.set_xticks(range(len(names)), [SHORT[name] for name in names])
        ax.set(title=f"{title}, first seed", xlabel="drawn anew")
    axes[0, 0].set_ylabel(CURL)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def histories(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the histories found under the conditions, first seed."""
    figure, axes = panels(1, 2, 6.2, 4.0, sharey=True)
    for ax, (preset, title) in zip(axes.flat, PRESETS.items(), strict=True):
        for name, colour in zip(CONDITIONS, (*COLOURS, "k"), strict=True):
            if name not in conditions_of(preset):
                continue
            curve = results.curve.sel(preset=preset, found=name, way="gradient").isel(seed=0).to_numpy()
            ax.plot(curve, color=colour, label=CONDITIONS[name], lw=1.5)
        ax.set(title=f"{title}, first seed", xlabel="step of the drive")
    axes[0, 0].set_ylabel("field / largest field")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


PANELS = [
    Panel("table", "Every optimum under every condition", "Medians over {{ seeds }} seeds in {{ judges }} fresh worlds each, "
          "searches that end with an ascent; colours: how far below the best of the column.", table),
    Panel("gains", "What a search for the condition gains", "Dots are seeds, bars medians: the value under the condition of what "
          "was found for it, less that of the published optimum.", gains),
    Panel("draws", "Fresh draws", "Values in {{ judges }} fresh worlds; dotted: the published optimum in its own world.", draws),
    Panel("histories", "The histories", "What the searches with gradients end with.", histories),
    RUN_TIME,
]  # fmt: skip
