"""Figures of the sweep over materials; every function draws from saved results alone."""

import numpy as np
import xarray
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.lab.panels import RUN_TIME
from experiments.lab.plotting import COLOURS, SEQUENTIAL, panels
from experiments.lab.report import Metrics, Panel
from experiments.material_sweep.config import PLANES, REFERENCE
from experiments.shared.lattices.family import family_curves

LABELS = {"coupling": "coupling K (model units)", "depolarization": "depolarization", "temperature": "temperature (K)",
          "disorder": "strength of the defects"}  # fmt: skip
QUARTILES = (0.25, 0.5, 0.75)
SAMPLES = 900
LEAST = 0.01  # per cent, the least regret that is drawn


def on_plane(results: xarray.Dataset, plane: int, values: np.ndarray) -> np.ndarray:
    """Return values (material, ...) of the materials of a plane as (first axis, second axis, ...)."""
    chosen = values[results.plane.to_numpy() == plane]
    points = round(len(chosen) ** 0.5)
    return chosen.reshape(points, points, *values.shape[1:])


def along(results: xarray.Dataset, axis: str, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the points of an axis, and values (point, ...) in the row of its plane nearest to the reference."""
    plane = next(number for number, axes in enumerate(PLANES) if axis in axes)
    other = next(name for name in PLANES[plane] if name != axis)
    places, values = (on_plane(results, plane, part) for part in (results[axis].to_numpy(), values))
    across = on_plane(results, plane, results[other].to_numpy())
    if PLANES[plane][0] != axis:
        places, across, values = places.T, across.T, values.swapaxes(0, 1)
    row = int(np.abs(across[0] - REFERENCE[other]).argmin())
    return places[:, row], values[:, row]


def profiles(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the best objective without cost along each axis of material space, and regrets of four ways to a history."""
    axes_names = [axis for axes in PLANES for axis in axes]
    figure, axes = panels(2, len(axes_names), 3.5, 3.3, sharey="row")
    ways = (("regret", "campaign", COLOURS[0]), ("random_regret", "random, expected", COLOURS[2]),
            ("reference_loss", "the reference's best history", COLOURS[1]),
            ("others_loss", "best history of other defects", COLOURS[3]))  # fmt: skip
    for column, axis in enumerate(axes_names):
        for name, label, colour in (("best", "campaigns", COLOURS[0]), ("random_best", "random, expected", COLOURS[2])):
            places, values = along(results, axis, results[name].to_numpy()[:, 0])
            low, middle, high = np.quantile(values, QUARTILES, axis=1)
            axes[0, column].plot(places, middle, "o-", ms=3, color=colour, label=label)
            axes[0, column].fill_between(places, low, high, color=colour, alpha=0.2, lw=0)
        places, values = along(results, axis, results.optimum.to_numpy()[:, 0])
        axes[0, column].plot(places, np.median(values, 1), ":", color="k", label="all histories")
        for name, label, colour in ways:
            places, values = along(results, axis, 100 * results[name].to_numpy()[:, 0])
            low, middle, high = np.maximum(np.quantile(values, QUARTILES, axis=1), LEAST)
            axes[1, column].plot(places, middle, "o-", ms=3, color=colour, label=label)
            axes[1, column].fill_between(places, low, high, color=colour, alpha=0.12, lw=0)
        axes[1, column].set(xlabel=LABELS[axis], yscale="log")
    axes[0, 0].set_ylabel("best Σ|curl P| (model units)")
    axes[1, 0].set_ylabel("regret (% of the range)")
    axes[0, 0].legend(fontsize=9)
    axes[1, -1].legend(fontsize=8)
    return figure


def plane_map(results: xarray.Dataset, ax: Axes, plane: int, values: np.ndarray, label: str, **keywords) -> None:
    """Draw values (material,) over a plane, with a number in every cell."""
    first, second = PLANES[plane]
    grid = on_plane(results, plane, values).T
    x, y = (np.unique(on_plane(results, plane, results[axis].to_numpy())) for axis in (first, second))
    image = ax.pcolormesh(x, y, grid, cmap=SEQUENTIAL, shading="nearest", **keywords)
    ax.figure.colorbar(image, ax=ax, label=label)
    for (row, column), value in np.ndenumerate(grid):
        ax.text(float(x[column]), float(y[row]), f"{value:.2g}", ha="center", va="center", fontsize=8,
                bbox={"facecolor": "white", "alpha": 0.6, "linewidth": 0, "pad": 1})  # fmt: skip
    ax.set(xlabel=LABELS[first], ylabel=LABELS[second], xticks=x, yticks=y)
    ax.set_xticklabels([f"{place:.3g}" for place in x])
    ax.set_yticklabels([f"{place:.3g}" for place in y])


def values(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw for each plane and weight the median best objective, its spread over seeds, and the gain over random."""
    weights = results.weight.to_numpy()
    figure, axes = panels(len(PLANES) * len(weights), 3, 4.4, 3.4)
    for row, (plane, number) in enumerate(np.ndindex(len(PLANES), len(weights))):
        best, random = (results[name].to_numpy()[:, number] for name in ("best", "random_best"))
        low, middle, high = np.quantile(best, QUARTILES, axis=1)
        plane_map(results, axes[row, 0], plane, middle, "best objective, median")
        plane_map(results, axes[row, 1], plane, high - low, "distance of its quartiles")
        plane_map(results, axes[row, 2], plane, np.median(best - random, 1), "gain over random, median")
        axes[row, 0].set_title(f"weight of the cost {weights[number]:g}")
    return figure


def histories(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw for each plane and weight the median growth, frequency and amplitude of the best history."""
    weights = results.weight.to_numpy()
    figure, axes = panels(len(PLANES) * len(weights), 3, 4.4, 3.4)
    for row, (plane, number) in enumerate(np.ndindex(len(PLANES), len(weights))):
        found = results.history.to_numpy()[:, number]
        for column, name in enumerate(("growth", "frequency", "amplitude")):
            inputs = results[name].to_numpy()
            span = {"vmin": inputs.min(), "vmax": inputs.max() if name != "amplitude" else None}
            middle = np.median(inputs[found], 1)
            plane_map(results, axes[row, column], plane, middle, f"{name} of the best history", **span)
        axes[row, 0].set_title(f"weight of the cost {weights[number]:g}")
    return figure


def losses(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw for each plane and weight what is lost with the reference's best history, and with another draw's."""
    weights = results.weight.to_numpy()
    figure, axes = panels(len(PLANES) * len(weights), 3, 4.4, 3.4)
    columns = (("regret", "regret of the campaign (%)"), ("reference_loss", "loss with the reference's\nbest history (%)"),
               ("others_loss", "loss with the best history\nof other defects (%)"))  # fmt: skip
    for row, (plane, number) in enumerate(np.ndindex(len(PLANES), len(weights))):
        for column, (name, label) in enumerate(columns):
            middle = 100 * np.median(results[name].to_numpy()[:, number], 1)
            plane_map(results, axes[row, column], plane, middle, label, vmin=0)
        axes[row, 0].set_title(f"weight of the cost {weights[number]:g}")
    return figure


def convergence(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the regret of all campaigns against evaluations, for every weight."""
    weights = results.weight.to_numpy()
    figure, axes = panels(1, len(weights), 5.0, 3.4, sharey=True)
    best = np.maximum.accumulate(results.value.to_numpy(), -1)
    cost = results.cost.to_numpy()
    for number, (ax, weight) in enumerate(zip(axes.flat, weights, strict=True)):
        objective = results.curl.to_numpy() - weight * cost
        span = np.ptp(objective, axis=-1)[..., None]
        left = 100 * (results.optimum.to_numpy()[:, number, :, None] - best[:, number]) / span
        low, middle, high = np.quantile(left.reshape(-1, left.shape[-1]), QUARTILES, axis=0)
        evaluations = np.arange(1, left.shape[-1] + 1)
        ax.plot(evaluations, middle, color=COLOURS[0], label="campaigns")
        ax.fill_between(evaluations, low, high, color=COLOURS[0], alpha=0.2, lw=0)
        random = 100 * np.median(results.random_regret.to_numpy()[:, number])
        ax.plot(evaluations[-1], random, "s", color=COLOURS[2], label="random, expected")
        ax.set(xlabel="evaluations", title=f"weight of the cost {weight:g}", ylim=(0, None))
    axes[0, 0].set_ylabel("regret (% of the range)")
    axes[0, 0].legend()
    return figure


def best_curves(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the best histories of all seeds in the corners of both planes, first weight."""
    figure, axes = panels(len(PLANES), 4, 3.6, 2.6, sharex=True, sharey=True)
    found = results.history.to_numpy()[:, 0]
    growth, frequency, amplitude = (results[name].to_numpy() for name in ("growth", "frequency", "amplitude"))
    for plane, (first, second) in enumerate(PLANES):
        grid = on_plane(results, plane, found)
        places = [on_plane(results, plane, results[axis].to_numpy()) for axis in (first, second)]
        for ax, (i, j) in zip(axes[plane], ((0, 0), (0, -1), (-1, 0), (-1, -1)), strict=True):
            rows = grid[i, j]
            curves = amplitude[rows, None] * family_curves(growth[rows], frequency[rows], SAMPLES)
            ax.plot(curves.T, color=COLOURS[0], lw=1, alpha=0.6)
            ax.set_title(f"{first} {places[0][i, j]:.3g}, {second} {places[1][i, j]:.3g}", fontsize=9)
    figure.supxlabel("sample")
    figure.supylabel("field (largest field)")
    return figure


PANELS = [
    Panel("profiles", "Through the reference", "Along each axis, in the row of its plane nearest to the reference: best "
          "Σ|curl P| without a cost (above), and regret of the campaign, of random search, of the history that is best in the "
          "reference and of those that are best with other defects (below). Medians and quartiles over {{ seeds }} draws of "
          "the defects.", profiles),
    Panel("values", "The optimum's value", "Campaigns of {{ evaluations }} evaluations; random search of the same budget.",
          values),
    Panel("histories", "The optimum's history", "Growth, frequency and amplitude of the best history of a campaign, medians "
          "over seeds.", histories),
    Panel("losses", "What a history is worth elsewhere", "In % of the landscape's range, medians over seeds: regret of the "
          "campaign; loss with the history that is best in the reference material, with the same defects; loss with "
          "histories that are best in the same material with other defects.", losses),
    Panel("convergence", "Regret against evaluations", "All materials and seeds: medians and quartiles.", convergence),
    Panel("curves", "Best histories", "In the corners of both planes, one line for each draw of the defects.", best_curves),
    RUN_TIME,
]  # fmt: skip
