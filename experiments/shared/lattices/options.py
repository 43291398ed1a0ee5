"""Options of the jobs that learn field histories and simulate a grid over their latent space."""

from dataclasses import dataclass
from typing import Annotated, Literal

from tyro.conf import arg

from experiments.lab.options import Settings, at_least

PRESETS = {"lecture": "lecture preset", "physical": "physical preset"}
GRADIENT_COST = 3  # rollouts that a value with its gradient counts as
LONG_HOLD = 1000  # steps after the usual hold: what is left of a target then is no transient
NOISE = 0.02  # standard deviation of the noise of a field, of the largest field


@dataclass(frozen=True)
class HistorySettings(Settings):
    """Field histories, the VAE that learns them, and the grid of its latent space; the lecture's scale by default."""

    histories: Annotated[int, arg(aliases=("--trajectories",))] = 7500
    """Field histories to learn from."""
    form: Literal["cos", "sin"] = "cos"
    """Oscillation of the histories: cos as in the authors' code, sin as the lecture prints it."""
    epochs: int = 75
    """Passes of the VAE's training over the histories."""
    grid_points: int = 100
    """Points per axis of the latent grid."""
    grid_extent: float = 10.0
    """The grid covers ±this along both latents."""

    def __post_init__(self) -> None:
        at_least(self, histories=1, epochs=1, grid_points=1)
        if self.histories < 100:
            raise ValueError(f"--histories is {self.histories}; training and validation need at least 100")
        if not self.grid_extent > 0:
            raise ValueError(f"--grid-extent is {self.grid_extent}; give a positive extent")
