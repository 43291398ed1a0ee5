"""Options of the comparison, and what its problems and methods are called; imports no JAX."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from experiments.lab.options import Settings, at_least

Name = Literal["lecture", "physical", "annealing", "battery", "cards", "digits"]


class Searched(NamedTuple):
    """A problem in words: its title, what is maximised with its unit, and the axis of its histories ("" of images)."""

    title: str
    value: str
    units: str
    axis: str = ""

    @property
    def label(self) -> str:
        """What is maximised, with its unit."""
        return self.value if self.units == "1" else f"{self.value} ({self.units.replace('degree', '°')})"


FIELD = "field (of its amplitude)"
PROBLEMS: dict[str, Searched] = {
    "lecture": Searched("Lattice, lecture preset", "Σ|curl P|", "model unit", FIELD),
    "physical": Searched("Lattice, physical preset", "Σ|curl P|", "model unit", FIELD),
    "annealing": Searched("Annealed film", "quality", "1", "temperature (°C)"),
    "battery": Searched("Charged battery", "charge less penalties", "Ah", "current (A)"),
    "cards": Searched("Playing card", "symmetry under 90°", "1"),
    "digits": Searched("Handwritten digit", "slant", "degree"),
}
METHODS = {
    "anywhere": "unconstrained",
    "support": "support constraint",
    "density": "aggregated posterior",
    "exploration": "exploration score (LES)",
    "drawn": "improving draws (COWBOYS)",
    "exists": "existence constraint",
    "random": "random candidates",
    "members": "members of the family",
    "family": "random members",
}
OF_THE_FAMILY = ("members", "family")  # methods that ask for members of the family, not for decoded candidates
DIGITS = 900  # members of their family, half of the set; the others are learned
STAGES = ("families", "candidates", "campaigns", "scores", "figures")


@dataclass(frozen=True)
class Config(Settings):
    """Options of the comparison."""

    problems: tuple[Name, ...] = ("lecture", "physical", "annealing", "battery", "cards", "digits")
    """What is searched: Σ|curl P| of the lattice under two presets, the quality of an annealed film, the charge of a
    battery (needs PyBaMM, and is left out without), the fourfold symmetry of a card, the slant of a digit."""
    histories: int = 7500
    """Field histories from which the lattice's latent space is learned."""
    epochs: int = 75
    """Passes of the VAE's training over the field histories; the other trainings have lengths of their own."""
    process_histories: int = 1000
    """Temperature histories, and charging histories, from which the latent spaces of film and battery are learned."""
    grid_points: int = 50
    """Points per axis of a grid over all of the box; as many candidates again fill the support."""
    grid_extent: float = 10.0
    """The box covers ±this along both latents."""
    members: int = 10000
    """Members of the family that are drawn and evaluated, to know what it can do; of a battery at most 1,000 are
    evaluated, and of digits there are 900."""
    density_weight: float = 1.0
    """Weight of the log density of the aggregated posterior, beside the log of the expected improvement."""
    exploration_weight: float = 1.0
    """Weight of the exploration score."""
    campaigns: int = 16
    """Campaigns of each method; all share their initial designs, seed by seed."""
    initial_points: int = 20
    """Random candidates inside the support that open each campaign."""
    steps: int = 130
    """Evaluations that a campaign chooses itself."""
    python: str = ""
    """Python interpreter that has PyBaMM, for the battery; by default the one that runs this."""
    workers: int = 2
    """Processes of PyBaMM at a time."""

    @property
    def evaluations(self) -> int:
        """Evaluations of each campaign, the initial design included."""
        return self.initial_points + self.steps

    def __post_init__(self) -> None:
        at_least(self, histories=100, epochs=1, process_histories=40, grid_points=4, members=100, campaigns=2)
        at_least(self, initial_points=2, steps=1, workers=1)
        if not self.problems or len(set(self.problems)) < len(self.problems):
            raise ValueError(f"--problems are {self.problems}; give distinct names, at least one")
        if self.members < 2 * self.grid_points**2:
            raise ValueError(f"--members is {self.members}; give as many as there are candidates, "
                             f"{2 * self.grid_points**2}, or more")  # fmt: skip
        if not self.grid_extent > 0:
            raise ValueError(f"--grid-extent is {self.grid_extent}; give a positive extent")
        if min(self.density_weight, self.exploration_weight) < 0:
            raise ValueError("--density-weight and --exploration-weight are at least 0")
        if self.evaluations > (most := min(self.grid_points**2 // 4, DIGITS)):
            raise ValueError(
                f"{self.evaluations} evaluations; {self.grid_points}² candidates inside the support and {DIGITS} "
                f"digits allow {most}: lower --steps or raise --grid-points"
            )


SMOKE = Config(
    smoke=True,
    histories=600,
    epochs=10,
    process_histories=100,
    grid_points=12,
    members=300,
    campaigns=2,
    initial_points=8,
    steps=12,
)
