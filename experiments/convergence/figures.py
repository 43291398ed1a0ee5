"""Figures of the convergence study's report; every function draws from saved results alone."""

import numpy as np
import xarray
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator

from experiments.convergence.config import LABELS
from experiments.lab.panels import RUN_TIME
from experiments.lab.plotting import COLOURS, panels
from experiments.lab.report import Metrics, Panel

UNIT = "Σ|curl P| (model units)"
UPDATES = (("random", "random subset", COLOURS[1]), ("synchronous", "synchronous", COLOURS[0]))


def _ranked(metrics: Metrics) -> list[str]:
    return sorted((n for n in LABELS if f"{n}_rank" in metrics), key=lambda name: metrics[f"{name}_rank"])


def ranking(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw change of the target by each choice, and what is left of the histories' ranking."""
    figure, axes = panels(1, 3, 4.8, 7.2, sharey=True)
    names = _ranked(metrics)
    rows = np.arange(len(names))
    for ax, key, label, colour in (
        (axes[0, 0], "rms_over_std", "rms change / std", COLOURS[0]),
        (axes[0, 1], "scatter_over_std", "without the mean shift / std", COLOURS[4]),
        (axes[0, 2], "spearman", "rank correlation", COLOURS[1]),
    ):
        middle, low, high = (np.array([metrics[f"{n}_{key}_{q}"] for n in names]) for q in ("median", "min", "max"))
        ax.errorbar(middle, rows, xerr=[middle - low, high - middle], fmt="o", color=colour, ms=7, capsize=3)
        ax.set_xlabel(label)
        ax.grid(axis="y", color="0.9")
        if key != "spearman":
            ax.set_xscale("log")
            ax.axvline(1, color="k", lw=0.8, ls=":")
    axes[0, 2].axvline(1, color="k", lw=0.8, ls=":")
    axes[0, 0].set_yticks(rows, [LABELS[name] for name in names])
    axes[0, 0].invert_yaxis()
    return figure


def time_step(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw error against the time step, synchronous; and the targets of the coarsest and the published against the finest."""
    figure, axes = panels(1, 3, 4.6, 3.8)
    step = results.relative_time_step.to_numpy()
    error = results.time_step_error.to_numpy()
    ax = axes[0, 0]
    for number, values in enumerate(error[:-1].T):
        ax.loglog(step[:-1], values, "o-", color=COLOURS[number % len(COLOURS)], label=f"random field {number + 1}")
    reference = step[:-1] - step[-1]  # what order 1 leaves of the difference to the finest
    ax.loglog(step[:-1], error[1].mean() * reference / reference[1], "k:", label="order 1")
    ax.xaxis.set_major_locator(FixedLocator(step[:-1].tolist()))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticklabels([f"{value:g}" for value in step[:-1]])
    ax.set(xlabel="time step / published", ylabel=f"rms error, {UNIT}")
    ax.legend()
    finest = results.target.sel(choice="synchronous_finest").to_numpy()
    for ax, choice, title in ((axes[0, 1], "synchronous_1", "published time step"),
                              (axes[0, 2], "synchronous_double", f"{metrics['coarse']} times the time step")):  # fmt: skip
        _against(ax, finest, results.target.sel(choice=choice).to_numpy())
        ax.set(title=title, xlabel=f"finest step: {UNIT}", ylabel=UNIT)
    return figure


def _against(axes: Axes, x: np.ndarray, y: np.ndarray) -> None:
    """Targets (realisation, history) of two choices against one another, with the diagonal."""
    for number, (a, b) in enumerate(zip(x, y, strict=True)):
        axes.plot(a, b, ".", color=COLOURS[number % len(COLOURS)], ms=6, alpha=0.7, label=f"random field {number + 1}")
    ends = min(x.min(), y.min()), max(x.max(), y.max())
    axes.plot(ends, ends, "k:", lw=1)


def hold(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw mean target, distance from the end and ranking while the last field is held."""
    figure, axes = panels(1, 3, 4.6, 3.8)
    steps = results.hold.to_numpy()
    for name, label, colour in UPDATES:
        rms = results[f"hold_{name}_rms"].to_numpy().copy()
        rms[-1] = np.nan  # zero by definition
        mean = results[f"hold_{name}_target"].mean("history").to_numpy().T
        for ax, values in zip(axes.flat, (mean, rms, results[f"hold_{name}_spearman"].to_numpy()), strict=True):
            lines = ax.plot(steps, values, color=colour, lw=1.3)
            lines[0].set_label(label)
    for ax, label in zip(
        axes.flat,
        (f"mean {UNIT}", "rms to the longest hold (model units)", "rank correlation with its end"),
        strict=True,
    ):
        ax.set_xscale("symlog", linthresh=10)
        ax.axvline(metrics["hold_steps"], color="k", lw=0.8, ls=":")
        ax.set(xlabel="steps after the field stops", ylabel=label)
        ax.xaxis.set_minor_formatter(NullFormatter())
    axes[0, 1].set_yscale("log")
    axes[0, 1].set_ylim(bottom=1e-3)
    axes[0, 2].legend(loc="lower right")
    return figure


def update_limit(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the random subset's way to its limit of short steps, a synchronous update with a quarter of the mobility."""
    figure, axes = panels(1, 3, 4.6, 3.8)
    step = 1 / results.refinement.to_numpy()
    rows = (("update_difference", f"rms difference, {UNIT}"), ("update_correlation", "correlation over histories"),
            ("extrapolation_size", "rms extrapolation / rms P"))  # fmt: skip
    for ax, (name, label) in zip(axes.flat, rows, strict=True):
        for number, values in enumerate(results[name].to_numpy().T):
            ax.plot(step, values, "o-", color=COLOURS[number % len(COLOURS)], label=f"random field {number + 1}")
        ax.set_xscale("log", base=2)
        ax.xaxis.set_major_locator(FixedLocator(step.tolist()))
        ax.set_xticklabels([f"1/{round(1 / value)}" if value < 1 else "1" for value in step])
        ax.set(xlabel="time step / published", ylabel=label)
        if name != "update_correlation":
            ax.set_yscale("log")
            middle = np.median(results[name].to_numpy(), axis=1)
            for order, style in ((0.5, "--"), (1, ":")):
                ax.plot(step, middle[0] * step**order, style, color="k", lw=1, label=f"order {order:g}")
    axes[0, 0].legend(fontsize=10)
    return figure


def choices(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the published target against the target under other choices, history by history."""
    shown = (("synchronous_1", "synchronous, same steps"), ("random_stretched", "random subset, 4 times the steps"),
             ("random_held", "random subset, longest hold"), ("synchronous_held", "synchronous, longest hold"),
             ("open", "open edges"), ("subset_seed_2", "another subset seed"))  # fmt: skip
    figure, axes = panels(2, 3, 4.4, 3.9)
    lecture = results.target.sel(choice="random_1").to_numpy()
    for ax, (choice, title) in zip(axes.flat, shown, strict=True):
        _against(ax, lecture, results.target.sel(choice=choice).to_numpy())
        ax.set(title=title)
    axes[0, 0].legend(fontsize=10)
    figure.supxlabel(f"as published: {UNIT}")
    figure.supylabel(f"with the choice changed: {UNIT}")
    return figure


PANELS = (
    Panel("ranking", "What changes the target", "Median over {{ realisations }} random fields, bars from the smallest to the "
          "largest. Left: rms change relative to the spread over histories (1: as large as what an optimiser works with).",
          ranking),
    Panel("choices", "History by history", "Each point one history. Correlation of the published target with the synchronous "
          "one at the same steps: {{ update_same_steps_correlation_median | number }} (lowest "
          "{{ update_same_steps_correlation_min | number }}); the published target after the longest hold with that after "
          "{{ hold_steps }} steps: {{ hold_random_correlation_median | number }}.", choices),
    Panel("time_step", "Time step", "Synchronous update, the same field history in fewer and more steps. Order from successive "
          "halvings: {{ '%.2f' | format(time_step_order_median) }} ({{ '%.2f' | format(time_step_order_min) }} to "
          "{{ '%.2f' | format(time_step_order_max) }}); largest error of one history at the published time step "
          "{{ time_step_largest_error_max | number }} model units.", time_step),
    Panel("hold", "Hold", "One line a random field. Mean loss of the target from {{ hold_steps }} to {{ longest_hold_steps }} "
          "steps: {{ hold_random_mean_loss_median | number }} (random subset), "
          "{{ hold_synchronous_mean_loss_median | number }} (synchronous) model units: histories move both ways. At half of the "
          "longest hold the rms distance is {{ hold_random_half_of_longest_rms_max | number }} and "
          "{{ hold_synchronous_half_of_longest_rms_max | number }} at most.", hold),
    Panel("update_limit", "The random subset in the limit of short steps", "Against the synchronous update with a quarter of the "
          "mobility and the finest time step (1/{{ finest }}). Fitted order of the rms difference: "
          "{{ '%.2f' | format(update_limit_order_median) }} ({{ '%.2f' | format(update_limit_order_min) }} to "
          "{{ '%.2f' | format(update_limit_order_max) }}); correlation from {{ update_limit_correlation_dt_over_1_median | number }} "
          "at the published time step. Right: how far the values that neighbours see of sites at rest lie from the polarization at "
          "the end: {{ extrapolation_size_dt_over_1_median | number }} of it at the published time step.", update_limit),
    RUN_TIME,
)  # fmt: skip
