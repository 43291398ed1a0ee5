"""Figures of the report on battery, drawn from saved results alone."""

from experiments.lab.panels import RUN_TIME
from experiments.shared.processes.battery import PROCESS
from experiments.shared.processes.figures import panels_of
from experiments.shared.processes.search import METHODS

__all__ = ["METHODS", "PANELS"]

PANELS = (*panels_of(PROCESS, ("temperature", "charge")), RUN_TIME)
