"""What the explorer of a run shows: maps, campaigns, the decoder and FerroSIM, from saved results alone."""

from pathlib import Path
from typing import Any

import numpy as np
import xarray

from experiments.lab.report import Metrics
from experiments.latent_bo.campaign_figures import array
from experiments.shared.explorer import lattices, page
from experiments.shared.explorer.records import WITHIN, Campaign, Content, Decoder, Layer, Points, Preset, Simulator
from experiments.shared.lattices import setups
from experiments.shared.lattices.latent_map import VARIANTS

UNIT = "model units"
METHODS = {"campaign": "campaign", "random": "random order", "sobol": "Sobol order"}
SUBSETS = {"the run's own": "subset", "the other one of the report": "other_subset"}


def write(folder: Path, results: xarray.Dataset, metrics: Metrics, config: dict[str, Any]) -> Path:
    """Write ``explorer.html`` beside the report of a run; returns its path.

    ValueError for a run that has no decoder, because it was made by an earlier version.
    """
    if "decoder_kernel_0" not in results:
        raise ValueError("the run has no weights of the decoder: it was made by an earlier version, run it again")
    content = Content(
        title=f"latent_bo · {folder.name}",
        about="Field histories of a ferroelectric in the latent space of a variational autoencoder.",
        objective="Σ|curl P|",
        z=results.latent.to_numpy(),
        support=results.inside_support.to_numpy(),
        layers=maps(results) + beliefs(results),
        campaigns=campaigns(results, metrics, config),
        points=[Points("histories it was trained on", results.latent_mean.to_numpy())],
        decoder=decoder(results),
        simulator=simulator(results, config["seed"]),
    )
    return page.write(folder, content)


def maps(results: xarray.Dataset) -> list[Layer]:
    """Return the ground truth under every variant."""
    return [
        Layer(title, "truth", results[f"target_{name}"].to_numpy(), f"Σ|curl P| ({UNIT})")
        for name, title in VARIANTS.items()
    ]


def beliefs(results: xarray.Dataset) -> list[Layer]:
    """Return mean and standard deviation of every campaign after its last evaluation."""
    mean, std = results.surface_mean.to_numpy(), results.surface_std.to_numpy()
    when = f"after all {results.sizes['evaluation']} evaluations"
    layers = []
    for number in range(len(mean)):
        layers.append(Layer("mean μ", "mean", mean[number], f"Σ|curl P| ({UNIT})", number, when))
        layers.append(Layer("standard deviation σ", "std", std[number], f"σ ({UNIT})", number, when))
    return layers


def campaigns(results: xarray.Dataset, metrics: Metrics, config: dict[str, Any]) -> list[Campaign]:
    """Return what the seeds of every method asked, the campaigns first."""
    asked = []
    for method, title in METHODS.items():
        cells, values = (array(results, method, name).astype(float) for name in ("chosen_cell", "chosen_value"))
        kappa = config["kappa"] if method == "campaign" else None
        for seed, (cell, value) in enumerate(zip(cells, values, strict=True)):
            marks = np.full(len(cell), WITHIN)
            asked.append(Campaign(f"{title}, seed {seed}", cell, value, marks, int(metrics["initial_points"]), kappa))
    return asked


def decoder(results: xarray.Dataset) -> Decoder:
    """Return the decoder that the run has saved; its histories are in units of the largest field."""
    count = sum(name.startswith("decoder_kernel_") for name in map(str, results))
    names = [(f"decoder_kernel_{number}", f"decoder_bias_{number}") for number in range(count)]
    layers = [(results[kernel].to_numpy(), results[bias].to_numpy()) for kernel, bias in names]
    samples = results.sizes["sample"]
    none = np.array([np.inf])
    return Decoder(
        layers,
        activation="tanh",
        samples=samples,
        low=-none,
        high=none,
        names=("field",),
        units=(f"{results.attrs['lecture_field_scale']:g} Ec",),
        time_unit="steps",
        log_duration=float(np.log(samples)),
        durations=(samples, samples),
    )


def simulator(results: xarray.Dataset, seed: int) -> Simulator:
    """Return FerroSIM's presets with the run's defects and keys."""
    lecture, physical = (lattices.preset(results.attrs, name) for name in ("lecture", "physical"))
    attributes = {"lecture": lecture, "synchronous": lecture | {"update": "synchronous"}, "physical": physical}
    fields = {name: results.local_field for name in attributes} | {"physical": results.local_field_physical}
    presets = [Preset(title, attributes[name], fields[name].to_numpy(), title) for name, title in VARIANTS.items()]
    return Simulator(presets, lattices.subset_keys(setups.keys(seed), SUBSETS))
