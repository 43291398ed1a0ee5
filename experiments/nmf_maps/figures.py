"""Figures of the report on component maps, drawn from saved results alone."""

import numpy as np
import xarray
from matplotlib.figure import Figure

from experiments.lab.panels import RUN_TIME
from experiments.lab.plotting import COLOURS, SEQUENTIAL, panels
from experiments.lab.report import Metrics, Panel
from experiments.shared.structure_property import figures as shared


def components(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the spectrum of each component above the map of its loading."""
    count = results.sizes["component_number"]
    across = min(count, 4)
    lines = -(-count // across)
    figure, axes = panels(2 * lines, across, 3.6, 2.6, height_ratios=[0.6, 1] * lines)
    for ax in axes.flat:
        ax.set_visible(False)
    for number in range(count):
        top, below = axes[2 * (number // across), number % across], axes[2 * (number // across) + 1, number % across]
        top.set_visible(True)
        below.set_visible(True)
        top.plot(results.energy, results.component[number], color=COLOURS[0])
        top.set(title=f"component {number + 1}: {100 * float(results.share[number]):.0f} %", ylim=(0, 1.05),
                xlabel=f"energy ({results.energy.attrs['units']})")  # fmt: skip
        values = results.loading[:, :, number].to_numpy()
        shown = below.imshow(values, extent=shared.extent(results), cmap=SEQUENTIAL, vmin=0,
                             vmax=np.quantile(values, 0.998), interpolation="nearest")  # fmt: skip
        figure.colorbar(shown, ax=below, shrink=0.9)
        shared.label_axes(below, results)
    return figure


def rank(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the held-out error against the number of components."""
    figure, axes = panels(1, 1, 6.0, 3.8)
    ax, error = axes[0, 0], results.held_out_error.to_numpy()
    ax.plot(results.tried, error, ".", color=COLOURS[2])
    spread = error.std(1, ddof=1) / np.sqrt(error.shape[1])
    ax.errorbar(results.tried, error.mean(1), spread, color=COLOURS[0], capsize=3, label="mean ± standard error")
    ax.axvline(metrics["components_by_held_out_blocks"], color=COLOURS[1], ls="--", label="chosen")
    ax.set(xlabel="components", ylabel="relative error of held-out blocks", yscale="log")
    ax.legend()
    return figure


def regions(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the mean loading of each component on particles, edges, gaps and background."""
    names = list(results.attrs["regions"])
    figure, axes = panels(1, 1, 7.5, 3.6)
    ax, count = axes[0, 0], results.sizes["component_number"]
    if "loading_by_region" not in results:
        ax.text(0.5, 0.5, "the kinds of points of this scan are not known", ha="center", transform=ax.transAxes)
        return figure
    for kind, name in enumerate(names):
        places = np.arange(count) + (kind - 1.5) * 0.2
        ax.bar(places, results.loading_by_region[kind], 0.2, color=COLOURS[kind], label=name)
    ax.set_xticks(range(count), [str(n + 1) for n in range(count)])
    ax.set(xlabel="component", ylabel=f"mean loading ({results.attrs['spectrum_units']})")
    ax.legend()
    return figure


PANELS = (
    Panel("field", "The scan", "Electron image and mean local spectrum.", shared.overview),
    Panel(
        "components",
        "Components and where they are",
        "Spectrum (largest value 1, share of the whole intensity above) and map of its loading, in the unit of the "
        "spectra.",
        components,
    ),
    Panel(
        "rank",
        "How many components",
        "Blocks of spectra and channels that no factorisation used, predicted from the rest: chosen is the smallest "
        "number within one standard error of the best.",
        rank,
    ),
    Panel("regions", "Components and kinds of points", "Mean loading on each kind of point.", regions),
    RUN_TIME,
)
