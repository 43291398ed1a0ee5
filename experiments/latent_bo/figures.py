"""Figures of the main job's report: histories, their latent space and the map. All draw from saved results alone."""

import numpy as np
import xarray
from matplotlib.figure import Figure

from experiments.lab.panels import RUN_TIME
from experiments.lab.plotting import COLOURS, SEQUENTIAL, colour_bar, latent_map, outline, panels
from experiments.lab.report import Metrics, Panel
from experiments.latent_bo.campaign_figures import (
    best_history,
    calibration,
    convergence,
    exploration,
    resimulation,
    surface,
)


def field_histories(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw nine training histories, and the noiseless ones over them."""
    figure, axes = panels(3, 3, 3.6, 2.3, sharex=True, sharey=True)
    for n, ax in enumerate(axes.flat):
        ax.plot(results.training_curve[n], color=COLOURS[2], lw=0.6)
        ax.plot(results.training_curve_clean[n], color=COLOURS[0])
        ax.set_title(f"α = {results.growth[n]:.2f}, ω = {results.frequency[n]:.2f}")
    figure.supxlabel("sample")
    figure.supylabel("field / largest field")
    return figure


def training(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the terms of the bound against epochs, training and validation."""
    terms = ("negative_elbo", "reconstruction", "kl", "rmse")
    figure, axes = panels(1, 4, 3.45, 3.2)
    epochs = np.arange(1, results.sizes["epoch"] + 1)
    for ax, term in zip(axes.flat, terms, strict=True):
        for part, colour in (("train", COLOURS[0]), ("validation", COLOURS[1])):
            values = results[f"vae_{part}_{term}"]
            ax.plot(epochs, values, color=colour, label=part)
        ax.set(xlabel="epoch", ylabel="" if term == "rmse" else "nats per curve", title=term.replace("_", " "))
        start = float(values[min(5, len(epochs) - 1) :].max())
        low = float(min(results[f"vae_{p}_{term}"].min() for p in ("train", "validation")))
        ax.set_ylim(low - 0.05 * abs(start - low) - 1e-9, start + 0.3 * abs(start - low) + 1e-9)
    axes.flat[0].legend()
    axes.flat[3].set_ylim(bottom=0.75 * metrics["noise_rms"])
    axes.flat[3].axhline(metrics["noise_rms"], color="k", ls=":", lw=1)
    axes.flat[3].text(epochs[0], metrics["noise_rms"], "noise", ha="left", va="bottom")
    return figure


def latent_space(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the posterior means of the training histories, coloured by the four generating parameters."""
    figure, axes = panels(2, 2, 4.6, 3.9, sharex=True, sharey=True)
    centre = results.latent_mean.to_numpy().mean(0)
    reach = 1.05 * np.abs(results.latent_mean.to_numpy() - centre).max()  # square panels, whatever the codes' shape
    for ax, (name, label) in zip(
        axes.flat,
        (
            ("growth", "growth rate α"),
            ("frequency", "frequency ω"),
            ("amplitude", "amplitude A"),
            ("offset", "offset B"),
        ),
        strict=True,
    ):
        dots = ax.scatter(*results.latent_mean.to_numpy().T, c=results[name], s=3, cmap=SEQUENTIAL, rasterized=True)
        (left, low), (right, high) = centre - reach, centre + reach
        ax.set(title=label, aspect="equal", xlim=(left, right), ylim=(low, high))
        colour_bar(dots, ax, label=label)
    figure.supxlabel("latent $z_1$")
    figure.supylabel("latent $z_2$")
    return figure


def manifold(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the histories decoded on a 10 × 10 subset of the grid; those outside the support in grey."""
    latent, curves = results.latent.to_numpy(), results.decoded_curve.to_numpy()
    inside = results.inside_support.to_numpy().astype(bool)
    first, second = np.unique(latent[:, 0]), np.unique(latent[:, 1])
    count = min(10, len(first))
    picks = np.linspace(0, len(first) - 1, count).round().astype(int)
    figure, axes = panels(1, 1, 8.2, 7.6)
    ax = axes.flat[0]
    gap = (first[-1] - first[0]) / (count - 1)
    time = np.linspace(-0.42, 0.42, curves.shape[1]) * gap
    for i in picks:
        for j in picks:
            cell = np.flatnonzero((latent[:, 0] == first[i]) & (latent[:, 1] == second[j]))[0]
            colour = COLOURS[0] if inside[cell] else "#b9bcc0"
            ax.plot(first[i] + time, second[j] + 0.38 * gap * np.clip(curves[cell], -1.3, 1.3), color=colour, lw=1)
    outline(ax, latent, inside, COLOURS[1])
    ax.set(xlabel="latent $z_1$", ylabel="latent $z_2$", aspect="equal")
    return figure


def ground_truth(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the three maps of the target, with the training support, and their histograms."""
    names = (
        ("lecture", "lecture preset"),
        ("synchronous", "lecture, but synchronous"),
        ("physical", "physical preset"),
    )
    figure, axes = panels(2, 3, 4.6, 3.5, height_ratios=[2.0, 1])
    latent, inside = results.latent.to_numpy(), results.inside_support.to_numpy()
    for column, (name, title) in enumerate(names):
        values = results[f"target_{name}"].to_numpy()
        latent_map(axes[0, column], latent, values, "Σ|curl P| (model units)")
        outline(axes[0, column], latent, inside)
        axes[0, column].set_title(title)
        axes[1, column].hist(values, bins=60, color=COLOURS[0])
        axes[1, column].set(xlabel="Σ|curl P| (model units)", ylabel="cells")
    return figure


PANELS = (
    Panel(
        "histories",
        "Field histories",
        "Nine of {{ trajectories }} training histories (grey: with noise of rms "
        "{{ noise_rms | number }}). Scaling to the own range leaves two parameters, α and ω.",
        field_histories,
    ),
    Panel(
        "training",
        "Training of the VAE",
        "Terms of the bound by epoch (the first five epochs may leave the frame). "
        "Held-out −ELBO on fresh histories: {{ vae_held_out_negative_elbo_nats_per_curve | number }} nats per curve.",
        training,
    ),
    Panel(
        "latent",
        "Latent space and generating parameters",
        "Posterior means of the training histories. α and ω "
        "order the plane; A and B cannot, because scaling has removed them.",
        latent_space,
    ),
    Panel(
        "manifold",
        "Decoded manifold",
        "Histories decoded across the grid. Red outline: the training support, cells as near "
        "to five latents of training histories as 99 % of these are; the {{ (100 - 100 * inside_support_share) | number }} % of cells "
        "outside (grey) are extrapolations of the decoder.",
        manifold,
    ),
    Panel(
        "ground_truth",
        "Ground truth",
        "Σ|curl P| of all {{ cells }} histories; white: the training support. Published "
        "map: median 10.14, maximum 14.92; here {{ map_median | number }} and {{ map_max | number }} "
        "({{ map_max_inside_support | number }} inside the support). Correlation of the lecture map with "
        "the one under a synchronous update: {{ map_correlation_lecture_synchronous | number }}, inside the support "
        "{{ map_correlation_lecture_synchronous_inside_support | number }}; with the physical preset's "
        "{{ map_correlation_lecture_physical | number }} and {{ map_correlation_lecture_physical_inside_support | number }}: "
        "what differs is made by the update rule, the edges and the short hold.",
        ground_truth,
    ),
    Panel(
        "exploration",
        "Explored cells",
        "Cells that one campaign (seed 0) evaluated, coloured by order, and each "
        "baseline's. {{ (100 * campaign_inside_support_share) | number }} % of all campaigns' evaluations lie inside "
        "the support.",
        exploration,
    ),
    Panel(
        "surface",
        "Reconstructed surface",
        "Truth, posterior mean, posterior standard deviation and error after {{ evaluations }} evaluations (seed 0).",
        surface,
    ),
    Panel(
        "convergence",
        "Convergence against evaluations",
        "Median and quartiles over {{ seeds }} seeds; all methods' "
        "surfaces come from the same Gaussian process. Regret says how good the best found is, recall how much of the "
        "top 1 % was found, the lower two how well the whole map is known.",
        convergence,
    ),
    Panel(
        "calibration",
        "Calibration",
        "One-step-ahead z-scores of the campaigns' own choices against the normal "
        "distribution: {{ (100 * campaign_z_within_1_96_share) | number }} % within ±1.96 (95 % if calibrated).",
        calibration,
    ),
    Panel(
        "best_history",
        "The best history",
        "The best of all campaigns' histories, cell {{ best_cell }}: its field "
        "in coercive fields (one Ec is {{ lecture_field_unit_model_units | number }} model units), its "
        "final polarization (arrows) and curl (colour) as evaluated, and the same under a synchronous update.",
        best_history,
    ),
    Panel(
        "honesty",
        "What survives of the optimum",
        "Mean of 16 best and 16 middling cells (bands: quartiles of the "
        "cells) while the field is held at its last value. The campaign's optimum is an artefact as far as the lines "
        "of the two groups meet.",
        resimulation,
    ),
    RUN_TIME,
)
