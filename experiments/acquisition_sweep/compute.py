"""TODO docstring of experiments.acquisition_sweep.compute.compute"""

from experiments.acquisition_sweep import campaigns as stages
from experiments.acquisition_sweep import landscapes, results
from experiments.acquisition_sweep.config import Config
from experiments.lab.run import Run


def compute(run: "Run", config: Config) -> None:
    """Do the job stage by stage."""

    with run.stage("landscapes"):
        places = [landscapes.make(name, run, config) for name in config.landscapes]
    with run.stage("sweep"):
        found = stages.sweep(run, places, config)
    with run.stage("orders"):
        found |= stages.blind(places, config)
    with run.stage("scores"):
        results.score(run, places, found, config)
