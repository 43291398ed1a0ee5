"""Options of digits whose classes are unknown or partly known; no JAX."""

from dataclasses import dataclass

from experiments.lab.options import at_least
from experiments.shared.images.options import DigitSettings

COPIES = 8
"""Moved copies of every labelled image of 28 × 28 digits."""
LABELLED_SHARE = 0.25
"""Share of every batch that is drawn from the labelled images."""


@dataclass(frozen=True)
class Config(DigitSettings):
    """Options of digits with classes unknown or partly known."""

    sizes = DigitSettings.sizes | {
        "epochs": (120, 27),
        "semi_supervised_width": (128, 256),
    }

    classes: int = 0
    """Classes to look for in images of your own without labels."""
    starts: int = 3
    """Joint fits per seed, of which the held-out bound picks one."""
    capacity_nats: float = 2.0
    """Divergence to which the joint model's continuous latents are held at the end."""
    semi_supervised_width: int = 0
    """Units of each hidden layer of the semi-supervised model (--width is the joint model's); 0: 128, else 256."""
    semi_supervised_latents: int = 8
    """Its continuous latents: with two, classes have to explain what is style."""
    label_share: float = 0.1
    """Share of each class's training images whose label is given to the semi-supervised model; of a file of your own
    in which some are unknown all are given."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, starts=1, semi_supervised_latents=2)
        at_least(self, semi_supervised_width=0 if self.follows("semi_supervised_width") else 2)
        if not self.capacity_nats >= 0:
            raise ValueError(f"--capacity-nats is {self.capacity_nats}; give zero or more")
        if not 0 < self.label_share <= 0.5:
            raise ValueError(f"--label-share is {self.label_share}; give a share above 0 and up to 0.5")


SMOKE = Config(
    smoke=True,
    count=400,
    held_out=100,
    watched=30,
    epochs=2,
    seeds=2,
    starts=2,
    width=16,
    semi_supervised_width=16,
    manifold_points=5,
)
STAGES = ("data", "joint", "semi_supervised", "baselines", "figures")
