"""Find the field history that maximises the curl of a ferroelectric's polarization, in a VAE's latent space.

    python -m experiments.latent_bo            # the lecture's scale
    python -m experiments.latent_bo --smoke    # a small one

7,500 oscillating field histories are learned by a VAE with two latents; a 100 × 100 grid of its latent space is
decoded and simulated with FerroSIM (the truth, which no campaign sees); Gaussian-process campaigns of 100 + 500
evaluations with μ + κσ search that grid with the simulation computed live, several seeds in one compiled program,
beside random and Sobol orders. What is found is then simulated again under other subset seeds, longer holds and the
synchronous update.
Sources: arXiv 2206.12435 and 2303.14554. Expected: held-out −ELBO below −1171.6 nats a curve, map maximum near 15.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from experiments import executor, harness
from experiments.vae_options import at_least

if TYPE_CHECKING:
    from experiments.harness import Run


@dataclass(frozen=True)
class Config(harness.Settings):
    """Options of the main job; the defaults are the lecture's scale."""

    trajectories: int = 7500
    """Field histories to learn from."""
    form: Literal["cos", "sin"] = "cos"
    """Oscillation of the histories: cos as in the authors' code, sin as the lecture prints it."""
    epochs: int = 75
    """Passes of the VAE's training over the histories."""
    grid_points: int = 100
    """Points per axis of the latent grid."""
    grid_extent: float = 10.0
    """The grid covers ±this along both latents."""
    initial_points: int = 100
    """Random cells that open each campaign."""
    steps: int = 500
    """Evaluations that the campaign chooses itself."""
    kappa: float = 10.0
    """Weight of the standard deviation in μ + κσ (the lecture's 10 was tuned with the truth known)."""
    campaigns: int = 8
    """Campaigns with different keys, all in one compiled program unless there is an executor."""
    executor: Literal["local", "ray", "submitit"] = "local"
    """Who runs the campaigns: this process, Ray tasks or submitit jobs (SLURM), which resume when they are killed."""
    chunk: int = 4
    """Campaigns of each job of an executor."""
    executor_options: tuple[str, ...] = ()
    """NAME=VALUE for the engine: num_cpus=2 for Ray, timeout_min=60 slurm_partition=gpu for submitit."""

    def __post_init__(self) -> None:
        at_least(self, trajectories=1, epochs=1, grid_points=1, initial_points=1, steps=1, campaigns=1, chunk=1)
        if self.trajectories < 100:
            raise ValueError(f"--trajectories is {self.trajectories}; training and validation need at least 100")
        cells = self.grid_points**2
        if self.initial_points > cells:
            raise ValueError(
                f"--initial-points is {self.initial_points}, but the grid has {cells} cells: "
                "lower it or raise --grid-points"
            )
        if self.initial_points + self.steps > cells:
            raise ValueError(
                f"{self.initial_points} + {self.steps} evaluations, but the grid has {cells} cells and none is "
                "visited twice: lower --steps or raise --grid-points"
            )
        if not self.grid_extent > 0:
            raise ValueError(f"--grid-extent is {self.grid_extent}; give a positive extent")
        if self.executor_options and self.executor == "local":
            raise ValueError(f"--executor-options {self.executor_options} are for --executor ray or submitit")
        executor.parse(self.executor_options)
        if not self.kappa >= 0:
            raise ValueError(f"--kappa is {self.kappa}; give a weight of at least 0")


SMOKE = Config(smoke=True, trajectories=600, epochs=10, grid_points=16, initial_points=16, steps=24, campaigns=2)
STAGES = ("trajectories", "vae", "latent_grid", "map", "campaigns", "baselines", "honesty", "figures")


def compute(run: "Run", config: Config) -> None:
    """Do the job stage by stage; see ``experiments/latent_bo_stages.py`` and what stands beside it."""
    from experiments import latent_bo_campaigns, latent_bo_map
    from experiments import latent_bo_stages as stages

    keys = stages.keys_of(config.seed)
    with run.stage("trajectories"):
        data = stages.trajectories(run, keys, config)
    with run.stage("vae"):
        decode = stages.vae(run, keys, data, config)
    with run.stage("latent_grid"):
        cells = stages.latent_grid(run, decode, config)
    with run.stage("map"):
        problem = latent_bo_map.ground_truth(run, keys, cells)
    with run.stage("campaigns"):
        latent_bo_campaigns.campaigns(run, keys["campaign"], decode, problem, config)
    with run.stage("baselines"):
        latent_bo_campaigns.baselines(run, keys["campaign"], problem, config)
    with run.stage("honesty"):
        latent_bo_map.honesty(run, keys, problem)


EXPERIMENT = harness.Experiment(
    "latent_bo", __doc__ or "", Config, SMOKE, STAGES, compute, "experiments.figures.latent_bo"
)

if __name__ == "__main__":
    harness.main(EXPERIMENT)
