"""Figures and summary of the report on deep kernels over cards; every function draws from saved results alone."""

from experiments.shared.deep_kernels import figures

TITLES = {
    "one_suit": "{{ config.suit }} against the rest",
    "suits": "number of the suit",
    "shear": "shear (°)",
    "rotation": "rotation (°)",
}
_PLAIN = TITLES | {"one_suit": "one suit against the rest"}  # figures see no options
SUMMARY = figures.summary(TITLES)
PANELS = figures.figures(_PLAIN, "suits")
