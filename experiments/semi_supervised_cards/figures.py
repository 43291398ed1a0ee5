"""Figures of the report on semi-supervised models of cards, drawn from saved results alone."""

import numpy as np
import xarray
from matplotlib.figure import Figure

from experiments.lab.panels import RUN_TIME
from experiments.lab.plotting import COLOURS, panels
from experiments.lab.report import Metrics, Panel
from experiments.shared.images import figures

SETTINGS = (("unlabelled ±120°, shear ±1°", "rotated"), ("unlabelled ±120°, shear ±20°", "full"))


def shares(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the accuracy against the share of labels: every seed as a dot, the median as a line."""
    figure, axes = panels(1, 1, 10.5, 4.2)
    ax, share = axes[0, 0], 100 * results.share.to_numpy()
    for (title, name), colour in zip(SETTINGS, COLOURS, strict=False):
        if f"{name}_share_accuracy" not in results:
            continue
        title = "your own images" if "own_data" in results.attrs else title
        for end, style, words in (("", "-", "searched"), ("_encoder", ":", "encoder alone")):
            values = results[f"{name}_share_accuracy{end}"].to_numpy()
            ax.plot(share, np.median(values, axis=1), style, color=colour, label=f"{title}, {words}")
            if not end:
                ax.plot(np.repeat(share, values.shape[1]), values.ravel(), "o", color=colour, ms=5, alpha=0.6)
    ax.axhline(metrics["chance"], color="0.6", lw=0.8, ls="--", label="chance")
    ax.set(xscale="log", ylim=(0.8 * metrics["chance"], 1.02))
    ax.set(xlabel="labelled share of the training images (%)", ylabel="accuracy on fresh images")
    ax.set_xticks(share, [f"{value:g}" for value in share])
    ax.minorticks_off()
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=10)
    return figure


SHARE = "With {{ (100 * config.shown_share) | number }} % of labels, first seed."
PANELS = (
    Panel(
        "shares",
        "Accuracy against the share of labels",
        "{% if attrs.own_data is defined %}Labels of some of the images in the file.{% else %}Labels from cards turned by "
        "±12° and sheared by ±1°.{% endif %} Dots: seeds; lines: medians.",
        shares,
    ),
    Panel(
        "confusion_rotated", "Confusion matrix, shear ±1°", SHARE, figures.confusion("rotated"), ("rotated_confusion",)
    ),
    Panel("confusion_full", "Confusion matrix, full set", SHARE, figures.confusion("full"), ("full_confusion",)),
    Panel(
        "manifold_rotated",
        "Decoded latent grid of each suit, shear ±1°",
        "First seed, upright and centred.",
        figures.manifold("rotated"),
        needs=("rotated_manifold",),
    ),
    Panel(
        "manifold_full",
        "Decoded latent grid of each class, full set",
        "First seed, upright and centred.",
        figures.manifold("full"),
    ),
    Panel("latents", "Content of the images, full set", "First seed.", figures.latents("full", "full")),
    Panel(
        "reconstructions",
        "Reconstructions, full set",
        "The first held-out images, first seed.",
        figures.reconstructions((("semi-supervised", "full"),), "full"),
    ),
    Panel(
        "history",
        "Training, full set",
        "Terms of the first fit with the smallest share of labels.",
        figures.history("full"),
    ),
    RUN_TIME,
)
