"""Options of the driven cycles, their stages and sweep rates."""

from dataclasses import dataclass
from typing import Literal

from experiments.lab.options import Settings, at_least

RATES = (4.0, 2.0, 1.0, 0.5)  # sweep rates, in that of the main cycles


@dataclass(frozen=True)
class Config(Settings):
    """Options; the defaults are the slowest sweep that fits into a minute."""

    preset: Literal["physical", "lecture"] = "physical"
    """physical: free edges, all sites move. lecture: grounded edges, a random quarter moves."""
    landau: Literal["tetragonal", "rhombohedral", "square_electric", "uniaxial"] = "tetragonal"
    """Landau set; the field is along its easy direction."""
    shape: Literal["triangle", "sine"] = "triangle"
    """Shape of the field's cycle."""
    amplitude: float = 4.0
    """Largest field, in coercive fields."""
    steps_per_cycle: int = 128_000
    """Time steps of a cycle: more is slower."""
    cycles: int = 3
    """Cycles; the last one is analysed."""
    samples: int = 800
    """Observations per cycle."""
    realisations: int = 8
    """Draws of the defects."""

    def __post_init__(self) -> None:
        at_least(self, cycles=2, samples=16, realisations=1)
        if self.samples % 8:
            raise ValueError(f"--samples is {self.samples}; give a multiple of 8, so that the frames are among them")
        if not self.amplitude > 0:
            raise ValueError(f"--amplitude is {self.amplitude}; give a positive field, in coercive fields")
        unit = int(self.samples * max(RATES))
        if self.steps_per_cycle < 1 or self.steps_per_cycle % unit:
            raise ValueError(
                f"--steps-per-cycle is {self.steps_per_cycle}; give a multiple of {unit}, so that every sweep rate has "
                f"{self.samples} observations per cycle"
            )


SMOKE = Config(smoke=True, steps_per_cycle=1536, cycles=2, samples=24, realisations=4)
STAGES = ("cycles", "states", "sweep_rates", "figures")
