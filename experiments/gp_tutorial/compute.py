"""TODO docstring of experiments.gp_tutorial.compute.compute"""

from experiments.gp_tutorial import stages
from experiments.gp_tutorial.config import STAGES, Config
from experiments.lab.run import Run


def compute(run: "Run", config: Config) -> None:
    """Do the job stage by stage."""

    keys = stages.keys(config.seed, STAGES)
    for name in STAGES:
        with run.stage(name):
            getattr(stages, name)(run, keys[name], config)
