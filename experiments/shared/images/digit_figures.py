"""Figures that the reports on digits share: latents coloured by style, recovered angles digit by digit."""

import numpy as np
import xarray
from matplotlib.figure import Figure

from experiments.lab import plotting_models
from experiments.lab.plotting import COLOURS, panels
from experiments.lab.report import Metrics
from experiments.shared.images.figures import Draw, latents


def styles(variant: str) -> Draw:
    """Draw the first two latents by digit, by slant and by ink of the image; a user's own images by their factors."""

    def draw(results: xarray.Dataset, metrics: Metrics) -> Figure:
        if "digits_slant" not in results:
            return latents(variant, "digits", ())(results, metrics)
        slant = np.rad2deg(results.digits_slant.to_numpy())
        return plotting_models.latent_scatter(
            results[f"{variant}_z"][0].to_numpy(),
            classes=(results.digits_label.to_numpy(), list(results.attrs["classes"])),
            factors={"slant of the image (°)": slant, "ink (mean intensity)": results.digits_ink.to_numpy()},
        )

    return draw


def angles(variant: str, data: str) -> Draw:
    """Draw recovered against true angle, a panel for each digit, first seed, less an offset per digit."""

    def draw(results: xarray.Dataset, metrics: Metrics) -> Figure:
        truth = np.rad2deg(results[f"{data}_true_angle"].to_numpy())
        error = np.rad2deg(results[f"{variant}_angle_error"][0].to_numpy())
        label, edge = results[f"{data}_label"].to_numpy(), np.abs(truth).max()
        figure, axes = panels(2, 5, 3.0, 2.9, sharex=True, sharey=True)
        for digit, ax in enumerate(axes.flat):
            rows = label == digit
            recovered = truth[rows] + error[rows]
            ax.plot([-edge, edge], [-edge, edge], color=COLOURS[1], lw=0.9)
            ax.plot(truth[rows], recovered, ".", ms=4, color=COLOURS[0], rasterized=True)
            outside = int((np.abs(recovered) > 1.7 * edge).sum())
            title = f"{digit}: median error {np.median(np.abs(error[rows])):.1f}°"
            ax.set_title(title + f", {outside} outside" * (outside > 0), fontsize=10)
            ax.set_ylim(-1.7 * edge, 1.7 * edge)
        figure.supxlabel("true angle (°)")
        figure.supylabel("recovered angle, offset per digit taken off (°)")
        return figure

    return draw
