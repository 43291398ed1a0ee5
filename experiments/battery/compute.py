"""Charge with generated histories and with those of the latent space, search them, and record all."""

from collections.abc import Callable

import numpy as np

from experiments.battery.config import Config
from experiments.lab.keys import keys_of
from experiments.lab.progress import advance
from experiments.lab.run import Run
from experiments.shared.processes import battery, learning, search, tables
from experiments.shared.processes.learning import Candidates, Evaluated


def compute(run: Run, config: Config) -> None:
    """Go through the stages: generated histories, the latent space, its cells, the campaigns."""
    keys, table = keys_of(config.seed, ("draw", "fit", "campaign")), tables.arrays_of(battery.PROCESS)
    with run.stage("histories"):
        drawn = battery.draw(keys["draw"], config.histories)
        with run.progress(config.histories, "history") as bar:
            generated = charged(np.asarray(drawn.values), config, advance(bar))
    with run.stage("latent"), run.progress(learning.epochs_of(config), "epoch") as bar:
        learned, pool = learning.learn(keys["fit"], drawn, battery.PROCESS, config, advance(bar))
    with run.stage("candidates"):
        with run.progress(len(pool.z), "history") as bar:
            candidates = Candidates(pool.z, charged(pool.histories, config, advance(bar)))
        run.keep(table, learning.described(drawn, learned, generated, candidates))
    with run.stage("campaigns"):
        with run.progress(2 * config.campaigns, "campaign") as bar:
            found = search.all_methods(keys["campaign"], candidates, generated, config, advance(bar))
        run.keep(table, search.scored(found, candidates))


def charged(current: np.ndarray, config: Config, progress: Callable[..., None]) -> Evaluated:
    """Charge a cell with each current history (n, samples), A."""
    out = battery.charge(current, python=config.python, workers=config.workers, progress=progress)
    outcomes = {outcome.name: getattr(out, outcome.name) for outcome in battery.OUTCOMES}
    return Evaluated(current, np.full(len(current), battery.SECONDS), outcomes)
