"""Figures of the report on optimal control; every function draws from saved results alone."""

from itertools import cycle

import numpy as np
import xarray
from matplotlib.figure import Figure

from experiments.lab.panels import RUN_TIME
from experiments.lab.plotting import COLOURS, band, panels, quiver
from experiments.lab.report import Metrics, Panel
from experiments.optimal_control.config import CONDITIONS
from experiments.shared.lattices.options import PRESETS

NAMES = {"family": "family", "free": "all samples free", "random": "random splines"}
CURL = "Σ|curl P| (model units)"


def name_of(search: str) -> str:
    """Return a search in words."""
    if search.startswith("cma_"):
        return f"CMA-ES, {search.removeprefix('cma_')} splines"
    return NAMES.get(search, f"{search.removeprefix('splines_')} splines")


def searches_of(config: dict, numbers: Metrics) -> list[str]:
    """Return the names of the searches of a run; CMA-ES is among them where its library was installed."""
    splines = [f"splines_{count}" for count in config["coefficients"]]
    evolutions = [f"cma_{count}" for count in config["coefficients"] if f"lecture_cma_{count}_median" in numbers]
    return ["family", *splines, "free", "random", *evolutions]


def histories(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the best history of the family, of the most splines, and with all samples free, of the first seed."""
    splines = [name for name in results.search.to_numpy() if name.startswith("splines")]
    figure, axes = panels(1, 2, 6.0, 3.6, sharey=True)
    for ax, (preset, title) in zip(axes.flat, PRESETS.items(), strict=True):
        for name, colour in zip(("family", splines[-1], "free"), (COLOURS[2], COLOURS[1], COLOURS[0]), strict=True):
            part = results.sel(preset=preset, search=name).isel(seed=0)
            ax.plot(
                part.curve,
                color=colour,
                label=f"{name_of(name)}: {float(part.value):.1f}",
                lw=2 if name != "free" else 1,
            )
        ax.set(title=title, xlabel="step of the drive", ylim=(-1.1, 1.55))
        ax.legend(title=CURL, loc="upper center", ncols=3, fontsize=9, title_fontsize=9, columnspacing=1)
    axes[0, 0].set_ylabel("field / largest field")
    return figure


def growth(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the best objective of every search against the rollouts that it cost, median and quartiles over seeds.

    Of the searches by CMA-ES that of the most splines is shown, in black; the table has the others.
    """
    figure, axes = panels(1, 2, 6.0, 4.2)
    evolutions = [name for name in results.search.to_numpy() if name.startswith("cma_")]
    colours = dict(
        zip((name for name in results.search.to_numpy() if name not in evolutions), cycle(COLOURS), strict=False)
    )
    colours |= {name: "k" for name in evolutions[-1:]}
    for ax, (preset, title) in zip(axes.flat, PRESETS.items(), strict=True):
        for name, colour in colours.items():
            values = results.path.sel(preset=preset, search=name).transpose("seed", "rollout").to_numpy()
            band(ax, results.rollout.to_numpy(), values, name_of(name), colour)
        ax.set(title=title, xlabel="rollouts (a gradient counts as three)", xscale="log")
    axes[0, 0].set_ylabel(CURL)
    axes[0, 1].legend(fontsize=10)
    return figure


def survival(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw what is left of each history under other conditions: medians and ranges over seeds."""
    figure, axes = panels(1, 2, 6.4, 4.0, sharey=True)
    searches = [name for name in results.search.to_numpy() if name != "random" and not name.startswith("cma_")]
    for ax, (preset, title) in zip(axes.flat, PRESETS.items(), strict=True):
        known = [name for name in CONDITIONS if results.left.sel(preset=preset, condition=name).notnull().all()]
        for number, search in enumerate(searches):
            values = (
                results.left.sel(preset=preset, condition=known, search=search)
                .transpose("condition", "seed")
                .to_numpy()
            )
            middle = np.median(values, 1)
            place = np.arange(len(known)) + 0.8 * ((number + 0.5) / len(searches) - 0.5)
            error = [middle - values.min(1), values.max(1) - middle]
            ax.bar(
                place,
                middle,
                0.75 / len(searches),
                yerr=error,
                color=COLOURS[number % len(COLOURS)],
                label=name_of(search),
                capsize=2,
            )
        ax.set_xticks(range(len(known)), [CONDITIONS[name].replace(" ", "\n", 1) for name in known])
        ax.set_title(title)
    axes[0, 0].set_ylabel(CURL)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=len(searches))
    return figure


def known_answers(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the cheapest switching fields, and the courses that the mean polarization was made to follow."""
    figure, axes = panels(1, 3, 4.9, 3.6)
    for ax, name, words in ((axes[0, 0], "one", "one component"), (axes[0, 1], "both", "both components")):
        field = results[f"switching_{name}_field"].to_numpy()
        for component, colour in ((0, COLOURS[0]), (1, COLOURS[1])):
            ax.plot(results.switching_time, field[:, component], color=colour, label=("$E_x$", "$E_y$")[component])
        cost, known = (metrics[f"switching_{name}_{key}"] for key in ("cost", "known"))
        ax.set(title=f"switching, {words}: cost {cost:.3f}\n(known for a long time {known:.3f})", xlabel="model time")
        ax.set_ylabel("field (model units)")
        ax.legend()
    ax = axes[0, 2]
    ax.plot(results.tracking_time, results.tracking_wanted, color=COLOURS[2], lw=4, label="wanted")
    for number in (0, 3):
        course = results.tracking_course.isel(tracked=number)
        ax.plot(results.tracking_time, course, color=COLOURS[number % 2], lw=1.2, label=str(course.tracked.item()))
    ax.set(title="tracking", xlabel="time / drive", ylabel="mean $P_x$ (model units)", ylim=(-0.25, 0.42))
    ax.legend(fontsize=9, loc="upper center")
    return figure


def written(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the wanted patterns and what the tip wrote, without and with defects."""
    patterns = [str(name) for name in results.pattern.to_numpy()]
    figure, axes = panels(len(patterns), 3, 3.8, 3.3)
    for row, pattern in enumerate(patterns):
        part = results.sel(pattern=pattern)
        shown = [("wanted", part.wanted_pattern, None)]
        shown += [
            (f"tip, {of}", part.written_pattern.sel(lattice_of=of), float(part.overlap.sel(lattice_of=of, way="tip")))
            for of in ("clean", "defects")
        ]
        for ax, (title, field, score) in zip(axes[row], shown, strict=True):
            field = field.to_numpy()
            quiver(ax, field, field[1], "$P_y$ (model units)", x_axis="column", limit=0.3, longest=0.35)
            ax.set_title(f"{pattern}: {title}" + ("" if score is None else f", {score:.2f}"), fontsize=11)
    return figure


PANELS = [
    Panel("histories", "Histories", "The best histories of the first seed, and the Σ|curl P| that each ends with.", histories),
    Panel("growth", "What they cost", "Best objective by cost: median and quartiles over {{ seeds }} draws of the defects. "
          "Climbs are of Σ|curl P| less a penalty on the slew.", growth),
    Panel("survival", "What is left of them", "Medians over {{ seeds }} draws of the defects, bars from least to greatest.", survival),
    Panel("known_answers", "Known answers", "Cheapest switching of a uniform lattice; a course that the mean polarization follows.",
          known_answers),
    Panel("written", "Patterns", "Arrows are the polarization, colours its y component; the number is the overlap.", written),
    RUN_TIME,
]  # fmt: skip
