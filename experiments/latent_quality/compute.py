"""TODO docstring of experiments.latent_quality.compute.compute"""

from experiments.lab.run import Run
from experiments.latent_quality import stages, verdict
from experiments.latent_quality.config import Config


def compute(run: "Run", config: Config) -> None:
    """Stage by stage; see ``experiments/latent_quality/stages.py``."""

    with run.stage("data"):
        pools = stages.pools(run, config)
    with run.stage("vaes"):
        fitted, encoded = stages.vaes(run, pools, config)
    with run.stage("campaigns"):
        stages.campaigns(run, pools, fitted, encoded, config)
    with run.stage("dials"):
        stages.dials(run, pools, encoded, config)
    with run.stage("shares"):
        stages.shares(run, pools, config)
    with run.stage("verdict"):
        verdict.judge(run, config)
