"""Figures that the reports on scans share: fields, errors, examples, clusters, scores."""

from collections.abc import Callable, Sequence

import numpy as np
import xarray
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from experiments.lab import plotting_models
from experiments.lab.panels import RUN_TIME
from experiments.lab.plotting import COLOURS, SEQUENTIAL, colour_bar, panels
from experiments.lab.plotting_images import DENSITY
from experiments.lab.plotting_models import class_colours
from experiments.lab.report import Metrics, Panel

OTHERS = (("nearest", "nearest neighbour", COLOURS[2]), ("ridge", "PCA + ridge", COLOURS[3]))


def extent(results: xarray.Dataset, y: str = "y", x: str = "x") -> tuple[float, float, float, float]:
    """Return the extent of an array over the field for ``imshow``, in the scan's own units."""
    rows, columns = results[y].to_numpy(), results[x].to_numpy()
    down, right = (values[1] - values[0] if len(values) > 1 else 1.0 for values in (rows, columns))
    return columns[0] - right / 2, columns[-1] + right / 2, rows[-1] + down / 2, rows[0] - down / 2


def field(ax: Axes, results: xarray.Dataset, name: str, label: str, *, split: bool = False, **keywords: object) -> None:
    """Show an array over the field with its colour bar; with ``split`` the borders of the scored region."""
    array = results[name]
    y, x = (str(dim) for dim in array.dims[:2])
    keywords = {"cmap": SEQUENTIAL, "interpolation": "nearest"} | keywords
    shown = ax.imshow(array.to_numpy(), extent=extent(results, y, x), **keywords)  # pyright: ignore[reportArgumentType]
    colour_bar(shown, ax, label=label)
    label_axes(ax, results)
    if split and "part" in results:
        place = results.x.to_numpy(), results.y.to_numpy()
        ax.contour(*place, results.part.to_numpy() == 2, [0.5], colors=[COLOURS[1]], linewidths=1.4, linestyles="--")


def label_axes(ax: Axes, results: xarray.Dataset) -> None:
    """Label the axes with the scan's unit of length."""
    units = results.x.attrs["units"]
    ax.set(xlabel=f"x ({units})", ylabel=f"y, downwards ({units})")


def kinds(ax: Axes, results: xarray.Dataset, name: str, title: str, names: Sequence[str]) -> None:
    """Show a map of a few kinds of points, named on the colour bar."""
    array = results[name]
    y, x = (str(dim) for dim in array.dims)
    norm = BoundaryNorm(np.arange(len(names) + 1) - 0.5, len(names))
    shown = ax.imshow(array, extent=extent(results, y, x), cmap=class_colours(len(names)), norm=norm,
                      interpolation="nearest")  # fmt: skip
    colour_bar(shown, ax, ticks=range(len(names))).ax.set_yticklabels(names)
    ax.set_title(title)
    label_axes(ax, results)


def overview(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the image, the mean local spectrum, and the regions where there are some."""
    figure, axes = panels(1, 2 + ("part" in results), 5.6, 4.6)
    field(axes[0, 0], results, "image", "brightness", split=True, cmap="gray")
    field(axes[0, 1], results, "cube_mean", f"mean of the spectrum ({results.attrs['spectrum_units']})", split=True)
    if "part" in results:
        kinds(axes[0, 2], results, "part", "regions", ("trained on", "watched", "scored"))
    return figure


def errors(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the root mean square error and the ensemble's spread over the field."""
    figure, axes = panels(1, 2, 5.6, 4.6)
    high = {"vmin": 0, "vmax": float(np.quantile(results.map_error, 0.99))}
    field(axes[0, 0], results, "map_error", "RMS error of the mean", split=True, **high)
    spread = {"vmin": 0, "vmax": float(np.quantile(results.map_spread, 0.99)) or 1.0}
    field(axes[0, 1], results, "map_spread", "spread of the members", split=True, **spread)
    return figure


def _patch(ax: Axes, values: np.ndarray, cmap: str = "gray", high: float = 1.0) -> AxesImage:
    ax.set(xticks=[], yticks=[])
    return ax.imshow(values, cmap=cmap, vmin=0, vmax=high, interpolation="nearest")


def _spectrum(ax: Axes, results: xarray.Dataset, number: int) -> None:
    """Draw true and predicted spectra of an example, in the scan's unit."""
    unit, energy = results.attrs["unit_of_spectra"], results.energy.to_numpy()
    mean, std = (unit * results[f"example_{name}"][number].to_numpy() for name in ("mean", "std"))
    for name, label, colour in OTHERS:
        ax.plot(energy, unit * results[f"example_{name}"][number], color=colour, lw=1, label=label)
    ax.plot(energy, unit * results.example_true[number], color="k", label="true")
    ax.plot(energy, mean, color=COLOURS[1], label="ensemble, ± 1 std")
    ax.fill_between(energy, mean - std, mean + std, color=COLOURS[1], alpha=0.25, lw=0)
    ax.set(xlabel=f"energy ({results.energy.attrs['units']})", ylim=(0, None))


def _title(results: xarray.Dataset, number: int) -> str:
    return f"{results.example.values[number]}: relative error {float(results.example_error[number]):.2f}"


def spectra(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw patches and their true and predicted spectra, best, median and worst."""
    figure, axes = panels(2, 3, 4.3, 3.2, height_ratios=(0.8, 1))
    for number in range(3):
        patch = results.example_given[number].to_numpy()
        _patch(axes[0, number], patch)
        axes[0, number].plot(patch.shape[1] // 2, patch.shape[0] // 2, "+", color=COLOURS[1], ms=12, mew=2)
        axes[0, number].set_title(_title(results, number))
        _spectrum(axes[1, number], results, number)
    axes[1, 0].set_ylabel(f"loss ({results.attrs['spectrum_units']})")
    axes[1, 0].legend(fontsize=9)
    return figure


def pictures(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw spectra and the true and predicted patches around them, best, median and worst."""
    names = (
        ("true", "truth"),
        ("mean", "ensemble's mean"),
        ("std", "spread"),
        *((name, text) for name, text, _ in OTHERS),
    )
    figure, axes = panels(3, 1 + len(names), 2.6, 2.4, width_ratios=(1.5, *(1 for _ in names)))
    unit = results.attrs["unit_of_spectra"]
    shown = None
    for number in range(3):
        ax = axes[number, 0]
        ax.plot(results.energy, unit * results.example_given[number], color="k", lw=1)
        ax.set(
            ylabel=results.attrs["spectrum_units"],
            xlabel=f"energy ({results.energy.attrs['units']})" if number == 2 else "",
        )
        ax.set_title(_title(results, number), fontsize=10)
        for ax, (name, text) in zip(axes[number, 1:], names, strict=True):
            shown = _patch(ax, results[f"example_{name}"][number].to_numpy())
            if number == 0:
                ax.set_title(text, fontsize=10)
    if shown is not None:
        figure.colorbar(shown, ax=axes[:, -1], label="brightness", shrink=0.6)
    return figure


def codes(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw clusters of the codes over the field and among the codes, beside the kinds of points."""
    names = list(results.attrs["regions"])
    known = "map_region" in results
    figure, axes = panels(1, 2 + known, 5.2, 4.4)
    if known:
        kinds(axes[0, 0], results, "map_region", "kinds of points", names)
    titles = names if known else [f"cluster {n + 1}" for n in range(len(names))]
    kinds(axes[0, int(known)], results, "map_cluster", "clusters of the codes", titles)
    ax, plane = axes[0, -1], results.map_code.to_numpy().reshape(-1, 2)
    label = results["map_region" if known else "map_cluster"].to_numpy().ravel()
    for number, name in enumerate(titles):
        ax.plot(*plane[label == number].T, ".", ms=2, color=COLOURS[number], label=name, alpha=0.5, rasterized=True)
    ax.set(xlabel="first principal component of the codes", ylabel="second", title="codes")
    ax.legend(markerscale=6, fontsize=10)
    return figure


def calibration(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the error against the ensemble's spread, every scored patch; the errors alone of a single member."""
    figure, axes = panels(1, 1, 5.4, 4.0)
    ax = axes[0, 0]
    spread, error = results.test_spread.to_numpy(), results.test_error.to_numpy()
    ok = (spread > 0) & (error > 0)
    if not ok.any():
        ax.hist(error, 30, color=COLOURS[0])
        ax.set(xlabel="RMS error", ylabel="scored patches", title="one member has no spread")
        return figure
    shown = ax.hexbin(spread[ok], error[ok], xscale="log", yscale="log", gridsize=40, cmap=DENSITY, mincnt=1)
    figure.colorbar(shown, ax=ax, label="scored patches")
    ends = np.array([spread[ok].min(), spread[ok].max()])
    ax.plot(ends, ends, color=COLOURS[1], lw=1, label="error = spread")
    ax.xaxis.set_minor_formatter("")  # labels between powers of ten overlap
    ax.yaxis.set_minor_formatter("")
    ax.set(xlabel="spread of the members", ylabel="RMS error of the mean")
    ax.legend()
    return figure


def nmse(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the normalised error of every seed, of baselines, and of the leaky split."""
    rows = [("encoder–decoder, every seed", results.model_nmse.to_numpy(), COLOURS[0]),
            ("mean of the ensemble", [metrics["ensemble_nmse"]], COLOURS[0]),
            *((text, [metrics[f"{name}_nmse_median"]], colour) for name, text, colour in OTHERS),
            ("encoder–decoder, leaky split", [metrics["leaky_nmse"]], COLOURS[1]),
            ("nearest neighbour, leaky split", [metrics["leaky_nearest_nmse"]], COLOURS[1])]  # fmt: skip
    figure, axes = panels(1, 1, 8.0, 3.4)
    ax = axes[0, 0]
    for at, (_, values, colour) in enumerate(rows):
        ax.plot(values, np.full(len(values), at), "o", color=colour, ms=7, alpha=0.75)
    ax.set_yticks(range(len(rows)), [text for text, _, _ in rows])
    ax.invert_yaxis()
    ax.set(xlabel="normalised mean square error (1: predicting the training mean)", xlim=(0, None))
    ax.grid(axis="x", alpha=0.3)
    return figure


def history(variant: str) -> Callable[[xarray.Dataset, Metrics], Figure]:
    """Draw every term of the first fit; errors have no unit, the others are nats per example."""

    def draw(results: xarray.Dataset, metrics: Metrics) -> Figure:
        parts = []
        for part in ("train", "validation"):
            begin = f"{variant}_{part}_"
            names = [str(name) for name in results if str(name).startswith(begin)]
            parts.append({name.removeprefix(begin): results[name][0].to_numpy() for name in names})
        units = {name: "1" for name in parts[0] if name.startswith("rmse")}
        return plotting_models.history(parts[0], parts[1], units=units, unit="nats per example")

    return draw


def all_panels(examples: Panel) -> tuple[Panel, ...]:
    """Return the panels of both directions, with their own examples."""
    return (
        Panel(
            "field",
            "The scan",
            "Image, mean local spectrum, and which points are trained on, watched and scored (dashed: its border). "
            "Patches have {{ patch_points }} × {{ patch_points }} points.",
            overview,
        ),
        Panel(
            "scores",
            "Scores on another region, and on the leaky split",
            "Every seed is a dot. The leaky split puts overlapping patches on both sides: its numbers say how well a scan "
            "is remembered, not what is known of a new place.",
            nmse,
        ),
        examples,
        Panel(
            "errors",
            "Errors over the field",
            "Root mean square error of the ensemble's mean, and the members' spread, targets as the model gets them. Rank "
            "correlation of the two over scored patches: {{ spread_error_rank_correlation | number }}.",
            errors,
        ),
        Panel(
            "codes",
            "Codes and kinds of points",
            "Codes of the first member in four k-means clusters, named to fit best{% if cluster_accuracy is defined %}: "
            "{{ cluster_accuracy | number }} of the scored points are in the cluster of their kind (the largest kind "
            "alone would give {{ largest_region_share | number }}){% endif %}.",
            codes,
        ),
        Panel(
            "calibration",
            "Error and spread",
            "Where members disagree, errors are larger. The distance from the line says how much larger.",
            calibration,
        ),
        Panel("history", "Training", "First seed.", history("model")),
        RUN_TIME,
    )
