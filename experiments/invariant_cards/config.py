"""Options of the comparison of plain and invariant models, the sets and the variants; no JAX."""

from dataclasses import dataclass

from experiments.shared.images.options import CardSettings

DATA = {"rotated": "cards_rotated", "full": "cards_full"}
VARIANTS = {  # name: (set, components of the pose)
    "rotated_plain": ("rotated", ()),
    "rotated_invariant": ("rotated", ("angle", "shift")),
    "full_plain": ("full", ()),
    "full_invariant": ("full", ("angle", "shift")),
    "full_affine": ("full", ("angle", "shift", "shear")),
}


@dataclass(frozen=True)
class Config(CardSettings):
    """Options of the comparison of plain and invariant models."""


SMOKE = Config(smoke=True, per_suit=50, held_out_per_suit=15, epochs=3, seeds=2, width=16, manifold_points=5)
STAGES = ("data", *VARIANTS, "figures")
