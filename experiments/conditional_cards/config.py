"""Options of the models conditional on the suit; no JAX."""

from dataclasses import dataclass

from experiments.shared.images.options import CardSettings

VARIANTS = ("plain", "invariant")


@dataclass(frozen=True)
class Config(CardSettings):
    """Options of the models conditional on the suit."""


SMOKE = Config(smoke=True, per_suit=50, held_out_per_suit=15, epochs=3, seeds=2, width=16, manifold_points=5)
STAGES = ("data", *VARIANTS, "figures")
