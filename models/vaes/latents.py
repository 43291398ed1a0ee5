"""Where content, pose and factors stand in the latent vector ``u`` of a VAE, and what 1 means there.

Content, pose and inferred factors are one vector ``u`` with one Gaussian posterior for each angle bin and class. Its
entries are in units of the prior N(0, 1), except the entry of a circular angle: that is the distance from the centre
of the bin, in units of half a bin's width.
"""

import math
from typing import NamedTuple

from models.parts.coordinates import COMPONENTS
from models.vaes.config import VAEConfig


class Layout(NamedTuple):
    """Which entries of ``u`` are the content, each pose component and the inferred factors; and how many there are."""

    content: slice
    pose: dict[str, slice]
    factors: slice
    size: int


def layout(config: VAEConfig) -> Layout:
    """Lay out ``u``: the content, the pose components in the order of models.types.Pose, the inferred factors."""
    end, pose = config.latent_dim, {}
    for name in COMPONENTS:
        if name in config.pose:
            width = len(config.grid) if name == "shift" else 1
            pose[name] = slice(end, end + width)
            end += width
    inferred = config.factors if config.factor_mode == "regression" else 0
    return Layout(slice(0, config.latent_dim), pose, slice(end, end + inferred), end + inferred)


def units(config: VAEConfig) -> dict[str, float]:
    """Return what 1 in ``u`` is for each pose component, in the units of models.types.Pose."""
    scale = {name: getattr(config, f"{name}_std") for name in config.pose}
    if "angle" in scale and config.angle_posterior == "circular":
        scale["angle"] = math.pi / config.bins
    return scale
