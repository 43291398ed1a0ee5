"""Figures of the report on the dual VAE of particles, drawn from saved results alone."""

import numpy as np
import xarray
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.lab import plotting_images, plotting_models
from experiments.lab.panels import RUN_TIME
from experiments.lab.plotting import COLOURS, DIVERGING, colour_bar, panels
from experiments.lab.plotting_images import show_grid
from experiments.lab.plotting_models import class_colours
from experiments.lab.report import Metrics, Panel
from experiments.shared.structure_property import figures

_PER_CLASS = 3


def _chosen(results: xarray.Dataset, each: int = _PER_CLASS) -> np.ndarray:
    """Return the first few held-out assemblies of each class."""
    label = results.label.to_numpy()
    return np.concatenate([np.flatnonzero(label == k)[:each] for k in range(len(results.attrs["classes"]))])


def _curves(ax: Axes, results: xarray.Dataset, values: np.ndarray, **keywords: object) -> None:
    """Draw a spectrum at every polarization."""
    for colour, spectrum, angle in zip(COLOURS, values, results.polarization.to_numpy(), strict=False):
        ax.plot(results.wavelength, spectrum, color=colour, label=f"{angle:.0f}°", **({"lw": 1.0} | keywords))  # pyright: ignore[reportArgumentType]
    ax.set(ylim=(0, None))
    ax.tick_params(labelsize=8)


def _picture(ax: Axes, values: np.ndarray) -> None:
    ax.imshow(values, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    ax.set(xticks=[], yticks=[])


def _named(results: xarray.Dataset, chosen: np.ndarray) -> list[str]:
    return [results.attrs["classes"][int(results.label[number])] for number in chosen]


def shapes(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw spectra, true images, images predicted from the spectra, images of the nearest training spectra."""
    chosen = _chosen(results)
    figure, axes = panels(4, len(chosen), 1.75, 1.7)
    for column, (number, name) in enumerate(zip(chosen, _named(results, chosen), strict=True)):
        _curves(axes[0, column], results, results.true_spectrum[number].to_numpy())
        axes[0, column].set_title(name, fontsize=11)
        axes[0, column].set_xlabel("nm", fontsize=9)
        for line, part in enumerate(("true_image", "picture", "nearest_picture")):
            _picture(axes[1 + line, column], results[part][number].to_numpy())
    for line, text in enumerate(
        ("given: spectrum\n(10⁴ nm²)", "truth", "predicted from\nthe spectrum", "nearest\nspectrum's")
    ):
        axes[line, 0].set_ylabel(text, fontsize=10)
    axes[0, 0].legend(fontsize=7, handlelength=1)
    return figure


def spectra(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw images, and true and predicted spectra."""
    chosen = _chosen(results)
    figure, axes = panels(2, len(chosen), 1.9, 1.9)
    for column, (number, name) in enumerate(zip(chosen, _named(results, chosen), strict=True)):
        _picture(axes[0, column], results.true_image[number].to_numpy())
        axes[0, column].set_title(name, fontsize=11)
        _curves(axes[1, column], results, results.true_spectrum[number].to_numpy())
        for colour, predicted in zip(COLOURS, results.spectrum[number].to_numpy(), strict=False):
            axes[1, column].plot(results.wavelength, predicted, color=colour, ls="--", lw=1.4)
        axes[1, column].set_xlabel("nm", fontsize=9)
    axes[0, 0].set_ylabel("given: image", fontsize=10)
    axes[1, 0].set_ylabel("true; dashed: predicted\n(10⁴ nm²)", fontsize=10)
    axes[1, 0].legend(fontsize=7, handlelength=1, title="polarization", title_fontsize=7)
    return figure


def sheet(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw up to 120 held-out assemblies: truth, prediction from the spectrum, and the difference."""
    count = results.sizes["particle"]
    columns = 15
    shown = np.linspace(0, count - 1, min(count, 8 * columns)).astype(int)
    shown = shown[: len(shown) // columns * columns] if len(shown) >= columns else shown
    side = (max(1, len(shown) // columns), -1, *results.true_image.shape[1:])
    true, predicted = (results[name].to_numpy()[shown].reshape(side) for name in ("true_image", "picture"))
    figure, axes = panels(1, 3, 6.2, 6.2 * true.shape[0] / true.shape[1] + 0.5)
    for ax, values, title in zip(
        axes.flat,
        (true, predicted, predicted - true),
        ("truth", "predicted from the spectrum", "difference"),
        strict=True,
    ):
        if title == "difference":
            image = ax.imshow(plotting_images.tiled(values), cmap=DIVERGING, vmin=-1, vmax=1, interpolation="nearest")
            ax.set(xticks=[], yticks=[])
            colour_bar(image, ax, label="predicted − true")
        else:
            show_grid(ax, values, (0.0, 1.0)).set_cmap("gray")
        ax.set_title(title)
    return figure


def manifold_images(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw images and spectra decoded from the same places of the shared latent space."""
    axis, images = results.manifold_axis.to_numpy(), results.manifold_image.to_numpy()
    spectra = results.manifold_spectrum.to_numpy()
    figure, axes = panels(1, 2, 6.6, 6.0)
    show_grid(axes[0, 0], np.swapaxes(images, 0, 1)[::-1], (0.0, 1.0)).set_cmap("gray")
    plotting_images.ticks_of_tiles(axes[0, 0], axis, axis)
    ax, points, top = axes[0, 1], len(axis), float(spectra.max())
    along = np.linspace(0.06, 0.94, spectra.shape[-1])
    for i in range(points):
        for j in range(points):
            for colour, spectrum in zip(COLOURS, spectra[i, j], strict=False):
                ax.plot(i + along, j + 0.06 + 0.88 * spectrum / top, color=colour, lw=0.8)
    ax.set(xlim=(0, points), ylim=(0, points))
    for n in range(points + 1):
        ax.axhline(n, color="0.9", lw=0.6)
        ax.axvline(n, color="0.9", lw=0.6)
    plotting_images.ticks_of_tiles(ax, axis, axis)
    for ax, title in zip(
        axes.flat, ("images", f"spectra, 400 to 1000 nm, full height {top:.2g} · 10⁴ nm²"), strict=True
    ):
        ax.set(xlabel="first principal direction of the codes (std)", ylabel="second", title=title)
    return figure


def plane(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw where assemblies are in that plane."""
    return plotting_models.latent_scatter(
        results.plane.to_numpy(), classes=(results.label.to_numpy(), list(results.attrs["classes"])),
        angles={"twice the angle": 2 * results.angle.to_numpy()},
        factors={"aspect ratio": results.aspect_ratio.to_numpy()}, names=("first principal direction (std)", "second (std)"),
    )  # fmt: skip


def confusion(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw true classes against those recognised from spectra, first seed."""
    return plotting_models.confusion_matrix(results.dual_confusion[0].to_numpy(), list(results.attrs["classes"]))


def angles(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw predicted against true angle and aspect ratio, first seed."""
    figure, axes = panels(1, 2, 5.0, 4.4)
    label, names = results.label.to_numpy(), results.attrs["classes"]
    long = results.aspect_ratio.to_numpy() >= metrics["elongated_from"]
    true = np.rad2deg(results.angle.to_numpy())
    error = (np.rad2deg(results.dual_angle[0].to_numpy()) - true + 90) % 180 - 90
    colours = class_colours(len(names))
    for k, name in enumerate(names):
        shown = (label == k) & long
        axes[0, 0].plot(true[shown], true[shown] + error[shown], ".", color=colours(k), ms=4, label=name)
        shown = label == k
        axes[0, 1].plot(results.aspect_ratio[shown], results.dual_ratio[0][shown], ".", color=colours(k), ms=4)
    axes[0, 0].plot([0, 180], [0, 180], color="k", lw=0.8)
    axes[0, 0].set(xlabel="true angle (°)", ylabel="angle of the predicted image (°)", title="elongated assemblies")
    axes[0, 0].legend(fontsize=10)
    ends = [1, float(results.aspect_ratio.max())]
    axes[0, 1].plot(ends, ends, color="k", lw=0.8)
    axes[0, 1].set(xlabel="true aspect ratio", ylabel="aspect ratio of the predicted image")
    return figure


COLUMNS = (("dual VAE", "dual"), ("nearest example", "nearest"), ("PCA + ridge", "ridge"))
ROWS = (
    ("image from spectrum: normalised error", "picture_nmse"),
    ("spectrum from image: normalised error", "spectrum_nmse"),
    ("angle in that image: mean |error|, degrees", "angle_error_deg"),
    ("angle in that image: median |error|, degrees", "angle_median_error_deg"),
    ("angle in that image: concordance", "angle_concordance"),
    ("aspect ratio in that image: mean |error|", "ratio_error"),
)
WITH_MACHINE = (*COLUMNS, ("SVM on the spectra", "machine"))
CLASSES = tuple((f"{name}s recognised", f"fidelity_{name}") for name in ("monomer", "dimer", "trimer", "tetramer"))
CODES = (("dual VAE", "dual_code"),)
FROM_CODES = (
    ("angle: mean |error|, degrees", "angle_error_deg"),
    ("angle: concordance", "angle_concordance"),
    ("aspect ratio: mean |error|", "ratio_error"),
)

HIGHER = ("concordance", "fidelity")  # numbers that are better the higher they are; errors the lower


def simpler(numbers: Metrics) -> list[str]:
    """Return in words what a simple rule predicts at least as well as the dual VAE, by medians over seeds."""
    found = []
    for columns, rows in ((COLUMNS, ROWS), (WITH_MACHINE, CLASSES)):
        for words, row in rows:
            sign = -1 if any(name in row for name in HIGHER) else 1
            values = {name: numbers.get(f"{prefix}_{row}_median", np.nan) for name, prefix in columns}
            ours = values.pop("dual VAE")
            best = min(values, key=lambda name: sign * values[name] if np.isfinite(values[name]) else np.inf)
            if sign * values[best] <= sign * ours:
                found.append(f"{words} ({best} {values[best]:.3g}, dual VAE {ours:.3g})")
    return found


PANELS = (
    Panel(
        "shapes",
        "Shapes from spectra",
        "Held-out assemblies, first seed: the spectrum that was given (colours: polarizations), the true image, the image "
        "predicted, and the image of the nearest training spectrum.",
        shapes,
    ),
    Panel("sheet", "The same for many", "Held-out assemblies over the whole set, each cell one.", sheet),
    Panel("spectra", "Spectra from shapes", "Solid: true; dashed: predicted from the image, first seed.", spectra),
    Panel(
        "manifold",
        "One latent space, two views",
        "The plane in which the codes of training spectra spread most, decoded as images and as spectra.",
        manifold_images,
    ),
    Panel(
        "plane",
        "Where assemblies are",
        "Held-out spectra in that plane. Angles are those of axes, so twice the angle is shown.",
        plane,
    ),
    Panel(
        "confusion",
        "Classes from spectra",
        "A support-vector machine on the codes of spectra, first seed.",
        confusion,
    ),
    Panel(
        "angles",
        "Angles and aspect ratios from spectra",
        "Measured in the image predicted from the spectrum. Mean error of the angle {{ spread('dual_angle_error_deg') }}°.",
        angles,
    ),
    Panel("history", "Training", "First seed.", figures.history("dual")),
    RUN_TIME,
)
