"""Options of the experiments with models of images. Imports no JAX, so that ``--help`` starts at once."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.lab.options import Settings, at_least


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
        """Hidden layers for a ``VAEConfig``."""
        return self.width, self.width


@dataclass(frozen=True)
class CardSettings(VaeSettings):
    """Options of the experiments on playing cards."""

    size: int = 12
    """Pixels along each side of a card (published: 48); the cost grows with their number."""
    per_suit: int = 500
    """Training images of each suit (published: 3000)."""
    held_out_per_suit: int = 150
    """Images of each suit for scores and figures; no model is trained on them."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, size=4, per_suit=2, held_out_per_suit=10)
        if self.batch_size > 4 * self.per_suit:
            raise ValueError(
                f"--batch-size is {self.batch_size}, but there are {4 * self.per_suit} training images: lower it, or "
                "raise --per-suit"
            )


@dataclass(frozen=True)
class DigitSettings(VaeSettings):
    """Options of the experiments on handwritten digits."""

    mnist: Path | None = None
    """MNIST: the folder of its four IDX files, or a mnist.npz; without it scikit-learn's digits of 8 × 8 pixels."""
    count: int = 0
    """Digits drawn at random from the set; 0: all of them (1,797, or the 60,000 of MNIST's training part)."""
    held_out: int = 400
    """Digits for scores and figures; no model is trained on them."""
    watched: int = 100
    """Digits for the validation loss, which also chooses between starts."""
    epochs: int = 50
    batch_size: int = 32

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, count=0, held_out=50, watched=10)


UPRIGHT: dict[str, Any] = {
    "decoder": "plain",
    "pose": (),
    "bins": 1,
    "angle_posterior": "gaussian",
    "angle_std": 1.0,
}
"""Changes of a recipe of ``models.recipes`` for upright digits: no pose, hence the cheaper plain decoder."""

GREY: dict[str, Any] = {"likelihood": "gaussian", "sigma": 0.2}
"""Likelihood of grey digits. A Bernoulli likelihood takes grey for uncertainty: with it two latents of 8 × 8 digits
gain so little that most seeds leave them unused (median KL .03 nats after 2,000 steps; 4 nats with this likelihood)."""
