"""Figures of the report on invariant models of cards, drawn from saved results alone."""

from collections.abc import Sequence

import numpy as np
import xarray
from matplotlib.figure import Figure

from experiments.invariant_cards.config import VARIANTS
from experiments.lab.panels import RUN_TIME
from experiments.lab.plotting import COLOURS, panels
from experiments.lab.report import Metrics, Panel
from experiments.shared.images import figures

PLAIN = (("plain, rotated set", "rotated_plain"), ("plain, full set", "full_plain"))
POSED = (
    ("rotation + shift, rotated set", "rotated_invariant"),
    ("rotation + shift, full set", "full_invariant"),
    ("affine (with shear), full set", "full_affine"),
)
SUITS = ("spade", "heart", "diamond", "club")
ROWS = (
    ("−ELBO, nats per image", "negative_elbo_nats"),
    ("−ELBO with test-time search", "negative_elbo_searched_nats"),
    ("k-means on z, share right", "kmeans_accuracy"),
    ("true angle in the content, R² of neighbours", "angle_in_content"),
)
ANGLE_ROWS = (
    *((f"{suit}: median error, degrees", f"error_{suit}_deg") for suit in SUITS),
    ("all suits, an offset each", "error_deg"),
    ("all suits, one common offset", "error_common_deg"),
    *((f"{suit}: share of the largest branch", f"branch_share_{suit}") for suit in SUITS),
    *((f"{suit}: spread inside it, degrees", f"branch_spread_{suit}_deg") for suit in SUITS),
    ("correlation with the true shift", "shift_correlation"),
    ("correlation with the true shear", "shear_correlation"),
)
OVER_SEEDS = (
    ("−ELBO (nats per image)", "negative_elbo_nats"),
    ("k-means on z", "kmeans_accuracy"),
    ("error of the angle (°)", "error_deg"),
    ("the same, one offset (°)", "error_common_deg"),
)
SHORT = (("plain", "full_plain"), ("invariant", "full_invariant"), ("affine", "full_affine"))


def _per_suit(
    results: xarray.Dataset, against: str, variants: Sequence[tuple[str, str]], *, errors: bool
) -> tuple[Figure, np.ndarray]:
    """Draw the recovered angle, or its error, against a true factor: a row for each variant, a column for each suit."""
    figure, axes = panels(len(variants), len(SUITS), 3.3, 2.9, sharex=True, sharey=True)
    for line, (title, variant) in zip(axes, variants, strict=True):
        data = VARIANTS[variant][0]
        label, error = results[f"{data}_label"].to_numpy(), np.rad2deg(results[f"{variant}_angle_error"][0].to_numpy())
        x = np.rad2deg(results[f"{data}_true_{against}"].to_numpy())
        y = error if errors else x + error
        for k, (ax, suit) in enumerate(zip(line, SUITS, strict=True)):
            ax.plot(x[label == k], y[label == k], ".", ms=4, color=COLOURS[0], rasterized=True)
            if errors:
                ax.axhline(0, color="k", lw=0.5)
            else:
                ax.plot([-120, 120], [-120, 120], color=COLOURS[1], lw=0.9)
            median = np.median(np.abs(error[label == k]))
            ax.set_title(f"{suit}: median error {median:.1f}°", fontsize=11)
        line[0].set_ylabel(title.replace(", ", "\n"), fontsize=11)
    return figure, axes


def recovered(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the recovered against the true angle."""
    figure, axes = _per_suit(results, "angle", POSED, errors=False)
    for ax in axes[-1]:
        ax.set(xlabel="true angle (°)", xticks=range(-120, 121, 60), yticks=range(-240, 241, 120))
    figure.supylabel("recovered angle, offset per suit taken off (°)")
    return figure


def confound(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the error of the angle against the true shear."""
    figure, axes = _per_suit(results, "shear", POSED[1:], errors=True)
    for ax in axes[-1]:
        ax.set(xlabel="true shear (°)", yticks=range(-180, 181, 60))
    figure.supylabel("error of the angle (°)")
    return figure


PANELS = (
    Panel(
        "latents_plain",
        "Latents of the plain VAE",
        "Full set, first seed. The two latents of a model without a pose have to hold angle, shift, shear and class "
        "at once.",
        figures.latents("full_plain", "full"),
    ),
    Panel(
        "latents_invariant",
        "Latents of the invariant VAE",
        "Full set, first seed: rotation and shift are latents of their own, the content is left with the rest, of cards "
        "suit and shear.{% if full_invariant_kmeans_accuracy_median is defined %} k-means on it: "
        "{{ spread('full_invariant_kmeans_accuracy') }}.{% endif %}",
        figures.latents("full_invariant", "full"),
    ),
    Panel(
        "latents_affine",
        "Latents of the affine VAE",
        "Full set, first seed: shear is part of the pose as well."
        "{% if full_affine_kmeans_accuracy_median is defined %} k-means: "
        "{{ spread('full_affine_kmeans_accuracy') }}.{% endif %}",
        figures.latents("full_affine", "full"),
    ),
    Panel(
        "angle",
        "Recovered against true angle",
        "First seed. Each suit's own offset is taken off; errors count modulo the suit's symmetry (180° for the "
        "diamond). Points off the line lie in other branches.",
        recovered,
        needs=("full_affine_angle_error",),
    ),
    Panel(
        "confound",
        "Angle and shear",
        "Error of the angle against the true shear, first seed, full set. Where a copy turned by about 120° explains "
        "one sign of the shear, errors form branches that depend on that sign.",
        confound,
        needs=("full_affine_angle_error",),
    ),
    Panel(
        "manifolds",
        "Decoded latent grids",
        "First seed, upright and centred.",
        figures.manifolds_of((*PLAIN[1:], *POSED[1:])),
    ),
    Panel(
        "reconstructions",
        "Reconstructions",
        "The first held-out images of the full set, first seed.",
        figures.reconstructions(SHORT, "full"),
    ),
    Panel(
        "seeds",
        "Spread over seeds",
        "Every seed is a dot, the line is the median.",
        figures.over_seeds((*PLAIN, *POSED), OVER_SEEDS),
    ),
    Panel(
        "history",
        "Training",
        "Terms of the bound of the invariant model on the full set, first seed. The weight of the content's divergence "
        "is above one in the first part of the training, so that the pose is found first.",
        figures.history("full_invariant"),
    ),
    RUN_TIME,
)
