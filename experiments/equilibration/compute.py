"""TODO docstring of experiments.equilibration.compute.compute"""

from experiments.equilibration import relaxation, timing
from experiments.equilibration import simulations as stages
from experiments.equilibration.config import Config
from experiments.lab.keys import keys_of
from experiments.lab.run import Run


def compute(run: "Run", config: Config) -> None:
    """Draw the histories, simulate them under every variant, test the three observations."""

    keys = keys_of(config.seed, stages.KEYS)
    with run.stage("histories"):
        curves, fields = stages.histories(run, keys, config)
    with run.stage("simulations"):
        series = stages.simulations(run, keys["subsets"], curves, fields, config)
    random = stages.generator(keys["chance"])
    with run.stage("relaxation"):
        relaxation.relaxation(run, series, random, config)
    with run.stage("timing"):
        timing.timing(run, series, random)
