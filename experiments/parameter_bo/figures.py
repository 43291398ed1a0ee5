"""Figures of the report on campaigns over coupling and depolarization, from saved results alone."""

from typing import Any

import numpy as np
import xarray
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter

from experiments.lab.panels import RUN_TIME
from experiments.lab.plotting import COLOURS, DIVERGING, SEQUENTIAL, band, panels
from experiments.lab.report import Metrics, Panel

LABELS = {
    "area": ("Loop area", "energy per site and cycle (model units)"),
    "remnant": ("Remnant polarization", "$P_r$ (model units)"),
    "curl": ("Σ|curl P| at zero field", "Σ|curl P| (model units)"),
    "walls": ("Domain walls at zero field", "share of bonds"),
    "match": ("Loop fit", "− rms distance of the loop (model units)"),
}
METHODS = (
    ("logei", "GP, log EI", COLOURS[0]),
    ("ucb", "GP, μ + κσ", COLOURS[5]),
    ("zoom", "coarse-to-fine grid", COLOURS[1]),
    ("sobol", "Sobol", COLOURS[3]),
    ("random", "random", COLOURS[2]),
)
GRID = COLOURS[4]
COUPLING, DEPOLARIZATION = "coupling $K$ (model units)", "depolarization $a_{dep}$"
FLOOR = 1e-4  # of the range: where gaps of zero are drawn


def _names(results: xarray.Dataset) -> list[str]:
    return [str(name) for name in results.response.to_numpy()]


def _square(count: int, width: float, height: float) -> tuple[Figure, np.ndarray]:
    """Axes for ``count`` panels, two a row."""
    figure, axes = panels(-(-count // 2), min(2, count), width, height)
    for spare in axes.flat[count:]:
        spare.axis("off")
    return figure, axes.ravel()[:count]


def _map(axes: Axes, results: xarray.Dataset, values: np.ndarray, label: str, **keywords: Any) -> None:
    mesh = axes.pcolormesh(results.coupling, results.depolarization, values, rasterized=True, **keywords)
    axes.figure.colorbar(mesh, ax=axes, label=label)
    axes.set(xlabel=COUPLING, ylabel=DEPOLARIZATION)


def _places(results: xarray.Dataset, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.divmod(cells, results.sizes["coupling"])
    return results.coupling.to_numpy()[columns], results.depolarization.to_numpy()[rows]


def maps(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw every response with the cells of the first seed's campaign, in order, and the best cell."""
    names = _names(results)
    figure, axes = _square(len(names), 5.6, 4.3)
    initial = int(metrics["evaluations"]) - results.sizes["step"]
    for ax, name in zip(axes, names, strict=True):
        title, label = LABELS[name]
        table = results[name].to_numpy()
        _map(ax, results, table, label)
        cells = results.logei_cell.sel(response=name).to_numpy()[0]
        x, y = _places(results, cells)
        ax.scatter(x[:initial], y[:initial], s=42, c="white", ec="k", marker="s", lw=0.9, clip_on=False, zorder=4,
                   label="initial design")  # fmt: skip
        ax.scatter(
            x[initial:], y[initial:], s=34, c=np.arange(len(cells) - initial), cmap="Greys", ec="k", lw=0.7,
            clip_on=False, zorder=4, label="chosen by log EI, dark: late",
        )  # fmt: skip
        best = _places(results, np.array([table.argmax()]))
        ax.plot(*best, "*", color=COLOURS[1], mec="white", ms=17, clip_on=False, zorder=5, label="best cell")
        ax.set_title(f"{title} ({int(metrics[f'{name}_good_cells'])} good cells)", pad=10)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def best_so_far(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw gap to the best cell against evaluations, with quartile bands; plain grids at k² evaluations."""
    names = _names(results)
    figure, axes = _square(len(names), 5.6, 3.9)
    squares = results.grid_side.to_numpy() ** 2
    for ax, name in zip(axes, names, strict=True):
        for method, label, colour in METHODS:
            gap = np.maximum(results[f"{method}_gap"].sel(response=name).to_numpy(), FLOOR)
            band(ax, np.arange(1, gap.shape[1] + 1), 100 * gap, label, colour)
        span = metrics[f"{name}_max"] - metrics[f"{name}_min"]
        gap = (metrics[f"{name}_max"] - results.grid_best.sel(response=name).to_numpy()) / span
        low, middle, high = 100 * np.maximum(np.quantile(gap, [0.25, 0.5, 0.75], axis=1), FLOOR)
        ax.errorbar(squares, middle, (middle - low, high - middle), fmt="D", color=GRID, ms=5, lw=1.2, zorder=5,
                    label="plain k × k grid")  # fmt: skip
        ax.axhline(100 * _tolerance(metrics), color="k", lw=0.9, ls="--")
        ax.set(yscale="log", ylim=(80 * FLOOR, 110), title=LABELS[name][0])
        ax.yaxis.set_major_locator(FixedLocator([0.01, 0.1, 1, 10, 100]))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: "≤ 0.01" if value < 0.02 else f"{value:g}"))
        ax.set(xlabel="evaluations", ylabel="gap to the best (% of range)")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _tolerance(metrics: Metrics) -> float:
    return metrics["tolerance_share"]


def evaluations(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw evaluations to a good cell: median, quartiles, and how many seeds never get there."""
    names = _names(results)
    figure, axes = _square(len(names), 5.8, 3.7)
    budget = int(metrics["evaluations"])
    rows = [*METHODS, ("grid", "smallest k × k grid", GRID), ("refined_grid", "grids 3 × 3 … k × k", GRID)]
    for ax, name in zip(axes, names, strict=True):
        for row, (method, _, colour) in enumerate(rows):
            low, middle, high = (metrics[f"{name}_{method}_evaluations_{q}"] for q in ("q25", "median", "q75"))
            never = metrics.get(f"{name}_{method}_never_share", 0.0)
            ends = [budget if value is None else value for value in (low, middle, high)]
            ax.barh(row, ends[1], 0.62, color=colour, alpha=0.35 if middle is None else 0.9,
                    hatch="//" if middle is None else None, ec="white")  # fmt: skip
            ax.plot([ends[0], ends[2]], [row, row], color="k", lw=1.3, marker="|", ms=8)
            text = f"> {budget}" if middle is None else f"{middle:.0f}"
            text += f"  ({100 * never:.0f} % never)" if never else ""
            ax.annotate(text, (max(ends), row), (6, 0), textcoords="offset points", va="center", fontsize=10)
        ax.axvline(budget, color="k", lw=0.8, ls=":")
        ax.set_yticks(range(len(rows)), [label for _, label, _ in rows])
        ax.invert_yaxis()
        ax.set(xscale="log", xlabel="evaluations (dotted: budget)", title=LABELS[name][0])
        ax.set_xlim(1, 6 * max(budget, ax.get_xlim()[1]))
    return figure


def surface(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw posterior mean, standard deviation and error after some budgets, for the last response."""
    name = _names(results)[-1]
    part = results.sel(response=name)
    truth, budgets = results[name].to_numpy(), results.budget.to_numpy()
    cells = part.logei_cell.to_numpy()[0]
    figure, axes = panels(3, len(budgets) + 1, 3.9, 3.2, sharex=True, sharey=True)
    span = {"vmin": truth.min(), "vmax": truth.max(), "cmap": SEQUENTIAL}
    mean, std = part.surface_mean.to_numpy(), part.surface_std.to_numpy()
    worst = float(np.quantile(np.abs(mean[1:] - truth), 0.995))
    deviations = {"vmin": 0.0, "vmax": float(std[1:].max()), "cmap": SEQUENTIAL}
    for column, budget in enumerate(budgets):
        x, y = _places(results, cells[:budget])
        rows = ((mean[column], span), (std[column], deviations),
                (mean[column] - truth, {"vmin": -worst, "vmax": worst, "cmap": DIVERGING}))  # fmt: skip
        for row, (values, colours) in enumerate(rows):
            ax = axes[row, column]
            mesh = ax.pcolormesh(results.coupling, results.depolarization, values, rasterized=True, **colours)
            ax.scatter(x, y, s=9, c="white", ec="k", lw=0.5, clip_on=False, zorder=4)
            if column == len(budgets) - 1:
                label = ("posterior mean", "posterior std", "mean − truth")[row]
                bar = figure.colorbar(mesh, ax=axes[row, -1], location="left", fraction=0.12, extend=(
                    "neither", "max", "both")[row])  # fmt: skip
                bar.set_label(label)
        axes[0, column].set_title(f"{budget} evaluations")
    for ax in axes[1:, -1]:
        ax.axis("off")
    axes[0, -1].pcolormesh(results.coupling, results.depolarization, truth, rasterized=True, **span)
    best = _places(results, np.array([truth.argmax()]))
    axes[0, -1].plot(*best, "*", color=COLOURS[1], mec="white", ms=15, clip_on=False)
    axes[0, -1].set_title("truth, best cell")
    figure.supxlabel(COUPLING)
    figure.supylabel(DEPOLARIZATION)
    return figure


def surface_error(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw error of the surfaces at equal budgets, in per cent of the map's range."""
    names = _names(results)
    figure, axes = _square(len(names), 5.6, 3.7)
    squares = results.fitted_grid_side.to_numpy() ** 2
    for ax, name in zip(axes, names, strict=True):
        span = (metrics[f"{name}_max"] - metrics[f"{name}_min"]) / 100
        for method, label, colour in METHODS:
            if f"{method}_surface_rmse" in results:
                values = results[f"{method}_surface_rmse"].sel(response=name).to_numpy() / span
                band(ax, np.arange(1, values.shape[1] + 1), values, label, colour)
        values = results.grid_surface_rmse.sel(response=name).to_numpy() / span
        low, middle, high = np.quantile(values, [0.25, 0.5, 0.75], axis=1)
        ax.errorbar(squares, middle, (middle - low, high - middle), fmt="D", color=GRID, ms=5, lw=1.2, zorder=5,
                    label="GP on a k × k grid")  # fmt: skip
        ax.set(yscale="log", xlabel="evaluations", ylabel="surface RMSE (% of range)", title=LABELS[name][0])
        for formatter in (ax.yaxis.set_major_formatter, ax.yaxis.set_minor_formatter):
            formatter(FuncFormatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in "125" else ""))
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


PANELS = (
    Panel("maps", "Responses and what a campaign asked", "First seed, log expected improvement; the darker, the "
          "later.", maps),
    Panel("best_so_far", "Gap to the best", "Medians over {{ campaigns }} seeds with quartiles. Plain grids hold k² points "
          "(random shifts). Dashed: {{ (100 * tolerance_share) | number }} % of the range.", best_so_far),
    Panel("evaluations", "Evaluations to a good cell", "Median with quartiles; hatched: more than half of the seeds never "
          "get there within {{ evaluations }} evaluations. For plain grids k² of the smallest shifted grid that holds "
          "a good cell, as if its k had been known; below it all grids on the way to it.", evaluations),
    Panel("surface", "Posterior against truth", "Response <i>{{ config.responses[-1] }}</i>, first seed, log expected "
          "improvement. White: cells evaluated. Colours of std and error are common to all budgets but end where the "
          "second budget's do.", surface),
    Panel("surface_error", "Error of the surface", "Root mean square over all cells. The campaign looks for the best cell, "
          "not for the surface; designs that fill the box may know it better.", surface_error),
    RUN_TIME,
)  # fmt: skip
