"""Options of the tutorial, its stages, and the kernels and noises that it shows."""

from dataclasses import dataclass

from experiments.lab.options import Settings, at_least

KERNELS = ("matern12", "matern52", "rbf")
LENGTHSCALES = (0.05, 0.15, 0.5)
NOISES = (0.01, 0.2, 0.6)  # standard deviations, in those of the targets
KAPPAS = (0.5, 2.0, 10.0)
LEVELS = (0.5, 0.8, 0.95)
STAGES = ("prior", "posterior", "noise", "search", "coverage", "gpjax")


@dataclass(frozen=True)
class Config(Settings):
    """Options of the tutorial."""

    points: int = 201
    """Points of the line, all of them candidates of the campaign."""
    draws: int = 5
    """Functions drawn from every prior and posterior."""
    observations: int = 5
    """Values that the posterior pictures are given, and the campaign's initial design."""
    steps: int = 8
    """Steps of the campaign."""
    functions: int = 1000
    """Functions drawn for the check of coverage."""

    def __post_init__(self) -> None:
        at_least(self, points=20, draws=1, observations=2, steps=5, functions=10)
        if self.observations + self.steps > self.points:
            raise ValueError(
                f"{self.observations} observations and {self.steps} steps exceed the {self.points} points: "
                "raise --points"
            )


SMOKE = Config(smoke=True, points=101, steps=5, functions=200)
