"""Options of robust optima, its stages, and the conditions that histories are chosen and judged under."""

from dataclasses import dataclass

from experiments.lab.options import Settings, at_least
from experiments.shared.lattices.options import GRADIENT_COST

CONDITIONS = {
    "published": "as published",
    "subsets": "mean over subsets",
    "defects": "mean over defects",
    "noise": "mean over noise",
    "all": "mean over all three",
    "worst": "worst of all three",
    "held": "held 1,000 steps",
}
VARIED = {
    "published": (),
    "subsets": ("subsets",),
    "defects": ("local",),
    "noise": ("noise",),
    "all": ("subsets", "local", "noise"),
    "worst": ("subsets", "local", "noise"),
    "held": (),
}
"""What a draw of each condition varies of the published world."""
WAYS = {"campaign": "campaign", "gradient": "campaign → gradient"}
STAGES = ("histories", "searches", "judging", "figures")


def conditions_of(preset: str) -> list[str]:
    """Return the conditions that make a difference under a preset: all sites move in the physical one."""
    return [name for name in CONDITIONS if preset == "lecture" or name != "subsets"]


@dataclass(frozen=True)
class Config(Settings):
    """Options; histories, lattices and drive are those of ``latent_bo``."""

    seeds: int = 5
    """Draws of the published defects and subsets, each with a campaign of its own; number n has those of seed + n."""
    histories: int = 7500
    """Field histories that the VAE learns from."""
    epochs: int = 25
    """Passes of its training."""
    cells: int = 1500
    """Cells inside the training support that campaigns choose from."""
    evaluations: int = 150
    """Evaluations of the objective that a search is worth; a value with its gradient counts as three."""
    initial_points: int = 10
    """Random cells that open a campaign."""
    steps: int = 20
    """Steps of the ascent, on draws that stay the same, that ends a search with gradients."""
    draws: int = 8
    """Worlds that one evaluation takes the mean, or the worst, of."""
    bank: int = 24
    """Worlds that evaluations draw from."""
    judges: int = 32
    """Fresh worlds that what was found is judged by."""

    def __post_init__(self) -> None:
        at_least(self, seeds=1, histories=100, epochs=1, cells=20, initial_points=2, steps=1, draws=1, judges=1)
        if self.bank < self.draws:
            raise ValueError(f"--bank is {self.bank}; an evaluation needs --draws {self.draws} different worlds of it")
        if self.handed_over <= self.initial_points:
            raise ValueError(
                f"--evaluations is {self.evaluations}; an ascent of --steps {self.steps} costs "
                f"{GRADIENT_COST * self.steps}, and the campaign before it needs more than {self.initial_points}"
            )
        if self.evaluations > self.cells:
            raise ValueError(f"--evaluations is {self.evaluations}, but there are {self.cells} cells: raise --cells")

    @property
    def handed_over(self) -> int:
        """Evaluations of a campaign before the ascent."""
        return self.evaluations - GRADIENT_COST * self.steps


SMOKE = Config(
    smoke=True, seeds=2, histories=400, epochs=20, cells=60, evaluations=20, initial_points=5, steps=3, draws=2, bank=3,
    judges=3,
)  # fmt: skip
