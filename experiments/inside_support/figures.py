"""Figures of the report on searches inside the support; all draw from saved results alone."""

import numpy as np
import xarray
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from experiments.inside_support.arrays import UNITS
from experiments.inside_support.config import METHODS, OF_THE_FAMILY
from experiments.lab.panels import RUN_TIME
from experiments.lab.plotting import COLOURS, band, panels
from experiments.lab.report import Metrics, Panel

TITLES = {"lecture": "Lattice, lecture preset", "physical": "Lattice, physical preset", "annealing": "Annealed film"}
SHADES = (*COLOURS, "#222222", "#3fa7b5", "#c9bd9a")  # one for each method
LABELS = {"lecture": "Σ|curl P| (model units)", "physical": "Σ|curl P| (model units)", "annealing": "quality"}


def problems_of(results: xarray.Dataset) -> list[str]:
    """Return the problems that were searched."""
    return [name for name in UNITS if f"{name}_value" in results]


def exists_in(results: xarray.Dataset, name: str) -> np.ndarray:
    """Return which candidates exist."""
    miss, distance = (results[f"{name}_{part}"].to_numpy() for part in ("miss", "distance"))
    return (miss <= 1) & (distance <= 1)


def maps(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the value over the box, and the box again with what exists and what is best."""
    names = problems_of(results)
    figure, axes = panels(2, len(names), 4.8, 4.2)
    for (top, bottom), name in zip(axes.T, names, strict=True):
        z, value = results[f"{name}_z"].to_numpy(), results[f"{name}_value"].to_numpy()
        inside, exists = results[f"{name}_inside"].to_numpy().astype(bool), exists_in(results, name)
        count = len(z) // 2
        side = round(np.sqrt(count))
        axis, square = np.unique(z[:count, 0]), (side, side)
        mesh = top.pcolormesh(axis, axis, value[:count].reshape(square).T, rasterized=True)
        figure.colorbar(mesh, ax=top, label=LABELS[name])
        kinds = (exists + 2 * inside)[:count].reshape(square).T
        shades = ListedColormap(["0.93", COLOURS[4], "0.72", COLOURS[0]])
        bottom.pcolormesh(axis, axis, kinds, cmap=shades, vmin=-0.5, vmax=3.5, rasterized=True)
        best = {"best anywhere": value.argmax(), "best existing": np.where(exists, value, -np.inf).argmax()}
        for ax in (top, bottom):
            for (label, row), marker in zip(best.items(), ("X", "*"), strict=True):
                ax.plot(*z[row], marker, ms=13, color=COLOURS[3], mec="white", label=label, ls="none")
            ax.set(xlabel="latent $z_1$", ylabel="latent $z_2$", aspect="equal")
        top.set_title(TITLES[name])
        bottom.legend(loc="lower right", fontsize=8)
    return figure


def progress(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the best existing history against evaluations, of every method."""
    names = problems_of(results)
    figure, axes = panels(1, len(names), 5.4, 4.6)
    for ax, name in zip(axes.flat, names, strict=True):
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
        ax.set(title=TITLES[name], xlabel="evaluations", ylabel=f"best existing: {LABELS[name]}")
    figure.legend(*axes.flat[0].get_legend_handles_labels(), loc="outside lower center", ncols=5, fontsize=9)
    return figure


def shares(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the share of evaluations that each method spent on histories that do not exist."""
    names, methods = problems_of(results), [method for method in METHODS if method not in OF_THE_FAMILY]
    figure, axes = panels(1, 1, 8.0, 3.6)
    ax, width = axes.flat[0], 0.8 / len(names)
    for number, name in enumerate(names):
        heights = [metrics[f"{name}_{method}_asked_outside_share"] for method in methods]
        places = np.arange(len(methods)) + (number - (len(names) - 1) / 2) * width
        ax.bar(places, heights, width, color=COLOURS[number], label=TITLES[name])
    ax.set_xticks(
        range(len(methods)), [METHODS[method].replace(" (", "\n(") for method in methods], rotation=25, ha="right"
    )
    ax.set(ylabel="share of evaluations", ylim=(0, 1))
    ax.legend()
    return figure


def histories(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the best history anywhere and the best that exists."""
    names = problems_of(results)
    figure, axes = panels(1, len(names), 4.8, 3.4)
    for ax, name in zip(axes.flat, names, strict=True):
        history, value = results[f"{name}_history"].to_numpy(), results[f"{name}_value"].to_numpy()
        exists = exists_in(results, name)
        place = np.linspace(0, 1, history.shape[1])
        rows = (("anywhere", value.argmax()), ("existing", np.where(exists, value, -np.inf).argmax()))
        for colour, (label, row) in zip((COLOURS[3], COLOURS[0]), rows, strict=True):
            ax.plot(place, history[row], color=colour, label=f"best {label}: {value[row]:.3g}")
        ax.set(title=TITLES[name], xlabel="share of the history", ylabel="temperature (°C)" if name == "annealing"
               else "field (of its amplitude)")  # fmt: skip
        ax.margins(y=0.3)
        ax.legend(loc="upper right", fontsize=8)
    return figure


PANELS = (
    Panel("progress", "Best history that exists, against evaluations", "Median and quartiles over {{ campaigns }} seeds. "
          "A method that asks for what does not exist gains nothing here by it. All begin with the same random "
          "candidates inside the support; members of the family are random ones.", progress),
    Panel("maps", "What exists", "Above: value over the box. Below: blue exists and lies in the support, grey lies in the "
          "support and does not exist, the light colour exists outside of it. Star: best candidate that exists; cross: "
          "best of all.", maps),
    Panel("shares", "Evaluations spent on what does not exist", "Share of the evaluations after the initial design, "
          "over all seeds.", shares),
    Panel("histories", "The best histories", "The best candidate of all, and the best that exists.", histories),
    RUN_TIME,
)  # fmt: skip
