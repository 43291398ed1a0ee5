"""Options of the study of relaxation, its stages and variants."""

from dataclasses import dataclass
from typing import Literal

from experiments.lab.options import Settings, at_least

VARIANTS = {
    "lecture": "lecture preset: a random quarter of the sites moves at each step",
    "synchronous": "lecture preset, but all sites move",
    "physical": "physical preset",
}

EVENTS = {
    "maximum": "maximum of the field",
    "minimum": "minimum of the field",
    "extremum": "extremum of the field",
    "zero": "zero crossing of the field",
    "weakest": "local minimum of |field|, zeros included",
    "reversal": "zero crossing of the mean polarization",
}
LAG_BINS = (-120, 120, 5)  # steps: first edge, last edge, width


@dataclass(frozen=True)
class Config(Settings):
    """Options; lattices and drive are those of the presets."""

    histories: int = 256
    """Field histories."""
    realisations: int = 4
    """Draws of the defects; every history meets each."""
    hold_steps: int = 2000
    """Steps at the last field."""
    form: Literal["cos", "sin"] = "cos"
    """Oscillation of the histories: cos as in the authors' code, sin as published in print."""

    def __post_init__(self) -> None:
        at_least(self, histories=8, realisations=1, hold_steps=100)


SMOKE = Config(smoke=True, histories=16, realisations=2, hold_steps=200)
STAGES = ("histories", "simulations", "relaxation", "timing", "figures")
