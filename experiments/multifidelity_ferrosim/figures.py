"""Figures of the multi-fidelity report; every function draws from saved results alone."""

import xarray
from matplotlib.figure import Figure

from experiments.lab.panels import RUN_TIME
from experiments.lab.plotting import COLOURS, band, panels
from experiments.lab.report import Metrics, Panel
from experiments.multifidelity_ferrosim.config import METHODS


def maps(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw proxy and target over the drives with one colour scale, and cell against cell."""
    figure, axes = panels(1, 3, 4.9, 4.0)
    low, high = results.low_map.to_numpy(), results.high_map.to_numpy()
    ends = {"vmin": min(low.min(), high.min()), "vmax": max(low.max(), high.max())}
    for ax, values, title in ((axes[0, 0], low, "Proxy, 8 × 8"), (axes[0, 1], high, "Target, 20 × 20")):
        mesh = ax.pcolormesh(results.growth, results.frequency, values, rasterized=True, **ends)
        figure.colorbar(mesh, ax=ax, label="Σ|curl P| per site (model units)")
        ax.set(title=title, xlabel="growth α of the drive", ylabel="frequency ω of the drive")
    ax = axes[0, 2]
    ax.plot(low.ravel(), high.ravel(), ".", ms=4, color=COLOURS[0], alpha=0.6)
    ax.axline((high.mean(), high.mean()), slope=1, color=COLOURS[2], lw=1, label="equal")
    ax.set(title="Cell by cell", xlabel="proxy (model units)", ylabel="target (model units)")
    ax.legend(loc="upper left")
    return figure


def progress(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw RMSE of the surface and distance to the best value, against cost."""
    figure, axes = panels(1, 2, 6.2, 4.2)
    for ax, name, label in (
        (axes[0, 0], "rmse", "RMSE of the target's surface (model units)"),
        (axes[0, 1], "regret", "largest value − best found (model units)"),
    ):
        for colour, (method, text) in zip(COLOURS, METHODS.items(), strict=False):
            band(ax, results.cost.to_numpy(), results[f"{method}_{name}"].to_numpy(), text, colour)
        ax.set(xlabel="cost (simulations of the target)", ylabel=label)
    axes[0, 0].set_ylim(bottom=0)
    axes[0, 0].legend(loc="lower left")
    return figure


PANELS = (
    Panel("maps", "Proxy and target", "The response on both lattices, one random field, of which the proxy has the corner; "
          "correlation {{ correlation_of_maps | number }}.", maps),
    Panel("progress", "Learning the target at equal cost", "Median and quartiles over {{ seeds }} seeds; both kinds of "
          "campaign choose by the mean plus {{ config.kappa }} standard deviations of the target.", progress),
    RUN_TIME,
)  # fmt: skip
