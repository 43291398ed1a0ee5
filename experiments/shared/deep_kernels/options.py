"""Options of the experiments on deep kernels; imports no JAX, so that --help stays quick."""

from dataclasses import dataclass

from experiments.lab import options
from experiments.lab.options import at_least

STAGES = ("data", "vae", "static", "campaigns", "figures")


@dataclass(frozen=True)
class Settings(options.Settings):
    """Options of both experiments."""

    seeds: int = 5
    """Campaigns and static fits of every target, each with a VAE and an initial design of its own."""
    initial_points: int = 100
    """Random evaluations that open a campaign."""
    steps: int = 500
    """Evaluations that the acquisition chooses."""
    refit_every: int = 100
    """Steps between two fits of the hyperparameters."""
    kappa: float = 10.0
    """Weight of the standard deviation in μ + κσ (published: 10)."""
    labelled: int = 200
    """Candidates whose labels a static fit gets."""
    network_steps: int = 1000
    """Adam steps of the published deep kernel's network (64-64-2), in static fits."""
    epochs: int = 20
    """Passes of each VAE's training."""
    width: int = 64
    """Units of each of the two hidden layers of VAEs."""

    def __post_init__(self) -> None:
        at_least(
            self, seeds=2, initial_points=3, steps=1, refit_every=1, labelled=3, network_steps=1, epochs=1, width=2
        )
        if not self.kappa >= 0:
            raise ValueError(f"--kappa is {self.kappa}; give a weight of at least 0")

    @property
    def evaluations(self) -> int:
        """Budget of every campaign."""
        return self.initial_points + self.steps

    def check_candidates(self, candidates: int, option: str) -> None:
        """Raise a ValueError unless there are more candidates than evaluations and labels."""
        if candidates <= max(self.evaluations, self.labelled):
            raise ValueError(
                f"{self.evaluations} evaluations and {self.labelled} labels need more than {candidates} candidates: "
                f"raise {option}, or lower --steps or --labelled"
            )
