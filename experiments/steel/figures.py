"""Figures of the report on steel, drawn from saved results alone."""

from experiments.lab.panels import RUN_TIME
from experiments.shared.processes.figures import panels_of
from experiments.shared.processes.search import METHODS
from experiments.shared.processes.steel import PROCESS

__all__ = ["METHODS", "PANELS"]

PANELS = (*panels_of(PROCESS, ("difference", "hardness")), RUN_TIME)
