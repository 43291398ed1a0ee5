"""Figures of the report on component maps, drawn from saved results alone."""

import numpy as np
import xarray
from matplotlib.figure import Figure

from experiments.datasets.files.records import Axis
from experiments.lab import plotting_spectra
from experiments.lab.panels import RUN_TIME
from experiments.lab.plotting import COLOURS, panels
from experiments.lab.report import Metrics, Panel
from experiments.shared.structure_property import figures as shared


def components(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the spectrum of each component above the map of its loading."""
    units = results.x.attrs["units"]
    return plotting_spectra.components(
        results.component.to_numpy(),
        results.loading.to_numpy(),
        x=Axis("energy", results.energy.attrs["units"], results.energy.to_numpy()),
        share=results.share.to_numpy(),
        extent=shared.extent(results),
        names=(f"x ({units})", f"y, downwards ({units})"),
    )


def rank(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the held-out error against the number of components."""
    figure, axes = panels(1, 1, 6.0, 3.8)
    ax, error, counts = axes[0, 0], results.held_out_error.to_numpy(), bool(metrics["counts"])
    if counts:  # deviances have no zero: above that of the best number in the mean
        error = error - error.mean(1).min()
    ax.plot(results.tried, error, ".", color=COLOURS[2])
    spread = error.std(1, ddof=1) / np.sqrt(error.shape[1])
    ax.errorbar(results.tried, error.mean(1), spread, color=COLOURS[0], capsize=3, label="mean ± standard error")
    ax.axvline(metrics["components_chosen"], color=COLOURS[1], ls="--", label="chosen")
    label = "half deviance of held-out counts, above the best" if counts else "relative error of held-out blocks"
    ax.set(xlabel="components", ylabel=label, yscale="linear" if counts else "log")
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
