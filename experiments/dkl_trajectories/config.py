"""TODO docstring of experiments.dkl_trajectories.compute.config"""

from dataclasses import dataclass

from experiments.lab.options import at_least
from experiments.shared.deep_kernels.options import STAGES, Settings

__all__ = ["SMOKE", "STAGES", "Config"]


@dataclass(frozen=True)
class Config(Settings):
    """Options of the campaigns over histories."""

    trajectories: int = 7500
    """Histories that are simulated and that VAEs learn from."""
    pool: int = 2000
    """Of these, candidates of the campaigns."""
    samples: int = 144
    """Values kept of each history for surrogates and VAEs, evenly spread (the lattice gets all 900)."""
    share: float = 0.02
    """The share of the best whose recall is scored."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, trajectories=64, pool=20, samples=16)
        if not 0 < self.share < 1:
            raise ValueError(f"--share is {self.share}; it lies between 0 and 1")
        if self.pool > self.trajectories or self.samples > 900:
            raise ValueError(
                f"--pool is {self.pool} of --trajectories {self.trajectories}, --samples {self.samples} of 900: lower "
                "them"
            )
        self.check_candidates(self.pool, "--pool")


SMOKE = Config(
    smoke=True, trajectories=200, pool=150, samples=64, seeds=2, initial_points=8, steps=8, refit_every=4, labelled=20,
    network_steps=20, epochs=2, width=16,
)  # fmt: skip
