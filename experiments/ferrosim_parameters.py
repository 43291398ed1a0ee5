"""Map global responses of the lattice against coupling and depolarization, thousands of simulations in one call.

    python -m experiments.ferrosim_parameters            # 64 × 64 parameters, three random fields: about a minute
    python -m experiments.ferrosim_parameters --smoke    # a small one

Every cell of the grid is driven through bipolar field cycles from p = 0; the last one is evaluated: loop area (energy
dissipated per site and cycle), remnant polarization, coercive field, Σ|curl| and domain-wall density where the field
is zero. Coupling K and depolarization are traced numbers, so the whole map is one vmapped call, compiled once.
Source of the example: the lecture's parameter space coupling × depolarization (arXiv 2206.12435 has the simulator).

Expected: area, remnant polarization and coercive field fall with the depolarization (rank correlation -0.9), have a
valley along K between 3 and 6 and their extremes on the edge of the grid; Σ|curl| and walls fall with K (-1.0) and are
largest one cell inside, at K = 0.4. The loops are far from quasi-static: four times slower, their area is 0.4 of that.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from experiments import harness
from experiments.vae_options import at_least

if TYPE_CHECKING:
    from experiments.harness import Run


@dataclass(frozen=True)
class Config(harness.Settings):
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


SMOKE = Config(smoke=True, grid_points=7, steps_per_cycle=400, realisations=2)
STAGES = ("defects", "maps", "loops", "single_calls", "scores", "figures")


def compute(run: "Run", config: Config) -> None:
    """Do the job stage by stage."""
    from experiments import ferrosim_parameters_stages as stages
    from experiments.ferrosim_parameters_simulation import prepare

    with run.stage("defects"):
        problem = prepare(run, config)
    with run.stage("maps"):
        maps = stages.simulate_maps(run, problem)
    with run.stage("loops"):
        stages.loops_at_points(run, problem)
    with run.stage("single_calls"):
        stages.single_calls(run, problem, maps)
    with run.stage("scores"):
        stages.score(run, problem, maps)


EXPERIMENT = harness.Experiment(
    "ferrosim_parameters", __doc__ or "", Config, SMOKE, STAGES, compute, "experiments.figures.ferrosim_parameters"
)

if __name__ == "__main__":
    harness.main(EXPERIMENT)
