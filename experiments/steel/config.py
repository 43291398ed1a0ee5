"""Options of steel; imports no JAX."""

from dataclasses import dataclass

from experiments.shared.processes.options import ProcessSettings


@dataclass(frozen=True)
class Config(ProcessSettings):
    """Options of the campaign over temperature histories."""

    latent: int = 3
    cells: int = 3000


SMOKE = Config(smoke=True, histories=60, cells=200, epochs=150, initial_points=6, steps=10, campaigns=4)
STAGES = ("histories", "latent", "candidates", "campaigns", "figures")
