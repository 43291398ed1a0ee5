"""TODO docstring of experiments.dkl_trajectories.compute.compute"""

import numpy as np

import ferro_jax as ferro
from experiments.dkl_trajectories.config import Config
from experiments.lab import training
from experiments.lab.progress import advance
from experiments.lab.run import Run
from experiments.shared.deep_kernels import study, vaes
from experiments.shared.lattices import setups
from experiments.shared.lattices.targets import TARGETS, targets_of


def compute(run: "Run", config: Config) -> None:
    """Draw and simulate, encode, fit, search."""

    keys = setups.keys(config.seed)
    with run.stage("data"):
        data = ferro.damped_oscillation(keys["data"], config.histories)
        curves = np.asarray(data.curves)
        with run.progress(config.histories, "history") as bar:
            values = targets_of(curves, config.seed, advance(bar))
        kept = np.linspace(0, curves.shape[1] - 1, config.samples).round().astype(int)
        x, pool = curves[:, kept], curves[: config.pool, kept]
        units = {"curl": "model unit", "direction_curl": "1", "magnitude": "model unit"}
        targets = {name: study.Target(values[name][: config.pool], units[name], config.share) for name in TARGETS}
        for name, all_values in values.items():
            run.add(f"{name}_of_all", ("trajectory",), all_values, units[name], f"{name} of every history")
        run.add("curve", ("candidate", "sample"), pool, "1", "field history of every candidate, scaled to its range")
        for name, text in (("growth", "growth rate α"), ("frequency", "angular frequency ω")):
            run.add(name, ("candidate",), np.asarray(getattr(data, name))[: config.pool], "1", text)
        run.record(trajectories=config.histories)
    with run.stage("vae"):
        rows = np.broadcast_to(np.arange(len(x)), (config.seeds, len(x)))
        with run.progress(config.epochs, "epoch") as bar:
            fitted = vaes.fit(keys["fit"], x, pool[:200], rows, config.epochs, config.width, progress=advance(bar))
        training.record(run, "vae", fitted)
        latents = vaes.means(fitted, pool)
    spaces = study.tables(pool, latents, config.seed)
    with run.stage("static"):
        study.static(run, spaces, targets, config)
    with run.stage("campaigns"):
        study.campaigns(run, spaces, targets, config)
