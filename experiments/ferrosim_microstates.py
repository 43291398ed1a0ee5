"""Drive a lattice with defects through bipolar field cycles: its microstates, and the loops seen from outside.

    python -m experiments.ferrosim_microstates            # about a minute on two cores
    python -m experiments.ferrosim_microstates --smoke    # a small one
    python -m experiments.ferrosim_microstates --preset lecture --steps-per-cycle 12800    # the published update

Eight realisations of the random-field defects, each with and without them (then with fields of 1 % of a coercive field
that break the symmetry) and with and without depolarization, go through triangular cycles of ±4 coercive fields along
the easy direction, at four sweep rates. Kept of each: mean P, mean |P|, Σ|curl P|, domain walls and vortices; of one
lattice every state of the last cycle, for frames and an animation. The lecture drives ±150 coercive fields in 900
steps, where the width of the loop is that of the sweep and not of the material.

Expected, physical preset: without defects the half-width of the loop is 0.97 coercive fields, 9 % less at half the
rate, and tends to 0.73, between the fields at which the homogeneous lattice turns (0.68) and reverses without turning
(0.86). With defects (30 coercive fields at 15 % of the sites) it is 0.06 and halves with the rate; each realisation's
loop is shifted by up to 0.4 coercive fields, and Σ|curl P| goes from 13 at the largest field to 20 during reversal.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from experiments import harness
from experiments.vae_options import at_least

if TYPE_CHECKING:
    from experiments.harness import Run

RATES = (4.0, 2.0, 1.0, 0.5)  # sweep rates, in that of the main cycles


@dataclass(frozen=True)
class Config(harness.Settings):
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


def compute(run: "Run", config: Config) -> None:
    """Cycles at the main sweep rate, the states of one lattice, the other sweep rates."""
    from experiments import ferrosim_microstates_drive as driven
    from experiments import ferrosim_microstates_stages as stages

    bench = driven.bench_of(config)
    lanes = driven.lanes_of(bench, config)
    with run.stage("cycles"):
        last = stages.cycles(run, bench, lanes, config)
    with run.stage("states"):
        stages.states(run, bench, lanes, config)
    with run.stage("sweep_rates"):
        stages.sweep_rates(run, bench, lanes, last, config)


EXPERIMENT = harness.Experiment(
    "ferrosim_microstates", __doc__ or "", Config, SMOKE, STAGES, compute, "experiments.figures.ferrosim_microstates"
)

if __name__ == "__main__":
    harness.main(EXPERIMENT)
