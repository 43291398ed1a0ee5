"""Options of latent ascent beside campaigns, its stages, and the searches that are compared."""

from dataclasses import dataclass

from experiments.lab.options import Settings, at_least

SEARCHES = {
    "log_ei": "log EI",
    "ucb": "μ + 10σ",
    "log_ei_gradient": "log EI → gradient",
    "random_gradient": "random → gradient",
    "gradient": "gradient alone",
    "cma_es": "CMA-ES",
    "sobol": "Sobol",
    "random": "random",
}
CAMPAIGNS = ("log_ei", "ucb")
KAPPA = 10.0  # of μ + κσ, the published one
STAGES = ("maps", "price", "campaigns", "ascents", "evolution", "survey", "held", "figures")


@dataclass(frozen=True)
class Config(Settings):
    """Options; histories, lattices and drive are those of ``latent_bo``."""

    maps: int = 3
    """VAEs, each with histories, defects and subsets of its own; map number n has those of seed + n."""
    histories: int = 7500
    """Field histories that each VAE learns from."""
    epochs: int = 25
    """Passes of each VAE's training."""
    cells: int = 4000
    """Cells inside the training support that campaigns and orders choose from."""
    seeds: int = 10
    """Searches of each kind on each map."""
    budget: int = 300
    """Rollouts that a search is worth."""
    price: float = 3.0
    """Rollouts that a value with its gradient counts as."""
    top_share: float = 0.001
    """A search has arrived when a value is as high as the lowest in this share of the best cells."""
    initial_points: int = 10
    """Random cells that open a campaign."""
    scouts: int = 40
    """Cells that are evaluated before each round of ascents."""
    starts: int = 2
    """Ascents side by side in a round; where nothing is evaluated before, twice as many."""
    steps: int = 20
    """Steps of an ascent."""
    survey_starts: int = 32
    """Ascents from random cells, twice as long, that show how many basins a map has."""
    line_points: int = 401
    """Places along a line through the best cell of a map, where value and slope are shown."""

    def __post_init__(self) -> None:
        at_least(self, maps=1, histories=100, epochs=1, cells=20, seeds=1, initial_points=2, scouts=1, starts=1)
        at_least(self, steps=2, survey_starts=2, line_points=2, price=1)
        if not 0 < self.top_share <= 1:
            raise ValueError(f"--top-share is {self.top_share}; give a share above 0 and up to 1")
        if self.budget <= self.initial_points:
            raise ValueError(f"--budget is {self.budget}; give more than --initial-points {self.initial_points}")
        if self.budget > self.cells:
            raise ValueError(f"--budget is {self.budget}, but there are {self.cells} cells: raise --cells")
        if self.rounds < 1:
            worth = self.scouts + self.starts * self.steps * self.price
            raise ValueError(f"--budget {self.budget} is less than a round of ascents, {worth:g} rollouts: raise it")

    @property
    def rounds(self) -> int:
        """Rounds of cells and ascents that begin within the budget."""
        of_round = self.scouts + self.starts * self.steps * self.price
        return int(-(-(self.budget - self.scouts) // of_round))


SMOKE = Config(
    smoke=True, maps=2, histories=400, epochs=20, cells=64, seeds=2, budget=60, top_share=0.02, initial_points=5,
    scouts=10, starts=2, steps=4, survey_starts=6, line_points=32,
)  # fmt: skip
