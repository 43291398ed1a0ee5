"""Figures of the page on campaigns of a JAX function with several objectives, drawn from saved results alone."""

import numpy as np
import xarray
from matplotlib.figure import Figure

from experiments.lab.plotting import BEHIND, panels
from experiments.lab.report import Metrics, Panel
from experiments.process import campaign_figures as one
from experiments.process import fronts
from experiments.process.log_figures import short
from experiments.process.log_front_figures import draw_cells, pairs, steps


def median_seed(results: xarray.Dataset, method: int) -> int:
    """Return the seed with the median hypervolume at the end, of an even number the lower one."""
    order = np.argsort(results.paths[method, :, -1].to_numpy(), kind="stable")
    return int(order[(len(order) - 1) // 2])


def front_of(results: xarray.Dataset, method: int) -> tuple[int, np.ndarray]:
    """Return the median seed of a method, and the evaluations on its front."""
    seed = median_seed(results, method)
    return seed, fronts.rows_of(
        results.objectives[method, seed].to_numpy(), results.within[method, seed].to_numpy() > 0
    )


def draw_fronts(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the front of the median seed of every method, for each pair of objectives, and all that was seen in grey."""
    names = [str(name) for name in results.objective.to_numpy()]
    chosen = pairs(len(names))
    figure, axes = panels(1, len(chosen), 5.4, 4.4)
    seen = results.objectives.to_numpy()[results.within.to_numpy() > 0]
    for ax, (first, second) in zip(axes.flat, chosen, strict=True):
        ax.scatter(seen[:, first], seen[:, second], s=8, color=BEHIND, linewidths=0)
        for method, name, colour in one.methods(results):
            seed, rows = front_of(results, method)
            points = results.objectives[method, seed].to_numpy()[rows]
            steps(ax, points[:, first], points[:, second], name, colour, joined=len(names) == 2)
        ax.set(xlabel=short(names[first]), ylabel=short(names[second]))
    axes[0, 0].legend(fontsize=9, loc="lower left")
    return figure


def draw_best(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the histories on the front of the first method's median seed, coloured by the first objective."""
    seed, rows = front_of(results, 0)
    cells, values = results.chosen[0, seed].to_numpy()[rows], results.objectives[0, seed, :, 0].to_numpy()[rows]
    return draw_cells(results, cells, values)


PANELS = (
    Panel(
        "convergence",
        "Hypervolume, and blind choices at the same budget",
        "Medians and quartiles of {{ seeds }} seeds. Volume counts above the lowest value of each objective that any "
        "method has seen within the limits.",
        one.draw_convergence,
    ),
    Panel("fronts", "Fronts", "Of every method that of its median seed; grey: all that was seen.", draw_fronts),
    Panel("best_histories", "Histories on the front", "Of the median seed; grey: histories of the file.", draw_best),
    *one.PANELS[2:],
)
