"""Can Bayesian optimisation do better than grid search? Global responses over coupling and depolarization.

    python -m experiments.parameter_bo            # 4,096 cells, four responses, 32 seeds: four minutes of CPU time
    python -m experiments.parameter_bo --smoke    # a small one

The lecture's parameter-space example. Every cell of the grid is simulated once (``ferrosim_parameters`` has the
simulation), so that the truth is known; campaigns then look values up, and one live campaign per response shows that
simulating on demand gives the same.

Maximised are the loop area, the remnant polarization, Σ|curl| at zero field, and a fit: minus the rms distance of the
loop from the one at the preset's own parameters, the only response whose optimum is not at the edge of the box by
nature.

Gaussian-process campaigns (log expected improvement, and μ + κσ) run against random and Sobol designs, against a
coarse-to-fine grid search at the same budget, and against plain k × k grids. Judged by: evaluations to within 1 % of
the map's range of its best cell; error of the surface at equal budgets.

Expected evaluations, medians: log EI needs 12 (area), 10 (remnant), 22 (curl) and 21 (match) and always gets there; the
coarse-to-fine grid needs more than 64, 48, 37 and 47, random and Sobol designs more than 64 everywhere. μ + 2σ is as
quick as log EI on remnant and match, but 81 % of its seeds miss the narrow corner of area.

Expected of plain grids: the optima of area and remnant lie in a corner, where a 2 × 2 grid with its points on the edge
has them; curl's lies at the edge, found by 44 × 44 points; match's lies inside and takes 8 × 8 points of a shifted
grid, 9 × 9 of one with ends.

Expected of the surfaces: that of log EI is as good as the designs' but on match (RMSE 10 % of the range, Sobol 3 %);
that of μ + 2σ is worse everywhere (9 to 19 %).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from experiments import harness
from experiments.vae_options import at_least

if TYPE_CHECKING:
    from experiments.harness import Run

Response = Literal["area", "remnant", "curl", "walls", "match"]
STAGES = ("maps", "campaigns", "designs", "grids", "live", "surfaces", "scores")


@dataclass(frozen=True)
class Config(harness.Settings):
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


SMOKE = Config(
    smoke=True, responses=("area", "match"), grid_points=12, steps_per_cycle=200, campaigns=2, initial_points=4,
    steps=12, refit_every=6, zoom=3,
)  # fmt: skip


def compute(run: "Run", config: Config) -> None:
    """Do the job stage by stage."""
    from experiments import parameter_bo_scores
    from experiments import parameter_bo_stages as stages

    with run.stage("maps"):
        problem = stages.maps(run, config)
    with run.stage("campaigns"):
        searches = stages.campaigns(run, problem)
    with run.stage("designs"):
        searches |= stages.designs(run, problem)
    with run.stage("grids"):
        searches |= stages.zooming(problem)
        stages.plain_grids(run, problem)
    with run.stage("live"):
        parameter_bo_scores.live(run, problem, searches)
    with run.stage("surfaces"):
        parameter_bo_scores.surfaces(run, problem, searches)
    with run.stage("scores"):
        parameter_bo_scores.score(run, problem, searches)


EXPERIMENT = harness.Experiment(
    "parameter_bo", __doc__ or "", Config, SMOKE, (*STAGES, "figures"), compute, "experiments.figures.parameter_bo"
)

if __name__ == "__main__":
    harness.main(EXPERIMENT)
