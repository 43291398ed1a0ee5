"""TODO docstring of experiments.equilibration.compute.config"""

from dataclasses import dataclass
from typing import Literal

from experiments.lab.options import Settings, at_least


@dataclass(frozen=True)
class Config(Settings):
    """Options; the lattices and the drive are the lecture's."""

    histories: int = 256
    """Field histories."""
    realisations: int = 4
    """Draws of the defects; every history meets each."""
    hold_steps: int = 2000
    """Steps at the last field."""
    form: Literal["cos", "sin"] = "cos"
    """Oscillation of the histories: cos as in the authors' code, sin as the lecture prints it."""

    def __post_init__(self) -> None:
        at_least(self, histories=8, realisations=1, hold_steps=100)


SMOKE = Config(smoke=True, histories=16, realisations=2, hold_steps=200)
STAGES = ("histories", "simulations", "relaxation", "timing", "figures")
