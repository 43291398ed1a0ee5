"""Figures of a study's report, drawn from saved results alone."""

from typing import Any

import numpy as np
import xarray
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from experiments.lab.plotting import BEHIND, COLOURS, SEQUENTIAL, band, calibration, panels
from experiments.lab.report import Metrics, Panel

SHOWN = 3  # best histories
BEYOND = "beyond a limit, or not measured"


def draw_convergence(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw values in the order told with the best so far, and what blind choices would have found."""
    figure, axes = panels(1, 1, 8.0, 4.2)
    ax, value = axes[0, 0], results.value.to_numpy()
    place = draw_blind(ax, results)
    within, failed = results.within.to_numpy() > 0, ~np.isfinite(value)
    ax.plot(place[within], value[within], "o", ms=5, color=COLOURS[0], alpha=0.6, label="evaluations")
    beyond = ~within & ~failed
    if beyond.any():
        ax.plot(place[beyond], value[beyond], "o", ms=5, mfc="none", color=COLOURS[1], label=BEYOND)
    ax.plot(place, results.best, color=COLOURS[0], lw=2.2, drawstyle="steps-post", label="best so far")
    low = ax.get_ylim()[0]
    ax.plot(place[failed], np.full(failed.sum(), low), "x", ms=7, color=COLOURS[1], label="failed", clip_on=False)
    ax.axvline(metrics["initial_points"] + 0.5, color="k", lw=0.8, ls=":")
    ax.set(ylabel=label_of(results), ylim=(low, None))
    count_evaluations(ax)
    legend_below(figure, ax)
    return figure


def count_evaluations(ax: Axes) -> None:
    """Make the x axis that of evaluations, with whole numbers."""
    ax.set_xlabel("evaluation")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def legend_below(figure: Figure, ax: Axes) -> None:
    """Draw the legend of axes below a figure, where it covers nothing."""
    figure.legend(*ax.get_legend_handles_labels(), fontsize=9, loc="outside lower center", ncols=3)


def draw_blind(ax: Axes, results: xarray.Dataset) -> np.ndarray:
    """Draw what blind choices would have found, by the model, and return the numbers of the evaluations from 1 on."""
    place = np.arange(1, results.sizes["evaluation"] + 1)
    band(ax, place, results.random_best.to_numpy(), "random candidates (by the model)", COLOURS[2])
    band(ax, place, results.family_best.to_numpy(), "random histories of the file (by the model)", COLOURS[3])
    return place


def label_of(results: xarray.Dataset) -> str:
    """Return the objective as the label of an axis."""
    return short(results.attrs["objective"])


def short(text: str) -> str:
    """Return a formula as the label of an axis; a long one is left out."""
    return text if len(text) <= 40 else "objective"


def places(results: xarray.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Return the first two coordinates of every candidate; the second is 0 where there is one latent."""
    z = results.cell_z.to_numpy()
    return z[:, 0], z[:, 1] if z.shape[1] > 1 else np.zeros(len(z))


def draw_map(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw mean, standard deviation, probability of success and the order of evaluation over the latent space."""
    probability = "probability of success" if results.attrs["limits"] == "none" else "probability: within limits"
    return draw_maps(
        results,
        [
            (results["mean"].to_numpy(), label_of(results), {}),
            (results["std"].to_numpy(), "standard deviation", {}),
            (results["probability"].to_numpy(), probability, {"vmin": 0, "vmax": 1}),
        ],
        np.array([] if metrics["best_cell"] is None else [metrics["best_cell"]], int),
        "best",
    )


def draw_maps(
    results: xarray.Dataset, shown: list[tuple[np.ndarray, str, dict[str, Any]]], best: np.ndarray, word: str
) -> Figure:
    """Draw values of every candidate over the latent space, in two rows, and the order of evaluation at the end.

    ``shown`` are values with their label and limits of the colours; ``best`` are the cells that ``word`` names.
    """
    figure, axes = panels(2, (len(shown) + 2) // 2, 5.4, 4.2, sharex=True, sharey=True)
    first, second = places(results)
    size = float(np.clip(20000 / len(first), 6, 60))
    for ax, (values, label, limits) in zip(axes.flat, shown, strict=False):
        dots = ax.scatter(first, second, s=size, c=values, cmap=SEQUENTIAL, marker="s", linewidths=0, **limits)
        figure.colorbar(dots, ax=ax, label=label)
    for ax in axes.flat[len(shown) + 1 :]:
        ax.set_axis_off()
    ax, cells = axes.flat[len(shown)], results.evaluated_cell.to_numpy()
    failed, within = ~np.isfinite(results.value.to_numpy()), results.within.to_numpy() > 0
    ax.scatter(first, second, s=size, color=BEHIND, marker="s", linewidths=0, alpha=0.35)
    order = np.arange(1, len(cells) + 1)
    dots = ax.scatter(first[cells], second[cells], s=34, c=order, cmap=SEQUENTIAL, zorder=2)
    marks = (("failed", "x", COLOURS[1], cells[failed]), (BEYOND, "+", COLOURS[1], cells[~failed & ~within]))
    for label, marker, colour, rows in marks:
        if rows.size:
            ax.scatter(first[rows], second[rows], s=60, color=colour, marker=marker, zorder=3, label=label)
    waiting = results.pending_cell.to_numpy()
    if waiting.size:
        ax.scatter(first[waiting], second[waiting], s=60, facecolors="none", edgecolors="k", zorder=3, label="waiting")
    if best.size:
        ax.scatter(first[best], second[best], s=150, marker="*", color=COLOURS[1], edgecolors="w", zorder=4, label=word)
    figure.colorbar(dots, ax=ax, label="evaluation")
    if ax.get_legend_handles_labels()[1]:
        ax.legend(fontsize=9, loc="best", frameon=True)
    if results.attrs.get("given"):
        figure.suptitle(f"model at {results.attrs['given']}; evaluations of all contexts")
    for ax in axes[-1]:
        ax.set_xlabel("latent $z_1$")
    for ax in axes[:, 0]:
        ax.set_ylabel("latent $z_2$")
    return figure


def draw_best(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the best histories, the best of the random ones that began the study, and the histories of the file."""
    channels = results.attrs["channels"].split("; ")
    figure, axes = panels(1, len(channels), 6.4, 4.2)
    value, cells = np.where(results.within > 0, results.value, np.nan), results.evaluated_cell.to_numpy()
    order = np.argsort(-np.where(np.isfinite(value), value, -np.inf))
    ranked = order[: int(np.isfinite(value).sum())].tolist()
    initial = next((row for row in ranked if row < metrics["initial_points"]), None)
    for channel, (ax, label) in enumerate(zip(axes.flat, channels, strict=True)):
        draw_own(ax, results, channel)
        for row, colour in zip(ranked[:SHOWN], (COLOURS[1], COLOURS[0], COLOURS[4]), strict=False):
            draw_cell(ax, results, int(cells[row]), channel, f"{called(results, row)}: {value[row]:.4g}", color=colour)
        if initial is not None and initial not in ranked[:SHOWN]:
            words = f"best of the random ones, {called(results, initial)}: {value[initial]:.4g}"
            draw_cell(ax, results, int(cells[initial]), channel, words, color="k", ls="--")
        ax.set(xlabel=f"time ({results.attrs['time_unit'] or 'steps'})", ylabel=label)
    if axes[0, 0].get_legend_handles_labels()[1]:
        axes[0, 0].legend(fontsize=9)
    return figure


def called(results: xarray.Dataset, row: int) -> str:
    """Return what an evaluation is called: by its id or, added by hand without one, by its cell."""
    number = int(results.id[row])
    return f"id {number}" if number >= 0 else f"added by hand (cell {int(results.evaluated_cell[row])})"


def draw_own(ax: Axes, results: xarray.Dataset, channel: int) -> None:
    """Draw up to 40 histories of the file in grey."""
    rows = np.linspace(0, results.sizes["own"] - 1, min(40, results.sizes["own"])).astype(int)
    share = np.linspace(0, 1, results.sizes["sample"])
    for row in rows:
        ax.plot(float(results.own_duration[row]) * share, results.own_history[row, :, channel], color=BEHIND, lw=0.7)


def draw_cell(ax: Axes, results: xarray.Dataset, cell: int, channel: int, label: str, **style: Any) -> None:
    """Draw the history of a candidate in its time."""
    time = float(results.cell_duration[cell]) * np.linspace(0, 1, results.sizes["sample"])
    ax.plot(time, results.cell_history[cell, :, channel], lw=2.2, label=label, **style)


def draw_outcomes(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw every outcome in the order told."""
    names = [str(name) for name in results.name.to_numpy()]
    figure, axes = panels(1, len(names), max(3.4, 7.5 / len(names)), 3.4)
    good = results.within.to_numpy() > 0
    place = np.arange(1, len(good) + 1)
    shown = zip(axes.flat, results.outcome.to_numpy(), results.limit.to_numpy(), names, strict=True)
    for ax, row, limits, name in shown:
        ax.plot(place[good], row[good], "o", ms=5, color=COLOURS[0], label="counts")
        if not good.all():
            ax.plot(place[~good], row[~good], "x", ms=6, color=COLOURS[1], label=f"failed, {BEYOND}")
        for end in limits[np.isfinite(limits)]:
            ax.axhline(end, color=COLOURS[1], lw=1, ls="--")
        ax.set_ylabel(name)
        count_evaluations(ax)
    legend_below(figure, axes[0, 0])
    return figure


def draw_calibration(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw predictions against values, shares of values inside predicted intervals, and probabilities of success."""
    within, predicted = results.within.to_numpy() > 0, results.probability_before.to_numpy()
    shown = not within.all() and bool(np.isfinite(predicted).any())
    figure, axes = panels(1, 2 + shown, 4.8, 4.2)
    ax = axes[0, 0]
    known = np.isfinite(results.z_score.to_numpy())
    value = results.value.to_numpy()[known]
    mean, std = (results[name].to_numpy()[known] for name in ("predicted_mean", "predicted_std"))
    ax.errorbar(value, mean, 1.96 * std, fmt="o", ms=4, lw=0.8, color=COLOURS[0])
    if value.size:
        ends = [min(value.min(), mean.min()), max(value.max(), mean.max())]
        ax.plot(ends, ends, color=COLOURS[2], lw=1, ls="--")
        calibration(axes[0, 1], results.z_score.to_numpy()[None])
    ax.set(xlabel=f"told: {short(str(results.objective[0].item()))}", ylabel="predicted before, ± 1.96 σ")
    if shown:
        ax, place = axes[0, 2], np.arange(1, len(within) + 1)
        for rows, marker, colour, label in (
            (within, "o", COLOURS[0], "succeeded"),
            (~within, "x", COLOURS[1], "did not"),
        ):
            ax.plot(place[rows], predicted[rows], marker, ms=6, color=colour, label=label)
        ax.set(ylabel="predicted probability of success", ylim=(-0.03, 1.03))
        count_evaluations(ax)
        ax.legend(fontsize=9)
    return figure


PANELS = (
    Panel(
        "convergence",
        "Values, and what blind choices would have found",
        "In the order told; left of the dotted line random candidates. Bands: median and quartiles of the best so far "
        "of random candidates and of random histories of the file at the same number of evaluations, as the model "
        "estimates them from {{ successes }} successes; they were not measured.",
        draw_convergence,
    ),
    Panel(
        "best_histories",
        "Best histories",
        "The best that were evaluated, the best of the random ones at the beginning, and histories of the file (grey).",
        draw_best,
    ),
    Panel(
        "map",
        "Map of the latent space",
        "What the model expects of each of {{ candidates }} candidates, how unsure it is, how likely a success within "
        "the limits is, and what was evaluated in which order.",
        draw_map,
    ),
    Panel("outcomes", "Outcomes", "As told, in order; dashed: limits.", draw_outcomes),
    Panel(
        "calibration",
        "Were the predictions right?",
        "Predicted before the value was told, for the {{ calibration_number }} successes after the random ones. "
        "Standard deviation of the z-scores: {{ calibration_z_std | number }} (1 is right, more is too sure); "
        "{{ (100 * (calibration_inside_95_percent or 0)) | number }} % lie inside the 95 % interval. Success within the "
        "limits, of all evaluations after the random ones: predicted with a probability of "
        "{{ success_predicted_share | number('none') }} in the mean, seen in a share of "
        "{{ success_share | number('none') }}.",
        draw_calibration,
    ),
)
