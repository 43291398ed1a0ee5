"""Figures of the report on discovered suits, drawn from saved results alone."""

import numpy as np
import xarray
from matplotlib.figure import Figure

from experiments.lab.panels import RUN_TIME
from experiments.lab.plotting import COLOURS, panels
from experiments.lab.report import Metrics, Panel
from experiments.shared.images import figures

VARIANTS = (("joint VAE", ""),)
ROWS = (
    ("clustering accuracy, start chosen by the held-out bound", "joint_accuracy"),
    ("mean over the starts of a seed", "one_start_accuracy"),
    ("best start, if labels were used to choose it", "best_start_accuracy"),
    ("−ELBO, nats per image", "joint_negative_elbo_nats"),
    ("−ELBO with test-time search", "joint_negative_elbo_searched_nats"),
)


def starts(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the accuracy of every start against its held-out bound, with a ring around the chosen ones."""
    figure, axes = panels(1, 2, 5.2, 3.9)
    accuracy, bound = results.start_accuracy.to_numpy(), results.joint_start_negative_elbo_nats.to_numpy()
    chosen = results.chosen_start.to_numpy().astype(int)
    left, right = axes.flat
    for seed, (row, values, best) in enumerate(zip(accuracy, bound, chosen, strict=True)):
        colour = COLOURS[seed % len(COLOURS)]
        left.plot(values, row, "o", color=colour, label=f"seed {seed}")
        left.plot(values[best], row[best], "o", ms=13, mfc="none", mec=colour)
        right.plot(np.full(len(row), seed), row, "o", color=colour)
        right.plot(seed, row[best], "o", ms=13, mfc="none", mec=colour)
    left.set(xlabel="held-out −ELBO (nats per image)", ylabel="clustering accuracy", ylim=(0, 1.03))
    left.legend(fontsize=10)
    right.set(xlabel="seed", xticks=range(len(accuracy)), ylabel="clustering accuracy", ylim=(0, 1.03))
    return figure


PANELS = (
    Panel(
        "confusion",
        "Confusion matrix",
        "First seed, classes named after the true class they match best.",
        figures.confusion("joint"),
        needs=("joint_confusion",),
    ),
    Panel(
        "manifold",
        "Decoded latent grid of each discovered class",
        "First seed, upright (by the model's own angle) and centred.",
        figures.manifold("joint", discovered=True),
    ),
    Panel(
        "starts",
        "Starts",
        "Every start is a dot; a ring marks the one that the held-out bound picks.",
        starts,
        needs=("start_accuracy",),
    ),
    Panel(
        "latents",
        "Content of the images",
        "First seed: what is left for the latents once pose and class are taken out.",
        figures.latents("joint", "full"),
    ),
    Panel(
        "reconstructions",
        "Reconstructions",
        "The first held-out images, first seed.",
        figures.reconstructions((("joint", "joint"),), "full"),
    ),
    Panel("history", "Training", "Terms of the first start of the first seed.", figures.history("joint")),
    RUN_TIME,
)
