"""Options of the battery; imports no JAX."""

from dataclasses import dataclass

from experiments.lab.options import at_least
from experiments.shared.processes.options import ProcessSettings


@dataclass(frozen=True)
class Config(ProcessSettings):
    """Options of the campaign over charging histories."""

    python: str = ""
    """Python interpreter that has PyBaMM; by default the one that runs this."""
    workers: int = 2
    """Processes of PyBaMM at a time."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, workers=1)


SMOKE = Config(smoke=True, histories=48, cells=120, epochs=150, initial_points=6, steps=10, campaigns=4)
STAGES = ("histories", "latent", "candidates", "campaigns", "figures")
