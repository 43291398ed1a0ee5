"""Figures of the report on latent ascent; every function draws from saved results alone."""

import numpy as np
import xarray
from matplotlib.figure import Figure

from experiments.gradient_latent.config import SEARCHES
from experiments.lab.panels import RUN_TIME
from experiments.lab.plotting import COLOURS, SEQUENTIAL, band, colour_bar, panels
from experiments.lab.report import Metrics, Panel
from experiments.shared.lattices.options import PRESETS

CURL = "Σ|curl P| (model units)"
SHOWN = ("log_ei", "ucb", "log_ei_gradient", "random_gradient", "gradient", "cma_es", "random")  # of growth


def stems_of(metrics: Metrics, preset: str) -> list[str]:
    """Return the beginnings of the names of a preset's numbers, one for each map."""
    return [f"map{number}_{preset}" for number in range(int(metrics["maps"]))]


def known(results: xarray.Dataset) -> list[str]:
    """Return the searches of a run."""
    return [str(name) for name in results.search.to_numpy()]


def arrivals(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw what every search of every map had spent when it arrived; those that never did stand at the right edge."""
    figure, axes = panels(1, 2, 6.4, 6.2, sharey=True)
    names, price, budget = known(results), float(metrics["price"]), float(metrics["budget"])
    worth = results.arrival_values + price * results.arrival_gradients
    beyond = 1.12 * budget
    for ax, (preset, title) in zip(axes.flat, PRESETS.items(), strict=True):
        for row, name in enumerate(names):
            for number in range(worth.sizes["map"]):
                cost = worth.sel(preset=preset, search=name).isel(map=number).to_numpy()
                height = row + 0.24 * (number - (worth.sizes["map"] - 1) / 2)
                there = np.isfinite(cost)
                colour = COLOURS[number % len(COLOURS)]
                ax.plot(cost[there], np.full(there.sum(), height), "o", ms=4, color=colour, alpha=0.6, mew=0)
                middle = metrics[f"map{number}_{preset}_{name}_worth_median"]
                if middle is not None:
                    ax.plot([middle] * 2, [height - 0.1, height + 0.1], color=colour, lw=3)
                if (~there).any():
                    ax.text(beyond, height, str((~there).sum()), color=colour, ha="center", va="center", fontsize=9)
        ax.axvline(budget, color="k", lw=0.8, ls=":")
        ax.text(beyond, -0.75, "never", ha="center", va="center", fontsize=10)
        ax.set(title=title, xlabel="rollouts' worth until arrival", xlim=(0, 1.2 * budget))
        ax.set_xticks(np.linspace(0, budget, 7).round())
        ax.set_yticks(range(len(names)), [SEARCHES[name] for name in names])
    axes[0, 0].invert_yaxis()
    handles = [
        axes[0, 0].plot([], [], "o", color=COLOURS[number % len(COLOURS)], label=f"map {number + 1}")[0]
        for number in range(worth.sizes["map"])
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def growth(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the best value by cost of the first map, median and quartiles over seeds."""
    figure, axes = panels(1, 2, 6.4, 4.2)
    names = [name for name in SHOWN if name in known(results)]
    colours: dict[str, str] = dict(zip(SHOWN, [*COLOURS, "k"], strict=False))
    for ax, (preset, title) in zip(axes.flat, PRESETS.items(), strict=True):
        part = results.growth.sel(preset=preset).isel(map=0)
        for name in names:
            values = part.sel(search=name).transpose("seed", "spent").to_numpy()
            band(ax, results.spent.to_numpy(), values, SEARCHES[name], colours[name])
        ax.axhline(float(results.threshold.sel(preset=preset).isel(map=0)), color="k", lw=0.8, ls=":")
        ax.set(title=title, xlabel="rollouts' worth")
    axes[0, 0].set_ylabel(f"best {CURL}")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def landscape(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the first map of each preset, and where ascents from random cells lead."""
    figure, axes = panels(1, 2, 6.0, 4.6, sharey=True)
    cells = results.cell.isel(map=0).to_numpy()
    for ax, (preset, title) in zip(axes.flat, PRESETS.items(), strict=True):
        part = results.sel(preset=preset).isel(map=0)
        dots = ax.scatter(*cells.T, c=part.target, s=3, cmap=SEQUENTIAL, marker="s", linewidths=0, rasterized=True)
        start, end = part.survey_start.to_numpy(), part.survey_end.to_numpy()
        ax.plot(*np.stack([start, end]).transpose(2, 0, 1), color="white", lw=0.6, alpha=0.8)
        there = part.survey_end_value.to_numpy() >= float(part.threshold)
        ax.plot(*end[~there].T, "o", ms=4, color="white", mec="k", mew=0.5, label="end of an ascent")
        ax.plot(*end[there].T, "*", ms=10, color=COLOURS[1], mec="k", mew=0.5, label="among the best cells")
        ax.set(title=f"{title}, map 1", xlabel="latent $z_1$", aspect="equal")
        colour_bar(dots, ax, label=CURL)
    axes[0, 0].set_ylabel("latent $z_2$")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def kinks(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw value and slope along a line through the best cell of the first map, with and without rounded kinks."""
    figure, axes = panels(2, 2, 6.0, 2.9, sharex=True)
    distance = results.line_distance.to_numpy()
    for column, (preset, title) in enumerate(PRESETS.items()):
        part = results.sel(preset=preset).isel(map=0)
        for name, label, colour in (("", "Σ|curl P|", COLOURS[0]), ("smooth_", "kinks rounded", COLOURS[1])):
            axes[0, column].plot(distance, part[f"line_{name}value"], color=colour, label=label, lw=1.2)
            axes[1, column].plot(distance, part[f"line_{name}slope"], color=colour, label=label, lw=1.0)
        axes[1, column].axhline(0, color="k", lw=0.6)
        axes[0, column].set_title(f"{title}, map 1")
        axes[1, column].set_xlabel("distance from the best cell (standard deviations)")
    axes[0, 0].set_ylabel(CURL)
    axes[1, 0].set_ylabel("slope (model units per\nstandard deviation)")
    axes[0, 1].legend()
    return figure


def held(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the value of what each search found, and what is left of it after the longer hold."""
    figure, axes = panels(1, 2, 6.4, 4.2, sharey=True)
    names = known(results)
    for ax, (preset, title) in zip(axes.flat, PRESETS.items(), strict=True):
        for offset, name, label, colour in (
            (-0.2, "value", "as found", COLOURS[0]),
            (0.2, "held", "after the hold", COLOURS[1]),
        ):
            for row, search in enumerate(names):
                values = results[name].sel(preset=preset, search=search).to_numpy().ravel()
                middle = np.median(values)
                error = [[middle - values.min()], [values.max() - middle]]
                ax.errorbar(
                    middle, row + offset, xerr=error, fmt="o", color=colour, capsize=3, label=label if not row else None
                )
        ax.set(title=title, xlabel=CURL)
        ax.set_yticks(range(len(names)), [SEARCHES[name] for name in names])
    axes[0, 0].invert_yaxis()
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


PANELS = [
    Panel("arrivals", "What arrival costs", "One dot a seed, bars are medians; numbers at the right edge are seeds that did "
          "not arrive within {{ budget }} rollouts. A value with its gradient counts as {{ price | number }}.", arrivals),
    Panel("growth", "What they find", "Best value by cost, map 1: median and quartiles over {{ seeds }} seeds; dotted: what "
          "counts as arrived.", growth),
    Panel("landscape", "Where ascents lead", "Cells inside the training support, and {{ survey_starts }} ascents of twice "
          "{{ steps }} steps from random ones.", landscape),
    Panel("kinks", "Kinks", "Value and slope, by gradient, along a line through the best cell; kinks of |curl| rounded at "
          "{{ smooth_width }} model units.", kinks),
    Panel("held", "After a hold", "What every search found, all maps and seeds: median, least and greatest; the same after "
          "{{ long_hold_steps }} more steps with the field held.", held),
    RUN_TIME,
]  # fmt: skip
