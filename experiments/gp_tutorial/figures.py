"""Figures of the Gaussian-process tutorial, from saved results alone."""

from typing import Any

import numpy as np
import xarray
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.lab.panels import RUN_TIME
from experiments.lab.plotting import COLOURS, Film, panels
from experiments.lab.report import Metrics, Panel

NAMES = {"matern12": "Matérn 1/2", "matern52": "Matérn 5/2", "rbf": "RBF"}
MODELS = {
    "true": "true model",
    "too_short": "length scale / 3",
    "too_long": "length scale · 3",
    "fitted": "fitted (MAP)",
}


def _posterior(axes: Axes, x: np.ndarray, mean: np.ndarray, std: np.ndarray) -> None:
    axes.fill_between(x, mean - 2 * std, mean + 2 * std, color=COLOURS[0], alpha=0.2, lw=0, label="mean ± 2 std")
    axes.plot(x, mean, color=COLOURS[0], label="posterior mean")


def _truth(axes: Axes, results: xarray.Dataset) -> None:
    axes.plot(results.x, results.truth, "--", color="k", lw=1.1, label="function")


def _key(figure: Figure, axes: Axes, columns: int = 4) -> None:
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=columns)


def _by_kernel(results: xarray.Dataset) -> tuple[Figure, np.ndarray]:
    """Axes with a row per kernel and a column per length scale."""
    kernels, lengths = results.kernel.to_numpy(), results.lengthscale.to_numpy()
    figure, axes = panels(len(kernels), len(lengths), 4.2, 2.4, sharex=True, sharey=True)
    for row, kernel in enumerate(kernels):
        axes[row, 0].set_ylabel(NAMES[str(kernel)])
    for column, length in enumerate(lengths):
        axes[0, column].set_title(f"length scale {length:g}")
        axes[-1, column].set_xlabel("$x$")
    return figure, axes


def priors(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw functions drawn from every prior."""
    figure, axes = _by_kernel(results)
    for row in range(axes.shape[0]):
        for column in range(axes.shape[1]):
            ax = axes[row, column]
            ax.axhspan(-2, 2, color=COLOURS[0], alpha=0.12, lw=0)
            for number, draw in enumerate(results.prior_draw.to_numpy()[row, column]):
                ax.plot(results.x, draw, color=COLOURS[number % len(COLOURS)], lw=1.1)
    return figure


def posteriors(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw posterior of every kernel and length scale, with draws."""
    figure, axes = _by_kernel(results)
    for row in range(axes.shape[0]):
        for column in range(axes.shape[1]):
            ax, part = axes[row, column], results.isel(kernel=row, lengthscale=column)
            for number, draw in enumerate(part.posterior_draw.to_numpy()):
                ax.plot(results.x, draw, color=COLOURS[2], lw=0.7, label=None if number else "draws")
            _posterior(ax, results.x.to_numpy(), part.posterior_mean.to_numpy(), part.posterior_std.to_numpy())
            _truth(ax, results)
            ax.plot(results.observed_x, results.observed_y, "o", color=COLOURS[1], ms=6, label="observed", zorder=5)
    _key(figure, axes[0, 0], 5)
    return figure


def fitted(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw posterior of every kernel with the hyperparameters that its MAP fit found."""
    figure, axes = panels(1, len(NAMES), 3.9, 3.2, sharey=True)
    for number, (ax, (kernel, label)) in enumerate(zip(axes.flat, NAMES.items(), strict=True)):
        part = results.isel(kernel=number)
        _posterior(ax, results.x.to_numpy(), part.fitted_mean.to_numpy(), part.fitted_std.to_numpy())
        _truth(ax, results)
        ax.plot(results.observed_x, results.observed_y, "o", color=COLOURS[1], ms=6, label="observed", zorder=5)
        ax.set(xlabel="$x$", title=f"{label}: {metrics[f'{kernel}_fitted_lengthscale']:.2f}")
    _key(figure, axes[0, 0])
    return figure


def noise(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw posterior under noise of several sizes."""
    figure, axes = panels(1, results.sizes["noise"], 4.6, 3.4, sharey=True)
    for number, ax in enumerate(axes.flat):
        part = results.isel(noise=number)
        _posterior(ax, results.x.to_numpy(), part.noisy_mean.to_numpy(), part.noisy_std.to_numpy())
        _truth(ax, results)
        ax.plot(results.noisy_x, part.noisy_y, "o", color=COLOURS[1], ms=5, label="observed with noise", zorder=5)
        ax.set(xlabel="$x$", title=f"noise {float(part.noise):g} of the targets' std")
    _key(figure, axes[0, 0])
    return figure


def acquisitions(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw posterior, and below it each acquisition with the point it would choose."""
    figure, axes = panels(5, 1, 8.5, 2.1, sharex=True)
    x = results.x.to_numpy()
    _posterior(axes[0, 0], x, results.campaign_mean.to_numpy()[0], results.campaign_std.to_numpy()[0])
    _truth(axes[0, 0], results)
    seen = int(metrics["campaign_initial_points"])
    axes[0, 0].plot(results.campaign_x[:seen], results.campaign_y[:seen], "o", color=COLOURS[1], ms=6, label="observed")
    bounds = sorted((name for name in results if str(name).startswith("start_ucb_")), key=lambda n: float(str(n)[10:]))
    rows = (
        [(str(name), f"κ = {str(name)[10:]}") for name in bounds],
        [("start_pi", "")],
        [("start_ei", "")],
        [("start_log_ei", "")],
    )
    labels = ("μ + κσ", "probability of\nimprovement", "expected\nimprovement", "its logarithm")
    for ax, curves, label in zip(axes[1:, 0], rows, labels, strict=True):
        for (name, text), colour in zip(curves, (COLOURS[0], COLOURS[3], COLOURS[5]), strict=False):
            values = results[name].to_numpy()
            place = int(values.argmax())
            ax.plot(x, values, color=colour, label=text)
            ax.plot(x[place], values[place], "v", color=colour, mec="k", ms=10, zorder=5)
        ax.set_ylabel(label)
    finite = results.start_log_ei.to_numpy()
    axes[-1, 0].set_ylim(
        max(float(finite[np.isfinite(finite)].min()), float(finite.max()) - 25), float(finite.max()) + 3
    )
    axes[0, 0].set_ylabel("$f(x)$")
    for ax in axes[:2, 0]:
        ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    axes[-1, 0].set_xlabel("$x$   (▾: chosen next)")
    return figure


def _state(upper: Axes, lower: Axes, results: xarray.Dataset, number: int, initial: int) -> None:
    """Posterior before step ``number`` and the score that chooses its point."""
    x, seen = results.x.to_numpy(), initial + number
    _posterior(upper, x, results.campaign_mean.to_numpy()[number], results.campaign_std.to_numpy()[number])
    _truth(upper, results)
    places, values = results.campaign_x.to_numpy(), results.campaign_y.to_numpy()
    upper.plot(places[:seen], values[:seen], "o", color=COLOURS[1], ms=6, label="observed", zorder=5)
    upper.set(title=f"{seen} values", ylim=_limits(results))
    score = results.campaign_score.to_numpy()[number]
    lower.plot(x, np.where(np.isfinite(score), score, np.nan), color=COLOURS[4])
    for ax in (upper, lower):
        ax.axvline(places[seen], color=COLOURS[3], lw=1.6, ls=":", label="chosen next")
    top = float(score.max())
    lower.set(ylim=(top - 25, top + 3), xlabel="$x$")


def _limits(results: xarray.Dataset) -> tuple[float, float]:
    low, high = float(results.truth.min()), float(results.truth.max())
    return low - 0.35 * (high - low), high + 0.35 * (high - low)


def campaign(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the first five steps: posterior and log expected improvement before each."""
    figure, axes = panels(2, 5, 3.3, 2.8, sharex=True, sharey="row")
    for number in range(5):
        _state(axes[0, number], axes[1, number], results, number, int(metrics["campaign_initial_points"]))
    axes[0, 0].set_ylabel("$f(x)$")
    axes[1, 0].set_ylabel("log EI")
    tops = results.campaign_score.to_numpy()[:5].max(1)
    axes[1, 0].set_ylim(tops.min() - 10, tops.max() + 3)
    _key(figure, axes[0, 0], 5)
    return figure


def film(results: xarray.Dataset, metrics: Metrics) -> Film:
    """Draw all steps one after the other, each for half a second."""
    figure, axes = panels(2, 1, 7.0, 2.9, sharex=True)

    def show(frame: int) -> None:
        for ax in axes.flat:
            ax.clear()
        _state(axes[0, 0], axes[1, 0], results, frame, int(metrics["campaign_initial_points"]))
        axes[0, 0].legend(loc="lower left", ncols=3, fontsize=9)
        axes[0, 0].set_ylabel("$f(x)$")
        axes[1, 0].set_ylabel("log EI")

    show(0)
    return Film(figure, show, [step for step in range(results.sizes["step"]) for _ in range(6)])


def coverage(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw share of values inside the intervals against the nominal share, true and wrong models."""
    figure, axes = panels(1, 1, 7.6, 4.0)
    ax, levels = axes[0, 0], results.level.to_numpy()
    width = 0.8 / len(MODELS)
    keywords: dict[str, Any] = {"ecolor": "k", "capsize": 3}
    for number, (name, label) in enumerate(MODELS.items()):
        part = results.sel(model=name)
        places = np.arange(len(levels)) + (number - (len(MODELS) - 1) / 2) * width
        ax.bar(places, 100 * part.coverage, 0.9 * width, yerr=200 * part.coverage_standard_error, color=COLOURS[number],
               label=label, error_kw=keywords)  # fmt: skip
    for place, level in enumerate(levels):
        ax.plot([place - 0.5, place + 0.5], [100 * level] * 2, color="k", lw=1.2, ls="--",
                label=None if place else "nominal")  # fmt: skip
    ax.set_xticks(range(len(levels)), [f"{100 * level:g} %" for level in levels])
    ax.set(xlabel="central interval", ylabel="test values inside (%)", ylim=(0, 103))
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


PANELS = (
    Panel("priors", "Draws from the prior", "Mean 0, standard deviation 1 (band: ± 2). The kernel decides how smooth a "
          "function is, the length scale how quickly it turns. The same random numbers in every panel.", priors),
    Panel("posteriors", "Posterior given a few values", "Fixed length scales; noise-free values, so all draws pass through "
          "them. Too short a length scale forgets between the values, too long a one is sure of what it does not know.",
          posteriors),
    Panel("fitted", "Fitted hyperparameters", "Number in the title: length scale that maximises the posterior density of "
          "the hyperparameters.", fitted),
    Panel("noise", "Noise", "Same places and random numbers; the model knows the size of the noise. The band is that of the "
          "function, not of further observations.", noise),
    Panel("acquisitions", "Acquisition functions along the line", "κ multiplies the standard deviation: the larger, the "
          "more the choice follows the uncertainty. The probability of any improvement, however small, stays beside "
          "the best value. The logarithm of the expected improvement has the same maximum and "
          "can still be told apart where the improvement itself is flat.", acquisitions),
    Panel("campaign", "Five steps of a campaign", "Posterior before each step, hyperparameters fitted again after each; below "
          "it the log expected improvement, whose maximum (dotted) is evaluated next.", campaign),
    Panel("film", "The campaign as a film", "All {{ config.steps }} steps.", film),
    Panel("coverage", "Is it calibrated?", "Functions drawn from a Matérn 5/2 prior of length scale 0.15, noise 0.1; bars of "
          "error are two standard errors over functions.", coverage),
    RUN_TIME,
)  # fmt: skip
