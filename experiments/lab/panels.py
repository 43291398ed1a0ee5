"""Panels that every report has."""

import numpy as np
import xarray
from matplotlib.figure import Figure

from experiments.lab.plotting import COLOURS, panels
from experiments.lab.report import Metrics, Panel


def run_time(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw wall and processor seconds of each stage as bars."""
    names = [key.removesuffix("_wall_s") for key in metrics if key.endswith("_wall_s") and key != "total_wall_s"]
    figure, axes = panels(1, 1, 7.5, 3.2)
    ax, rows = axes.flat[0], np.arange(len(names))
    ax.barh(rows - 0.2, [metrics[f"{n}_wall_s"] for n in names], 0.4, color=COLOURS[0], label="wall")
    ax.barh(rows + 0.2, [metrics[f"{n}_cpu_s"] for n in names], 0.4, color=COLOURS[3], label="processor")
    ax.set_yticks(rows, [name.replace("_", " ") for name in names])
    ax.invert_yaxis()
    ax.set_xlabel("seconds")
    ax.legend()
    return figure


RUN_TIME = Panel("stages", "Run time", "Wall and processor time of each stage, compilation included.", run_time)
