"""The recipe and the training that fit what is known: classes, labels, factors, invariance, images or curves."""

from collections.abc import Sequence
from dataclasses import fields, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from models import recipes
from models.data import Batch
from models.histories.learning import STEPS as HISTORY_STEPS
from models.histories.learning import default_fit
from models.parts.observation import Observed
from models.training.config import FitConfig
from models.vaes.config import VAEConfig

INVARIANT = {"rotation": "angle", "shift": "shift", "scale": "scale", "shear": "shear"}
HIDDEN = (64, 64)
HELD_OUT = 0.1  # share of the examples, at most MOST_HELD_OUT
MOST_HELD_OUT = 1000
PIXELS = 200  # of an image that a training step decodes, at most: they estimate the sum over all
NO_POSE: dict[str, Any] = {
    "decoder": "plain",
    "pose": (),
    "bins": 1,
    "angle_posterior": "gaussian",
    "angle_std": 1.0,
    "activation": "gelu",
}


class Known(NamedTuple):
    """What is known of the examples: the shape of one, classes, their labels (−1: unknown), factors (NaN: unknown)."""

    shape: tuple[int, ...]
    pose: tuple[str, ...]
    classes: int
    labels: np.ndarray | None
    factors: np.ndarray | None


def pose_of(invariant: Sequence[str] | str | None, shape: tuple[int, ...]) -> tuple[str, ...]:
    """Return the components of the pose. Without ``invariant``: angle and shift for images, none for curves."""
    if invariant is None:
        return ("angle", "shift") if len(shape) > 1 else ()
    given = (invariant,) if isinstance(invariant, str) else tuple(invariant)
    if unknown := sorted(set(given) - set(INVARIANT)):
        raise ValueError(f"invariant={given}: {', '.join(unknown)} is none of {', '.join(INVARIANT)}.")
    if len(shape) == 1 and {"rotation", "shear"} & set(given):
        raise ValueError(
            f"invariant={given}: a curve can be shifted and scaled only, invariant=('shift',) for instance."
        )
    return tuple(component for name, component in INVARIANT.items() if name in given)


def recipe_of(known: Known) -> str:
    """Return the name of the recipe: joint, semi_supervised, conditional or invariant (without classes)."""
    if not known.classes:
        return "invariant"
    if known.labels is None or (known.labels < 0).all():
        return "joint"
    return "conditional" if (known.labels >= 0).all() else "semi_supervised"


def config_of(
    known: Known,
    data: Batch,
    observed: Observed,
    latent: int,
    chosen: str,
    settings: dict[str, Any],
    *,
    guessed: bool = False,
) -> VAEConfig:
    """Return the VAE's settings: those of the recipe, changed by what is known and by the user's ``settings``.

    The likelihood is the ``observed`` one, ``chosen`` by the user where that is not "auto". ``guessed``: classes are
    guessed. ValueError for a setting that a VAEConfig does not have.
    """
    known_fields = [field.name for field in fields(VAEConfig)]
    if unknown := sorted(set(settings) - set(known_fields)):
        have = ", ".join(known_fields)
        raise ValueError(f"{', '.join(unknown)}: no setting of fit_vae or VAEConfig; those are {have}.")
    own: dict[str, Any] = {"latent_dim": latent, "hidden": HIDDEN}
    if known.pose:
        own |= {"pose": known.pose, "pixels": min(1.0, PIXELS / int(np.prod(known.shape[:2])))}
        if "angle" not in known.pose:
            own |= {"angle_posterior": "gaussian", "angle_std": 1.0, "bins": 1}
    else:
        own |= NO_POSE
    if known.factors is not None:
        own["factors"] = known.factors.shape[1]
        own["factor_mode"] = "regression" if np.isnan(known.factors).any() else "conditional"
        own["known_weight"] = recipes.weight_of_known(known.shape, data)
    if chosen != "auto":
        own |= {"likelihood": chosen, "sigma": observed.sigma}
    if chosen not in ("auto", "gaussian") or not waits(known):
        own["reconstruction_weight"] = 1.0
    name = recipe_of(known)
    if name == "invariant" and not known.pose:
        own["kl_weight"] = 1.0
    arguments = () if name == "invariant" else (known.classes,)
    chosen_recipe = partial(recipes.joint, guessed=True) if guessed else getattr(recipes, name)
    return chosen_recipe(known.shape, *arguments, data=data, **(own | settings))


def waits(known: Known) -> bool:
    """Return whether the content must wait in training until poses or classes are found."""
    return bool(known.pose) or recipe_of(known) in ("joint", "semi_supervised")


def training_of(known: Known, config: VAEConfig, examples: int, steps: int | None) -> FitConfig:
    """Return the training for a number of examples: the recipe's, or that of histories where nothing has to wait."""
    chosen, usual = default_fit(examples), HISTORY_STEPS
    if waits(known):
        share = max(1 / examples, min(HELD_OUT, MOST_HELD_OUT / examples))
        chosen, usual = recipes.training(config, examples, validation_fraction=share), recipes.STEPS
    return replace(chosen, epochs=max(1, round(chosen.epochs * steps / usual))) if steps else chosen
