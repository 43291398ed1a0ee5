"""Figures of the report on models conditional on the suit, drawn from saved results alone."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray
from matplotlib.figure import Figure

from experiments.lab.panels import RUN_TIME
from experiments.lab.plotting import DIVERGING, panels
from experiments.lab.report import Metrics, Panel
from experiments.shared.images import figures
from experiments.shared.images.arrays import class_names, own_factors

VARIANTS = (("without a pose", "plain"), ("rotation + shift as pose", "invariant"))
SUITS = ("spade", "heart", "diamond", "club")
ROWS = (
    ("−ELBO, nats per image", "negative_elbo_nats"),
    *((f"shear, {suit}", f"shear_r2_{suit}") for suit in SUITS),
    ("shear, mean over suits", "shear_r2"),
    ("|shear|, mean over suits", "shear_size_r2"),
    ("angle, mean over suits", "angle_r2"),
    ("shear, all suits in one space", "shear_r2_jointly"),
    ("|shear|, all suits in one space", "shear_size_r2_jointly"),
    ("angle, all suits in one space", "angle_r2_jointly"),
)


def rows(attrs: Mapping[Any, Any]) -> tuple[tuple[str, str], ...]:
    """Return the rows of the table of scores: those of cards, or of a user's own factors and classes."""
    own = own_factors(attrs)
    ends = [(f", {name}", f"_r2_{name}") for name in class_names(attrs)]
    ends += [(", mean over classes", "_r2"), (", all classes in one space", "_r2_jointly")]
    extra = tuple((factor + words, factor + end) for factor in own for words, end in ends)
    return (ROWS[0], *extra) if own else ROWS


OVER_SEEDS = (
    ("−ELBO (nats per image)", "negative_elbo_nats"),
    ("$R^2$ of shear", "shear_r2"),
    ("$R^2$ of |shear|", "shear_size_r2"),
    ("$R^2$ of the angle", "angle_r2"),
)


def shear(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the latent space of each suit coloured by the true shear, one row per variant.

    The last column shows all suits at once.
    """
    figure, axes = panels(len(VARIANTS), len(SUITS) + 1, 3.2, 3.0)
    label, values = results.full_label.to_numpy(), np.rad2deg(results.full_true_shear.to_numpy())
    limit, dots = float(np.abs(values).max()), None
    for line, (title, variant) in zip(axes, VARIANTS, strict=True):
        z = results[f"{variant}_z"][0].to_numpy()
        margin = 0.04 * np.ptp(z, axis=0)
        ends = np.stack([z.min(0) - margin, z.max(0) + margin], axis=1)
        for k, ax in enumerate(line):
            rows = label == k if k < len(SUITS) else np.ones(len(label), bool)
            style = {"cmap": DIVERGING, "vmin": -limit, "vmax": limit, "s": 9, "lw": 0, "rasterized": True}
            dots = ax.scatter(*z[rows].T[:2], c=values[rows], **style)
            ax.set(xlim=ends[0], ylim=ends[1])
            name = SUITS[k] if k < len(SUITS) else "all suits"
            r2 = results[f"{variant}_shear_r2_{SUITS[k] if k < len(SUITS) else 'jointly'}"][0]
            ax.set_title(f"{name}: $R^2$ = {float(r2):.2f}", fontsize=11)
        line[0].set_ylabel(f"{title}\nlatent $z_2$", fontsize=11)
    for ax in axes[-1]:
        ax.set_xlabel("latent $z_1$")
    assert dots is not None
    figure.colorbar(dots, ax=axes, label="true shear (°)", shrink=0.7)
    return figure


PANELS = (
    Panel(
        "shear",
        "Shear in the latent space of each suit",
        "First seed. Without a pose the latents hold the angle (R² {{ spread('plain_angle_r2') }}; shear "
        "{{ spread('plain_shear_r2') }}); with rotation and shift as a pose they hold the shear (R² "
        "{{ spread('invariant_shear_r2') }}, of its size {{ spread('invariant_shear_size_r2') }}; angle "
        "{{ spread('invariant_angle_r2') }}).",
        shear,
        needs=("full_true_shear",),
    ),
    Panel(
        "manifold_invariant",
        "Decoded latent grids, with a pose",
        "First seed, upright and centred.",
        figures.manifold("invariant"),
    ),
    Panel("manifold_plain", "Decoded latent grids, without a pose", "First seed.", figures.manifold("plain")),
    Panel(
        "latents",
        "All classes in one latent space",
        "Invariant model, first seed.",
        figures.latents("invariant", "full"),
    ),
    Panel(
        "reconstructions",
        "Reconstructions",
        "The first held-out images, first seed.",
        figures.reconstructions((("without a pose", "plain"), ("with a pose", "invariant")), "full"),
    ),
    Panel(
        "seeds",
        "Spread over seeds",
        "Every seed is a dot, the line is the median.",
        figures.over_seeds(VARIANTS, OVER_SEEDS),
    ),
    Panel(
        "history", "Training", "Terms of the bound of the invariant model, first seed.", figures.history("invariant")
    ),
    RUN_TIME,
)
