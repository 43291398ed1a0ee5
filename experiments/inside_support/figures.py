"""Figures of the report on searches inside the support; all draw from saved results alone."""

from typing import Any

import numpy as np
import xarray
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from experiments.inside_support.config import METHODS, OF_THE_FAMILY, PROBLEMS
from experiments.lab.panels import RUN_TIME
from experiments.lab.plotting import COLOURS, band, colour_bar, panels
from experiments.lab.plotting_images import DENSITY, show_grid
from experiments.lab.report import Metrics, Panel

SHADES = (*COLOURS, "#222222", "#3fa7b5", "#c9bd9a")  # one for each method
ACROSS = 3  # problems side by side, so that letters stay large on a page


def searched(metrics: Metrics) -> list[str]:
    """Return the problems that were searched."""
    return [name for name in PROBLEMS if f"{name}_candidates" in metrics]


def on_page(names: list[str], height: float, each: int = 1) -> tuple[Figure, list[Any]]:
    """Return a figure with a place for every problem, and of each its axes, ``each`` of them one above the other."""
    across = min(ACROSS, len(names))
    down = -(-len(names) // across)
    figure, axes = panels(down * each, across, 4.7, height)
    places = axes.reshape(down, each, across).swapaxes(1, 2).reshape(-1, each)
    for ax in places[len(names) :].flat:
        ax.set_visible(False)
    return figure, list(places[: len(names)])


def best_of(results: xarray.Dataset, name: str) -> dict[str, int]:
    """Return the rows of the best candidate and of the best that exists."""
    miss, distance, value = (results[f"{name}_{part}"].to_numpy() for part in ("miss", "distance", "value"))
    value = np.where(np.isnan(value), -np.inf, value)
    exists = (miss <= 1) & (distance <= 1)
    return {"anywhere": int(value.argmax()), "existing": int(np.where(exists, value, -np.inf).argmax())}


def maps(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the value over the box, and the box again with what exists and what is best."""
    names = searched(metrics)
    figure, places = on_page(names, 4.0, 2)
    for (top, bottom), name in zip(places, names, strict=True):
        z, value = results[f"{name}_z"].to_numpy(), results[f"{name}_value"].to_numpy()
        miss, distance, inside = (results[f"{name}_{part}"].to_numpy() for part in ("miss", "distance", "inside"))
        count = len(z) // 2
        side = round(np.sqrt(count))
        axis, square = np.unique(z[:count, 0]), (side, side)
        top.set_facecolor("0.93")  # failed
        mesh = top.pcolormesh(axis, axis, value[:count].reshape(square).T, rasterized=True)
        colour_bar(mesh, top, label=PROBLEMS[name].label)
        kinds = ((miss <= 1) & (distance <= 1)) + 2 * inside
        shades = ListedColormap(["0.93", COLOURS[4], "0.72", COLOURS[0]])
        shown = kinds[:count].reshape(square).T
        bottom.pcolormesh(axis, axis, shown, cmap=shades, vmin=-0.5, vmax=3.5, rasterized=True)
        for ax in (top, bottom):
            for (label, row), marker in zip(best_of(results, name).items(), ("X", "*"), strict=True):
                ax.plot(*z[row], marker, ms=13, color=COLOURS[3], mec="white", label=f"best {label}", ls="none")
            ax.set(xlabel="latent $z_1$", ylabel="latent $z_2$", aspect="equal")
        top.set_title(PROBLEMS[name].title)
        bottom.legend(loc="lower right", fontsize=8)
    return figure


def progress(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the best existing example against evaluations, of every method."""
    names = searched(metrics)
    figure, places = on_page(names, 4.2)
    for (ax,), name in zip(places, names, strict=True):
        best = results[f"{name}_best"].to_numpy()
        evaluation = np.arange(1, best.shape[-1] + 1)
        for colour, paths, label in zip(SHADES, best, METHODS.values(), strict=True):
            band(ax, evaluation, paths, label, colour)
        for number, style, label in (
            (metrics[f"{name}_best_anywhere"], "--", "best candidate, existing or not"),
            (metrics[f"{name}_best_existing"], "-", "best existing candidate"),
            (metrics[f"{name}_best_member"], ":", "best member of the family"),
        ):
            if number is not None and np.isfinite(number):
                ax.axhline(number, color="k", lw=1, ls=style, label=label)
        low = np.nanquantile(best[..., metrics["evaluations"] // 8], 0.1)
        high = max(metrics[f"{name}_best_anywhere"], metrics[f"{name}_best_member"])
        ax.set_ylim(low, high + 0.05 * (high - low))
        ax.set(title=PROBLEMS[name].title, xlabel="evaluations", ylabel=PROBLEMS[name].label)
    figure.legend(*places[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def shares(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the share of evaluations that each method spent on what does not exist."""
    names, methods = searched(metrics), [method for method in METHODS if method not in OF_THE_FAMILY]
    figure, axes = panels(1, 1, 12.0, 4.0)
    ax, width = axes.flat[0], 0.85 / len(names)
    for number, name in enumerate(names):
        heights = [metrics[f"{name}_{method}_asked_outside_share"] for method in methods]
        places = np.arange(len(methods)) + (number - (len(names) - 1) / 2) * width
        ax.bar(places, heights, width, color=COLOURS[number], label=PROBLEMS[name].title)
    ax.set_xticks(range(len(methods)), [METHODS[method].replace(" ", "\n", 1) for method in methods])
    ax.set(ylabel="share of evaluations", ylim=(0, 1))
    figure.legend(loc="outside lower center", ncols=ACROSS)
    return figure


def examples(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the best candidate anywhere, the best that exists, and the best member of the family."""
    names = searched(metrics)
    figure, places = on_page(names, 3.6)
    for (ax,), name in zip(places, names, strict=True):
        value, each = results[f"{name}_value"].to_numpy(), results[f"{name}_example"].to_numpy()
        found = {f"best {label}: {value[row]:.3g}": each[row] for label, row in best_of(results, name).items()}
        found[f"best member: {metrics[f'{name}_best_member']:.3g}"] = results[f"{name}_best_member_example"].to_numpy()
        draw = side_by_side if each.ndim == 3 else over_time
        draw(ax, found)
        ax.set(title=PROBLEMS[name].title, ylabel=PROBLEMS[name].axis)
    return figure


def over_time(ax: Axes, found: dict[str, np.ndarray]) -> None:
    """Draw histories by their names."""
    for colour, (label, history) in zip((COLOURS[3], COLOURS[0], COLOURS[2]), found.items(), strict=True):
        ax.plot(np.linspace(0, 1, len(history)), history, color=colour, label=label)
    ax.set_xlabel("share of the history")
    ax.margins(y=0.3)
    ax.legend(loc="upper right", fontsize=8)


def side_by_side(ax: Axes, found: dict[str, np.ndarray]) -> None:
    """Draw images by their names, which stand below."""
    show_grid(ax, np.stack(list(found.values()))[None], (0.0, 1.0), DENSITY)
    left, right = ax.get_xlim()
    centres = left + (right - left) * (np.arange(len(found)) + 0.5) / len(found)
    ax.set_xticks(centres, [label.replace(": ", "\n") for label in found])
    ax.tick_params(axis="x", length=0)


PANELS = (
    Panel("progress", "Best that exists, against evaluations", "Median and quartiles over {{ campaigns }} seeds. "
          "A method that asks for what does not exist gains nothing here by it. All begin with the same random "
          "candidates inside the support; members of the family are random ones.", progress),
    Panel("maps", "What exists", "Above: value over the box, grey where the evaluation failed. Below: blue exists and "
          "lies in the support, grey lies in the support and does not exist, the light colour exists outside of it. "
          "Star: best candidate that exists; cross: best of all.", maps),
    Panel("shares", "Evaluations spent on what does not exist", "Share of the evaluations after the initial design, "
          "over all seeds.", shares),
    Panel("examples", "The best histories and images", "The best candidate of all, the best that exists, and the best "
          "member of the family.", examples),
    RUN_TIME,
)  # fmt: skip
