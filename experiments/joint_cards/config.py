"""Options of the discovery of suits; no JAX."""

from dataclasses import dataclass

from experiments.lab.options import at_least
from experiments.shared.images.options import CardSettings


@dataclass(frozen=True)
class Config(CardSettings):
    """Options of the discovery of suits."""

    classes: int = 0
    """Classes to look for in images of your own without labels."""
    starts: int = 3
    """Starts of every seed, of which the held-out bound picks one."""
    shear_degrees: float = 20.0
    """Cards are sheared by up to ± this."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, starts=1)


SMOKE = Config(smoke=True, per_suit=50, held_out_per_suit=15, epochs=3, seeds=2, starts=2, width=16, manifold_points=5)
STAGES = ("data", "fits", "scores", "figures")
