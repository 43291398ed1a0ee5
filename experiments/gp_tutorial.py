"""The lecture's posterior picture in one dimension: prior, posterior, acquisitions, a campaign, and is it calibrated?

    python -m experiments.gp_tutorial            # half a minute; a minute and a half with compilation
    python -m experiments.gp_tutorial --smoke    # fewer draws in the check

Shown with the parts that campaigns use: draws from the prior of several kernels and length scales; the posterior given
a few values of Forrester's function, mean ± 2 standard deviations, with fixed and with fitted hyperparameters; what
noise does; acquisition functions along the line; the first steps of a campaign, as panels and as a film.
Checked: functions drawn from the prior are predicted from noisy values at random places; the share of them inside the
central intervals must be the nominal one when the model is the one they were drawn from, and is compared with models
of wrong length scale and with a fitted one. Mean and standard deviation are held against GPJax's own.
Expected: coverage of the 95 % interval 0.95 to within two standard errors for the true model, below it for a length
scale three times too long (0.46) and above it for one three times too short (0.99); 0.85 when the hyperparameters are
fitted to twelve noisy values, because MAP ignores that they are uncertain; difference from GPJax below 1e-9.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from experiments import harness
from experiments.vae_options import at_least

if TYPE_CHECKING:
    from experiments.harness import Run

KERNELS = ("matern12", "matern52", "rbf")
LENGTHSCALES = (0.05, 0.15, 0.5)
NOISES = (0.01, 0.2, 0.6)  # standard deviations, in those of the targets
KAPPAS = (0.5, 2.0, 10.0)
LEVELS = (0.5, 0.8, 0.95)
STAGES = ("prior", "posterior", "noise", "search", "coverage", "gpjax")


@dataclass(frozen=True)
class Config(harness.Settings):
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


def compute(run: "Run", config: Config) -> None:
    """Do the job stage by stage."""
    from experiments import gp_tutorial_stages as stages

    keys = stages.keys(config.seed, STAGES)
    for name in STAGES:
        with run.stage(name):
            getattr(stages, name)(run, keys[name], config)


EXPERIMENT = harness.Experiment(
    "gp_tutorial", __doc__ or "", Config, SMOKE, (*STAGES, "figures"), compute, "experiments.figures.gp_tutorial"
)

if __name__ == "__main__":
    harness.main(EXPERIMENT)
