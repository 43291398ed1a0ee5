"""TODO docstring of experiments.latent_bo.compute.compute"""

from experiments.lab.run import Run
from experiments.latent_bo import campaigns, resimulation
from experiments.latent_bo.config import Config
from experiments.shared.lattices import histories, latent_map, setups


def compute(run: "Run", config: Config) -> None:
    """Do the job stage by stage; see ``experiments/shared/lattices/histories.py`` and what stands beside it."""

    keys = setups.keys(config.seed)
    with run.stage("trajectories"):
        data = histories.trajectories(run, keys, config)
    with run.stage("vae"):
        decode = histories.vae(run, keys, data, config)
    with run.stage("latent_grid"):
        cells = histories.latent_grid(run, decode, config)
    with run.stage("map"):
        problem = latent_map.ground_truth(run, keys, cells)
    with run.stage("campaigns"):
        campaigns.campaigns(run, keys["campaign"], decode, problem, config)
    with run.stage("baselines"):
        campaigns.baselines(run, keys["campaign"], problem, config)
    with run.stage("honesty"):
        resimulation.honesty(run, keys, problem)
