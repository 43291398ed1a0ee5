"""Figures of the report on inference; every function draws from saved results alone."""

import numpy as np
import xarray
from matplotlib.figure import Figure

from experiments.inverse_parameters.config import NAMES, PARAMETERS
from experiments.lab.panels import RUN_TIME
from experiments.lab.plotting import COLOURS, DIVERGING, SEQUENTIAL, colour_bar, panels
from experiments.lab.report import Metrics, Panel

SYMBOLS = ("$\\alpha_1$", "$\\alpha_2$", "$\\alpha_3$", "coupling", "depolarization", "mobility")


def _two_digits(value: float) -> str:
    """Return a number of two significant digits, 530 and not 5.3e+02."""
    return f"{float(f'{value:.2g}'):g}"


def information(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the bounds of every measurement as a table of colours, and what it tells least of."""
    figure, axes = panels(1, 2, 7.2, 4.6, sharey=True)
    names = [str(name) for name in results.measurement.to_numpy()]
    bound, weakest = 100 * results.bound.to_numpy(), results.weakest.to_numpy()
    for ax, values, words, keywords in (
        (axes[0, 0], np.log10(bound), "least standard deviation (%)", {"cmap": SEQUENTIAL, "vmin": -1, "vmax": 3}),
        (axes[0, 1], weakest, "weakest direction (logarithms)", {"cmap": DIVERGING, "vmin": -1, "vmax": 1}),
    ):
        image = ax.imshow(values, aspect="auto", **keywords)
        bar = figure.colorbar(image, ax=ax, label=words)
        if values is not weakest:
            bar.set_ticks([-1, 0, 1, 2, 3], labels=["0.1", "1", "10", "100", "≥ 1000"])
        ax.set_xticks(range(len(NAMES)), SYMBOLS, rotation=30, ha="right")
        ax.set_yticks(range(len(names)), names)
        for row, column in np.ndindex(values.shape):
            value = values[row, column]
            text = f"{value:z.2f}" if values is weakest else "> 1000" if value > 3 else _two_digits(10**value)
            ax.text(column, row, text, ha="center", va="center", fontsize=9,
                    bbox={"facecolor": "white", "alpha": 0.6, "linewidth": 0, "pad": 1})  # fmt: skip
    return figure


def sensitivities(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw how the loop along x changes with every parameter, against the step, above the field."""
    figure, axes = panels(1, 2, 6.4, 3.8)
    step = np.arange(1, results.sizes["sample"] + 1)
    for number, symbol in enumerate(SYMBOLS):
        axes[0, 0].plot(step, results.loop_sensitivity[number], color=COLOURS[number % len(COLOURS)], label=symbol)
    axes[0, 0].set(xlabel="measured value of the loop", ylabel="change of mean $P_x$\nby the logarithm (model units)")
    axes[0, 0].legend(fontsize=9, ncols=2)
    place = np.arange(results.sizes["next"])
    axes[0, 1].barh(place, results.next_gain.to_numpy(), color=COLOURS[0])
    axes[0, 1].set_yticks(place, [str(name) for name in results.next.to_numpy()])
    axes[0, 1].invert_yaxis()
    axes[0, 1].set(xlabel="gain of log det information beside a loop along x (nats)")
    return figure


def designed(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the designed field, and how the gain grew during the climbs."""
    figure, axes = panels(1, 2, 6.0, 3.6)
    for component, label in ((0, "$E_x$"), (1, "$E_y$")):
        axes[0, 0].plot(results.designed_field[:, component], color=COLOURS[component], label=label)
    axes[0, 0].set(xlabel="step", ylabel="field (coercive fields)")
    axes[0, 0].legend()
    axes[0, 1].plot(results.design_path.to_numpy().T, color=COLOURS[0], lw=1)
    axes[0, 1].set(xlabel="step of the climb", ylabel="gain (nats)")
    return figure


def calibration(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw for every parameter the ranks of the truth in its posterior."""
    figure, axes = panels(2, 3, 4.2, 2.8, sharey=True)
    count = results.sizes["set"]
    for number, (ax, symbol) in enumerate(zip(axes.flat, SYMBOLS, strict=True)):
        ax.hist(results.truth_rank[:, number], bins=10, range=(0, 1), color=COLOURS[0])
        ax.axhline(count / 10, color=COLOURS[1], ls="--")
        ax.set_title(f"{symbol}: p = {metrics[f'rank_{NAMES[number]}_chi_squared_p']:.2f}")
        ax.set_xlabel("rank of the truth")
    for ax in axes[:, 0]:
        ax.set_ylabel("data sets")
    return figure


def recovery(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw posterior means and standard deviations against the truth."""
    figure, axes = panels(2, 3, 4.2, 3.4)
    for number, (ax, symbol) in enumerate(zip(axes.flat, SYMBOLS, strict=True)):
        truth = results.truth.to_numpy()[:, number]
        middle, width = (results[name].to_numpy()[:, number] for name in ("mean", "std"))
        ax.errorbar(truth, middle, width, fmt=".", ms=4, lw=0.7, color=COLOURS[0])
        ends = [float(truth.min()), float(truth.max())]
        ax.plot(ends, ends, color=COLOURS[1], lw=1)
        ax.set(title=symbol, xlabel="true logarithm", ylabel="posterior")
    return figure


def random_field(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the y component of the true random field, and of those inferred."""
    frames = [int(count) for count in results.frames.to_numpy()]
    figure, axes = panels(1, 1 + len(frames), 4.0, 3.6)
    true = results.field_true.to_numpy()
    shown = [("true", true[1])]
    for number, count in enumerate(frames):
        score = metrics[f"field_{count}_frames_correlation"]
        shown.append((f"{count} snapshots, correlation {score:.2f}", results.field_found.to_numpy()[number, 1]))
    limit = float(np.abs(true[1]).max()) or 1.0
    for ax, (title, values) in zip(axes[0], shown, strict=True):
        image = ax.imshow(values, origin="lower", cmap=DIVERGING, vmin=-limit, vmax=limit)
        colour_bar(image, ax, label="random field, y (coercive fields)")
        ax.set(title=title, xlabel="column", ylabel="row")
    return figure


def own_loop(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw a loop with the interval of its posterior, and what is known of the parameters before and after it."""
    figure, axes = panels(1, 2, 6.6, 4.6)
    bias, order = results.own_bias.to_numpy(), np.arange(results.sizes["own_step"])
    low, high = results.own_predicted.to_numpy()
    ax = axes[0, 0]
    ax.plot(bias, results.own_response, ".", color=COLOURS[2], label="measured", zorder=3)
    for piece in np.split(order, np.flatnonzero(np.diff(np.sign(np.diff(bias)))) + 1):  # from turn to turn
        ax.fill_between(bias[piece], low[piece], high[piece], color=COLOURS[0], alpha=0.25, lw=0)
    ax.plot(bias, results.own_fit, color=COLOURS[0], label="best fit")
    ax.set(xlabel=f"bias ({results.attrs['own_bias_unit']})", ylabel=f"response ({results.attrs['own_unit']})")
    ax.legend(fontsize=9)
    rows = np.arange(len(PARAMETERS))
    prior, mean = results.own_prior.to_numpy(), results.own_mean.to_numpy()
    scale = np.where(prior > 0, prior, 1)
    ends = results.own_interval.to_numpy() / scale
    axes[0, 1].hlines(rows, *ends, color=COLOURS[0], lw=3, label="90 % interval")
    axes[0, 1].plot(mean / scale, rows, "o", color=COLOURS[0])
    for draw in results.own_by_defects.to_numpy() / scale:
        axes[0, 1].plot(draw, rows, "|", color=COLOURS[3], ms=9)
    if np.isfinite(results.own_truth).any():
        axes[0, 1].plot(results.own_truth / scale, rows, "x", color=COLOURS[1], label="truth")
    axes[0, 1].plot([], [], "|", color=COLOURS[3], label="best under other defects")
    axes[0, 1].axvspan(-1, 1, color=COLOURS[2], alpha=0.15, lw=0)
    axes[0, 1].set_yticks(rows, PARAMETERS)
    axes[0, 1].invert_yaxis()
    axes[0, 1].set_xlabel("parameter, in standard deviations before the loop (grey: ± 1)")
    axes[0, 1].legend(fontsize=9, loc="lower left")
    return figure


OF_MEASUREMENTS = ("bound",)  # arrays that are there unless a loop of the user's own is all that was computed
PANELS = [
    Panel("own_loop", "A loop", "Left: {{ attrs.own_source }}, best fit, and the 90 % interval of the posterior. Right: the "
          "parameters. What an interval as wide as the grey band says was known before the loop.", own_loop),
    Panel("information", "What measurements tell", "Left: least relative standard deviations by the Fisher information; "
          "right: the combination of parameters that a measurement determines least.", information, OF_MEASUREMENTS),
    Panel("sensitivities", "Sensitivity, and the next measurement", "Left: derivatives of the loop. Right: what a second "
          "measurement adds.", sensitivities, OF_MEASUREMENTS),
    Panel("designed", "A designed field", "Splines climbed by gradient from eight starts.", designed, OF_MEASUREMENTS),
    Panel("calibration", "Calibration", "Ranks of the truth within its posterior over {{ data_sets }} data sets; uniform where "
          "posteriors are right.", calibration, OF_MEASUREMENTS),
    Panel("recovery", "Recovery", "Means and standard deviations of the posteriors.", recovery, OF_MEASUREMENTS),
    Panel("random_field", "The random field", "True and inferred; noise of the snapshots {{ config.frame_noise }} model units.",
          random_field, OF_MEASUREMENTS),
    RUN_TIME,
]  # fmt: skip
