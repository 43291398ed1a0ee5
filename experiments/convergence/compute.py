"""TODO docstring of experiments.convergence.compute.compute"""

from experiments.convergence import comparison, stages
from experiments.convergence.config import Config
from experiments.convergence.simulation import prepare
from experiments.lab.run import Run


def compute(run: "Run", config: Config) -> None:
    """Do the study stage by stage."""

    with run.stage("histories"):
        problem = prepare(run, config)
    with run.stage("time_step"):
        stages.time_step(run, problem)
    with run.stage("update_rule"):
        stages.update_rule(run, problem)
    with run.stage("hold"):
        stages.hold(run, problem)
    with run.stage("edges"):
        stages.edges(problem)
    with run.stage("subset_seeds"):
        stages.subset_seeds(problem)
    with run.stage("precision"):
        stages.precision(problem)
    with run.stage("comparison"):
        comparison.compare_all(run, problem.targets, config.subset_seeds)
