"""Figures of the report on deep kernels over histories, drawn from saved results alone."""

from experiments.shared.deep_kernels.figures import METHODS, SPACES, all_panels

__all__ = ["METHODS", "PANELS", "SPACES", "TITLES"]  # all but PANELS are for summary.html.j2

TITLES = {
    "curl": "Σ|curl P| (model units)",
    "direction_curl": "Σ|curl P/|P||",
    "magnitude": "Σ|P| (model units)",
}
PANELS = all_panels(TITLES, "curl")
