"""Options of the ensemble; no JAX."""

from dataclasses import dataclass

from experiments.lab.options import at_least
from experiments.shared.images.options import CardSettings


@dataclass(frozen=True)
class Config(CardSettings):
    """Options of the ensemble."""

    seeds: int = 8
    """Members of the ensemble."""
    shear_degrees: float = 20.0
    """Cards are sheared by up to ± this."""
    guide_members: int = 4
    """Members of each ensemble of the guide."""
    guide_epochs: int = 40
    """Epochs of each of them."""
    guide_classes: tuple[int, ...] = (2, 3, 4, 5, 6, 7, 8)
    """Numbers of classes that the guide tries."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, seeds=2, guide_members=2, guide_epochs=1)
        if not self.guide_classes or min(self.guide_classes) < 2:
            raise ValueError(f"--guide-classes are {self.guide_classes}: give numbers of two or more")


SMOKE = Config(
    smoke=True,
    per_suit=50,
    held_out_per_suit=15,
    epochs=3,
    seeds=3,
    width=16,
    manifold_points=5,
    guide_members=2,
    guide_epochs=2,
    guide_classes=(2, 4),
)
STAGES = ("data", "fits", "consensus", "guide", "figures")
