"""Options of experiments on processes; imports no JAX."""

from dataclasses import dataclass

from experiments.lab.options import Settings, at_least


@dataclass(frozen=True)
class ProcessSettings(Settings):
    """Options of a campaign over the histories that a process may follow."""

    histories: int = 1000
    """Generated histories, from which the latent space is learned."""
    latent: int = 2
    """Dimensions of the latent space, 1 to 3."""
    cells: int = 900
    """Cells of the grid over the latent space, about; those inside the support are candidates."""
    epochs: int = 0
    """Epochs of the training; 0: about 6,000 steps of the optimiser."""
    initial_points: int = 10
    """Random candidates that open each campaign."""
    steps: int = 50
    """Evaluations that the campaign chooses itself."""
    kappa: float = 2.0
    """Weight of the standard deviation in μ + κσ."""
    campaigns: int = 32
    """Campaigns of each method, with different keys."""

    @property
    def evaluations(self) -> int:
        """Evaluations of each campaign, the initial design included."""
        return self.initial_points + self.steps

    def __post_init__(self) -> None:
        at_least(self, histories=20, latent=1, cells=1, epochs=0, initial_points=1, steps=1, campaigns=1)
        if self.latent > 3:
            raise ValueError(f"--latent is {self.latent}; a grid fills 1 to 3 dimensions")
        if self.evaluations > min(self.cells // 3, self.histories):
            raise ValueError(
                f"{self.evaluations} evaluations of about {self.cells} cells and {self.histories} histories: lower "
                "--steps, or raise --cells (at least three for each evaluation) and --histories"
            )
        if not self.kappa >= 0:
            raise ValueError(f"--kappa is {self.kappa}; give a weight of at least 0")
