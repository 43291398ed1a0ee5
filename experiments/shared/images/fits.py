"""From a data set to trained models: images split in three, the usual training, the best of some starts.

An experiment on images goes this way: ``cards`` (or a data set of its own) → ``lab.training.fit_and_record`` →
``judging.judge`` → ``arrays`` of the results, which its ``compute.py`` records. The seeds of a variant share the images
and differ in initial weights, order and noise.
"""

import itertools
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int

import models
from experiments import datasets
from experiments.datasets import Images
from experiments.lab.run import Array
from experiments.lab.training import Fitted
from experiments.shared.images.options import CardSettings, VaeSettings
from models.types import Params

START_BOUNDS = Array(("seed", "start"), "nats per image", "held-out −ELBO of every start, by which one is chosen")


class Split(NamedTuple):
    """Images to train on, to watch and choose starts by, and to score on."""

    training: Images
    validation: Images
    test: Images


def cards(key: jax.Array, name: str, settings: CardSettings, **options: Any) -> Split:
    """Draw a set of cards by its name ("cards_full" …), with options of its Config, and split it."""
    watched = max(1, min(settings.per_suit // 10, 50))
    per_suit = [settings.per_suit, watched, settings.held_out_per_suit]
    images = datasets.load(key, name, size=settings.size, per_suit=sum(per_suit), **options)
    cuts = 4 * np.cumsum([0, *per_suit])
    return Split(*(datasets.take(images, slice(*ends)) for ends in itertools.pairwise(cuts.tolist())))


def size(images: Split, settings: VaeSettings) -> dict[str, int]:
    """Return the numbers that say how large the job is: images, pixels, seeds, steps."""
    training, pixels = images.training.x.shape[0], images.training.x.shape[1]
    return {
        "training_images": training,
        "held_out_images": len(images.test.x),
        "size_pixels": pixels,
        "seeds": settings.seeds,
        "steps": settings.epochs * (training // settings.batch_size),
    }


def fit_recipe(settings: VaeSettings, **changes: Any) -> models.FitConfig:
    """Return the training that ``models.recipes`` expects, with the settings' epochs and batches."""
    given = {"epochs": settings.epochs, "batch_size": settings.batch_size, "learning_rate": 5e-3, "final_rate": 0.05}
    return models.FitConfig(**(given | changes))


def best_starts(
    key: jax.Array, fitted: Fitted, validation: models.Batch, starts: int
) -> tuple[Int[np.ndarray, " seed"], Float[np.ndarray, "seed start"]]:
    """Return the fit of the lowest held-out bound of every seed, and the bounds (``START_BOUNDS``).

    Each ``starts`` fits in a row belong to one seed. The choice uses nothing but the bound.
    """

    def bounds_of_all(key: jax.Array, params: Params, data: models.Batch) -> jax.Array:
        return jax.lax.map(lambda member: models.negative_elbo(key, fitted.model, member, data, samples=4), params)

    bounds = np.asarray(jax.jit(bounds_of_all)(key, fitted.params, validation)).reshape(-1, starts)
    return np.arange(len(bounds)) * starts + np.argmin(bounds, axis=1), bounds
