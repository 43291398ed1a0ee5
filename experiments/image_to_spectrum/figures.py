"""Figures of the report on spectra from patches, drawn from saved results alone."""

from experiments.lab.report import Panel
from experiments.shared.structure_property.figures import all_panels, spectra

PANELS = all_panels(
    Panel(
        "spectra",
        "True and predicted spectra",
        "Patches of the scored region (the cross is where the spectrum was taken) and their spectra, at the smallest, the "
        "median and the largest relative error among the brighter half.",
        spectra,
    )
)
