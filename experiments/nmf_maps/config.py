"""Options of nmf_maps; imports no JAX."""

from dataclasses import dataclass

from experiments.lab.options import at_least
from experiments.shared.structure_property.options import ScanSettings


@dataclass(frozen=True)
class Config(ScanSettings):
    """Options of the component maps."""

    size: int = 160
    components: int = 0
    """Number of components; 0: the number chosen by held-out blocks."""
    most: int = 12
    """Largest number that is tried."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, components=0, most=2)


SMOKE = Config(smoke=True, size=40, most=4)
STAGES = ("data", "rank", "components", "figures")
