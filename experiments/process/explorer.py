"""What the explorer of a study shows: decoded histories, what the model believes of every candidate, the log.

There is no simulator of the process in the page.
"""

from pathlib import Path
from typing import Any

import numpy as np
import xarray

from experiments.lab.report import Metrics
from experiments.process import study
from experiments.process.log_figures import short
from experiments.shared.explorer import page
from experiments.shared.explorer.decoder import decoder_of
from experiments.shared.explorer.records import BEYOND, FAILED, WITHIN, Campaign, Content, Layer, Points
from models import histories


def write(folder: Path, results: xarray.Dataset, metrics: Metrics, config: dict[str, Any]) -> Path:
    """Write ``explorer.html`` beside a page of a study; returns its path.

    ValueError for a study whose family was learned by another version.
    """
    learned = histories.load(folder.parent / study.FAMILY)
    of_functions = "function" in results.attrs
    points = [Points("histories of the file", np.asarray(learned.mean))]
    if not of_functions and len(results.next_cell):
        points.append(Points("asked next", results.cell_z.to_numpy()[results.next_cell.to_numpy()]))
    content = Content(
        title=f"{folder.parent.name}: {results.attrs['objective']}",
        about="Histories of a process in the latent space of a variational autoencoder.",
        objective=results.attrs["objective"],
        z=results.cell_z.to_numpy(),
        support=np.ones(results.sizes["cell"]),
        layers=[] if of_functions else beliefs(results, config),
        campaigns=campaigns(results, config) if of_functions else [told(results, config)],
        points=points,
        decoder=decoder_of(learned),
    )
    return page.write(folder, content)


def beliefs(results: xarray.Dataset, config: dict[str, Any]) -> list[Layer]:
    """Return what the model of a log expects of every candidate."""
    when = f"after {results.sizes['evaluation']} evaluations"
    names = [short(str(name)) for name in results.objective.to_numpy()]
    means = results.means.to_numpy()
    layers = [Layer(f"mean of {name}", "mean", mean, name, when=when) for name, mean in zip(names, means, strict=True)]
    layers.append(Layer(f"σ of {names[0]}", "std", results["std"].to_numpy(), f"σ of {names[0]}", when=when))
    within = "success" if results.attrs["limits"] == "none" else "success within the limits"
    layers.append(Layer(f"P({within})", "probability", results.probability.to_numpy(), f"P({within})", when=when))
    return layers


def told(results: xarray.Dataset, config: dict[str, Any]) -> Campaign:
    """Return the log as one campaign."""
    values = results.value.to_numpy()
    cells, within = results.evaluated_cell.to_numpy(), results.within.to_numpy()
    return Campaign("the log", cells, values, marks_of(values, within), config["initial_points"])


def campaigns(results: xarray.Dataset, config: dict[str, Any]) -> list[Campaign]:
    """Return every seed of every method that chooses candidates; histories of the file are none."""
    found = []
    for number, name in enumerate(map(str, results.method.to_numpy())):
        if name == "random histories of the file":
            continue
        for seed in range(results.sizes["seed"]):
            values, within = results["values"].to_numpy()[number, seed], results.within.to_numpy()[number, seed]
            cells = results.chosen.to_numpy()[number, seed]
            marks = marks_of(values, within)
            found.append(Campaign(f"{name}, seed {seed}", cells, values, marks, config["initial_points"]))
    return found


def marks_of(values: np.ndarray, within: np.ndarray) -> np.ndarray:
    """Return what became of evaluations: within the limits, beyond one, or failed."""
    return np.where(np.isnan(values), FAILED, np.where(within > 0, WITHIN, BEYOND))
