"""Settings that work for images of objects in unknown poses, found on 12 × 12 cards: where to start from.

Each returns a VAEConfig; keywords replace any of its fields. They expect Adam at 5e-3 with a short warm-up and a cosine
to 5 %, batches of 50 and about 2,000 steps: FitConfig(batch_size=50, learning_rate=5e-3, final_rate=0.05).
"""

import math
from typing import Any

from models.vaes.config import VAEConfig

POSED: dict[str, Any] = {
    "decoder": "coordinate",
    "likelihood": "bernoulli",
    "pose": ("angle", "shift"),
    "angle_posterior": "circular",
    "angle_std": math.inf,
    "bins": 8,
}


def invariant(shape: tuple[int, ...], **settings: Any) -> VAEConfig:
    """Rotation- and shift-invariant, no classes: the content stays closed until pose and mean image are found."""
    return _with(shape, {"kl_weight": ((0.0, 4.0), (0.6, 4.0), (0.8, 1.0))}, settings)


def joint(shape: tuple[int, ...], classes: int, **settings: Any) -> VAEConfig:
    """Unknown classes of a known number, about equally frequent: the content stays closed until classes explain
    what they can, and batches are to use all of them (set ``balance_weight=0`` where some are rare).

    Clusters depend on the start: train three or more members, keep the one with the best held-out bound.
    """
    return _with(shape, _CLASSES | {"classes": classes, "class_mode": "joint", "balance_weight": 10.0}, settings)


def semi_supervised(shape: tuple[int, ...], classes: int, **settings: Any) -> VAEConfig:
    """Few known labels; what the encoder says of them weighs ten times."""
    known = {"classes": classes, "class_mode": "semi_supervised", "known_weight": 10.0}
    return _with(shape, _CLASSES | known, settings)


def conditional(shape: tuple[int, ...], classes: int, **settings: Any) -> VAEConfig:
    """All classes known: one latent space for each."""
    return _with(shape, {"classes": classes, "class_mode": "conditional"}, settings)


_CLASSES: dict[str, Any] = {"kl_weight": ((0.0, 4.0), (0.5, 4.0), (0.8, 1.0))}


def _with(shape: tuple[int, ...], recipe: dict[str, Any], settings: dict[str, Any]) -> VAEConfig:
    """Pose settings, the recipe's and the caller's, later ones first; a signal has no angle."""
    posed = POSED
    if len(shape) == 1:
        posed = POSED | {"pose": ("shift",), "angle_posterior": "gaussian", "angle_std": 1.0, "bins": 1}
    return VAEConfig(shape=shape, **(posed | recipe | settings))
