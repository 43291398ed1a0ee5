"""Options of the parameter map and its stages."""

from dataclasses import dataclass
from typing import Literal

from experiments.lab.options import Settings, at_least
from experiments.shared.lattices.sweep import Sweep


@dataclass(frozen=True)
class Config(Settings):
    """Options of the parameter map."""

    preset: Literal["physical", "lecture"] = "physical"
    """Set-up whose coupling and depolarization vary; lecture moves a quarter of the sites per step."""
    grid_points: int = 64
    """Points per axis of the grid."""
    coupling_max: float = 25.0
    """The coupling K runs from 0 to this (the presets have 12.5)."""
    depolarization_max: float = 4.0
    """The depolarization strength runs from 0 to this (the presets have 0.3)."""
    amplitude: float = 3.0
    """Largest field of a cycle, in coercive fields of the preset."""
    steps_per_cycle: int = 2000
    """Time steps of one field cycle, a multiple of 4; lecture needs four times as many for the same rate."""
    cycles: int = 2
    """Cycles from p = 0; the last is evaluated."""
    realisations: int = 3
    """Random fields, each with a map of its own."""

    def __post_init__(self) -> None:
        at_least(self, grid_points=3, cycles=2, realisations=2)
        if self.steps_per_cycle < 8 or self.steps_per_cycle % 4:
            raise ValueError(f"--steps-per-cycle is {self.steps_per_cycle}; give a multiple of 4, at least 8")
        for name in ("coupling_max", "depolarization_max", "amplitude"):
            if not getattr(self, name) > 0:
                raise ValueError(f"--{name.replace('_', '-')} is {getattr(self, name)}; give a positive number")

    @property
    def sweep(self) -> Sweep:
        """What the grid spans and how its cells are driven."""
        return Sweep(
            self.preset,
            self.grid_points,
            self.coupling_max,
            self.depolarization_max,
            self.steps_per_cycle,
            self.amplitude,
            self.cycles,
        )


SMOKE = Config(smoke=True, grid_points=7, steps_per_cycle=400, realisations=2)
STAGES = ("defects", "maps", "loops", "single_calls", "scores", "figures")
