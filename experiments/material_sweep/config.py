"""Options of the sweep over materials, its stages, and the axes of material space."""

from dataclasses import dataclass
from typing import Literal

from experiments.lab import executor
from experiments.lab.options import Settings, at_least

STAGES = ("materials", "landscapes", "campaigns", "scores", "figures")
REFERENCE = {"coupling": 12.5, "depolarization": 0.3, "disorder": 1.0, "temperature": 300.0}
RANGES = {"coupling": (2.0, 20.0), "depolarization": (0.0, 3.0), "disorder": (0.1, 2.0), "temperature": (200.0, 420.0)}
PLANES = (("coupling", "depolarization"), ("disorder", "temperature"))


@dataclass(frozen=True)
class Config(Settings):
    """Options; the lattice is that of the physical preset, with a hold of fixed length in place of settling."""

    points: int = 5
    """Materials along each axis of a plane of material space."""
    seeds: int = 10
    """Campaigns of each material and weight; each has its own defects, the same in all materials."""
    weights: tuple[float, ...] = (0.0, 100.0)
    """Weights of the field's cost (its mean square, in units of the largest field) against Σ|curl P|."""
    candidates: int = 512
    """Field histories that a campaign chooses from; a power of two."""
    initial_points: int = 12
    """Random histories that open a campaign."""
    steps: int = 28
    """Histories that it chooses itself."""
    refit_every: int = 7
    """Evaluations between two fits of its Gaussian process."""
    hold: int = 1000
    """Steps after the field stops, before the polarization is judged."""
    chunk: int = 16
    """Campaigns side by side on each device: what is kept when the run is stopped, and what memory is needed for."""
    executor: Literal["local", "ray", "submitit"] = "local"
    """Who runs the campaigns: this process, Ray tasks or submitit jobs (SLURM), which resume when they are killed."""
    job: int = 128
    """Campaigns of each job of an executor."""
    executor_options: tuple[str, ...] = ()
    """NAME=VALUE for the engine: num_cpus=2 for Ray, timeout_min=60 slurm_partition=gpu for submitit."""

    def __post_init__(self) -> None:
        at_least(
            self, points=2, seeds=1, candidates=8, initial_points=2, steps=1, refit_every=1, hold=0, chunk=1, job=1
        )
        if self.candidates & (self.candidates - 1):
            raise ValueError(f"--candidates is {self.candidates}; give a power of two, because they are Sobol points")
        if self.evaluations > self.candidates:
            raise ValueError(
                f"{self.initial_points} + {self.steps} evaluations, but there are {self.candidates} histories and none "
                "is tried twice: lower --steps or raise --candidates"
            )
        if not self.weights or not all(0 <= weight < float("inf") for weight in self.weights):
            raise ValueError(f"--weights is {self.weights}; give one or more numbers of at least 0")
        if len(set(self.weights)) < len(self.weights):
            raise ValueError(f"--weights is {self.weights}; give each weight once")
        if self.executor_options and self.executor == "local":
            raise ValueError(f"--executor-options {self.executor_options} are for --executor ray or submitit")
        executor.parse(self.executor_options)

    @property
    def evaluations(self) -> int:
        """Evaluations of each campaign, the initial design included."""
        return self.initial_points + self.steps

    @property
    def campaigns(self) -> int:
        """Campaigns of the whole sweep: the reference material and all of both planes."""
        return (1 + len(PLANES) * self.points**2) * len(self.weights) * self.seeds


SMOKE = Config(
    smoke=True, points=2, seeds=2, candidates=32, initial_points=4, steps=4, refit_every=2, hold=50, chunk=9, job=18
)
