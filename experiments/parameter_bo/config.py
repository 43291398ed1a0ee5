"""Options of the campaigns over coupling and depolarization, their stages and methods."""

from dataclasses import dataclass
from typing import Literal

from experiments.lab.options import Settings, at_least
from experiments.shared.lattices.sweep import Sweep

Response = Literal["area", "remnant", "curl", "walls", "match"]
METHODS = ("logei", "ucb", "random", "sobol", "zoom")
STAGES = ("maps", "campaigns", "designs", "grids", "live", "surfaces", "scores")


@dataclass(frozen=True)
class Config(Settings):
    """Options; coupling and depolarization run over the box of ``ferrosim_parameters``."""

    responses: tuple[Response, ...] = ("area", "remnant", "curl", "match")
    """What is maximised, one problem each."""
    preset: Literal["physical", "lecture"] = "physical"
    """Set-up whose coupling and depolarization are searched."""
    grid_points: int = 64
    """Points per axis of the grid of candidates."""
    coupling_max: float = 25.0
    """The coupling K runs from 0 to this (the presets have 12.5)."""
    depolarization_max: float = 4.0
    """The depolarization strength runs from 0 to this (the presets have 0.3)."""
    steps_per_cycle: int = 2000
    """Time steps of one field cycle, a multiple of 4."""
    campaigns: int = 32
    """Seeds of every method."""
    initial_points: int = 4
    """Random evaluations that open a campaign."""
    steps: int = 60
    """Evaluations that the acquisition chooses."""
    refit_every: int = 5
    """Steps between two fits of the hyperparameters."""
    kappa: float = 2.0
    """κ of μ + κσ: it multiplies the standard deviation."""
    zoom: int = 4
    """The coarse-to-fine grid search has zoom × zoom points per level."""
    tolerance: float = 0.01
    """A cell is good within this share of the map's range of the best."""

    def __post_init__(self) -> None:
        if not self.responses or len(set(self.responses)) < len(self.responses):
            raise ValueError(f"--responses is {self.responses}; give distinct names, at least one")
        at_least(self, grid_points=4, campaigns=2, zoom=2, initial_points=2, steps=5)
        if not 0 < self.tolerance < 1:
            raise ValueError(f"--tolerance is {self.tolerance}; give a share of the range, between 0 and 1")
        if self.evaluations > self.grid_points**2:
            raise ValueError(
                f"{self.evaluations} evaluations exceed the {self.grid_points**2} cells: lower --steps or raise "
                "--grid-points"
            )

    @property
    def evaluations(self) -> int:
        """Budget of every method."""
        return self.initial_points + self.steps

    @property
    def sweep(self) -> Sweep:
        """What the grid of candidates spans and how its cells are driven."""
        return Sweep(self.preset, self.grid_points, self.coupling_max, self.depolarization_max, self.steps_per_cycle)


SMOKE = Config(
    smoke=True, responses=("area", "match"), grid_points=12, steps_per_cycle=200, campaigns=2, initial_points=4,
    steps=12, refit_every=6, zoom=3,
)  # fmt: skip
