"""Figures of the report on annealing, drawn from saved results alone."""

from experiments.lab.panels import RUN_TIME
from experiments.shared.processes.annealing import PROCESS
from experiments.shared.processes.figures import panels_of
from experiments.shared.processes.search import METHODS

__all__ = ["METHODS", "PANELS"]

PANELS = (*panels_of(PROCESS, ("decomposed", "grain")), RUN_TIME)
