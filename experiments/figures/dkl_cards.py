"""Figures and summary of the report on deep kernels over cards; every function draws from saved results alone."""

from experiments.figures import dkl_campaigns

TITLES = {
    "one_suit": "{{ config.suit }} against the rest",
    "suits": "number of the suit",
    "shear": "shear (°)",
    "rotation": "rotation (°)",
}
_PLAIN = TITLES | {"one_suit": "one suit against the rest"}  # figures see no options
SUMMARY = dkl_campaigns.summary(TITLES)
PANELS = dkl_campaigns.figures(_PLAIN, "suits")
