"""Options of the control of a field history by gradient, its stages, and what is done with the histories found."""

from dataclasses import dataclass

from experiments.lab.options import Settings, at_least
from experiments.shared.lattices.options import GRADIENT_COST

FREE = 0  # "coefficients" of a history whose samples are all free
CONDITIONS = {
    "as_found": "as found",
    "held": "held for 1,000 steps",
    "other_defects": "other defects",
    "other_subsets": "other subsets",
    "noise": "noise 0.02",
}
STAGES = ("family", "climbs", "survival", "switching", "tracking", "writing", "figures")


@dataclass(frozen=True)
class Config(Settings):
    """Options; lattices and drive are those of the presets."""

    seeds: int = 5
    """Draws of the defects, each with starts of its own."""
    coefficients: tuple[int, ...] = (12, 30, 60)
    """Cubic B-splines of a history; all its samples are climbed as well."""
    budget: int = 8000
    """Rollouts that a search is worth; a value with its gradient counts as three."""
    steps: int = 150
    """Steps of a climb; the budget decides how many starts are climbed side by side."""
    family_grid: int = 64
    """The family is searched on this many values of growth and of frequency, and both signs."""
    redraws: int = 8
    """Defects, subsets and noises that the histories found are tried with."""
    pulses: int = 4
    """Pulses of the tip that write a pattern."""
    writing_starts: int = 16
    """Starts of switching and of patterns."""

    def __post_init__(self) -> None:
        at_least(self, seeds=1, budget=100, steps=2, family_grid=4, redraws=2, pulses=1, writing_starts=2)
        if any(count < 4 for count in self.coefficients) or not self.coefficients:
            raise ValueError(f"--coefficients is {self.coefficients}; give one or more numbers from 4 up")
        if self.starts < 1:
            raise ValueError(f"--budget {self.budget} is less than one climb of --steps {self.steps}: raise it")

    @property
    def starts(self) -> int:
        """Climbs side by side that the budget pays for."""
        return self.budget // (GRADIENT_COST * self.steps)


SMOKE = Config(
    smoke=True, seeds=2, coefficients=(12,), budget=120, steps=10, family_grid=8, redraws=2, pulses=2, writing_starts=2
)
