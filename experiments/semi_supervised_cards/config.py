"""Options of the semi-supervised models of cards; no JAX."""

from dataclasses import dataclass

from experiments.shared.images.options import CardSettings

SETTINGS = {"rotated": "cards_rotated", "full": "cards_full"}  # setting: set of the unlabelled images
LABELLED_SHARE = 0.1
"""Share of every batch that is drawn from the labelled images."""


@dataclass(frozen=True)
class Config(CardSettings):
    """Options of the semi-supervised models."""

    sizes = CardSettings.sizes | {"epochs": (25, 25)}

    seeds: int = 3
    """Fits of each share with initial weights, order and noise of their own; figures show the first."""
    shares: tuple[float, ...] = (0.01, 0.03, 0.1, 0.3)
    """Shares of the training images that are labelled, rising."""
    shown_share: float = 0.1
    """Share of labels whose confusion matrix and latent grids are shown; one of --shares."""

    def __post_init__(self) -> None:
        super().__post_init__()
        inside = self.shares and min(self.shares) > 0 and max(self.shares) < 1
        if not inside or list(self.shares) != sorted(self.shares):
            raise ValueError(f"--shares are {self.shares}: give rising numbers between 0 and 1")
        if self.shown_share not in self.shares:
            raise ValueError(f"--shown-share is {self.shown_share}, which is none of --shares {self.shares}")


SMOKE = Config(
    smoke=True,
    per_suit=50,
    held_out_per_suit=15,
    epochs=3,
    seeds=2,
    width=16,
    manifold_points=5,
    shares=(0.1, 0.3),
)
STAGES = ("data", *SETTINGS, "figures")
