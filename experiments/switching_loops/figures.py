"""Figures of the report on switching loops, drawn from saved results alone."""

from typing import Any

import numpy as np
import xarray
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from experiments.lab.panels import RUN_TIME
from experiments.lab.plotting import COLOURS, DIVERGING, band, colour_bar, panels
from experiments.lab.report import Metrics, Panel

STRATEGIES = {
    "deep": ("deep kernel on patches", COLOURS[1]),
    "latents": ("VAE latents of patches", COLOURS[0]),
    "patches": ("patches", COLOURS[3]),
    "position": ("position", COLOURS[4]),
    "random": ("random", COLOURS[2]),
}
PREDICTORS = {"model": "encoder–decoder", "ridge": "ridge", "nearest": "nearest patch"}
LEARNED = {"coercive_up": "coercive bias, rising", "coercive_down": "coercive bias, falling", "width": "width"}


def closed(values: np.ndarray) -> np.ndarray:
    """Return a loop [step] with its first sample again at its end."""
    return np.append(values, values[:1])


def on_scan(axes: Axes, results: xarray.Dataset, values: np.ndarray, title: str, label: str, **keywords: Any) -> None:
    """Draw a map [ny nx] of the scan in the unit of its pixels; points without a value are grey."""
    pixel, unit = results.attrs["pixel"], results.attrs["pixel_unit"]
    if unit == "m":
        pixel, unit = 1e9 * pixel, "nm"
    elif unit == "point":
        pixel = 1.0
    rows, columns = values.shape
    axes.set_facecolor("0.75")
    extent = (0, columns * pixel, rows * pixel, 0)
    image = axes.imshow(np.ma.masked_invalid(values), extent=extent, interpolation="nearest", **keywords)
    axes.set(title=title, xlabel=f"x ({unit})", ylabel=f"y ({unit})")
    colour_bar(image, axes, label=label)


def span(values: np.ndarray, share: float = 0.02) -> dict[str, float]:
    """Return colour limits that leave out ``share`` of the values at each end."""
    low, high = np.nanquantile(values, [share, 1 - share])
    return {"vmin": float(low), "vmax": float(high)}


def maps(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the domain image, bad samples, areas and fitted parameters over the scan."""
    figure, axes = panels(2, 4, 4.4, 3.7)
    image = results.image.to_numpy()
    on_scan(
        axes[0, 0],
        results,
        image,
        "domain image",
        f"response ({unit_of(results.image)})",
        cmap=DIVERGING,
        **span(image),
    )
    share = results.bad.mean("step").to_numpy()
    on_scan(axes[0, 1], results, share, "bad samples", "share of the loop", vmin=0, vmax=0.5)
    area = np.log10(np.where(results.area > 0, results.area, np.nan))
    on_scan(axes[0, 2], results, area, "area of the loop", area_label(results), **span(area))
    explained = results.explained.to_numpy()
    on_scan(axes[0, 3], results, explained, "explained by the function", "share of variance", vmin=0, vmax=1)
    for ax, name in zip(axes[1], ("coercive_up", "coercive_down", "amplitude", "offset"), strict=True):
        values = results[name].to_numpy()
        on_scan(ax, results, values, name.replace("_", " "), unit_of(results[name]), **span(values, 0.05))
    return figure


def unit_of(array: xarray.DataArray) -> str:
    """Return the unit of an array for a label."""
    return "arb. units" if array.units == "1" else str(array.units)


def area_label(results: xarray.Dataset) -> str:
    """Return the label of the logarithm of areas, which are a response times a bias."""
    return f"log₁₀ area ({unit_of(results.image).removesuffix(' units')} × {unit_of(results.bias)})"


def latents(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the latents and clusters over the scan, and the latents coloured by fitted parameters."""
    figure, axes = panels(2, 3, 4.6, 3.8)
    z = results.latent.to_numpy()
    for ax, number in zip(axes[0], (0, 1), strict=False):
        on_scan(ax, results, z[..., number], f"latent $z_{number + 1}$", f"$z_{number + 1}$", **span(z[..., number]))
    cluster = np.where(results.cluster >= 0, results.cluster, np.nan)
    count = int(metrics["clusters"])
    on_scan(
        axes[0, 2],
        results,
        cluster,
        "cluster",
        "number",
        cmap=ListedColormap(COLOURS[:count]),
        vmin=-0.5,
        vmax=count - 0.5,
    )
    axes[0, 2].images[0].colorbar.set_ticks(range(count))
    for ax, (name, label) in zip(axes[1], LEARNED.items(), strict=True):
        values = results[name].to_numpy().ravel()
        dots = ax.scatter(*z.reshape(-1, 2).T, c=values, s=5, lw=0, rasterized=True, **span(values, 0.05))
        ax.set(xlabel="latent $z_1$", ylabel="latent $z_2$")
        figure.colorbar(dots, ax=ax, label=f"{label} ({unit_of(results[name])})")
    return figure


def forms(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw held-out loops with their reconstructions, and the mean loops of the clusters."""
    figure, axes = panels(2, 6, 3.0, 2.9)
    bias = closed(results.bias.to_numpy())
    shown = zip(axes[0], results.shown_loop.to_numpy(), results.shown_fit.to_numpy(), strict=False)
    for number, (ax, loop, fit) in enumerate(shown, 1):
        ax.plot(bias, closed(loop), "o", ms=3, color=COLOURS[2], label="measured, bad samples left out")
        ax.plot(bias, closed(fit), color=COLOURS[1], label="VAE")
        ax.set(title=f"held-out loop {number}", xlabel=f"bias ({unit_of(results.bias)})")
    for number, ax in enumerate(axes[1]):
        ax.set_visible(number < int(metrics["clusters"]))
        ax.plot(bias, closed(results.cluster_loop[number].to_numpy()), color=COLOURS[number])
        ax.set(title=f"mean of cluster {number}", xlabel=f"bias ({unit_of(results.bias)})")
    for line in axes:
        line[0].set_ylabel("response in its extent")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def manifold(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw decoded loops over quantiles of the two latents."""
    figure, axes = panels(1, 1, 7.0, 6.4)
    ax, loops, axis = axes[0, 0], results.manifold.to_numpy(), results.axis.to_numpy()
    bias = closed(results.bias.to_numpy())
    x, (low, high) = 0.4 * bias / np.abs(bias).max(), (loops.min(), loops.max())
    count = len(loops)
    for i in range(count):
        for j in range(count):
            ax.plot(i + x, j + 0.8 * (closed(loops[i, j]) - low) / (high - low) - 0.4, color=COLOURS[0], lw=1)
    ticks = np.arange(0, count, 2)
    ax.set_xticks(ticks, [f"{value:.2g}" for value in axis[0, ticks]])
    ax.set_yticks(ticks, [f"{value:.2g}" for value in axis[1, ticks]])
    ax.set(xlabel="latent $z_1$ (quantiles)", ylabel="latent $z_2$ (quantiles)")
    return figure


def predictions(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw loops predicted from patches of the domain image: the best, the median and the worst."""
    figure, axes = panels(1, 4, 3.8, 3.4)
    bias = closed(results.bias.to_numpy())
    for ax, number, title in zip(axes[0], range(3), ("best", "median", "worst"), strict=False):
        ax.plot(bias, closed(results.true_loop[number].to_numpy()), color=COLOURS[2], label="measured")
        ax.plot(bias, closed(results.predicted_loop[number].to_numpy()), color=COLOURS[1], label="from the patch")
        ax.set(title=title, xlabel=f"bias ({unit_of(results.bias)})")
    axes[0, 0].set_ylabel("response in its extent")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    errors = [metrics[f"image_to_loop_{name}_nmse"] for name in PREDICTORS]
    axes[0, 3].barh(list(PREDICTORS.values()), errors, color=[COLOURS[1], COLOURS[3], COLOURS[2]])
    axes[0, 3].axvline(1, color="k", lw=0.8, ls=":")
    axes[0, 3].set(xlabel="error (1: the mean loop)")
    return figure


def campaigns(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the largest area found and the recall against evaluations, and the points of the deep kernel's first seed."""
    figure, axes = panels(1, 3, 4.8, 3.8)
    evaluation = np.arange(1, results.sizes["evaluation"] + 1)
    for name, (label, colour) in STRATEGIES.items():
        part = results.sel(strategy=name)
        band(axes[0, 0], evaluation, part.best_share.to_numpy(), label, colour)
        band(axes[0, 1], evaluation, part.recall.to_numpy(), label, colour, mean=True)
    for ax, label in zip(axes[0], ("largest area found / largest of all", "recall of the largest areas"), strict=False):
        ax.set(xlabel="evaluations", ylabel=label, ylim=(0, 1.03))
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0, 1].legend(fontsize=9)
    area = np.log10(np.where(results.area > 0, results.area, np.nan))
    on_scan(axes[0, 2], results, area, "what the deep kernel measured", area_label(results), **span(area))
    row, column = np.nonzero(results.kept.to_numpy())
    chosen = results.chosen.sel(strategy="deep")[0].to_numpy()
    left, right, bottom, _ = axes[0, 2].images[0].get_extent()
    pixel = (right - left) / results.sizes["column"], bottom / results.sizes["row"]
    axes[0, 2].plot((column[chosen] + 0.5) * pixel[0], (row[chosen] + 0.5) * pixel[1], "o", ms=4, mfc="none", mec="r")
    return figure


PANELS = (
    Panel("maps", "The scan", "Grey: points of which more than a quarter is bad. Parameters "
          "are those of a hysteresis function fitted to each loop, bad samples left out.", maps),
    Panel("forms", "Loops", "Above: held-out loops and their reconstruction by the first VAE, from the loop's median "
          "in units of its extent. Below: mean loops of the clusters.", forms),
    Panel("manifold", "What the latents mean", "Loops decoded over quantiles of the two latents.", manifold),
    Panel("latents", "Maps of switching", "Latents and clusters of the first fit, and the latents coloured by fitted "
          "parameters that the VAE was not given.", latents),
    Panel("predictions", "From domain image to loop", "Loops of the right-hand columns of the scan, from patches of "
          "{{ config.patch }} × {{ config.patch }} points; trained on the left-hand columns.", predictions),
    Panel("campaigns", "Which point to measure next", "Median (recall: mean) and quartiles over {{ config.seeds }} seeds; "
          "{{ config.initial_points }} random points open each campaign.", campaigns),
    RUN_TIME,
)  # fmt: skip

__all__ = ["LEARNED", "PANELS", "PREDICTORS", "STRATEGIES"]
