"""Options of the conditional models of digits, and the variants that are compared; no JAX."""

from dataclasses import dataclass

from experiments.shared.images.options import DigitSettings

VARIANTS = {  # name: (set, whether the model gets the digit's label, components of the pose)
    "plain": ("digits", False, ()),
    "conditional": ("digits", True, ()),
    "turned_plain": ("turned", False, ()),
    "turned_conditional": ("turned", True, ()),
    "turned_invariant": ("turned", True, ("angle",)),
}
PADDING = 2
"""Empty pixels around the digits, upright or turned, so that none leaves the frame when it is turned."""


@dataclass(frozen=True)
class Config(DigitSettings):
    """Options of the conditional models of digits."""

    sizes = DigitSettings.sizes | {"epochs": (40, 40)}

    rotation_degrees: float = 60.0
    """Turned digits have angles uniform within ± this range."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.rotation_degrees <= 180:
            raise ValueError(f"--rotation-degrees is {self.rotation_degrees}; give a half-range of 1 to 180")


SMOKE = Config(smoke=True, count=400, held_out=100, watched=30, epochs=2, seeds=2, width=16, manifold_points=5)
STAGES = ("data", *VARIANTS, "figures")
