"""Options of annealing; imports no JAX."""

from dataclasses import dataclass

from experiments.lab.options import at_least
from experiments.shared.processes.options import ProcessSettings


@dataclass(frozen=True)
class Config(ProcessSettings):
    """Options of the campaign over temperature histories."""

    latent: int = 3
    cells: int = 3000
    gradient_steps: int = 150
    """Steps along the gradient in the latent space, and as many in the samples, from the best of the campaigns."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, gradient_steps=1)


SMOKE = Config(
    smoke=True,
    histories=60,
    cells=200,
    epochs=150,
    initial_points=6,
    steps=10,
    campaigns=4,
    gradient_steps=10,
)
STAGES = ("histories", "latent", "candidates", "campaigns", "gradient", "figures")
