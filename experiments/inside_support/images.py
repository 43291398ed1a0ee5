"""Families of images, learned by plain VAEs with two latents, and what an image is worth: one number of its pixels.

Both numbers are ones that a user may want, and that a decoder can make up where it extrapolates: a round blot has the
largest symmetry that there is, and a flat smear of ink a slant of up to 90°. They were chosen before any search.
"""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

import models
from experiments import datasets
from experiments.inside_support import spaces
from experiments.inside_support.config import DIGITS, Config
from experiments.inside_support.spaces import Pictures, Space
from experiments.lab import training
from experiments.lab.keys import keys_of
from experiments.lab.run import RunError
from experiments.shared.images import digits as handwritten
from experiments.shared.images import fits
from experiments.shared.images.options import BINARY, GREY, CardSettings, DigitSettings, VaeSettings

CARDS = "cards_mild"  # ±12°: a set that two latents without a pose can describe
BLANK = 1e-6  # share of ink that is no image yet


def cards(config: Config, progress: Callable[..., Any] | None) -> tuple[Space, Pictures]:
    """Draw and learn cards of 12 × 12 pixels, and return their space and fresh ones."""
    keys = keys_of(config.seed, ("draw", "fit", "members"))
    settings = (CardSettings(per_suit=100, epochs=20) if config.smoke else CardSettings()).resolved()
    split = fits.cards(keys["draw"], CARDS, settings)
    fresh = datasets.load(keys["members"], CARDS, size=settings.size, per_suit=-(-config.members // 4))
    return learn(keys["fit"], split, BINARY, settings, progress), Pictures(fresh.x[: config.members])


def digits(config: Config, progress: Callable[..., Any] | None) -> tuple[Space, Pictures]:
    """Learn half of the digits of 8 × 8 pixels, and return their space and the other half."""
    keys = keys_of(config.seed, ("draw", "fit"))
    settings = DigitSettings(held_out=DIGITS, epochs=20 if config.smoke else 100).resolved()
    split = handwritten.digits(keys["draw"], settings)
    return learn(keys["fit"], split, GREY, settings, progress), Pictures(split.test.x)


def learn(
    key: jax.Array,
    split: fits.Split,
    likelihood: dict[str, Any],
    settings: VaeSettings,
    progress: Callable[..., Any] | None,
) -> Space:
    """Train a plain VAE on images; RunError if the training went non-finite."""
    x, watched = (datasets.to_batch(part) for part in (split.training, split.validation))
    config = models.VAEConfig(shape=split.training.x.shape[1:], hidden=settings.hidden, **likelihood)
    recipe = fits.fit_recipe(settings, len(split.training.x))
    fitted = training.fit(key[None], config, x, watched, recipe, progress=progress)
    if not np.asarray(fitted.history.finite).all():
        raise RunError(f"the training on {split.training.source} went non-finite: take another --seed")
    return spaces.of_images(fitted.model, jax.tree.map(lambda leaf: leaf[0], fitted.params), split.training.x)


def symmetry(x: np.ndarray) -> np.ndarray:
    """Return the strength of the fourfold symmetry of images [n ny nx]: the correlation with their copies turned by
    90°, at most 1; 0 of an even image."""
    centred = x - x.mean((1, 2), keepdims=True)
    power = (centred**2).mean((1, 2))
    return (centred * np.rot90(centred, axes=(1, 2))).mean((1, 2)) / np.maximum(power, BLANK)


def slant(x: np.ndarray) -> np.ndarray:
    """Return how far the strokes of images [n ny nx] lean to the right, in degrees; 0 of an empty image."""
    return np.rad2deg(handwritten.strokes(np.asarray(x, float) + BLANK)[0])
