"""Options of dkl_trajectories; imports no JAX."""

from dataclasses import dataclass
from typing import Annotated

from tyro.conf import arg

from experiments.lab.options import at_least
from experiments.shared.deep_kernels.options import STAGES, Settings

__all__ = ["SMOKE", "STAGES", "Config"]


@dataclass(frozen=True)
class Config(Settings):
    """Options of the campaigns over histories."""

    histories: Annotated[int, arg(aliases=("--trajectories",))] = 7500
    """Histories that are simulated and that VAEs learn from."""
    pool: int = 2000
    """Of these, candidates of the campaigns."""
    samples: int = 144
    """Values kept of each history for surrogates and VAEs, evenly spread (the lattice gets all 900)."""
    share: float = 0.02
    """The share of the best whose recall is scored."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, histories=64, pool=20, samples=16)
        if not 0 < self.share < 1:
            raise ValueError(f"--share is {self.share}; it lies between 0 and 1")
        if self.pool > self.histories or self.samples > 900:
            raise ValueError(
                f"--pool is {self.pool} of --histories {self.histories}, --samples {self.samples} of 900: lower them"
            )
        self.check_candidates(self.pool, "--pool")


SMOKE = Config(
    smoke=True, histories=200, pool=150, samples=64, seeds=2, initial_points=8, steps=8, refit_every=4, labelled=20,
    network_steps=20, epochs=2, width=16,
)  # fmt: skip
