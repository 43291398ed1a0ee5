"""Figures of the page on campaigns of a JAX function, drawn from saved results alone."""

import numpy as np
import xarray
from matplotlib.figure import Figure

from experiments.lab.plotting import BEHIND, COLOURS, SEQUENTIAL, band, calibration, panels
from experiments.lab.report import Metrics, Panel
from experiments.process.log_figures import draw_own, places, short

LINES = (*COLOURS, "#000000", "#56b4e9", "#a0522d", "#cc79a7")


def methods(results: xarray.Dataset) -> list[tuple[int, str, str]]:
    """Return number, name and colour of every method."""
    names = [str(name) for name in results.method.to_numpy()]
    return [(number, name, LINES[number % len(LINES)]) for number, name in enumerate(names)]


def best_place(results: xarray.Dataset) -> tuple[int, int, int]:
    """Return method, seed and evaluation of the best value that a campaign found within the limits."""
    values = results["values"].to_numpy()
    campaigns = [not name.startswith("random") for _, name, _ in methods(results)]
    counted = (results.within.to_numpy() > 0) & np.array(campaigns)[:, None, None]
    values = np.where(counted, values, -np.inf)
    method, seed, evaluation = np.unravel_index(int(values.argmax()), values.shape)
    return int(method), int(seed), int(evaluation)


def draw_convergence(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the best so far of every method, and the failures and broken limits it has met."""
    figure, axes = panels(1, 2, 5.6, 4.2)
    values, paths, within = results["values"].to_numpy(), results.paths.to_numpy(), results.within.to_numpy()
    place = np.arange(1, values.shape[2] + 1)
    for number, name, colour in methods(results):
        band(axes[0, 0], place, np.where(np.isnan(paths[number]), np.nanmin(values), paths[number]), name, colour)
        band(axes[0, 1], place, (within[number] == 0).cumsum(1), name, colour)
    if np.isfinite(paths[:, :, 0]).any():
        low, top = np.nanquantile(paths[:, :, 0], 0.25), np.nanmax(paths)
        axes[0, 0].set_ylim(low, top + 0.05 * max(top - low, 1e-9))
    axes[0, 0].set(xlabel="evaluation", ylabel=path_label(results))
    axes[0, 1].set(xlabel="evaluation", ylabel=f"failed{beyond_words(results)}")
    axes[0, 1].set_ylim(0, max(1.0, axes[0, 1].get_ylim()[1]))
    axes[0, 0].legend(fontsize=9, loc="lower right")
    return figure


def path_label(results: xarray.Dataset) -> str:
    """Return what the best so far is called on an axis: of one objective its name, a long formula is cut."""
    return "hypervolume" if results.attrs["front"] else f"best so far: {short(str(results.objective[0].item()))}"


def beyond_words(results: xarray.Dataset) -> str:
    """Return what a label adds to "failed" where there are limits."""
    return "" if results.attrs["limits"] == "none" else " or beyond a limit"


def draw_best(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the best history of every method, the refined one, and the histories of the file."""
    channels = results.attrs["channels"].split("; ")
    figure, axes = panels(1, len(channels), 6.8, 4.4)
    values = np.where(results.within > 0, results["values"], np.nan)
    share = np.linspace(0, 1, results.sizes["sample"])
    for channel, (ax, label) in enumerate(zip(axes.flat, channels, strict=True)):
        draw_own(ax, results, channel)
        for number, name, colour in methods(results):
            if not np.isfinite(values[number]).any():
                continue
            seed, evaluation = np.unravel_index(int(np.nanargmax(values[number])), values[number].shape)
            row = int(results.chosen[number, int(seed), int(evaluation)])
            of = "own" if name == "random histories of the file" else "cell"
            words = f"{name}: {values[number, seed, evaluation]:.4g}"
            time = float(results[f"{of}_duration"][row]) * share
            ax.plot(time, results[f"{of}_history"][row, :, channel], lw=1.8, color=colour, label=words)
        if "refined" in results:
            words = f"refined: {metrics['refined_value']:.4g}"
            ax.plot(metrics["refined_duration"] * share, results.refined[:, channel], "k--", lw=2.2, label=words)
        ax.set(xlabel=f"time ({results.attrs['time_unit'] or 'steps'})", ylabel=label)
    axes[0, 0].legend(fontsize=9)
    return figure


def draw_map(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the values that campaigns have seen, and the order in which the best campaign went."""
    figure, axes = panels(1, 2, 5.4, 4.2, sharex=True, sharey=True)
    first, second = places(results)
    values, chosen = results["values"].to_numpy(), results.chosen.to_numpy()
    campaigns = np.array([name != "random histories of the file" for _, name, _ in methods(results)])
    size = float(np.clip(20000 / len(first), 6, 60))
    for ax in axes.flat:
        ax.scatter(first, second, s=size, color=BEHIND, marker="s", linewidths=0, alpha=0.35)
        ax.set_xlabel("latent $z_1$")
    axes[0, 0].set_ylabel("latent $z_2$")
    cells, seen = chosen[campaigns].ravel(), values[campaigns].ravel()
    good = results.within.to_numpy()[campaigns].ravel() > 0
    dots = axes[0, 0].scatter(
        first[cells[good]], second[cells[good]], s=size, c=seen[good], cmap=SEQUENTIAL, marker="s"
    )
    axes[0, 0].scatter(first[cells[~good]], second[cells[~good]], s=12, color=COLOURS[1], marker="x", lw=0.8)
    figure.colorbar(dots, ax=axes[0, 0], label=short(str(results.objective[0].item())))
    method, seed, _ = best_place(results)
    cells, order = chosen[method, seed], np.arange(1, chosen.shape[2] + 1)
    dots = axes[0, 1].scatter(first[cells], second[cells], s=30, c=order, cmap=SEQUENTIAL)
    figure.colorbar(dots, ax=axes[0, 1], label="evaluation")
    return figure


def draw_calibration(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the share of values inside predicted intervals, for every acquisition."""
    figure, axes = panels(1, 1, 4.8, 4.4)
    z_scores = results.z_scores.to_numpy()
    for number, name, colour in methods(results):
        if np.isfinite(z_scores[number]).any():
            calibration(axes[0, 0], z_scores[number], name, colour)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    axes[0, 0].legend(once.values(), once.keys(), fontsize=9, loc="upper left")
    return figure


PANELS = (
    Panel(
        "convergence",
        "Campaigns, and blind choices at the same budget",
        "Medians and quartiles of {{ seeds }} seeds; before its first success a seed counts as the worst value seen.",
        draw_convergence,
    ),
    Panel("best_histories", "Best histories", "Of every method; grey: histories of the file.", draw_best),
    Panel(
        "map",
        "Map of the latent space",
        "Left: values of the candidates that were evaluated, red: failed or beyond a limit. Right: the campaign that "
        "found the best.",
        draw_map,
    ),
    Panel("calibration", "Were the predictions right?", "Below the diagonal: too sure.", draw_calibration),
)
