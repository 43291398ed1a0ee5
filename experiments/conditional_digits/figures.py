"""Figures of the report on conditional models of digits, drawn from saved results alone."""

from experiments.lab.panels import RUN_TIME
from experiments.lab.report import Panel
from experiments.shared.images import figures
from experiments.shared.images.digit_figures import angles, styles

UPRIGHT = (("plain", "plain"), ("conditional", "conditional"))
TURNED = (
    ("plain, turned", "turned_plain"),
    ("conditional, turned", "turned_conditional"),
    ("conditional with angle, turned", "turned_invariant"),
)
SHORT = tuple((title.replace(", turned", ""), name) for title, name in TURNED)
ROWS = (
    ("−ELBO, nats per image (digits given as labels are not counted)", "negative_elbo_nats"),
    ("−ELBO with test-time search", "negative_elbo_searched_nats"),
    ("RMSE of the reconstruction", "rmse"),
    ("digit from the 10 nearest neighbours in z, share right", "neighbour_accuracy"),
    ("slant in z, R² of neighbours", "slant_in_content"),
    ("ink in z, R² of neighbours", "ink_in_content"),
    ("true angle in z, R² of neighbours", "angle_in_content"),
)
ANGLE_ROWS = (
    *((f"{digit}: median error, degrees", f"error_{digit}_deg") for digit in range(10)),
    ("all digits, an offset each", "error_deg"),
    ("all digits, one common offset", "error_common_deg"),
)
OVER_SEEDS = (
    ("−ELBO (nats per image)", "negative_elbo_nats"),
    ("digit from neighbours in z", "neighbour_accuracy"),
    ("R² of the angle in z", "angle_in_content"),
    ("error of the angle (°)", "error_deg"),
)
PANELS = (
    Panel(
        "latents_plain",
        "Latents of the plain VAE",
        "Held-out upright digits, first seed: the latents distinguish the digits (neighbours: "
        "{{ spread('plain_neighbour_accuracy') }}).",
        styles("plain"),
    ),
    Panel(
        "latents_conditional",
        "Latents where the digit is known",
        "The same digits in the conditional model, one latent space per digit, drawn on top of each other. The digit is "
        "known from the ten nearest neighbours with probability {{ spread('conditional_neighbour_accuracy') }} "
        "(guessing: {{ chance | number }}). R² among neighbours, mean per digit taken off: slant "
        "{{ spread('conditional_slant_in_content') }}, ink {{ spread('conditional_ink_in_content') }}.",
        styles("conditional"),
    ),
    Panel(
        "manifolds",
        "One manifold per digit",
        "Conditional model, upright digits, first seed. The same place in each panel is the same style.",
        figures.manifold("conditional"),
    ),
    Panel(
        "latents_turned_conditional",
        "Latents of turned digits, digit known",
        "Without a pose the latents hold the turn: R² of the angle "
        "{{ spread('turned_conditional_angle_in_content') }}.",
        figures.latents("turned_conditional", "turned", ()),
    ),
    Panel(
        "latents_turned_invariant",
        "The same with an angle of its own",
        "With an angle in the pose the content is left with style: R² of the angle "
        "{{ spread('turned_invariant_angle_in_content') }}.",
        figures.latents("turned_invariant", "turned", ()),
    ),
    Panel(
        "manifolds_turned_conditional",
        "Manifolds of turned digits, digit known",
        "First seed, no pose: a latent turns the digit.",
        figures.manifold("turned_conditional"),
    ),
    Panel(
        "manifolds_turned_invariant",
        "Manifolds with an angle of its own",
        "First seed, each digit at angle 0 of its own latent zero.",
        figures.manifold("turned_invariant"),
    ),
    Panel(
        "angle",
        "Recovered against true angle",
        "First seed, held-out turned digits; mean of the medians {{ spread('turned_invariant_error_deg') }}°.",
        angles("turned_invariant", "turned"),
    ),
    Panel(
        "reconstructions",
        "Reconstructions",
        "The first held-out upright digits, first seed.",
        figures.reconstructions(UPRIGHT, "digits"),
    ),
    Panel(
        "reconstructions_turned",
        "Reconstructions of turned digits",
        "The same digits turned, first seed.",
        figures.reconstructions(SHORT, "turned"),
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
    ),
    RUN_TIME,
)
