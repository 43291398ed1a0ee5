"""Figures of the sweep's landscapes and campaigns, and the names and colours that all of its figures share."""

from typing import Any

import numpy as np
import xarray
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter
from scipy.stats import norm

from experiments.lab.plotting import COLOURS, PAGE, SEQUENTIAL, band, colour_bar, panels
from experiments.lab.report import Metrics

TITLES = {
    "ferrosim": "FerroSIM map",
    "branin": "Branin",
    "hartmann6": "Hartmann-6",
    "ackley4": "Ackley-4",
    "matern12": "Matérn-1/2 draw",
    "battery": "Battery",
    "loops": "Loop areas",
    "levy": "Levy",
    "ackley": "Ackley-3",
}
VALUES = {"ferrosim": "Σ|curl P| (model units)", "battery": "Ah", "loops": "log10 of the area"}
AXES = {
    "ferrosim": ("latent $z_1$", "latent $z_2$"),
    "battery": ("first component (A)", "second component (A)"),
    "loops": ("row", "column"),
}
RULES = {
    "logei": ("log EI", COLOURS[0]),
    "pi": ("log PI", COLOURS[2]),
    "scheduled": ("scheduled UCB", COLOURS[2]),
    "randomised": ("randomised UCB", COLOURS[2]),
    "calibrated": ("calibrated κ", COLOURS[5]),
    "quantile": ("κ = z-quantile", COLOURS[2]),
    "portfolio": ("κ portfolio", COLOURS[2]),
    "max_value_entropy": ("max-value entropy", COLOURS[2]),
    "top_two": ("top two by EI", COLOURS[3]),
    "logei_calibrated": ("log EI, calibrated σ", COLOURS[2]),
    "logei_mixture": ("log EI of a mixture", COLOURS[4]),
    "pi_mixture": ("log PI of a mixture", COLOURS[2]),
    "thompson": ("Thompson", COLOURS[2]),
    "random": ("random", "#4a4c50"),
    "sobol": ("Sobol", "#4a4c50"),
}
SHOWN = ("logei", "top_two", "logei_mixture", "calibrated", "random")
COLUMNS = 4  # panels side by side, as many as are legible on a page
ENVELOPE = COLOURS[1]
FLOOR = 1e-4  # of the range: where gaps of zero are drawn


def places_of(results: xarray.Dataset) -> list[str]:
    """Return the names of the landscapes."""
    return [str(name) for name in results.landscape.to_numpy()]


def rules_of(results: xarray.Dataset) -> list[str]:
    """Return the names of the rules and blind orders, which follow the swept weights."""
    return [str(name) for name in results.strategy.to_numpy()[results.sizes["weight"] :]]


def envelope_of(metrics: Metrics, place: str) -> str:
    """Return the name of the strategy with the best κ in hindsight."""
    return f"kappa_{metrics[f'{place}_envelope_kappa']:g}"


def side_by_side(number: int, height: float, **keywords: Any) -> tuple[Figure, list[Axes]]:
    """Return a figure as wide as a page, with that many axes in rows of COLUMNS."""
    columns = min(number, COLUMNS)
    figure, axes = panels(-(-number // columns), columns, PAGE / COLUMNS, height, **keywords)
    for ax in axes.flat[number:]:
        ax.set_axis_off()
    return figure, list(axes.flat[:number])


def landscapes(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the values of each pool, of planar ones as a map and others as a histogram; good candidates are marked."""
    names = places_of(results)
    figure, axes = side_by_side(len(names), 3.4)
    for ax, name in zip(axes, names, strict=True):
        pool, value = results[f"{name}_pool"].to_numpy(), results[f"{name}_value"].to_numpy()
        good = np.argsort(value)[-int(metrics[f"{name}_good_candidates"]) :]
        ax.set_title(f"{TITLES[name]}: {len(good)} of {len(value)}")
        label = VALUES.get(name, "value")
        if pool.shape[1] == 2:
            colour_bar(_planar(ax, pool, value), ax, label=label)
            ax.plot(*pool[good].T, "o", ms=4.5, color=ENVELOPE, mec="white", mew=0.6, clip_on=False)
            first, second = AXES.get(name, ("$x_1$", "$x_2$"))
            ax.set(xlabel=first, ylabel=second)
        else:
            ax.hist(value, bins=40, color=COLOURS[0])
            ax.axvline(value[good].min(), color=ENVELOPE, ls="--")
            ax.set(yscale="log", xlabel=label, ylabel="candidates")
    return figure


def _planar(ax: Axes, pool: np.ndarray, value: np.ndarray) -> Any:
    """Draw values in the plane: as a mesh where the candidates (candidate, 2) fill most of a grid, else as dots."""
    (first, column), (second, row) = (np.unique(axis, return_inverse=True) for axis in pool.T)
    if len(pool) < 0.5 * len(first) * len(second):
        return ax.scatter(*pool.T, c=value, s=8, cmap=SEQUENTIAL, lw=0, rasterized=True)
    table = np.full((len(second), len(first)), np.nan)
    table[row, column] = value
    return ax.pcolormesh(first, second, table, cmap=SEQUENTIAL, rasterized=True)


def regret(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the gap to the pool's maximum against evaluations for the envelope, the extreme weights and the rules."""
    names = places_of(results)
    rules = [rule for rule in SHOWN if rule in rules_of(results)]
    kappa = results.kappa.to_numpy()
    figure, axes = side_by_side(len(names), 3.6, sharey=True)
    for ax, name in zip(axes, names, strict=True):
        part = results.gap.sel(landscape=name)
        evaluation = np.arange(1, part.sizes["evaluation"] + 1)
        for end, style in ((kappa[0], ":"), (kappa[-1], "-.")):
            middle = np.median(part.sel(strategy=f"kappa_{end:g}").to_numpy(), axis=0)
            ax.plot(evaluation, 100 * np.maximum(middle, FLOOR), color="k", lw=1.1, ls=style, label=f"κ = {end:g}")
        for method, label, colour in (
            (envelope_of(metrics, name), "best κ in hindsight", ENVELOPE),
            *((rule, *RULES[rule]) for rule in rules),
        ):
            band(ax, evaluation, 100 * np.maximum(part.sel(strategy=method).to_numpy(), FLOOR), label, colour)
        ax.axhline(100 * metrics[f"{name}_good_within_share_of_range"], color="k", lw=0.8, ls="--")
        ax.set(yscale="log", xlabel="evaluations", ylim=(80 * FLOOR, 110))
        ax.set_title(f"{TITLES[name]} (κ = {metrics[f'{name}_envelope_kappa']:g})")
        ax.yaxis.set_major_locator(FixedLocator([0.01, 0.1, 1, 10, 100]))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: "≤ 0.01" if value < 0.02 else f"{value:g}"))
    for ax in axes[::COLUMNS]:
        ax.set_ylabel("gap to the maximum (% of range)")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def calibration(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw how often observations fell within ±z of the prediction."""
    names, kappa = places_of(results), results.kappa.to_numpy()
    figure, axes = side_by_side(len(names), 3.7, sharey=True)
    nominal = np.linspace(0.01, 0.995, 80)
    edge = norm.ppf(0.5 + nominal / 2)
    for ax, name in zip(axes, names, strict=True):
        part = results.z_score.sel(landscape=name)
        lines = [(envelope_of(metrics, name), "best κ in hindsight", ENVELOPE, "-")]
        lines += [(rule, *RULES[rule], "-") for rule in SHOWN if rule in rules_of(results) and rule != "random"]
        lines += [(f"kappa_{kappa[-1]:g}", f"κ = {kappa[-1]:g}", "k", "-.")]
        for method, label, colour, style in lines:
            z = np.abs(part.sel(strategy=method).to_numpy().ravel())
            z = np.sort(z[np.isfinite(z)])
            ax.plot(nominal, np.searchsorted(z, edge) / len(z), color=colour, ls=style, label=label)
        ax.plot([0, 1], [0, 1], color="k", lw=0.8)
        ax.set(xlabel="expected share within ±z", title=TITLES[name], aspect="equal")
    for ax in axes[::COLUMNS]:
        ax.set_ylabel("observed share")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def weights_in_use(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the κ that the calibrated rule used, and the best κ."""
    names, kappa = places_of(results), results.kappa.to_numpy()
    figure, axes = side_by_side(len(names), 3.1, sharey=True)
    for ax, name in zip(axes, names, strict=True):
        used = results.calibrated_kappa.sel(landscape=name).to_numpy()
        band(ax, np.arange(1, used.shape[1] + 1), used, "calibrated κ", RULES["calibrated"][1])
        ax.axhline(metrics[f"{name}_envelope_kappa"], color=ENVELOPE, ls="--", lw=1.2)
        ax.set(xlabel="evaluations", yscale="log", ylim=(kappa[0] * 0.8, kappa[-1] * 1.2), title=TITLES[name])
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    for ax in axes[::COLUMNS]:
        ax.set_ylabel("κ in use (dashed: best)")
    return figure
