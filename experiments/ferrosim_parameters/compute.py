"""TODO docstring of experiments.ferrosim_parameters.compute.compute"""

from experiments.ferrosim_parameters import stages
from experiments.ferrosim_parameters.config import Config
from experiments.lab.run import Run
from experiments.shared.lattices.parameter_map import prepare


def compute(run: "Run", config: Config) -> None:
    """Do the job stage by stage."""

    with run.stage("defects"):
        problem = prepare(run, config)
    with run.stage("maps"):
        maps = stages.simulate_maps(run, problem)
    with run.stage("loops"):
        stages.loops_at_points(run, problem)
    with run.stage("single_calls"):
        stages.single_calls(run, problem, maps)
    with run.stage("scores"):
        stages.score(run, problem, maps)
