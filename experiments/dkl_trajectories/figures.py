"""Figures and summary of the report on deep kernels over histories; every function draws from saved results alone."""

from experiments.shared.deep_kernels import figures

TITLES = {
    "curl": "Σ|curl P| (model units)",
    "direction_curl": "Σ|curl P/|P||",
    "magnitude": "Σ|P| (model units)",
}
SUMMARY = figures.summary(TITLES)
PANELS = figures.figures(TITLES, "curl")
