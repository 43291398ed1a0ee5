"""TODO docstring of experiments.ferrosim_microstates.compute.compute"""

from experiments.ferrosim_microstates import drive as driven
from experiments.ferrosim_microstates import stages
from experiments.ferrosim_microstates.config import Config
from experiments.lab.run import Run


def compute(run: "Run", config: Config) -> None:
    """Cycles at the main sweep rate, the states of one lattice, the other sweep rates."""

    bench = driven.bench_of(config)
    lanes = driven.lanes_of(bench, config)
    with run.stage("cycles"):
        last = stages.cycles(run, bench, lanes, config)
    with run.stage("states"):
        stages.states(run, bench, lanes, config)
    with run.stage("sweep_rates"):
        stages.sweep_rates(run, bench, lanes, last, config)
