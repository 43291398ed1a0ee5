"""Options of the main job."""

from dataclasses import dataclass
from typing import Literal

from experiments.lab import executor
from experiments.lab.options import at_least
from experiments.shared.lattices.options import HistorySettings


@dataclass(frozen=True)
class Config(HistorySettings):
    """Options of the main job; the defaults are the lecture's scale."""

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

    @property
    def evaluations(self) -> int:
        """Evaluations of each campaign, the initial design included."""
        return self.initial_points + self.steps

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, initial_points=1, steps=1, campaigns=1, chunk=1)
        cells = self.grid_points**2
        if self.initial_points > cells:
            raise ValueError(
                f"--initial-points is {self.initial_points}, but the grid has {cells} cells: "
                "lower it or raise --grid-points"
            )
        if self.evaluations > cells:
            raise ValueError(
                f"{self.initial_points} + {self.steps} evaluations, but the grid has {cells} cells and none is "
                "visited twice: lower --steps or raise --grid-points"
            )
        if self.executor_options and self.executor == "local":
            raise ValueError(f"--executor-options {self.executor_options} are for --executor ray or submitit")
        executor.parse(self.executor_options)
        if not self.kappa >= 0:
            raise ValueError(f"--kappa is {self.kappa}; give a weight of at least 0")


SMOKE = Config(smoke=True, histories=600, epochs=10, grid_points=16, initial_points=16, steps=24, campaigns=2)
STAGES = ("histories", "vae", "latent_grid", "map", "campaigns", "baselines", "honesty", "figures")
