"""Options of dkl_cards; imports no JAX."""

from dataclasses import dataclass
from typing import Literal

from experiments.lab.options import at_least
from experiments.shared.deep_kernels.options import STAGES, Settings

__all__ = ["SMOKE", "STAGES", "Config"]


@dataclass(frozen=True)
class Config(Settings):
    """Options of the campaigns over cards."""

    size: int = 12
    """Pixels along each side of a card (published: 30)."""
    per_suit: int = 500
    """Cards of each suit (published: 2000)."""
    suit: Literal["spade", "heart", "diamond", "club"] = "spade"
    """The suit that stands against the rest."""
    share: float = 0.02
    """The share of the best whose recall is scored, for shear and rotation."""
    shift: int = 1
    """Pixels by which cards are shifted to find their neighbours; 0 compares them where they lie."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, size=8, per_suit=10, shift=0)
        if not 0 < self.share < 1:
            raise ValueError(f"--share is {self.share}; it lies between 0 and 1")
        self.check_candidates(4 * self.per_suit, "--per-suit")


SMOKE = Config(
    smoke=True, size=8, per_suit=50, seeds=2, initial_points=8, steps=8, refit_every=4, labelled=20, network_steps=20,
    epochs=2, width=16,
)  # fmt: skip
