"""Figures and summary of the report on the dual VAE of particles; every function draws from saved results alone."""

import numpy as np
import xarray
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.lab import plotting_images, plotting_models
from experiments.lab.panels import RUN_TIME
from experiments.lab.plotting import COLOURS, DIVERGING, panels
from experiments.lab.plotting_images import show_grid
from experiments.lab.plotting_models import class_colours
from experiments.lab.report import Metrics, Panel
from experiments.shared.images import figures as images_figures
from experiments.shared.structure_property import figures

_PER_CLASS = 3


def _chosen(results: xarray.Dataset, each: int = _PER_CLASS) -> np.ndarray:
    """The first few held-out assemblies of each class."""
    label = results.label.to_numpy()
    return np.concatenate([np.flatnonzero(label == k)[:each] for k in range(len(results.attrs["classes"]))])


def _curves(ax: Axes, results: xarray.Dataset, values: np.ndarray, **keywords: object) -> None:
    """A spectrum at every polarization."""
    for colour, one, angle in zip(COLOURS, values, results.polarization.to_numpy(), strict=False):
        ax.plot(results.wavelength, one, color=colour, label=f"{angle:.0f}°", **({"lw": 1.0} | keywords))  # pyright: ignore[reportArgumentType]
    ax.set(ylim=(0, None))
    ax.tick_params(labelsize=8)


def _picture(ax: Axes, values: np.ndarray) -> None:
    ax.imshow(values, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    ax.set(xticks=[], yticks=[])


def _named(results: xarray.Dataset, chosen: np.ndarray) -> list[str]:
    return [results.attrs["classes"][int(results.label[number])] for number in chosen]


def shapes(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Spectra, true images, images told from the spectra, images of the nearest training spectra."""
    chosen = _chosen(results)
    figure, axes = panels(4, len(chosen), 1.75, 1.7)
    for column, (number, name) in enumerate(zip(chosen, _named(results, chosen), strict=True)):
        _curves(axes[0, column], results, results.true_spectrum[number].to_numpy())
        axes[0, column].set_title(name, fontsize=11)
        axes[0, column].set_xlabel("nm", fontsize=9)
        for line, part in enumerate(("true_image", "picture", "nearest_picture")):
            _picture(axes[1 + line, column], results[part][number].to_numpy())
    for line, text in enumerate(
        ("given: spectrum\n(10⁴ nm²)", "truth", "told from\nthe spectrum", "nearest\nspectrum's")
    ):
        axes[line, 0].set_ylabel(text, fontsize=10)
    axes[0, 0].legend(fontsize=7, handlelength=1)
    return figure


def spectra(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Images, and true and told spectra."""
    chosen = _chosen(results)
    figure, axes = panels(2, len(chosen), 1.9, 1.9)
    for column, (number, name) in enumerate(zip(chosen, _named(results, chosen), strict=True)):
        _picture(axes[0, column], results.true_image[number].to_numpy())
        axes[0, column].set_title(name, fontsize=11)
        _curves(axes[1, column], results, results.true_spectrum[number].to_numpy())
        for colour, one in zip(COLOURS, results.spectrum[number].to_numpy(), strict=False):
            axes[1, column].plot(results.wavelength, one, color=colour, ls="--", lw=1.4)
        axes[1, column].set_xlabel("nm", fontsize=9)
    axes[0, 0].set_ylabel("given: image", fontsize=10)
    axes[1, 0].set_ylabel("true; dashed: told\n(10⁴ nm²)", fontsize=10)
    axes[1, 0].legend(fontsize=7, handlelength=1, title="polarization", title_fontsize=7)
    return figure


def everybody(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Every fifth held-out assembly or so: truth, what is told from its spectrum, and the difference."""
    count = results.sizes["particle"]
    columns = 15
    shown = np.linspace(0, count - 1, min(count, 8 * columns)).astype(int)
    shown = shown[: len(shown) // columns * columns] if len(shown) >= columns else shown
    side = (max(1, len(shown) // columns), -1, *results.true_image.shape[1:])
    true, told = (results[name].to_numpy()[shown].reshape(side) for name in ("true_image", "picture"))
    figure, axes = panels(1, 3, 6.2, 6.2 * true.shape[0] / true.shape[1] + 0.5)
    for ax, values, title in zip(
        axes.flat, (true, told, told - true), ("truth", "told from the spectrum", "difference"), strict=True
    ):
        if title == "difference":
            sheet = plotting_images.tiled(values)
            image = ax.imshow(sheet, cmap=DIVERGING, vmin=-1, vmax=1, interpolation="nearest")
            ax.set(xticks=[], yticks=[])
            figure.colorbar(image, ax=ax, label="told − true", shrink=0.8)
        else:
            show_grid(ax, values, (0.0, 1.0)).set_cmap("gray")
        ax.set_title(title)
    return figure


def manifold_images(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Images and spectra decoded from the same places of the shared latent space."""
    axis, images = results.manifold_axis.to_numpy(), results.manifold_image.to_numpy()
    spectra = results.manifold_spectrum.to_numpy()
    figure, axes = panels(1, 2, 6.6, 6.0)
    show_grid(axes[0, 0], np.swapaxes(images, 0, 1)[::-1], (0.0, 1.0)).set_cmap("gray")
    plotting_images._ticks_of_tiles(axes[0, 0], axis, axis)
    ax, points, top = axes[0, 1], len(axis), float(spectra.max())
    along = np.linspace(0.06, 0.94, spectra.shape[-1])
    for i in range(points):
        for j in range(points):
            for colour, one in zip(COLOURS, spectra[i, j], strict=False):
                ax.plot(i + along, j + 0.06 + 0.88 * one / top, color=colour, lw=0.8)
    ax.set(xlim=(0, points), ylim=(0, points))
    for n in range(points + 1):
        ax.axhline(n, color="0.9", lw=0.6)
        ax.axvline(n, color="0.9", lw=0.6)
    plotting_images._ticks_of_tiles(ax, axis, axis)
    for ax, title in zip(
        axes.flat, ("images", f"spectra, 400 to 1000 nm, full height {top:.2g} · 10⁴ nm²"), strict=True
    ):
        ax.set(xlabel="first principal direction of the codes (std)", ylabel="second", title=title)
    return figure


def plane(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Where assemblies are in that plane."""
    return plotting_models.latent_scatter(
        results.plane.to_numpy(), classes=(results.label.to_numpy(), list(results.attrs["classes"])),
        angles={"twice the angle": 2 * results.angle.to_numpy()},
        factors={"aspect ratio": results.aspect_ratio.to_numpy()}, names=("first principal direction (std)", "second (std)"),
    )  # fmt: skip


def confusion(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Classes told from spectra, first seed."""
    return plotting_models.confusion_matrix(results.dual_confusion[0].to_numpy(), list(results.attrs["classes"]))


def angles(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Told against true angle and aspect ratio, first seed."""
    figure, axes = panels(1, 2, 5.0, 4.4)
    label, names = results.label.to_numpy(), results.attrs["classes"]
    long = results.aspect_ratio.to_numpy() >= metrics["elongated_from"]
    true = np.rad2deg(results.angle.to_numpy())
    error = (np.rad2deg(results.dual_angle[0].to_numpy()) - true + 90) % 180 - 90
    colours = class_colours(len(names))
    for k, name in enumerate(names):
        own = (label == k) & long
        axes[0, 0].plot(true[own], true[own] + error[own], ".", color=colours(k), ms=4, label=name)
        own = label == k
        axes[0, 1].plot(results.aspect_ratio[own], results.dual_ratio[0][own], ".", color=colours(k), ms=4)
    axes[0, 0].plot([0, 180], [0, 180], color="k", lw=0.8)
    axes[0, 0].set(xlabel="true angle (°)", ylabel="angle of the told image (°)", title="elongated assemblies")
    axes[0, 0].legend(fontsize=10)
    ends = [1, float(results.aspect_ratio.max())]
    axes[0, 1].plot(ends, ends, color="k", lw=0.8)
    axes[0, 1].set(xlabel="true aspect ratio", ylabel="aspect ratio of the told image")
    return figure


_COLUMNS = (("dual VAE", "dual"), ("nearest example", "nearest"), ("PCA + ridge", "ridge"))
_ROWS = (
    ("image from spectrum: normalised error", "picture_nmse"),
    ("spectrum from image: normalised error", "spectrum_nmse"),
    ("angle in that image: mean |error|, degrees", "angle_error_deg"),
    ("angle in that image: median |error|, degrees", "angle_median_error_deg"),
    ("angle in that image: concordance", "angle_concordance"),
    ("aspect ratio in that image: mean |error|", "ratio_error"),
)
_CLASSES = tuple((f"{name}s told right", f"fidelity_{name}") for name in ("monomer", "dimer", "trimer", "tetramer"))
SUMMARY = (
    "<p>{{ attrs.source }}. {{ training_assemblies }} training assemblies, each turned three ways and mirrored, {{ held_out_assemblies }} "
    "held out, {{ seeds }} seeds. Angles are scored for the {{ (100 * elongated_share) | round(0) | int }} % with an aspect "
    "ratio of {{ elongated_from | number }} or more. Data are simulated; numbers published for real particles are not "
    "comparable in more than kind.</p>\n"
    + images_figures.table("From the other modality", _COLUMNS, _ROWS)
    + images_figures.table("Class from the spectrum", (*_COLUMNS, ("SVM on the spectra", "machine")), _CLASSES)
    + images_figures.table("Read out of the codes by nearest codes", (("dual VAE", "dual_code"),),
                (("angle: mean |error|, degrees", "angle_error_deg"), ("angle: concordance", "angle_concordance"),
                 ("aspect ratio: mean |error|", "ratio_error")))
)  # fmt: skip
PANELS = (
    Panel("shapes", "Shapes told from spectra", "Held-out assemblies, first seed: the spectrum that was given (colours: "
          "polarizations), the true image, the image told, and the image of the nearest training spectrum.", shapes),
    Panel("everybody", "The same for many", "Held-out assemblies over the whole set, each cell one.", everybody),
    Panel("spectra", "Spectra told from shapes", "Solid: true; dashed: told from the image, first seed.", spectra),
    Panel("manifold", "One latent space, two views", "The plane in which the codes of training spectra spread most, decoded "
          "as images and as spectra.", manifold_images),
    Panel("plane", "Where assemblies are", "Held-out spectra in that plane. Angles are those of axes, so twice the angle is "
          "shown.", plane),
    Panel("confusion", "Classes from spectra", "A support-vector machine on the codes of spectra, first seed.", confusion),
    Panel("angles", "Angles and aspect ratios from spectra", "Measured in the image told from the spectrum. Mean error of "
          "the angle " + images_figures.value("dual_angle_error_deg") + "°.", angles),
    Panel("history", "Training", "First seed.", figures.history("dual")),
    RUN_TIME,
)  # fmt: skip
