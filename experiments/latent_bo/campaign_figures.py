"""Figures of the campaigns of the main job, and of what is left of their optimum."""

import numpy as np
import xarray
from matplotlib.figure import Figure

from experiments.lab.plotting import (
    COLOURS,
    DIVERGING,
    SEQUENTIAL,
    band,
    colour_bar,
    latent_map,
    outline,
    panels,
    quiver,
)
from experiments.lab.report import Metrics

METHODS = (
    ("campaign", "campaign, μ + κσ", COLOURS[0]),
    ("random", "random", COLOURS[2]),
    ("sobol", "Sobol", COLOURS[3]),
)


def array(results: xarray.Dataset, method: str, name: str) -> np.ndarray:
    """Return an array of a method; the name of a campaign's array has no prefix."""
    return results[name if method == "campaign" else f"{method}_{name}"].to_numpy()


def exploration(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the cells that seed 0 of each method evaluated, coloured by order."""
    figure, axes = panels(1, 3, 4.6, 4.3, sharey=True)  # one colour bar for all, so that the maps stay large
    latent = results.latent.to_numpy()
    for ax, (method, label, _) in zip(axes.flat, METHODS, strict=True):
        cells = array(results, method, "chosen_cell")[0]
        order = np.arange(1, len(cells) + 1)
        ax.scatter(*latent[cells].T, c=order, s=12, cmap=SEQUENTIAL, vmin=1, vmax=order[-1])
        outline(ax, latent, results.inside_support.to_numpy(), COLOURS[1])
        limit = np.abs(latent).max() * 1.03
        ax.set(title=label, xlabel="latent $z_1$", aspect="equal", xlim=(-limit, limit), ylim=(-limit, limit))
    axes[0, 0].set_ylabel("latent $z_2$")
    colour_bar(axes[0, 2].collections[0], axes[0, 2], label="evaluation")
    return figure


def surface(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw truth, mean, standard deviation and error of seed 0's surface."""
    figure, axes = panels(2, 2, 5.2, 4.3)
    latent, truth = results.latent.to_numpy(), results.target_lecture.to_numpy()
    mean, std = results.surface_mean.to_numpy()[0], results.surface_std.to_numpy()[0]
    span = {"vmin": truth.min(), "vmax": truth.max()}
    latent_map(axes[0, 0], latent, truth, "Σ|curl P|", **span)
    latent_map(axes[0, 1], latent, mean, "Σ|curl P|", **span)
    latent_map(axes[1, 0], latent, std, "standard deviation")
    limit = np.abs(mean - truth).max()
    latent_map(axes[1, 1], latent, mean - truth, "mean − truth", cmap=DIVERGING, vmin=-limit, vmax=limit)
    for ax, title in zip(axes.flat, ("truth", "posterior mean", "posterior std", "error"), strict=True):
        ax.set_title(title)
    return figure


def convergence(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw regret, recall, surface error and NLL against evaluations."""
    figure, axes = panels(2, 2, 5.0, 3.7)
    rows = (
        ("regret", "regret (model units)"),
        ("recall", "share of the top 1 % found"),
        ("surface_rmse", "surface RMSE (model units)"),
        ("surface_nll", "surface NLL (nats per cell)"),
    )
    for ax, (name, label) in zip(axes.flat, rows, strict=True):
        for method, text, colour in METHODS:
            values = array(results, method, name)
            band(ax, np.arange(1, values.shape[1] + 1), values, text, colour)
        ax.axvline(metrics["initial_points"], color="k", lw=0.8, ls=":")
        ax.set(xlabel="evaluations", ylabel=label)
    axes[0, 0].set_ylim(bottom=0)
    axes[0, 1].legend(loc="upper left")
    start = int(metrics["initial_points"])
    nll = np.concatenate([array(results, method, "surface_nll")[:, start:] for method, *_ in METHODS])
    low, high = np.nanquantile(nll, [0.0, 0.98])
    axes[1, 1].set_ylim(low - 0.1 * (high - low), high + 0.15 * (high - low))
    return figure


def calibration(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the histogram of z-scores, and their size along the campaign."""
    figure, axes = panels(1, 2, 5.0, 3.5)
    z = results.z_score.to_numpy()[:, int(metrics["initial_points"]) :]
    grid = np.linspace(-5, 5, 201)
    axes[0, 0].hist(np.clip(z.ravel(), -5, 5), bins=50, density=True, color=COLOURS[0], alpha=0.8)
    axes[0, 0].plot(grid, np.exp(-(grid**2) / 2) / np.sqrt(2 * np.pi), color=COLOURS[1], label="N(0, 1)")
    axes[0, 0].set(xlabel="one-step-ahead z-score", ylabel="density")
    axes[0, 0].legend()
    evaluations = np.arange(z.shape[1]) + metrics["initial_points"] + 1
    axes[0, 1].plot(np.broadcast_to(evaluations, z.shape).T, z.T, ".", color=COLOURS[0], ms=2, alpha=0.5)
    axes[0, 1].axhspan(-1.96, 1.96, color=COLOURS[1], alpha=0.15, lw=0)
    axes[0, 1].set(xlabel="evaluation", ylabel="z-score")
    return figure


def best_history(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the field of the best history, and polarization with curl at its end, as evaluated and synchronous."""
    figure, axes = panels(1, 3, 4.6, 3.9)
    field = results.best_applied_field.to_numpy() / metrics["lecture_field_unit_model_units"]
    axes[0, 0].plot(field, color=COLOURS[0])
    axes[0, 0].axvspan(len(field) - metrics["hold_steps"], len(field), color=COLOURS[2], alpha=0.3, lw=0)
    axes[0, 0].set(xlabel="step (grey: hold)", ylabel="field $E_x$ ($E_c$)", title="best history")
    for ax, name, title in (
        (axes[0, 1], "best", "as evaluated"),
        (axes[0, 2], "best_synchronous", "synchronous"),
    ):
        curl = results[f"{name}_curl"].to_numpy()
        quiver(ax, results[f"{name}_polarization"].to_numpy(), curl, "curl P (model units)")
        ax.set_title(f"{title}: Σ|curl P| = {np.abs(curl).sum():.2f}")
    return figure


def resimulation(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the curl of both groups against the hold under the original subsets, others, and the synchronous update."""
    variants = (
        ("same_subsets", "same subsets"),
        ("other_subsets", "other subset seed"),
        ("synchronous", "synchronous"),
    )
    figure, axes = panels(1, 3, 4.6, 3.7, sharey=True)
    hold = results.hold.to_numpy()
    for ax, (name, title) in zip(axes.flat, variants, strict=True):
        for group, label, colour in (
            ("best", "16 best cells", COLOURS[1]),
            ("middle", "16 middling", COLOURS[2]),
        ):
            band(ax, hold, results[f"honesty_{group}"].sel(variant=name).to_numpy(), label, colour, mean=True)
        ax.axvline(metrics["hold_steps"], color="k", lw=0.8, ls=":")
        ax.set(xlabel="steps after the field stops", title=title)
    axes[0, 0].set_ylabel("Σ|curl P| (model units)")
    axes[0, 0].legend()
    return figure
