"""Figures of the report on deep kernels over cards, drawn from saved results alone."""

from experiments.shared.deep_kernels.figures import METHODS, SPACES, all_panels

__all__ = ["METHODS", "PANELS", "SPACES", "TITLES"]  # all but PANELS are for summary.html.j2

TITLES = {
    "one_suit": "one suit against the rest",
    "suits": "number of the suit",
    "shear": "shear (°)",
    "rotation": "rotation (°)",
}
PANELS = all_panels(TITLES, "suits")
