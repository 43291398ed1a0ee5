"""Figures of the report of a study with several objectives, drawn from saved results alone."""

from itertools import combinations
from typing import Any

import numpy as np
import xarray
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from experiments.lab.plotting import COLOURS, SEQUENTIAL, panels
from experiments.lab.report import Metrics, Panel
from experiments.process import log_figures as one
from experiments.process.log_figures import BEYOND, called, draw_maps, draw_own, short


def pairs(number: int) -> list[tuple[int, int]]:
    """Return the pairs of objectives."""
    return list(combinations(range(number), 2))


def scale_of(values: np.ndarray) -> ScalarMappable:
    """Return a scale of colours over values, of which there may be one or none."""
    ends = (values.min(), values.max()) if values.size else (0.0, 1.0)
    return ScalarMappable(Normalize(*ends), SEQUENTIAL)


def steps(ax: Axes, first: np.ndarray, second: np.ndarray, label: str, colour: Any, *, joined: bool) -> None:
    """Draw points of a front, ordered by the first objective, and of two objectives the edge of what they dominate."""
    if joined and first.size:
        ax.plot(first, second, drawstyle="steps-pre", color=colour, lw=1.6)
    ax.plot(first, second, "o", ms=6, color=colour, label=label)


def draw_growth(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the hypervolume over evaluations, and what blind choices would have found."""
    figure, axes = panels(1, 1, 8.0, 4.2)
    ax, volume = axes[0, 0], results.best.to_numpy()
    place = one.draw_blind(ax, results)
    ax.plot(place, volume, color=COLOURS[0], lw=2.2, drawstyle="steps-post", label="evaluated")
    ax.axvline(metrics["initial_points"] + 0.5, color="k", lw=0.8, ls=":")
    ax.set_ylabel("hypervolume")
    one.count_evaluations(ax)
    one.legend_below(figure, ax)
    return figure


def draw_front(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the evaluations by each pair of objectives, and the front."""
    names = [str(name) for name in results.objective.to_numpy()]
    chosen = pairs(len(names))
    figure, axes = panels(1, len(chosen), 5.6, 4.6)
    points, within = results.objectives.to_numpy(), results.within.to_numpy() > 0
    front = results.front_row.to_numpy()
    for ax, (first, second) in zip(axes.flat, chosen, strict=True):
        ax.plot(points[within, first], points[within, second], "o", ms=5, color=COLOURS[2], label="dominated")
        if not within.all():
            ax.plot(points[~within, first], points[~within, second], "x", ms=6, color=COLOURS[1], label=BEYOND)
        steps(ax, points[front, first], points[front, second], "front", COLOURS[0], joined=len(names) == 2)
        for row in front.tolist() if len(front) <= 12 else ():
            place = (points[row, first], points[row, second])
            ax.annotate(called(results, row).removeprefix("id "), place, (4, 4), textcoords="offset points", fontsize=9)
        ax.set(xlabel=short(names[first]), ylabel=short(names[second]))
    axes[0, 0].legend(fontsize=9, loc="lower left")
    return figure


def draw_best(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the histories on the front, coloured by the first objective, and the histories of the file."""
    front = results.front_row.to_numpy()
    return draw_cells(results, results.evaluated_cell.to_numpy()[front], results.objectives[:, 0].to_numpy()[front])


def draw_cells(results: xarray.Dataset, cells: np.ndarray, values: np.ndarray) -> Figure:
    """Draw the histories of candidates, coloured by their values of the first objective, and those of the file."""
    channels = results.attrs["channels"].split("; ")
    figure, axes = panels(1, len(channels), 6.8, 4.4)
    share, scale = np.linspace(0, 1, results.sizes["sample"]), scale_of(values)
    for channel, (ax, label) in enumerate(zip(axes.flat, channels, strict=True)):
        draw_own(ax, results, channel)
        for cell, value in zip(cells, values, strict=True):
            time, history = float(results.cell_duration[cell]) * share, results.cell_history[cell, :, channel]
            ax.plot(time, history, lw=2, color=scale.to_rgba(value))
        ax.set(xlabel=f"time ({results.attrs['time_unit'] or 'steps'})", ylabel=label)
    figure.colorbar(scale, ax=axes[0, -1], label=short(str(results.objective[0].item())))
    return figure


def draw_map(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the mean of every objective, the probability of success and the order of evaluation."""
    names = [short(str(name)) for name in results.objective.to_numpy()]
    shown: list[tuple[np.ndarray, str, dict[str, Any]]] = [
        (mean, name, {}) for mean, name in zip(results["means"].to_numpy(), names, strict=True)
    ]
    probability = "probability of success" if results.attrs["limits"] == "none" else "probability: within limits"
    shown.append((results["probability"].to_numpy(), probability, {"vmin": 0, "vmax": 1}))
    return draw_maps(results, shown, results.evaluated_cell.to_numpy()[results.front_row.to_numpy()], "front")


PANELS = (
    Panel(
        "convergence",
        "Hypervolume, and what blind choices would have found",
        "In the order told; left of the dotted line random candidates. Volume counts above the reference point of "
        "the table, the lowest of each objective that was evaluated within the limits. Bands: median and quartiles of "
        "what random candidates and random histories of the file give at the same number of evaluations, as the model "
        "estimates them from {{ successes }} successes; they were not measured.",
        draw_growth,
    ),
    Panel(
        "front",
        "Front",
        "Both axes are maximised. On the front is what no other evaluation reaches in all objectives and exceeds in "
        "one; numbers are ids of the log.",
        draw_front,
    ),
    Panel("best_histories", "Histories on the front", "Grey: histories of the file.", draw_best),
    Panel(
        "map",
        "Map of the latent space",
        "What the model expects of each of {{ candidates }} candidates, how likely a success within the limits is, and "
        "what was evaluated in which order.",
        draw_map,
    ),
    *one.PANELS[3:],
)
