"""Figures of the report on patches from spectra, drawn from saved results alone."""

from experiments.lab.report import Panel
from experiments.shared.structure_property.figures import all_panels, pictures

PANELS = all_panels(
    Panel(
        "pictures",
        "True and predicted patches",
        "Spectra of the scored region and the patches around them, at the smallest, the median and the largest relative "
        "error among the brighter half. A spectrum does not tell directions: the mean of an ensemble is round where "
        "patches differ by a turn.",
        pictures,
    )
)
