"""Figures of the sweep's landscapes and campaigns, and the names and colours that all of its figures share."""

import numpy as np
import xarray
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter
from scipy.stats import norm

from experiments.lab.plotting import COLOURS, SEQUENTIAL, band, colour_bar, panels
from experiments.lab.report import Metrics

TITLES = {
    "ferrosim": "FerroSIM map",
    "branin": "Branin",
    "hartmann6": "Hartmann-6",
    "levy": "Levy",
    "ackley": "Ackley",
}
RULES = {
    "logei": ("log EI", COLOURS[0]),
    "pi": ("log PI", COLOURS[2]),
    "scheduled": ("scheduled UCB", COLOURS[2]),
    "randomised": ("randomised UCB", COLOURS[2]),
    "calibrated": ("calibrated κ", COLOURS[4]),
    "quantile": ("κ = z-quantile", COLOURS[2]),
    "portfolio": ("κ portfolio", COLOURS[3]),
    "max_value_entropy": ("max-value entropy", COLOURS[5]),
    "thompson": ("Thompson", COLOURS[2]),
    "random": ("random", "#4a4c50"),
    "sobol": ("Sobol", "#4a4c50"),
}
SHOWN = ("logei", "calibrated", "portfolio", "max_value_entropy", "random")
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


def landscapes(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw each pool's values, a planar grid as a map and others as a histogram; the good candidates are marked."""
    names = places_of(results)
    figure, axes = panels(1, len(names), 4.9, 3.9)
    for ax, name in zip(axes.flat, names, strict=True):
        pool, value = results[f"{name}_pool"].to_numpy(), results[f"{name}_value"].to_numpy()
        good = np.argsort(value)[-int(metrics[f"{name}_good_candidates"]) :]
        title = f"{TITLES[name]}: {len(good)} good of {len(value)}"
        if pool.shape[1] == 2:
            first, second = np.unique(pool[:, 0]), np.unique(pool[:, 1])
            order = np.lexsort((pool[:, 0], pool[:, 1]))
            table = value[order].reshape(len(second), len(first))
            mesh = ax.pcolormesh(first, second, table, cmap=SEQUENTIAL, rasterized=True)
            label = "Σ|curl P| (model units)" if name == "ferrosim" else "value"
            colour_bar(mesh, ax, label=label)
            ax.plot(*pool[good].T, "o", ms=4.5, color=ENVELOPE, mec="white", mew=0.6, clip_on=False)
            axis = "latent $z_{}$" if name == "ferrosim" else "$x_{}$"
            ax.set(xlabel=axis.format(1), ylabel=axis.format(2), title=title, aspect="equal")
        else:
            ax.hist(value, bins=40, color=COLOURS[0])
            ax.axvline(value[good].min(), color=ENVELOPE, ls="--")
            ax.annotate(
                "good",
                (value[good].min(), 0.6),
                (5, 0),
                color=ENVELOPE,
                textcoords="offset points",
                xycoords=("data", "axes fraction"),
            )
            ax.set(yscale="log", xlabel="value", ylabel="candidates", title=title)
    return figure


def regret(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the gap to the pool's maximum against evaluations for the envelope, the extreme weights and the rules."""
    names = places_of(results)
    rules = [rule for rule in SHOWN if rule in rules_of(results)]
    kappa = results.kappa.to_numpy()
    figure, axes = panels(1, len(names), 4.9, 4.0, sharey=True)
    for ax, name in zip(axes.flat, names, strict=True):
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
        ax.set_title(f"{TITLES[name]} (best κ {metrics[f'{name}_envelope_kappa']:g})")
        ax.yaxis.set_major_locator(FixedLocator([0.01, 0.1, 1, 10, 100]))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: "≤ 0.01" if value < 0.02 else f"{value:g}"))
    axes[0, 0].set_ylabel("gap to the maximum (% of range)")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def calibration(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw how often observations fell within ±z of the prediction, and the κ that the calibrated rule used."""
    names, kappa = places_of(results), results.kappa.to_numpy()
    used = "calibrated_kappa" in results
    figure, axes = panels(1 + used, len(names), 4.7, 3.7, sharex="row", sharey="row")
    nominal = np.linspace(0.01, 0.995, 80)
    edge = norm.ppf(0.5 + nominal / 2)
    for ax, name in zip(axes[0], names, strict=True):
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
    axes[0, 0].set_ylabel("observed share")
    for ax, name in zip(axes[1] if used else (), names, strict=used):
        used_kappa = results.calibrated_kappa.sel(landscape=name).to_numpy()
        band(ax, np.arange(1, used_kappa.shape[1] + 1), used_kappa, "calibrated κ", RULES["calibrated"][1])
        ax.axhline(metrics[f"{name}_envelope_kappa"], color=ENVELOPE, ls="--", lw=1.2)
        ax.set(xlabel="evaluations", yscale="log", ylim=(kappa[0] * 0.8, kappa[-1] * 1.2))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    if used:
        axes[1, 0].set_ylabel("κ in use (dashed: best)")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure
