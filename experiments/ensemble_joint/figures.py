"""Figures of the report on the ensemble of joint models, drawn from saved results alone."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray
from matplotlib.figure import Figure

from experiments.lab import plotting_images, plotting_models
from experiments.lab.panels import RUN_TIME
from experiments.lab.report import Metrics, Panel
from experiments.shared.images import figures
from experiments.shared.images.arrays import class_names

VARIANTS = (("joint VAE", ""),)
ROWS = (
    ("clustering accuracy of a member", "joint_accuracy"),
    ("−ELBO of a member, nats per image", "joint_negative_elbo_nats"),
    ("−ELBO with test-time search", "joint_negative_elbo_searched_nats"),
)


def names(attrs: Mapping[Any, Any], numbers: Metrics) -> list[str]:
    """Return the names of the classes of the summary's table, for which ``numbers`` have a stability each."""
    start = "ensemble_stability_"
    return class_names(attrs) or [name.removeprefix(start) for name in numbers if name.startswith(start)]


def titles(results: xarray.Dataset) -> list[str]:
    """Return the names of the matched classes: those of the true ones, or numbers."""
    return class_names(results.attrs) or [str(number + 1) for number in range(results.sizes["class"])]


def uncertainty(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw latents of the first member by class of the mean and by disagreement, and both per class."""
    return plotting_models.ensemble_uncertainty(
        results.joint_z[0].to_numpy(),
        results.ensemble_found.to_numpy(),
        results.ensemble_disagreement.to_numpy(),
        results.ensemble_stability.to_numpy(),
        titles(results),
    )


def guide(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw dispersion, stability and bound against the number of classes."""
    names = [str(name) for name in results if str(name).startswith("guide_")]
    return plotting_models.class_guide({name.removeprefix("guide_"): results[name].to_numpy() for name in names})


def prediction(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the first images, their mean reconstruction over members, and its standard deviation."""
    members = results.joint_reconstruction_of_x.to_numpy()
    lines = np.stack([results.full_x[: members.shape[1]].to_numpy(), members.mean(0), members.std(0)])
    return plotting_images.image_grid(lines, rows=["data", "mean of members", "std over members"])


def templates(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw what each member (column) decodes at latent zero for each class (row)."""
    images = results.ensemble_templates.to_numpy().swapaxes(0, 1)
    return plotting_images.image_grid(images, rows=titles(results))


def least_certain(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the images about which members disagree most."""
    order = np.argsort(-results.ensemble_disagreement.to_numpy())[:20]
    return plotting_images.image_grid(results.full_x.to_numpy()[order], columns=10)


PANELS = (
    Panel(
        "uncertainty",
        "What members agree on",
        "Latents of the first member; class and disagreement are those of all members after their classes were matched.",
        uncertainty,
    ),
    Panel(
        "guide",
        "Number of classes",
        "Ensembles of {{ config.guide_members }} members, {{ config.guide_epochs }} epochs each, on the same images, "
        "classes by test-time search; bounds per image. Least disagreement with no class left empty: "
        "K = {{ guide_best_classes | number }}; least −ELBO: K = {{ guide_best_classes_by_bound | number }}, of which "
        "{{ guide_used_by_bound | number }} are used.",
        guide,
    ),
    Panel(
        "templates",
        "Classes of every member",
        "Decoded at latent zero; a row is a class after matching, a column a member. Each member is free in the angle "
        "that it calls zero.",
        templates,
    ),
    Panel(
        "prediction",
        "Mean prediction",
        "Reconstructions of fresh images averaged over members, and their spread.",
        prediction,
    ),
    Panel("least_certain", "Images of largest disagreement", "In reading order, largest first.", least_certain),
    Panel(
        "confusion",
        "Confusion matrix of the first member",
        "Classes named after the true class they match best.",
        figures.confusion("joint"),
        needs=("joint_confusion",),
    ),
    Panel(
        "manifold",
        "Decoded latent grids of the first member",
        "Upright (by the member's own angle) and centred.",
        figures.manifold("joint", discovered=True),
    ),
    Panel("history", "Training of the first member", "Terms of its bound.", figures.history("joint")),
    RUN_TIME,
)
