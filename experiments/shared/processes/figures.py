"""Figures that the reports on processes share, drawn from saved results alone."""

import numpy as np
import xarray
from matplotlib.figure import Figure

from experiments.lab.plotting import BEHIND, COLOURS, SEQUENTIAL, band, panels
from experiments.lab.report import Metrics, Panel
from experiments.shared.processes.records import Measured, Process
from experiments.shared.processes.search import METHODS


def panels_of(process: Process, trade: tuple[str, str]) -> tuple[Panel, ...]:
    """Return the panels that all processes have; ``trade`` names the two outcomes that cannot be had together."""
    across, up = (next(outcome for outcome in process.outcomes if outcome.name == name) for name in trade)

    def histories(results: xarray.Dataset, metrics: Metrics) -> Figure:
        return draw_histories(results, process)

    def candidates(results: xarray.Dataset, metrics: Metrics) -> Figure:
        return draw_candidates(results, process)

    def convergence(results: xarray.Dataset, metrics: Metrics) -> Figure:
        return draw_convergence(results, metrics, process)

    def best(results: xarray.Dataset, metrics: Metrics) -> Figure:
        return draw_best(results, process)

    def trade_off(results: xarray.Dataset, metrics: Metrics) -> Figure:
        return draw_trade_off(results, across, up)

    value = process.outcomes[0]
    return (
        Panel(
            "histories",
            "Generated histories",
            "Six of each family; failed ones dashed. {{ (100 * generated_failed_share) | number }} % of "
            "{{ histories }} fail.",
            histories,
        ),
        Panel(
            "candidates",
            "Candidates",
            f"Cells of the latent space inside the support, coloured by their value ({value.units}): {value.text}. "
            "Grey: failed. Right: what seed 0 of log expected improvement evaluated, in order.",
            candidates,
        ),
        Panel(
            "convergence",
            "Campaigns against random search",
            "Best so far; medians and quartiles of {{ campaigns }} campaigns, where one without a success counts as the "
            "worst candidate. Dotted: the best of all candidates, and of all generated histories.",
            convergence,
        ),
        Panel(
            "trade_off",
            f"{up.name.capitalize()} against {across.name}",
            f"{across.text}; {up.text}. Histories that did not fail.",
            trade_off,
        ),
        Panel(
            "best",
            "The best histories",
            "Of the candidates, and of the generated histories, with their values.",
            best,
        ),
    )


def draw_histories(results: xarray.Dataset, process: Process) -> Figure:
    """Draw six histories of each family against the share of their duration."""
    count = len(process.families)
    figure, axes = panels(1, count, 3.0, 2.8, sharey=True)
    unit = np.linspace(0, 1, results.sizes["sample"])
    failed = np.isnan(results[f"generated_{process.outcomes[0].name}"].to_numpy())
    for number, (ax, name) in enumerate(zip(axes.flat, process.families, strict=True)):
        for row in np.flatnonzero(results.family == number)[:6]:
            ax.plot(unit, results.history[row], lw=1.2, ls="--" if failed[row] else "-")
        ax.set(title=name, xlabel="time / duration")
    axes[0, 0].set_ylabel(f"{process.control.name} ({process.control.units})")
    return figure


def draw_candidates(results: xarray.Dataset, process: Process) -> Figure:
    """Draw the candidates in the first two latents: their values, and the order in which one campaign took them."""
    z, value = results.cell_latent.to_numpy(), results[f"cell_{process.outcomes[0].name}"].to_numpy()
    second = z[:, 1] if z.shape[1] > 1 else np.zeros(len(z))
    figure, axes = panels(1, 2, 5.2, 4.2, sharex=True, sharey=True)
    for ax in axes.flat:
        ax.scatter(z[:, 0], second, s=9, color=BEHIND)
        ax.set(xlabel="latent $z_1$", ylabel="latent $z_2$")
    rows = np.argsort(value)[: int(np.isfinite(value).sum())]  # the best on top, because a third latent lies behind
    dots = axes[0, 0].scatter(z[rows, 0], second[rows], s=11, c=value[rows], cmap=SEQUENTIAL)
    figure.colorbar(dots, ax=axes[0, 0], label=f"{process.outcomes[0].name} ({process.outcomes[0].units})")
    taken = results.log_ei_row.to_numpy()[0]
    order = axes[0, 1].scatter(z[taken, 0], second[taken], s=26, c=np.arange(1, len(taken) + 1), cmap=SEQUENTIAL)
    figure.colorbar(order, ax=axes[0, 1], label="evaluation")
    return figure


def draw_convergence(results: xarray.Dataset, metrics: Metrics, process: Process) -> Figure:
    """Draw the best so far of every method, and the failures each method has met."""
    figure, axes = panels(1, 2, 5.6, 4.0)
    for (name, words), colour in zip(METHODS.items(), COLOURS, strict=False):
        best = results[f"{name}_best"].fillna(metrics["cells_worst"]).to_numpy()
        place = np.arange(1, best.shape[1] + 1)
        band(axes[0, 0], place, best, words, colour)
        band(axes[0, 1], place, np.isnan(results[f"{name}_value"].to_numpy()).cumsum(1), words, colour)
    for end in ("cells_best", "generated_best"):
        axes[0, 0].axhline(metrics[end], color="k", ls=":", lw=1)
    low, top = metrics["cells_median"], max(metrics["cells_best"], metrics["generated_best"])
    axes[0, 0].set_ylim(low, top + 0.05 * (top - low))
    axes[0, 0].set(xlabel="evaluations", ylabel=f"best so far ({process.outcomes[0].units})")
    axes[0, 1].set(xlabel="evaluations", ylabel="failed evaluations")
    axes[0, 0].legend(fontsize=9, loc="lower right")
    return figure


def draw_trade_off(results: xarray.Dataset, across: Measured, up: Measured) -> Figure:
    """Draw one outcome against another: candidates, generated histories, what the campaigns have evaluated."""
    figure, axes = panels(1, 1, 6.4, 4.6)
    ax = axes[0, 0]
    taken = np.unique(results.log_ei_row.to_numpy())
    for of, rows, label, colour in (
        ("generated", slice(None), "generated histories", COLOURS[2]),
        ("cell", slice(None), "candidates", COLOURS[3]),
        ("cell", taken, "evaluated by log expected improvement", COLOURS[0]),
    ):
        x, y, value = (results[f"{of}_{name}"].to_numpy()[rows] for name in (across.name, up.name, "value"))
        known = np.isfinite(value)
        ax.plot(x[known], y[known], ".", ms=4, color=colour, label=label)
    ax.set(xlabel=f"{across.name} ({across.units})", ylabel=f"{up.name} ({up.units})")
    ax.legend(fontsize=9)
    return figure


def draw_best(results: xarray.Dataset, process: Process) -> Figure:
    """Draw the three best candidates and the three best generated histories in time."""
    figure, axes = panels(1, 2, 5.2, 3.8, sharey=True)
    value = process.outcomes[0]
    for ax, (of, values, duration, title) in zip(
        axes.flat,
        (("cell", "cell_history", "cell_duration", "candidates"), ("generated", "history", "duration", "generated")),
        strict=True,
    ):
        scores = results[f"{of}_{value.name}"].to_numpy()
        for row in np.argsort(-np.where(np.isfinite(scores), scores, -np.inf))[:3]:
            seconds = float(results[duration][row]) * np.linspace(0, 1, results.sizes["sample"])
            ax.plot(seconds, results[values][row], label=f"{scores[row]:.4g} {value.units.replace('1', '')}".strip())
        ax.set(xlabel="time (s)", title=title)
        ax.legend(fontsize=9)
    axes[0, 0].set_ylabel(f"{process.control.name} ({process.control.units})")
    return figure
