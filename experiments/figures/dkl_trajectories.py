"""Figures and summary of the report on deep kernels over histories; every function draws from saved results alone."""

from experiments.figures import dkl_campaigns

TITLES = {
    "curl": "Σ|curl P| (model units)",
    "direction_curl": "Σ|curl P/|P||",
    "magnitude": "Σ|P| (model units)",
}
SUMMARY = dkl_campaigns.summary(TITLES)
PANELS = dkl_campaigns.figures(TITLES, "curl")
