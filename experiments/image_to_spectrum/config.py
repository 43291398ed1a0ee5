"""Options of image_to_spectrum; imports no JAX."""

from dataclasses import dataclass

from experiments.shared.structure_property.options import PATCH_STAGES, PatchSettings


@dataclass(frozen=True)
class Config(PatchSettings):
    """Options of image_to_spectrum."""

    direction = "image_to_spectrum"


SMOKE = Config(smoke=True, size=64, patch=6, epochs=2, batch_size=20, latent_dim=4, seeds=2, stride=4, map_stride=3)
STAGES = PATCH_STAGES
