"""Simulate field histories, train VAEs on them, compare static fits and campaigns on three targets, and record all."""

import numpy as np

import ferro_jax as ferro
from experiments.dkl_trajectories.config import Config
from experiments.lab import training
from experiments.lab.progress import advance
from experiments.lab.run import Array, Run
from experiments.shared.deep_kernels import study, vaes
from experiments.shared.deep_kernels.study import Target
from experiments.shared.lattices import setups
from experiments.shared.lattices.targets import TARGETS, targets_of

UNITS = {"curl": "model unit", "direction_curl": "1", "magnitude": "model unit"}
ARRAYS = {
    "curve": Array(("candidate", "sample"), "1", "field history of every candidate, scaled to its range"),
    "growth": Array(("candidate",), "1", "growth rate α"),
    "frequency": Array(("candidate",), "1", "angular frequency ω"),
    **{f"{name}_of_all": Array(("trajectory",), UNITS[name], f"{name} of every history") for name in TARGETS},
}


def compute(run: Run, config: Config) -> None:
    """Go through the stages."""
    keys = setups.keys(config.seed)
    with run.stage("data"):
        data = ferro.damped_oscillation(keys["data"], config.histories)
        curves = np.asarray(data.curves)
        with run.progress(config.histories, "history") as bar:
            values = targets_of(curves, config.seed, advance(bar))
        kept = np.linspace(0, curves.shape[1] - 1, config.samples).round().astype(int)
        x, pool = curves[:, kept], curves[: config.pool, kept]
        targets = {name: Target(values[name][: config.pool], UNITS[name], config.share) for name in TARGETS}
        run.add_all(ARRAYS, {f"{name}_of_all": all_values for name, all_values in values.items()})
        parameters = {name: np.asarray(getattr(data, name))[: config.pool] for name in ("growth", "frequency")}
        run.add_all(ARRAYS, {"curve": pool, **parameters})
        run.record(trajectories=config.histories)
    with run.stage("vae"):
        rows = np.broadcast_to(np.arange(len(x)), (config.seeds, len(x)))
        with run.progress(config.epochs, "epoch") as bar:
            fitted = vaes.fit(keys["fit"], x, pool[:200], rows, config.epochs, config.width, progress=advance(bar))
        training.record(run, "vae", fitted)
        latents = vaes.means(fitted, pool)
    tables, arrays = study.tables_of(pool, latents, config.seed), study.arrays_of(targets)
    with run.stage("static"):
        run.keep(arrays, study.static(tables, targets, config))
    with run.stage("campaigns"), run.progress(len(targets) * len(study.METHODS), "set of campaigns") as bar:
        run.keep(arrays, study.campaigns(tables, targets, config, bar.update))
