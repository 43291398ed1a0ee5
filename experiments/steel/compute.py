"""Follow generated histories and those of the latent space, search them, and record all."""

import numpy as np

from experiments.lab.keys import keys_of
from experiments.lab.progress import advance
from experiments.lab.run import Run
from experiments.shared.processes import learning, search, steel, tables
from experiments.shared.processes.learning import Candidates
from experiments.steel.config import Config


def compute(run: Run, config: Config) -> None:
    """Go through the stages: generated histories, the latent space, its cells, the campaigns."""
    process, keys = steel.PROCESS, keys_of(config.seed, ("draw", "fit", "campaign"))
    table, evaluate = tables.arrays_of(process), learning.in_jax(steel.outcomes)
    with run.stage("histories"):
        drawn = steel.draw(keys["draw"], config.histories)
        generated = evaluate(np.asarray(drawn.values), np.asarray(drawn.duration))
    with run.stage("latent"), run.progress(learning.epochs_of(config), "epoch") as bar:
        learned, pool = learning.learn(keys["fit"], drawn, process, config, advance(bar))
    with run.stage("candidates"):
        candidates = Candidates(pool.z, evaluate(pool.histories, pool.duration))
        run.keep(table, learning.described(drawn, learned, generated, candidates))
    with run.stage("campaigns"):
        with run.progress(2 * config.campaigns, "campaign") as bar:
            found = search.all_methods(keys["campaign"], candidates, generated, config, advance(bar))
        run.keep(table, search.scored(found, candidates))
