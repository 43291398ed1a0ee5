"""TODO docstring of experiments.gp_tutorial.compute.compute"""

from experiments.gp_tutorial import stages
from experiments.gp_tutorial.config import STAGES, Config
from experiments.lab.keys import keys_of
from experiments.lab.run import Run


def compute(run: "Run", config: Config) -> None:
    """Do the job stage by stage."""

    keys = keys_of(config.seed, STAGES)
    for name in STAGES:
        with run.stage(name):
            getattr(stages, name)(run, keys[name], config)
