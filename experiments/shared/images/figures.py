"""What the reports on models of images share: figures of one variant by its name, and tables over seeds.

Every function makes a ``draw(results, metrics)`` for a ``Panel``, or a jinja text; names are those that
``experiments/shared/images/fits.py`` writes. Figures show the first seed.
"""

from collections.abc import Callable, Sequence

import numpy as np
import xarray
from matplotlib.figure import Figure

from experiments.lab import plotting_images, plotting_models
from experiments.lab.plotting import COLOURS, panels
from experiments.lab.report import Metrics

Draw = Callable[[xarray.Dataset, Metrics], Figure]
Columns = Sequence[tuple[str, str]]  # (heading, prefix of the metrics' names)


def latents(variant: str, data: str, factors: Sequence[str] = ("shear",)) -> Draw:
    """First two latents by class, by true angle where it is known, and by true factors (angles in degrees)."""

    def draw(results: xarray.Dataset, metrics: Metrics) -> Figure:
        values = {name: results[f"{data}_true_{name}"] for name in factors}
        shown = {
            f"true {name} (°)" if array.units == "rad" else f"true {name} ({array.units})": np.rad2deg(array)
            if array.units == "rad"
            else array
            for name, array in values.items()
        }
        angle = f"{data}_true_angle"
        return plotting_models.latent_scatter(
            results[f"{variant}_z"][0].to_numpy(),
            classes=(results[f"{data}_label"].to_numpy(), list(results.attrs["classes"])),
            angles={"true angle": results[angle].to_numpy()} if angle in results else None,
            factors={name: np.asarray(array) for name, array in shown.items()},
        )

    return draw


def manifold(variant: str, found: bool = False) -> Draw:
    """Decoded latent grid, one for each class; ``found``: classes without names of their own, called by what they
    stand for."""

    def draw(results: xarray.Dataset, metrics: Metrics) -> Figure:
        images, names = results[f"{variant}_manifold"].to_numpy(), list(results.attrs["classes"])
        titles = names if len(images) == len(names) else ["" for _ in images]
        if found:
            means = results[f"{variant}_name_of_class"][0].to_numpy()
            order = np.argsort(means)
            images, titles = images[order], [f"class {k + 1}: {names[means[k]]}" for k in order]
        axis = results.manifold_axis.to_numpy()
        return plotting_images.manifolds(images, axis, axis, titles)

    return draw


def manifolds_of(variants: Columns) -> Draw:
    """Decoded latent grids of models without classes, side by side."""

    def draw(results: xarray.Dataset, metrics: Metrics) -> Figure:
        images = np.stack([results[f"{variant}_manifold"][0].to_numpy() for _, variant in variants])
        axis = results.manifold_axis.to_numpy()
        return plotting_images.manifolds(images, axis, axis, [title for title, _ in variants])

    return draw


def reconstructions(variants: Columns, data: str) -> Draw:
    """The first images, and what each variant makes of them."""

    def draw(results: xarray.Dataset, metrics: Metrics) -> Figure:
        lines = [results[f"{variant}_reconstruction_of_x"][0].to_numpy() for _, variant in variants]
        first = results[f"{data}_x"][: len(lines[0])].to_numpy()
        return plotting_images.image_grid(np.stack([first, *lines]), rows=["data", *(title for title, _ in variants)])

    return draw


def history(variant: str) -> Draw:
    """Every term of the first fit."""

    def draw(results: xarray.Dataset, metrics: Metrics) -> Figure:
        def terms(part: str) -> dict[str, np.ndarray]:
            begin, fit = f"{variant}_{part}_", f"{variant}_fit"
            names = [str(name) for name in results if str(name).startswith(begin) and fit in results[name].dims]
            return {name.removeprefix(begin): results[name][0].to_numpy() for name in names}

        return plotting_models.history(terms("train"), terms("validation"))

    return draw


def confusion(variant: str) -> Draw:
    """True against found classes of the first seed."""

    def draw(results: xarray.Dataset, metrics: Metrics) -> Figure:
        names = list(results.attrs["classes"])
        return plotting_models.confusion_matrix(results[f"{variant}_confusion"][0].to_numpy(), names)

    return draw


def over_seeds(variants: Columns, scores: Columns) -> Draw:
    """Every seed's score as a dot, the median as a line; one panel for each of ``scores`` (label, end of the name)."""

    def draw(results: xarray.Dataset, metrics: Metrics) -> Figure:
        figure, axes = panels(1, len(scores), 3.9, 0.55 * len(variants) + 1.6, sharey=True)
        rows = np.arange(len(variants))
        for ax, (label, end) in zip(axes.flat, scores, strict=True):
            for row, (_, variant) in zip(rows, variants, strict=True):
                if f"{variant}_{end}" in results:
                    values = results[f"{variant}_{end}"].to_numpy()
                    ax.plot(values, np.full(len(values), row), "o", color=COLOURS[0], ms=5, alpha=0.7)
                    ax.plot([np.median(values)] * 2, [row - 0.3, row + 0.3], color=COLOURS[1])
            ax.set(xlabel=label)
            ax.grid(axis="x", alpha=0.3)
        axes.flat[0].set_yticks(rows, [title for title, _ in variants])
        axes.flat[0].set_ylim(len(variants) - 0.5, -0.5)
        return figure

    return draw


def size(*data: str) -> str:
    """How large the job was and what the images are, as a jinja text."""
    sources = "; ".join(f"{{{{ attrs.{name}_source }}}}" for name in data)
    return (
        "<p>{{ training_images }} training images of {{ size_pixels }} × {{ size_pixels }}, {{ steps }} steps, "
        "{{ seeds }} seeds; all scores on {{ held_out_images }} images that no training has seen, from "
        + sources
        + ".</p>\n"
    )


def value(name: str) -> str:
    """Median [smallest, largest] over seeds, as a jinja text."""
    return f"{{{{ {name} | number }}}} [{{{{ {name}_min | number }}}}, {{{{ {name}_max | number }}}}]"


def table(caption: str, columns: Columns, rows: Columns) -> str:
    """Scores over seeds, a row for each of ``rows`` (label, end of the metric's name), a column for each of
    ``columns`` (heading, beginning); a dash where a variant has no such score."""
    head = "".join(f"<th>{heading}</th>" for heading, _ in columns)
    body = ""
    for label, end in rows:
        names = [f"{begin}_{end}" if begin else end for _, begin in columns]
        cells = "".join(
            f'<td class="n">{{% if {name} is defined %}}{value(name)}{{% else %}}–{{% endif %}}</td>' for name in names
        )
        body += f"<tr><td>{label}</td>{cells}</tr>\n"
    return f"<table><caption>{caption}; median [smallest, largest] over seeds</caption>\n<tr><th></th>{head}</tr>\n{body}</table>\n"
