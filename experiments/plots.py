"""Figures of arrays: maps over latents, vector fields, images, latents by class, losses of a fit.

    import jax
    from experiments import datasets, plots

    images = datasets.load(jax.random.key(0), "cards_full", size=12, per_suit=20)
    figure = plots.contact_sheet(images)                     # a row for each class
    grid = plots.image_grid(images.x[:20], columns=10)       # images [n ny nx] in reading order
    shown, axes = plots.panels(1, 2)                         # axes (rows, columns) in the style of the reports
    axes[0, 0].hist(images.factors["angle"])
    plots.show_grid(axes[0, 1], images.x[:4].reshape(2, 2, 12, 12))
    plots.save(figure, "cards.png")

Functions that return a Figure draw all of it; those that take ``axes`` draw into them. matplotlib's settings, its
backend among them, stay as you have them. It is imported on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from experiments.lab.contact_sheet import contact_sheet
    from experiments.lab.plotting import (
        COLOURS,
        DIVERGING,
        SEQUENTIAL,
        Film,
        band,
        calibration,
        latent_map,
        outline,
        panels,
        quiver,
        save,
        save_film,
    )
    from experiments.lab.plotting_codes import confusion, latents, on_frame
    from experiments.lab.plotting_fits import manifold, reconstructions
    from experiments.lab.plotting_images import image_grid, manifolds, show_grid
    from experiments.lab.plotting_models import (
        class_guide,
        confusion_matrix,
        ensemble_uncertainty,
        history,
        latent_scatter,
    )
    from experiments.lab.plotting_spectra import components, errors, spectra

__all__ = [
    "COLOURS",
    "DIVERGING",
    "SEQUENTIAL",
    "Film",
    "band",
    "calibration",
    "class_guide",
    "components",
    "confusion",
    "confusion_matrix",
    "contact_sheet",
    "ensemble_uncertainty",
    "errors",
    "history",
    "image_grid",
    "latent_map",
    "latent_scatter",
    "latents",
    "manifold",
    "manifolds",
    "on_frame",
    "outline",
    "panels",
    "quiver",
    "reconstructions",
    "save",
    "save_film",
    "show_grid",
    "spectra",
]
# Where the names are defined that are not in ``experiments.lab.plotting``.
_HOMES = {
    "class_guide": "plotting_models",
    "components": "plotting_spectra",
    "confusion": "plotting_codes",
    "confusion_matrix": "plotting_models",
    "contact_sheet": "contact_sheet",
    "ensemble_uncertainty": "plotting_models",
    "errors": "plotting_spectra",
    "history": "plotting_models",
    "image_grid": "plotting_images",
    "latent_scatter": "plotting_models",
    "latents": "plotting_codes",
    "manifold": "plotting_fits",
    "manifolds": "plotting_images",
    "on_frame": "plotting_codes",
    "reconstructions": "plotting_fits",
    "show_grid": "plotting_images",
    "spectra": "plotting_spectra",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its home on first use."""
    if name not in __all__:
        raise AttributeError(f"module 'experiments.plots' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(f"experiments.lab.{_HOMES.get(name, 'plotting')}"), name)


def __dir__() -> list[str]:
    return __all__
