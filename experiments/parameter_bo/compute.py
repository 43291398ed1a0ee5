"""TODO docstring of experiments.parameter_bo.compute.compute"""

from experiments.lab.run import Run
from experiments.parameter_bo import scores, stages
from experiments.parameter_bo.config import Config


def compute(run: "Run", config: Config) -> None:
    """Do the job stage by stage."""

    with run.stage("maps"):
        problem = stages.maps(run, config)
    with run.stage("campaigns"):
        searches = stages.campaigns(run, problem)
    with run.stage("designs"):
        searches |= stages.designs(run, problem)
    with run.stage("grids"):
        searches |= stages.zooming(problem)
        stages.plain_grids(run, problem)
    with run.stage("live"):
        scores.live(run, problem, searches)
    with run.stage("surfaces"):
        scores.surfaces(run, problem, searches)
    with run.stage("scores"):
        scores.score(run, problem, searches)
