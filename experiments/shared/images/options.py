"""Options that experiments with models of images share; imports no JAX, so that --help stays quick."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.lab.options import at_least

if TYPE_CHECKING:
    pass


from experiments.lab.options import Settings


@dataclass(frozen=True)
class VaeSettings(Settings):
    """Options of every experiment that trains models of images."""

    epochs: int = 40
    """Passes through the training images (published: 100)."""
    batch_size: int = 50
    """Images per step."""
    width: int = 64
    """Units of each of the two hidden layers of encoder and decoder (published: 128)."""
    seeds: int = 5
    """Fits with initial weights, order and noise of their own, trained side by side; figures show the first."""
    manifold_points: int = 9
    """Points per axis of decoded latent grids."""

    def __post_init__(self) -> None:
        at_least(self, epochs=1, batch_size=2, width=2, seeds=1, manifold_points=2)

    @property
    def hidden(self) -> tuple[int, int]:
        """The hidden layers of a VAEConfig."""
        return self.width, self.width


@dataclass(frozen=True)
class CardSettings(VaeSettings):
    """Options of the experiments on cards."""

    size: int = 12
    """Pixels along each side of a card (published: 48); the cost grows with their number."""
    per_suit: int = 500
    """Training images of each suit (published: 3000)."""
    held_out_per_suit: int = 150
    """Images of each suit that scores and figures are made from, seen by no training."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, size=4, per_suit=2, held_out_per_suit=10)
        if self.batch_size > 4 * self.per_suit:
            raise ValueError(
                f"--batch-size is {self.batch_size}, but there are {4 * self.per_suit} training images: lower it, or "
                "raise --per-suit"
            )


UPRIGHT: dict[str, Any] = {
    "decoder": "plain", "pose": (), "bins": 1, "angle_posterior": "gaussian", "angle_std": 1.0,
}  # fmt: skip
"""Changes of a recipe of ``models.vaes.recipes`` for upright digits: no pose, hence the cheaper plain decoder."""

GREY: dict[str, Any] = {"likelihood": "gaussian", "sigma": 0.2}
"""The likelihood of grey digits. Under a Bernoulli one, which takes grey for doubt, two latents of 8 × 8 digits earn so
little that most seeds leave them unused (median KL .03 nats after 2,000 steps, with this one 4 nats)."""


@dataclass(frozen=True)
class DigitSettings(VaeSettings):
    """Options of the experiments on digits."""

    mnist: Path | None = None
    """MNIST: the folder of its four IDX files, or a mnist.npz; without it scikit-learn's digits of 8 × 8 pixels."""
    count: int = 0
    """Digits drawn at random from the set; 0: all of them (1,797, or the 60,000 of MNIST's training part)."""
    held_out: int = 400
    """Digits that scores and figures are made from, seen by no training."""
    watched: int = 100
    """Digits of the validation loss, by which restarts are chosen where there are any."""
    epochs: int = 50
    batch_size: int = 32

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, count=0, held_out=50, watched=10)
