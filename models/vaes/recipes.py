"""Recipes for images of objects in unknown poses: VAEConfigs to start from, chosen on 12 × 12 cards.

Each function returns a VAEConfig; keywords replace any of its fields. The recipes expect Adam at 5e-3 with a short
warm-up and a cosine to 5 %, batches of 50 and about 2,000 steps:
FitConfig(batch_size=50, learning_rate=5e-3, final_rate=0.05).
"""

import math
from typing import Any

from models.vaes.config import VAEConfig

# Settings of every recipe for images.
POSED: dict[str, Any] = {
    "decoder": "coordinate",
    "likelihood": "bernoulli",
    "pose": ("angle", "shift"),
    "angle_posterior": "circular",
    "angle_std": math.inf,
    "bins": 8,
}


def invariant(shape: tuple[int, ...], **settings: Any) -> VAEConfig:
    """Return a VAEConfig whose content is invariant to rotation and shift, without classes.

    A weight of 4 on the content's KL keeps the content out of use until pose and mean image are learned.
    """
    return _with(shape, {"kl_weight": ((0.0, 4.0), (0.6, 4.0), (0.8, 1.0))}, settings)


def joint(shape: tuple[int, ...], classes: int, **settings: Any) -> VAEConfig:
    """Return a VAEConfig with unknown classes of a known number, about equally frequent.

    A weight of 4 on the content's KL keeps the content out of use until the classes explain what they can.
    ``balance_weight`` makes batches use all classes: set it to 0 where some are rare. Clusters depend on the start:
    train three or more members and keep the one with the best held-out bound.
    """
    return _with(shape, _CLASSES | {"classes": classes, "class_mode": "joint", "balance_weight": 10.0}, settings)


def semi_supervised(shape: tuple[int, ...], classes: int, **settings: Any) -> VAEConfig:
    """Return a VAEConfig for few known labels, whose −log q(label | x) is weighted ten times."""
    known = {"classes": classes, "class_mode": "semi_supervised", "known_weight": 10.0}
    return _with(shape, _CLASSES | known, settings)


def conditional(shape: tuple[int, ...], classes: int, **settings: Any) -> VAEConfig:
    """Return a VAEConfig for known classes, with one latent space for each."""
    return _with(shape, {"classes": classes, "class_mode": "conditional"}, settings)


_CLASSES: dict[str, Any] = {"kl_weight": ((0.0, 4.0), (0.5, 4.0), (0.8, 1.0))}


def _with(shape: tuple[int, ...], recipe: dict[str, Any], settings: dict[str, Any]) -> VAEConfig:
    """Return a VAEConfig of the pose settings, the recipe's and the caller's; later ones win. A signal has no angle."""
    posed = POSED
    if len(shape) == 1:
        posed = POSED | {"pose": ("shift",), "angle_posterior": "gaussian", "angle_std": 1.0, "bins": 1}
    return VAEConfig(shape=shape, **(posed | recipe | settings))
