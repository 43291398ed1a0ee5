"""From a data set to trained models: images split in three, the usual training, the best of some starts.

An experiment on images goes this way: ``cards`` (or a data set of its own) → ``lab.training.fit_and_record`` →
``judging.judge`` → ``arrays`` of the results, which its ``compute.py`` records. The seeds of a variant share the images
and differ in initial weights, order and noise. With ``--path`` the user's images take the place of any set.
"""

import itertools
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int

import models
from experiments import datasets
from experiments.datasets import Images
from experiments.lab.checkpoints import once
from experiments.lab.run import Array
from experiments.lab.training import Fitted
from experiments.shared.images.options import CardSettings, ImageSettings, VaeSettings
from models.types import Params

STEPS = 2000  # of a training on a file of the user's own, where its length is not given
FEWEST = 60  # images of a file that can be split in three

START_BOUNDS = Array(("seed", "start"), "nats per image", "held-out −ELBO of every start, by which one is chosen")


class Split(NamedTuple):
    """Images to train on, to watch and choose starts by, and to score on."""

    training: Images
    validation: Images
    test: Images


def cards(key: jax.Array, name: str, settings: CardSettings, **options: Any) -> Split:
    """Draw a set of cards by its name ("cards_full" …), with options of its Config, and split it.

    A file of the user's own takes its place.
    """
    watched = max(1, min(settings.per_suit // 10, 50))
    if settings.path:
        return own(key, settings, 4 * settings.held_out_per_suit, 4 * watched)
    per_suit = [settings.per_suit, watched, settings.held_out_per_suit]
    images = datasets.load(key, name, size=settings.size, per_suit=sum(per_suit), **options)
    cuts = 4 * np.cumsum([0, *per_suit])
    return Split(*(datasets.take(images, slice(*ends)) for ends in itertools.pairwise(cuts.tolist())))


def own(key: jax.Array, settings: ImageSettings, held_out: int, watched: int, count: int = 0) -> Split:
    """Read the user's images and split them at random.

    At most a fifth is held out, at most a twentieth watched. ``count`` takes so many of all; a smoke run takes fewer
    where there are not as many. ValueError for a file that cannot be used.
    """
    images = read_own(settings)
    if settings.smoke:
        count = min(count, len(images.x))
    if count > len(images.x):
        raise ValueError(
            f"--count is {count}, but {settings.path} holds {len(images.x)} images: lower it, or 0 for all"
        )
    order = np.asarray(jax.random.permutation(key, len(images.x)))[: count or None]
    held_out, watched = min(held_out, len(order) // 5), max(2, min(watched, len(order) // 20))
    parts = np.split(order, [held_out, held_out + watched])
    return Split(*(datasets.take(images, parts[number]) for number in (2, 1, 0)))


def read_own(settings: ImageSettings) -> Images:
    """Return the images that ``--path`` names; ValueError for a file that cannot be used."""
    images = datasets.load(
        jax.random.key(0),  # nothing is drawn
        "own",
        path=settings.path,
        dataset=settings.dataset,
        label=settings.label,
        factors=settings.factors,
        normalise=settings.normalise,
        format=settings.format,
    )
    if images.x.ndim != 3:
        raise ValueError(
            f"{settings.path} holds images with channels, {images.x.shape}; this experiment takes grey ones: save one "
            "channel, stack[..., 0], or their mean, stack.mean(-1)"
        )
    if len(images.x) < FEWEST:
        raise ValueError(
            f"{settings.path} holds {len(images.x)} images: give at least {FEWEST}, to train on, to watch and to score"
        )
    return images


def check_own(settings: ImageSettings, *, labels: str = "") -> None:
    """Raise a ValueError for a file of the user's own that cannot be used, or lacks ``labels`` ("some", "all")."""
    if not settings.path:
        return
    if labels and not settings.label:
        raise ValueError(f"this experiment needs classes: name the array of {settings.path} that holds them by --label")
    label = read_own(settings).label
    if labels == "all" and label is not None and (label < 0).any():
        raise ValueError(
            f"{(label < 0).sum()} of the labels {settings.label!r} are unknown, but this experiment needs all: leave "
            "those images out"
        )


def check_classes(settings: Any) -> None:
    """Raise a ValueError as ``check_own`` does, and where the number of classes to look for is not known."""
    check_own(settings)
    if settings.path:
        classes_of(read_own(settings), settings)
    elif settings.classes:
        raise ValueError("--classes is for images of your own (--path): the classes of the embedded sets are known")


def likelihood(settings: ImageSettings, images: Images, usual: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a ``VAEConfig`` for the noise: ``usual``, or what the user's own images say."""
    if not settings.path:
        return usual
    observed = models.observation_of(images.x, images.mask)
    return {"likelihood": observed.likelihood, "sigma": observed.sigma}


def for_recipe(settings: ImageSettings, images: Images, usual: dict[str, Any]) -> dict[str, Any]:
    """Return the keywords of a recipe of ``models.recipes``: ``usual``, or the user's own images as its ``data``."""
    return {"data": datasets.to_batch(images)} if settings.path else usual


def classes_of(images: Images, settings: Any) -> int:
    """Return the number of classes to look for: those of the labels, or ``settings.classes``.

    ValueError where it is known from both, or from neither.
    """
    named = len(images.classes)
    if settings.classes and settings.classes != named > 0:
        raise ValueError(f"--classes is {settings.classes}, but these images have {named} named classes: leave it out")
    if not named and not settings.classes:
        raise ValueError("these images have no named classes: say how many to look for by --classes, or name them by "
                         "--label")  # fmt: skip
    return named or settings.classes


def size(images: Split, settings: VaeSettings) -> dict[str, int]:
    """Return the numbers that say how large the job is: images, pixels, seeds, steps."""
    count, rows, columns = images.training.x.shape[:3]
    fit = fit_recipe(settings, count)
    return {
        "training_images": count,
        "held_out_images": len(images.test.x),
        "rows_of_pixels": rows,
        "columns_of_pixels": columns,
        "seeds": settings.seeds,
        "steps": fit.epochs * (count // fit.batch_size),
    }


def fit_recipe(settings: VaeSettings, count: int, **changes: Any) -> models.FitConfig:
    """Return the training that ``models.recipes`` expects, with the settings' passes and batches.

    Of a file of the user's own with few images batches are at most a quarter of them, and without a number of passes
    there are as many as make ``STEPS`` steps.
    """
    batch_size = min(settings.batch_size, max(2, count // 4)) if settings.path else settings.batch_size
    epochs = settings.epochs or max(1, round(STEPS / (count // batch_size)))
    given = {"epochs": epochs, "batch_size": batch_size, "learning_rate": 5e-3, "final_rate": 0.05}
    return models.FitConfig(**(given | changes))


@once
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
