"""Options that experiments with models of images share; imports no JAX, so that --help stays quick."""

from dataclasses import dataclass

from experiments import harness


@dataclass(frozen=True)
class VaeSettings(harness.Settings):
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


def at_least(config: object, **smallest: int) -> None:
    """ValueError in the words of the command line for an option below its smallest value."""
    for name, least in smallest.items():
        if getattr(config, name) < least:
            raise ValueError(f"--{name.replace('_', '-')} is {getattr(config, name)}; give at least {least}")
