"""Options of the multi-fidelity experiment, its stages, and what its methods are called."""

from dataclasses import dataclass

from experiments.lab.options import Settings, at_least

SHAPES = {"low": (8, 8), "high": (20, 20)}
COST = SHAPES["low"][0] ** 2 / SHAPES["high"][0] ** 2  # of the proxy, in simulations of the target
METHODS = {"two_fidelities": "with the proxy", "target_alone": "target alone", "random": "random target points"}


@dataclass(frozen=True)
class Config(Settings):
    """Options of the comparison."""

    grid_points: int = 24
    """Points per axis of growth × frequency; the pool is this squared, at both fidelities."""
    kappa: float = 10.0
    """Weight of the standard deviation; large, since the surface is to be learned."""
    budget: float = 50.0
    """Cost of a campaign, in simulations of the target."""
    seeds: int = 16
    """Campaigns of each method."""

    def __post_init__(self) -> None:
        at_least(self, grid_points=4, seeds=2)
        if not 10 <= self.budget < self.grid_points**2:
            raise ValueError(f"--budget is {self.budget}; give 10 to the number of cells, {self.grid_points**2}")


SMOKE = Config(smoke=True, grid_points=8, budget=10.0, seeds=2)
STAGES = ("maps", "with_proxy", "without_proxy", "scores", "figures")
REFIT = 6  # evaluations between two fits of the hyperparameters
START_LOW, START_HIGH, START_ALONE = 12, 2, 4  # initial designs of equal cost: 12 · 0.16 + 2 = 3.9 against 4
