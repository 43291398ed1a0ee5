"""From images to a record of trained models: many fits in one program, their numbers as arrays.

Every experiment on images goes this way: ``cards`` (or a data set of its own) → ``fit`` → what ``vae_scores`` judges
and adds → ``record``. A fit's seeds share the images and differ in initial weights, order and noise. Names in
``results.nc`` and ``metrics.json`` begin with the variant's: ``figures/vae.py`` draws from them.
"""

import itertools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int

from experiments import datasets
from experiments.datasets import Images
from experiments.lab.run import Run, RunError
from experiments.shared.images.options import CardSettings, VaeSettings
from models import storage
from models.data import Batch, Data, count, take
from models.evaluation import latent
from models.training.config import FitConfig
from models.training.loop import Trainer, TrainState, trainer
from models.types import FitHistory, Model, Params


def fit_recipe(settings: VaeSettings, **changes: Any) -> FitConfig:
    """How all members are trained, as ``models.vaes.recipes`` expects."""
    given = {"epochs": settings.epochs, "batch_size": settings.batch_size, "learning_rate": 5e-3, "final_rate": 0.05}
    return FitConfig(**(given | changes))


class Split(NamedTuple):
    """Images to train on, to watch and choose restarts by, and to score on."""

    training: Images
    validation: Images
    test: Images


def cards(key: jax.Array, name: str, settings: CardSettings, **options: Any) -> Split:
    """A set of cards by its name ("cards_full" …), with options of its Config, drawn and split."""
    watch = max(1, min(settings.per_suit // 10, 50))
    parts = [settings.per_suit, watch, settings.held_out_per_suit]
    images = datasets.load(key, name, size=settings.size, per_suit=sum(parts), **options)
    cuts = 4 * np.cumsum([0, *parts])
    return Split(*(datasets.take(images, slice(*ends)) for ends in itertools.pairwise(cuts.tolist())))


def add_images(run: Run, images: Images, name: str) -> None:
    """The scored images with all that is known of them, under ``name``; their axis is ``<name>_image``."""
    axis = f"{name}_image"
    pixels = ("row", "column", "channel")[: images.x.ndim - 1]
    run.add(f"{name}_x", (axis, *pixels), images.x, "1", "image, not seen in training")
    if images.label is not None:
        run.add(f"{name}_label", (axis,), images.label, "1", "true class: " + ", ".join(images.classes))
    for factor, values in images.factors.items():
        run.add(f"{name}_true_{factor}", (axis,), values, images.units[factor], f"true {factor.replace('_', ' ')}")
    run.results.attrs["classes"] = list(images.classes)
    run.results.attrs[f"{name}_source"] = images.source


def record_size(run: Run, images: Split, settings: VaeSettings) -> None:
    """How large the job is."""
    training, pixels = images.training.x.shape[0], images.training.x.shape[1]
    run.record(training_images=training, held_out_images=len(images.test.x), size_pixels=pixels, seeds=settings.seeds,
               steps=settings.epochs * (training // settings.batch_size))  # fmt: skip


class Fitted(NamedTuple):
    """A variant after training: parameters and history with a leading axis of seeds."""

    name: str
    config: Any
    model: Model
    params: Params
    history: FitHistory


def fit(
    run: Run,
    name: str,
    keys: jax.Array,
    config: Any,
    training: Data,
    validation: Data,
    fit_config: FitConfig,
    *,
    rows: Int[np.ndarray, "seed rows"] | None = None,
) -> Fitted:
    """A fit for every key, in one program that is called piece by piece, so that it shows its progress, can be
    interrupted and is found compiled by the next run. Seeds share the images; ``rows`` gives each of them a choice of
    its own. Models and histories are saved; RunError names a seed whose loss was not finite."""
    model = storage.MODELS[type(config)](config)
    every = count(training)
    if rows is None:
        rows = np.broadcast_to(np.arange(every), (len(keys), every))
    model.check(take(training, rows[0]))

    def make(rows: jax.Array, data: Data, watched: Data) -> Trainer:
        return trainer(model, data, rows, watched, fit_config)

    def start(key: jax.Array, *given: Any) -> TrainState:
        return make(*given).start(key)

    def advance(key: jax.Array, state: TrainState, until: Any, *given: Any) -> TrainState:
        return make(*given).advance(key, state, until)

    given, axes = (jnp.asarray(rows, jnp.int32), training, validation), (0, None, None)
    state = jax.jit(jax.vmap(start, (0, *axes)))(keys, *given)
    step = jax.jit(jax.vmap(advance, (0, 0, None, *axes)))
    with run.progress(fit_config.epochs, "epoch") as bar:
        for until in np.unique(np.linspace(0, fit_config.epochs, min(fit_config.epochs, 20) + 1).astype(np.int32))[1:]:
            state = jax.block_until_ready(step(keys, state, until, *given))
            bar.update(int(until) - bar.n)
            run.log("trained", name=name, epochs=int(until), of=fit_config.epochs)
    params, history = jax.vmap(make(given[0][0], training, validation).finish)(state)
    fitted = Fitted(name, config, model, params, history)
    if run.writes:
        storage.save(run.folder / "models" / name, config, params)
    _add_history(run, fitted)
    return fitted


def _add_history(run: Run, fitted: Fitted) -> None:
    """Every term of every seed against epochs."""
    for part, terms in (("train", fitted.history.train), ("validation", fitted.history.validation)):
        for term, values in terms.items():
            units = "1" if term.startswith("rmse") else "nats per image"
            run.add(f"{fitted.name}_{part}_{term}", (f"{fitted.name}_fit", f"{fitted.name}_epoch"), values, units,
                    f"{part}: {term.replace('_', ' ')}")  # fmt: skip
    finite = np.asarray(fitted.history.finite)
    if not finite.all():
        bad, epoch = np.argwhere(~finite)[0]
        raise RunError(
            f"training of {fitted.name} went non-finite, first in fit {bad}, epoch {epoch + 1}: lower the learning rate"
        )


def select(fitted: Fitted, which: Int[np.ndarray, " seed"]) -> Fitted:
    """Some of the fits, in the order of ``which``."""
    params, history = jax.tree.map(lambda leaf: leaf[which], (fitted.params, fitted.history))
    return fitted._replace(params=params, history=history)


def choose(run: Run, key: jax.Array, fitted: Fitted, validation: Batch, starts: int) -> Int[np.ndarray, " seed"]:
    """Fits in groups of ``starts`` in a row: of each the one of lowest held-out bound, nothing else looked at."""

    def bounds(key: jax.Array, params: Params, data: Batch) -> jax.Array:
        return jax.lax.map(lambda one: latent.negative_elbo(key, fitted.model, one, data, samples=4), params)

    values = np.asarray(jax.jit(bounds)(key, fitted.params, validation)).reshape(-1, starts)
    run.add(f"{fitted.name}_start_negative_elbo_nats", ("seed", "start"), values, "nats per image",
            "held-out −ELBO of every start, by which one is chosen")  # fmt: skip
    return np.arange(len(values)) * starts + np.argmin(values, axis=1)


def record(run: Run, name: str, values: Any, units: str, meaning: str) -> None:
    """One number per seed: all of them as an array; median, smallest and largest as numbers."""
    values = np.asarray(values, float)
    run.add(name, ("seed",), values, units, meaning)
    run.record(**{name: np.median(values), f"{name}_min": values.min(), f"{name}_max": values.max()})
