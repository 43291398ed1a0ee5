"""Figures of the report on conditional models of digits, drawn from saved results alone."""

from collections.abc import Mapping
from typing import Any

from experiments.lab.panels import RUN_TIME
from experiments.lab.report import Panel
from experiments.shared.images import figures
from experiments.shared.images.arrays import own_factors
from experiments.shared.images.digit_figures import angles, styles

UPRIGHT = (("plain", "plain"), ("conditional", "conditional"))
TURNED = (
    ("plain, turned", "turned_plain"),
    ("conditional, turned", "turned_conditional"),
    ("conditional with angle, turned", "turned_invariant"),
)
SHORT = tuple((title.replace(", turned", ""), name) for title, name in TURNED)
ROWS = (
    ("−ELBO, nats per image (classes given as labels are not counted)", "negative_elbo_nats"),
    ("−ELBO with test-time search", "negative_elbo_searched_nats"),
    ("RMSE of the reconstruction", "rmse"),
    ("class from the 10 nearest neighbours in z, share right", "neighbour_accuracy"),
    ("slant in z, R² of neighbours", "slant_in_content"),
    ("ink in z, R² of neighbours", "ink_in_content"),
    ("true angle in z, R² of neighbours", "angle_in_content"),
)


def rows(attrs: Mapping[Any, Any]) -> tuple[tuple[str, str], ...]:
    """Return the rows of the table of scores, with those of a user's own factors."""
    return (*ROWS, *((f"{name} in z, R² of neighbours", f"{name}_in_content") for name in own_factors(attrs)))


ANGLE_ROWS = (
    *((f"{digit}: median error, degrees", f"error_{digit}_deg") for digit in range(10)),
    ("all digits, an offset each", "error_deg"),
    ("all digits, one common offset", "error_common_deg"),
)
OVER_SEEDS = (
    ("−ELBO (nats per image)", "negative_elbo_nats"),
    ("class from neighbours in z", "neighbour_accuracy"),
    ("R² of the angle in z", "angle_in_content"),
    ("error of the angle (°)", "error_deg"),
)
PANELS = (
    Panel(
        "latents_plain",
        "Latents of the plain VAE",
        "Held-out upright images, first seed: how well the latents distinguish the classes (neighbours: "
        "{{ spread('plain_neighbour_accuracy') }}).",
        styles("plain"),
    ),
    Panel(
        "latents_conditional",
        "Latents where the class is known",
        "The same images in the conditional model, one latent space per class, drawn on top of each other. The class is "
        "known from the ten nearest neighbours with probability {{ spread('conditional_neighbour_accuracy') }} "
        "(guessing: {{ chance | number }}).{% if conditional_slant_in_content_median is defined %} R² among neighbours, "
        "mean per digit taken off: slant {{ spread('conditional_slant_in_content') }}, ink "
        "{{ spread('conditional_ink_in_content') }}.{% endif %}",
        styles("conditional"),
    ),
    Panel(
        "manifolds",
        "One manifold per class",
        "Conditional model, upright images, first seed. The same place in each panel is the same style.",
        figures.manifold("conditional"),
    ),
    Panel(
        "latents_turned_conditional",
        "Latents of turned digits, digit known",
        "Without a pose the latents hold the turn: R² of the angle "
        "{{ spread('turned_conditional_angle_in_content') }}.",
        figures.latents("turned_conditional", "turned", ()),
        needs=("turned_conditional_z",),
    ),
    Panel(
        "latents_turned_invariant",
        "The same with an angle of its own",
        "With an angle in the pose the content is left with style: R² of the angle "
        "{{ spread('turned_invariant_angle_in_content') }}.",
        figures.latents("turned_invariant", "turned", ()),
        needs=("turned_invariant_z",),
    ),
    Panel(
        "manifolds_turned_conditional",
        "Manifolds of turned digits, digit known",
        "First seed, no pose: a latent turns the digit.",
        figures.manifold("turned_conditional"),
        needs=("turned_conditional_manifold",),
    ),
    Panel(
        "manifolds_turned_invariant",
        "Manifolds with an angle of its own",
        "First seed, each digit at angle 0 of its own latent zero.",
        figures.manifold("turned_invariant"),
        needs=("turned_invariant_manifold",),
    ),
    Panel(
        "angle",
        "Recovered against true angle",
        "First seed, held-out turned digits; mean of the medians {{ spread('turned_invariant_error_deg') }}°.",
        angles("turned_invariant", "turned"),
        needs=("turned_invariant_angle_error",),
    ),
    Panel(
        "reconstructions",
        "Reconstructions",
        "The first held-out upright images, first seed.",
        figures.reconstructions(UPRIGHT, "digits"),
    ),
    Panel(
        "reconstructions_turned",
        "Reconstructions of turned digits",
        "The same digits turned, first seed.",
        figures.reconstructions(SHORT, "turned"),
        needs=("turned_plain_z",),
    ),
    Panel(
        "seeds",
        "Spread over seeds",
        "Every seed is a dot, the line is the median.",
        figures.over_seeds((*UPRIGHT, *TURNED), OVER_SEEDS),
    ),
    Panel(
        "history",
        "Training",
        "Terms of the bound of the conditional model with an angle, first seed. The weight of the content's divergence "
        "is above one in the first part, so that the angle is found first.",
        figures.history("turned_invariant"),
        needs=("turned_invariant_z",),
    ),
    Panel(
        "history_conditional",
        "Training of the conditional model on upright images",
        "First seed.",
        figures.history("conditional"),
    ),
    RUN_TIME,
)
