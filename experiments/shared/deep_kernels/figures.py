"""Figures that the reports on deep-kernel campaigns share; ``titles`` names each target."""

from collections.abc import Callable, Mapping

import numpy as np
import xarray
from matplotlib.figure import Figure

from experiments.lab.panels import RUN_TIME
from experiments.lab.plotting import BEHIND, COLOURS, SEQUENTIAL, Film, band, panels
from experiments.lab.report import Metrics, Panel

METHODS = {
    "deep": ("block deep kernel", COLOURS[1]),
    "vae": ("VAE latent", COLOURS[0]),
    "pixels": ("pixels", COLOURS[3]),
    "random": ("random", COLOURS[2]),
}
SPACES = {
    "deep": "block deep kernel\n(principal components)",
    "vae": "VAE latent",
    "pixels": "pixels\n(principal components)",
    "network": "published deep kernel\n(its 2-D layer)",
}
Draw = Callable[[xarray.Dataset, Metrics], Figure | Film]


def spaces(titles: Mapping[str, str]) -> Draw:
    """Draw the candidates in each space of a static fit, coloured by the target."""

    def draw(results: xarray.Dataset, metrics: Metrics) -> Figure:
        names = [str(name) for name in results.space.to_numpy()]
        figure, axes = panels(len(titles), len(names), 3.5, 3.1)
        for line, (target, title) in zip(axes, titles.items(), strict=True):
            dots = None
            for ax, name in zip(line, names, strict=True):
                points = results.static_view.sel(target=target, space=name).to_numpy()
                dots = ax.scatter(*points.T, c=results[f"{target}_value"], s=4, cmap=SEQUENTIAL, lw=0, rasterized=True)
                r2 = float(results.static_score.sel(target=target, space=name)[0, 0])
                ax.text(0.02, 0.98, f"R² {r2:.2f}", transform=ax.transAxes, va="top", fontsize=10)
                ax.set(xticks=[], yticks=[], xlim=(-3.2, 3.2), ylim=(-3.2, 3.2), facecolor=BEHIND)
            assert dots is not None
            figure.colorbar(dots, ax=line, label=title)
        for ax, name in zip(axes[0], names, strict=True):
            ax.set_title(SPACES[name])
        return figure

    return draw


def progress(titles: Mapping[str, str]) -> Draw:
    """Draw regret (median) and recall (mean) of the seeds against evaluations, with quartiles."""

    def draw(results: xarray.Dataset, metrics: Metrics) -> Figure:
        figure, axes = panels(2, len(titles), 4.2, 3.2)
        evaluation = np.arange(1, results.sizes["evaluation"] + 1)
        for column, (target, title) in enumerate(titles.items()):
            for name, (label, colour) in METHODS.items():
                part = results.sel(target=target, strategy=name)
                band(axes[0, column], evaluation, part.regret.to_numpy(), label, colour)
                band(axes[1, column], evaluation, part.recall.to_numpy(), label, colour, mean=True)
            for ax in axes[:, column]:
                ax.axvline(metrics["initial_points"], color="k", lw=0.8, ls=":")
            axes[0, column].set(title=title, ylim=(0, None))
            axes[1, column].set(xlabel="evaluations", ylim=(0, 1.02))
        axes[0, 0].set_ylabel("regret (units of the target)")
        axes[1, 0].set_ylabel("recall of the best")
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
        return figure

    return draw


def strip(titles: Mapping[str, str]) -> Draw:
    """Draw the deep kernel's space of the first seed after the first, a middle and the last fit."""

    def draw(results: xarray.Dataset, metrics: Metrics) -> Figure:
        fits = results.film_evaluations.to_numpy()
        picks = np.unique([0, len(fits) // 2, len(fits) - 1])
        figure, axes = panels(len(titles), len(picks), 3.7, 3.3)
        for line, (target, title) in zip(axes, titles.items(), strict=True):
            evaluated = results.chosen.sel(target=target, strategy="deep")[0].to_numpy()
            dots = None
            for ax, pick in zip(line, picks, strict=True):
                points = results.film_view.sel(target=target)[pick].to_numpy()
                dots = ax.scatter(*points.T, c=results[f"{target}_value"], s=5, cmap=SEQUENTIAL, lw=0, rasterized=True)
                ax.plot(*points[evaluated[: fits[pick]]].T, "o", ms=4, mfc="none", mec="k", mew=0.5)
                ax.set(xticks=[], yticks=[], facecolor=BEHIND)
            assert dots is not None
            figure.colorbar(dots, ax=line, label=title)
        for ax, pick in zip(axes[0], picks, strict=True):
            ax.set_title(f"{fits[pick]} evaluations")
        return figure

    return draw


def film(target: str, title: str, frames: int = 30) -> Draw:
    """Film the deep kernel's space of the first seed during the campaign, with evaluated candidates in colour."""

    def draw(results: xarray.Dataset, metrics: Metrics) -> Film:
        views, fits = results.film_view.sel(target=target).to_numpy(), results.film_evaluations.to_numpy()
        chosen = results.chosen.sel(target=target, strategy="deep")[0].to_numpy()
        values = results[f"{target}_value"].to_numpy()
        figure, axes = panels(1, 1, 5.6, 4.6)
        ax, limit = axes[0, 0], 1.05 * np.abs(views).max()
        rest = ax.scatter(*views[0].T, s=4, color="#93979e", lw=0)
        shown = ax.scatter([], [], c=[], s=18, cmap=SEQUENTIAL, vmin=values.min(), vmax=values.max(), lw=0)
        ax.set(xlim=(-limit, limit), ylim=(-limit, limit), xticks=[], yticks=[], facecolor=BEHIND)
        figure.colorbar(shown, ax=ax, label=title)

        def show(count: int) -> None:
            points = views[np.flatnonzero(fits <= count)[-1]]
            rest.set_offsets(points)
            shown.set_offsets(points[chosen[:count]])
            shown.set_array(values[chosen[:count]])
            ax.set_title(f"{count} evaluations")

        counts = np.linspace(fits[0], len(chosen), min(frames, len(chosen) - fits[0] + 1)).round().astype(int)
        show(int(counts[0]))
        return Film(figure, show, counts.tolist())

    return draw


def all_panels(titles: Mapping[str, str], filmed: str) -> tuple[Panel, ...]:
    """Return the panels of a report; ``filmed`` is the target whose campaign becomes a film."""
    return (
        Panel(
            "spaces",
            "Spaces of static fits",
            "First seed, {{ labelled }} labelled candidates, all candidates shown; R² of those without label. The "
            "published picture is the last column.",
            spaces(titles),
        ),
        Panel(
            "progress",
            "Campaigns",
            "Above regret (median), below recall (mean) with quartiles over {{ seeds }} seeds; dotted: end of the "
            "initial design.",
            progress(titles),
        ),
        Panel(
            "strip",
            "The deep kernel's space over the campaign",
            "First seed: principal components of the kernel's embedding after fits, each laid over the one before; "
            "circles are evaluated.",
            strip(titles),
        ),
        Panel("film", "The campaign as a film", f"First seed, {titles[filmed]}.", film(filmed, titles[filmed])),
        RUN_TIME,
    )
