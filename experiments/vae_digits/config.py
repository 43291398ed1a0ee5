"""TODO docstring of experiments.vae_digits.compute.config"""

from dataclasses import dataclass

from experiments.shared.images.options import DigitSettings


@dataclass(frozen=True)
class Config(DigitSettings):
    """Options of the VAE of digits."""

    epochs: int = 100
    manifold_points: int = 15


SMOKE = Config(smoke=True, count=400, held_out=100, watched=30, epochs=3, seeds=2, width=16, manifold_points=7)
STAGES = ("data", "vae", "baselines", "figures")
