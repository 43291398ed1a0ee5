"""Figures of the report on latent spaces; all draw from saved results alone."""

import numpy as np
import xarray
from matplotlib.figure import Figure

from experiments.lab.panels import RUN_TIME
from experiments.lab.plotting import BEHIND, COLOURS, DIVERGING, SEQUENTIAL, band, panels
from experiments.lab.report import Metrics, Panel
from experiments.lab.summaries import quantile
from experiments.latent_quality.config import DEEP, REPRESENTATIONS, TASKS

NAMES = {
    "raw": "pixels",
    "pca": "10 components",
    "vae": "VAE",
    "supervised_vae": "supervised VAE",
    "static_dkl": "deep kernel, static",
    "active_dkl": "deep kernel, active",
    "block_dkl": "block deep kernel",
    "joint_vae": "VAE + deep kernel",
    "random": "random",
}
LOOKS = {
    name: (colour, marker)
    for name, colour, marker in zip(NAMES, (*COLOURS, "#222222", "#2aa7c9", "#b9bcc0"), "os^vDPXp.", strict=True)
}
TITLES = {"curl": "Σ|curl P|", "smooth": "smooth f(α, ω)", "rotation": "card rotation", "shear": "card shear"}
SCORES = {
    "neighbour_r2": "R² of 10 neighbours",
    "distance_rank": "rank corr. of distances",
    "moran": "Moran's I",
    "components": "parts of the top 5 %",
    "trust": "trustworthiness",
}


def views(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the spaces of the first seed, coloured by the rank of each task's target."""
    figure, axes = panels(len(TASKS), len(REPRESENTATIONS), 2.25, 2.35)
    dots = None
    for line, task in zip(axes, TASKS, strict=True):
        pool = "histories" if task in ("curl", "smooth") else "cards"
        target = results[f"{task}_target"].to_numpy()[results[f"{pool}_judged"].to_numpy()]
        rank = np.argsort(np.argsort(target)) / (len(target) - 1)
        for ax, name in zip(line, REPRESENTATIONS, strict=True):
            points = results.view.sel(task=task, representation=name).to_numpy()
            dots = ax.scatter(*points.T, c=rank, s=5, cmap=SEQUENTIAL, lw=0, rasterized=True)
            ax.set(xticks=[], yticks=[], facecolor=BEHIND)
        line[0].set_ylabel(TITLES[task])
    for ax, name in zip(axes[0], REPRESENTATIONS, strict=True):
        ax.set_title(NAMES[name], fontsize=11)
    assert dots is not None
    figure.colorbar(dots, ax=axes, label="rank of the target", shrink=0.6, pad=0.01, aspect=30)
    return figure


def order(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw every score of every representation, median over seeds and quartiles, a panel for each score and task."""
    figure, axes = panels(len(TASKS), len(SCORES), 3.0, 2.5, sharey=True)
    places = np.arange(len(REPRESENTATIONS))
    for line, task in zip(axes, TASKS, strict=True):
        for ax, score in zip(line, SCORES, strict=True):
            values = results.quality.sel(task=task, score=score).to_numpy()
            low, middle, high = np.quantile(values, [0.25, 0.5, 0.75], axis=1)
            for y, name in enumerate(REPRESENTATIONS):
                colour, marker = LOOKS[name]
                ax.plot([low[y], high[y]], [y, y], color=colour, lw=2)
                ax.plot(middle[y], y, marker, color=colour)
            ax.set_yticks(places, [NAMES[name] for name in REPRESENTATIONS])
        line[0].set_title(TITLES[task], loc="left", fontweight="bold")
    for ax, text in zip(axes[-1], SCORES.values(), strict=True):
        ax.set_xlabel(text)
    axes[0, 0].invert_yaxis()
    return figure


def success(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw recall against evaluations, and the evaluations that every seed needed."""
    figure, axes = panels(2, len(TASKS), 4.2, 3.4)
    budget = results.sizes["evaluation"]
    for column, task in enumerate(TASKS):
        for place, name in enumerate(NAMES):
            part = results.sel(task=task)
            if name == "random":
                recall, needed = part.random_recall, part.random_needed
            else:
                recall, needed = (part[score].sel(representation=name) for score in ("recall", "needed"))
            colour, marker = LOOKS[name]
            mean = recall.to_numpy().mean(0)
            axes[0, column].plot(
                np.arange(1, budget + 1),
                mean,
                color=colour,
                label=NAMES[name],
                lw=2.4 if name in (*DEEP, "vae") else 1.1,
            )
            values = np.minimum(needed.to_numpy(), 1.08 * budget)
            axes[1, column].plot(
                values,
                np.full(len(values), place) + np.linspace(-0.25, 0.25, len(values)),
                marker,
                color=colour,
                ms=4,
                alpha=0.7,
            )
            middle = min(quantile(needed.to_numpy(), 0.5), 1.08 * budget)
            axes[1, column].plot(middle, place, "|", color="k", ms=16, mew=2)
        axes[0, column].set(title=TITLES[task], xlabel="evaluations")
        axes[1, column].axvline(1.04 * budget, color="k", lw=0.7, ls=":")
        axes[1, column].set(xlabel="evaluations to one of the best", yticks=[])
        axes[1, column].invert_yaxis()
    axes[0, 0].set_ylabel("mean recall of the best")
    axes[1, 0].set_yticks(range(len(NAMES)), NAMES.values())
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    return figure


def against(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw success against order, each representation's median over seeds for each task, and all correlations."""
    figure, axes = panels(1, len(TASKS) + 1, 3.7, 3.7)
    for ax, task in zip(axes.flat, TASKS, strict=False):
        for name in REPRESENTATIONS:
            part = results.sel(task=task, representation=name)
            colour, marker = LOOKS[name]
            r2, recall = part.quality.sel(score="neighbour_r2").to_numpy(), part.recall[:, -1].to_numpy()
            ax.plot(r2, recall, marker, color=colour, ms=4, alpha=0.35)
            ax.plot(np.median(r2), recall.mean(), marker, color=colour, ms=10, mec="k", label=NAMES[name])
        ax.set(xlabel="R² of 10 neighbours", title=TITLES[task])
    axes[0, 0].set_ylabel("recall of the best at the end")
    ax = axes[0, -1]
    table = results.correlation.sel(success="recall").to_numpy().T
    mesh = ax.imshow(table, cmap=DIVERGING, vmin=-1, vmax=1, aspect="auto")
    for (i, j), value in np.ndenumerate(table):
        ax.text(
            j,
            i,
            "–" if np.isnan(value) else f"{value:.2f}",
            ha="center",
            va="center",
            fontsize=10,
            color="white" if abs(value) > 0.6 else "k",
        )
    ax.set_xticks(range(len(TASKS)), TASKS, rotation=30)
    ax.set_yticks(range(len(SCORES)), SCORES.values())
    ax.set_title("order with recall")
    figure.colorbar(mesh, ax=ax, label="rank correlation")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=len(REPRESENTATIONS))
    return figure


def studies(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw both controlled studies: recall and order against the dial, and against the share of good histories."""
    figure, axes = panels(1, 4, 4.1, 3.5)
    dial = results.dial.to_numpy()
    for name in results.dial_method.to_numpy():
        colour = LOOKS[str(name)][0]
        part = results.sel(dial_method=name)
        band(axes[0, 0], dial, part.dial_recall.to_numpy().T, NAMES[str(name)], colour, mean=True)
    band(axes[0, 1], dial, results.dial_quality.sel(score="neighbour_r2").to_numpy().T, "VAE", LOOKS["vae"][0])
    share = 100 * results.share.to_numpy()
    band(axes[0, 2], share, results.share_recall.to_numpy().T, "VAE", LOOKS["vae"][0], mean=True)
    band(axes[0, 3], share, results.share_quality.sel(score="neighbour_r2").to_numpy().T, "R²", COLOURS[0])
    band(axes[0, 3], share, results.share_spread.to_numpy().T, "spread of good / all", COLOURS[1])
    axes[0, 0].set(xlabel="dial: share of what the data show", ylabel="recall of the best (mean)")
    axes[0, 1].set(xlabel="dial: share of what the data show", ylabel="R² of 10 neighbours, VAE")
    axes[0, 2].set(xlabel="good histories in training (%)", ylabel="recall of the best (mean)", xscale="log")
    axes[0, 3].set(xlabel="good histories in training (%)", xscale="log")
    for ax in axes[0, [0, 3]]:
        ax.legend()
    for ax in axes[0, 2:]:
        ax.set_xticks(share, [f"{value:g}" for value in share])
        ax.minorticks_off()
    return figure


PANELS = (
    Panel(
        "views",
        "Latent spaces",
        "First seed, judged candidates; spaces of more than two dimensions by their two principal components.",
        views,
    ),
    Panel(
        "success",
        "Campaigns",
        "Above: mean recall of the best {{ '%g' | format(100 * config.recall_share) }} %. "
        "Below: evaluations to one of the best {{ '%g' | format(100 * config.good_share) }} %, every seed; right of the "
        "dots, never; bars are medians.",
        success,
    ),
    Panel(
        "order",
        "Scores of the spaces",
        "Median over seeds and quartiles. Fewer parts and more of all else are better.",
        order,
    ),
    Panel(
        "against",
        "Does order make success?",
        "Small: every seed; large: median R² and mean recall of a representation. "
        "Right: rank correlation over representations and seeds, signs such that order is positive.",
        against,
    ),
    Panel(
        "studies",
        "Two controlled studies",
        "Left: the target is dial × what the data show + (1 − dial) × what they do "
        "not. Right: VAEs trained with few or many good histories. Bands are quartiles over seeds.",
        studies,
    ),
    RUN_TIME,
)
