"""Figures that the reports on models of images share; each draws one variant, or several, by name.

Every function makes a ``draw(results, metrics)`` for a ``Panel``. Names of arrays are those of
``experiments/shared/images/arrays.py``. Figures show the first seed.
"""

from collections.abc import Callable, Sequence

import numpy as np
import xarray
from matplotlib.figure import Figure

from experiments.lab import plotting_images, plotting_models
from experiments.lab.plotting import COLOURS, panels
from experiments.lab.report import Metrics
from experiments.shared.images.arrays import class_names

Draw = Callable[[xarray.Dataset, Metrics], Figure]
Titled = Sequence[tuple[str, str]]  # (title in words, name of a variant or of a score)


def latents(variant: str, data: str, factors: Sequence[str] = ("shear",)) -> Draw:
    """Draw the first two latents by class, by true angle where it is known, and by true factors."""

    def draw(results: xarray.Dataset, metrics: Metrics) -> Figure:
        shown, start = {}, f"{data}_true_"
        own = "own_data" in results.attrs
        known = [str(name).removeprefix(start) for name in results if str(name).startswith(start)]
        for name in known if own else factors:
            array = results[start + name]
            in_degrees = array.units == "rad"
            units = "°" if in_degrees else array.units
            shown[f"true {name} ({units})"] = np.asarray(np.rad2deg(array) if in_degrees else array)
        angle = f"{data}_true_angle"
        return plotting_models.latent_scatter(
            results[f"{variant}_z"][0].to_numpy(),
            classes=labels(results, data),
            angles={"true angle": results[angle].to_numpy()} if angle in results and not own else None,
            factors=shown,
        )

    return draw


def labels(results: xarray.Dataset, data: str) -> tuple[np.ndarray, list[str]] | None:
    """Return label [n] (−1: unknown) and names of the classes of a data set; None where no label is known."""
    if f"{data}_label" not in results:
        return None
    return results[f"{data}_label"].to_numpy(), class_names(results.attrs)


def manifold(variant: str, discovered: bool = False) -> Draw:
    """Draw the decoded latent grid, one for each class.

    ``discovered`` classes have no names of their own: they are ordered and titled by the true class they stand for.
    """

    def draw(results: xarray.Dataset, metrics: Metrics) -> Figure:
        images, names = results[f"{variant}_manifold"].to_numpy(), class_names(results.attrs)
        titles = names if len(images) == len(names) else ["" for _ in images]
        if discovered and f"{variant}_name_of_class" not in results:
            titles = [f"class {number + 1}" for number in range(len(images))]
        elif discovered:
            stands_for = results[f"{variant}_name_of_class"][0].to_numpy()
            order = np.argsort(stands_for)
            images, titles = images[order], [f"class {k + 1}: {names[stands_for[k]]}" for k in order]
        axis = results.manifold_axis.to_numpy()
        return plotting_images.manifolds(images, axis, axis, titles)

    return draw


def manifolds_of(variants: Titled) -> Draw:
    """Draw the decoded latent grids of models without classes, side by side."""

    def draw(results: xarray.Dataset, metrics: Metrics) -> Figure:
        images = np.stack([results[f"{variant}_manifold"][0].to_numpy() for _, variant in variants])
        axis = results.manifold_axis.to_numpy()
        return plotting_images.manifolds(images, axis, axis, [title for title, _ in variants])

    return draw


def reconstructions(variants: Titled, data: str) -> Draw:
    """Draw the first images, and below them their reconstructions by each variant that was trained."""

    def draw(results: xarray.Dataset, metrics: Metrics) -> Figure:
        there = [(title, f"{variant}_reconstruction_of_x") for title, variant in variants]
        there = [(title, name) for title, name in there if name in results]
        lines = [results[name][0].to_numpy() for _, name in there]
        first = results[f"{data}_x"][: len(lines[0])].to_numpy()
        return plotting_images.image_grid(np.stack([first, *lines]), rows=["data", *(title for title, _ in there)])

    return draw


def history(variant: str) -> Draw:
    """Draw every term of the losses of the first fit."""

    def draw(results: xarray.Dataset, metrics: Metrics) -> Figure:
        def terms(part: str) -> dict[str, np.ndarray]:
            begin, fit = f"{variant}_{part}_", f"{variant}_fit"
            names = [str(name) for name in results if str(name).startswith(begin) and fit in results[name].dims]
            return {name.removeprefix(begin): results[name][0].to_numpy() for name in names}

        return plotting_models.history(terms("train"), terms("validation"))

    return draw


def confusion(variant: str) -> Draw:
    """Draw the confusion matrix of true and discovered classes."""

    def draw(results: xarray.Dataset, metrics: Metrics) -> Figure:
        names = class_names(results.attrs)
        return plotting_models.confusion_matrix(results[f"{variant}_confusion"][0].to_numpy(), names)

    return draw


def over_seeds(variants: Titled, scores: Titled) -> Draw:
    """Draw the score of every seed as a dot and the median as a line, one panel for each of ``scores`` that there is."""

    def draw(results: xarray.Dataset, metrics: Metrics) -> Figure:
        drawn = [(label, score) for label, score in scores if any(f"{v}_{score}" in results for _, v in variants)]
        lines = [(title, v) for title, v in variants if any(f"{v}_{score}" in results for _, score in drawn)]
        figure, axes = panels(1, len(drawn), 3.9, 0.55 * len(lines) + 1.6, sharey=True)
        rows = np.arange(len(lines))
        for ax, (label, score) in zip(axes.flat, drawn, strict=True):
            for row, (_, variant) in zip(rows, lines, strict=True):
                if f"{variant}_{score}" in results:
                    values = results[f"{variant}_{score}"].to_numpy()
                    ax.plot(values, np.full(len(values), row), "o", color=COLOURS[0], ms=5, alpha=0.7)
                    ax.plot([np.median(values)] * 2, [row - 0.3, row + 0.3], color=COLOURS[1])
            ax.set(xlabel=label)
            ax.grid(axis="x", alpha=0.3)
        axes.flat[0].set_yticks(rows, [title for title, _ in lines])
        axes.flat[0].set_ylim(len(lines) - 0.5, -0.5)
        return figure

    return draw
