"""Figures of the equilibration report; every function draws from saved results alone."""

import numpy as np
import xarray
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from experiments.lab.plotting import COLOURS, SEQUENTIAL, band, panels
from experiments.lab.report import Metrics, Panel

NAMES = {"lecture": "lecture preset", "synchronous": "lecture, but synchronous", "physical": "physical preset"}
CURL = "Σ|curl P| (model units)"


def examples(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw three histories, from few zeros of the field to many: field, and curl under each variant."""
    figure, axes = panels(3, 3, 4.9, 2.7, sharex=True, sharey="col")
    drive = int(metrics["drive_steps"])
    shown = min(drive + 200, results.sizes["every_step"])
    curl, clean = results.example_curl.to_numpy()[..., :shown], results.curve_clean.to_numpy()
    zeros = [np.flatnonzero(field[:-1] * field[1:] < 0) for field in clean[: curl.shape[1]]]
    order = np.argsort([len(when) for when in zeros], kind="stable")
    for row, history in enumerate(order[[0, len(order) // 2, -1]]):
        held = np.full(shown - drive, results.curve.to_numpy()[history, -1])
        for column, title in enumerate(NAMES.values()):
            ax = axes[row, column]
            ax.plot(curl[column, history], color=COLOURS[0], label="Σ|curl P|")
            ax.axvspan(drive, shown, color=COLOURS[2], alpha=0.25, lw=0, label="field held")
            for when in zeros[history]:
                ax.axvline(when, color=COLOURS[1], lw=0.8, ls=":", label="zero of the field")
            other = ax.twinx()
            other.plot(np.concatenate([clean[history], held]), color=COLOURS[1], lw=1.0, alpha=0.7, label="field")
            other.set(ylim=(-1.1, 3.5), yticks=[-1, 0, 1] if column == 2 else [])
            if column == 2:
                other.set_ylabel("field / largest", color=COLOURS[1], loc="bottom")
            if row == 0:
                ax.set_title(title)
    drawn = {label: handle for ax in figure.axes for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    figure.legend(drawn.values(), drawn.keys(), loc="outside upper center", ncols=4)
    figure.supxlabel("step")
    figure.supylabel(CURL)
    return figure


def decay(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw against steps of hold, all histories and realisations: curl, its change, shares that fall and rise."""
    figure, axes = panels(3, 3, 4.7, 2.9, sharex=True, sharey="row")
    drive = int(metrics["drive_steps"])
    held = results.step.to_numpy() >= drive - 1
    hold = results.step.to_numpy()[held] - (drive - 1)
    for column, (name, title) in enumerate(NAMES.items()):
        curl = results.curl.sel(variant=name).to_numpy()[..., held].reshape(-1, held.sum())
        change = 100 * (curl / curl[:, :1] - 1)
        for row, values in ((0, curl), (1, change)):
            band(axes[row, column], hold, values, "median, quartiles", COLOURS[0])
            axes[row, column].plot(hold, values.mean(0), color=COLOURS[1], ls="--", label="mean")
        for share, label, colour in (
            (change < -2, "falls by over 2 %", COLOURS[4]),
            (change > 2, "rises by over 2 %", COLOURS[3]),
        ):
            axes[2, column].plot(hold, 100 * share.mean(0), color=colour, label=label)
        axes[0, column].set_title(title)
        axes[1, column].axhline(0, color="k", lw=0.8, ls=":")
        axes[2, column].set_xscale("symlog", linthresh=10)
        axes[2, column].set_xlabel("steps after the field stops")
    for row, label in enumerate((CURL, "change (%)", "histories (%)")):
        axes[row, 0].set_ylabel(label)
    axes[0, 0].legend(loc="lower left")
    axes[2, 2].legend(loc="lower right")
    figure.align_ylabels()
    return figure


def onset_and_rate(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw relaxation rate and initial slope of each history against its curl at the onset, coloured by the held field."""
    figure, axes = panels(2, 3, 4.9, 3.6)
    field = results.held_field.to_numpy()
    for column, (name, title) in enumerate(NAMES.items()):
        part = results.sel(variant=name)
        for realisation in range(results.sizes["realisation"]):
            for row, key in ((0, "rate"), (1, "slope")):
                x, y = part.onset.to_numpy()[realisation], part[key].to_numpy()[realisation]
                axes[row, column].scatter(x, y, c=field, s=7, cmap=SEQUENTIAL, vmin=0, vmax=1)
        axes[0, column].set(title=title, yscale="log")
        axes[1, column].set_yscale("symlog", linthresh=1)
        axes[1, column].axhline(0, color="k", lw=0.8, ls=":")
        axes[1, column].set_xlabel(f"{CURL} at the onset")
    axes[0, 0].set_ylabel("relaxation rate\n(1 / model time)")
    axes[1, 0].set_ylabel("initial slope −dC/dt\n(model units / model time)")
    colours = ScalarMappable(Normalize(0, 1), SEQUENTIAL)
    figure.colorbar(colours, ax=axes, label="|field| that is held / largest", shrink=0.7)
    return figure


def lags(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw histograms of the lag of curl maxima behind four kinds of event; grey: maxima shifted at random."""
    shown = (("extremum", "field extremum"), ("zero", "field zero"), ("weakest", "minimum of |field|"),
             ("reversal", "zero of mean P"))  # fmt: skip
    figure, axes = panels(3, 4, 3.9, 2.6, sharex=True, sharey="row")
    lag = results.lag.to_numpy()
    for row, (name, title) in enumerate(NAMES.items()):
        for column, (event, label) in enumerate(shown):
            ax, width = axes[row, column], lag[1] - lag[0]
            own, shifted = (results[key].sel(variant=name, event=event).to_numpy()
                            for key in ("lag_share", "lag_share_shifted"))  # fmt: skip
            ax.bar(lag, own, width, color=COLOURS[0], label="maxima of the curl")
            ax.step(lag, shifted, where="mid", color=COLOURS[1], lw=1.4, label="shifted at random")
            ax.axvline(0, color="k", lw=0.8, ls=":")
            if row == 0:
                ax.set_title(f"nearest {label}")
            if column == 0:
                ax.set_ylabel(f"{title}\nshare of maxima", fontsize=11)
            if row == 2:
                ax.set_xlabel("lag of the maximum (steps)")
    axes[1, 0].legend(loc="upper right", fontsize=10)
    return figure


PANELS = (
    Panel("examples", "Three histories", "Σ|curl P| (blue) under a field (red) with few, some and many zeros (dotted); realisation 0. Grey: the "
          "first held steps.", examples),
    Panel("decay", "Curl after the field stops", "All histories on all realisations: curl, its change since the field stopped, and how many "
          "histories have risen or fallen by more than 2 %.", decay),
    Panel("onset_and_rate", "Relaxation against the curl at the onset", "One dot per history and realisation. Rate: inverse of the integral "
          "relaxation time, where the curl changes clearly. Slope: mean fall over the first 20 held steps (symmetric logarithmic axis).", onset_and_rate),
    Panel("lags", "When curl is largest", "Lags of the local maxima of Σ|curl P| during the drive behind the nearest event (those beyond the axis are not shown); minima of |field| "
          "include its zeros; "
          "red: the same maxima shifted in time at random. Maxima: {{ lecture_maxima_per_history | number }}, "
          "{{ synchronous_maxima_per_history | number }} and {{ physical_maxima_per_history | number }} per history.", lags),
)  # fmt: skip
