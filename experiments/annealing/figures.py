"""Figures of the report on annealing, drawn from saved results alone."""

import numpy as np
import xarray
from matplotlib.figure import Figure

from experiments.lab.panels import RUN_TIME
from experiments.lab.plotting import panels
from experiments.lab.report import Metrics, Panel
from experiments.shared.processes.annealing import PROCESS
from experiments.shared.processes.figures import panels_of
from experiments.shared.processes.search import METHODS

__all__ = ["METHODS", "PANELS"]


def refined(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw the refined histories in time, and the value of each before, between and after."""
    figure, axes = panels(1, 2, 5.2, 3.8)
    names = ("start_value", "ascended_value", "refined_value")
    values = np.stack([results[name].to_numpy() for name in names])
    axes[0, 0].plot(range(3), values, ".-")
    axes[0, 0].set_xticks(range(3), ["campaign", "latent space", "samples"])
    axes[0, 0].set_ylabel("quality of the film")
    for row in np.argsort(-values[2])[:3]:
        seconds = float(results.refined_duration[row]) * np.linspace(0, 1, results.sizes["sample"])
        axes[0, 1].plot(seconds, results.refined_history[row], label=f"{values[2, row]:.4g}")
    axes[0, 1].set(xlabel="time (s)", ylabel="temperature (°C)")
    axes[0, 1].legend(fontsize=9)
    return figure


PANELS = (
    *panels_of(PROCESS, ("decomposed", "grain")),
    Panel(
        "gradient",
        "Improved along the gradient",
        "The best histories of {{ campaigns if campaigns < 8 else 8 }} campaigns, after {{ gradient_steps }} steps along "
        "the gradient in the latent space and as many in the samples; durations stay as they are in the latter. Right: "
        "the three best.",
        refined,
    ),
    RUN_TIME,
)
