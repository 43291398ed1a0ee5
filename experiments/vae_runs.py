"""From images to a record of trained models: many fits in one program, their scores, latents and manifolds as arrays.

Every experiment on images goes this way: ``cards`` (or a data set of its own) → ``fit`` → ``judge`` → ``record`` and
``add_manifolds``. A fit's seeds share the images and differ in initial weights, order and noise. Names in
``results.nc`` and ``metrics.json`` begin with the variant's: ``figures/vae.py`` draws from them.
"""

import itertools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment

from experiments import datasets
from experiments.datasets import Images
from experiments.harness import Run, RunError
from experiments.vae_options import CardSettings, VaeSettings
from models import checkpoint, latent, scores
from models.batches import Data, count, take
from models.config import VAEConfig
from models.fit_config import FitConfig
from models.training import Trainer, TrainState, trainer
from models.traversal import linear_axis, manifold
from models.types import Batch, Code, History, Model, Params
from models.vae import decode_code


def fit_recipe(settings: VaeSettings, **changes: Any) -> FitConfig:
    """How all members are trained, as ``models.recipes`` expects."""
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
    history: History


def fit(
    run: Run,
    name: str,
    keys: jax.Array,
    config: Any,
    training: Data,
    validation: Data,
    how: FitConfig,
    *,
    rows: Int[np.ndarray, "seed rows"] | None = None,
) -> Fitted:
    """A fit for every key, in one program that is called piece by piece, so that it shows its progress, can be
    interrupted and is found compiled by the next run. Seeds share the images; ``rows`` gives each of them a choice of
    its own. Models and histories are saved; RunError names a seed whose loss was not finite."""
    model = checkpoint.MODELS[type(config)](config)
    every = count(training)
    if rows is None:
        rows = np.broadcast_to(np.arange(every), (len(keys), every))
    model.check(take(training, rows[0]))

    def make(rows: jax.Array, data: Data, watched: Data) -> Trainer:
        return trainer(model, data, rows, watched, how)

    def start(key: jax.Array, *given: Any) -> TrainState:
        return make(*given).start(key)

    def advance(key: jax.Array, state: TrainState, until: Any, *given: Any) -> TrainState:
        return make(*given).advance(key, state, until)

    given, axes = (jnp.asarray(rows, jnp.int32), training, validation), (0, None, None)
    state = jax.jit(jax.vmap(start, (0, *axes)))(keys, *given)
    step = jax.jit(jax.vmap(advance, (0, 0, None, *axes)))
    with run.progress(how.epochs, "epoch") as bar:
        for until in np.unique(np.linspace(0, how.epochs, min(how.epochs, 20) + 1).astype(np.int32))[1:]:
            state = jax.block_until_ready(step(keys, state, until, *given))
            bar.update(int(until) - bar.n)
            run.log("trained", name=name, epochs=int(until), of=how.epochs)
    params, history = jax.vmap(make(given[0][0], training, validation).finish)(state)
    fitted = Fitted(name, config, model, params, history)
    if run.writes:
        checkpoint.save(run.folder / "models" / name, config, params)
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


def true_classes(images: Images) -> Int[np.ndarray, " n"]:
    """The label of every image; ValueError where one is missing."""
    if images.label is None or (images.label < 0).any():
        raise ValueError(f"scores of classes need the label of every image, which this set lacks: {images.source}")
    return images.label


def name_classes(
    truth: Int[np.ndarray, " n"], probabilities: Float[np.ndarray, "n classes"]
) -> tuple[Int[np.ndarray, " classes"], Int[np.ndarray, " n"]]:
    """What each discovered class is to be called, the true class that it matches best (one each), and the class of
    every image under that name."""
    found, classes = probabilities.argmax(1), probabilities.shape[1]
    counts = scores.confusion(truth, found, classes)
    rows, columns = linear_sum_assignment(counts, maximize=True)
    names = rows[np.argsort(columns)]
    return names, names[found]


def add_classes(
    run: Run, name: str, images: Images, probabilities: Float[np.ndarray, "seed n classes"], *, known: bool
) -> None:
    """Accuracy per seed, of classes as they are (``known``) or named to fit best; the confusion of each seed."""
    truth = true_classes(images)
    every = [name_classes(truth, values) for values in probabilities]
    classes = probabilities.shape[2]
    names = np.tile(np.arange(classes), (len(every), 1)) if known else np.stack([names for names, _ in every])
    found = np.take_along_axis(names, probabilities.argmax(2), 1)
    record(run, f"{name}_accuracy", (found == truth[None]).mean(1), "1", "share of images in the right class")
    run.add(f"{name}_confusion", ("seed", "true_class", "found_class"),
            np.stack([scores.confusion(truth, row, classes) for row in found]), "1",
            "number of images: true class, class found")  # fmt: skip
    run.add(f"{name}_name_of_class", ("seed", f"{name}_class"), names, "1", "true class that each class stands for")


def judge(run: Run, key: jax.Array, fitted: Fitted, test: Batch, name: str, shown: int = 12) -> Code:
    """Codes of fresh images for every seed, angles and classes searched by decoding them; −ELBO without and with that
    search, the error of the reconstruction; latents, poses, classes and ``shown`` reconstructions as arrays.

    ``name`` is the data set's, as of ``add_images``.
    """
    model, config = fitted.model, fitted.config
    searched = config.bins > 1 or config.class_mode in ("semi_supervised", "joint")
    candidates = config.bins * (config.classes if config.class_mode in ("semi_supervised", "joint") else 1)
    chunk = max(1, min(count(test), 20_000_000 // (candidates * math.prod(config.grid) * config.hidden[-1])))

    def one(key: jax.Array, params: Params, data: Batch) -> tuple[Code, dict[str, jax.Array], jax.Array]:
        code = latent.encode_all(model, params, data, chunk, search=searched)
        terms = latent.evaluate(key, model, params, data, 2, chunk=chunk)
        if searched:
            terms["negative_elbo_searched"] = latent.negative_elbo(
                key, model, params, data, samples=1, search=True, chunk=chunk
            )
        first = jax.tree.map(lambda leaf: leaf[:shown], code)
        return code, terms, jax.vmap(decode_code, (None, None, 0))(model, params, first)

    def every(key: jax.Array, params: Params, data: Batch) -> tuple[Code, dict[str, jax.Array], jax.Array]:
        return jax.lax.map(lambda params: one(key, params, data), params)

    code, terms, pictures = jax.device_get(jax.jit(every)(key, fitted.params, test))
    for term in ("negative_elbo", "negative_elbo_searched", "reconstruction", "kl"):
        if term in terms:
            record(
                run, f"{fitted.name}_{term}_nats", terms[term], "nats per image", f"held-out {term.replace('_', ' ')}"
            )
    record(run, f"{fitted.name}_rmse", terms["rmse_mean"], "1", "root mean square error of the reconstruction")
    _add_code(run, fitted.name, code, name)
    pixels = ("row", "column", "channel")[: len(config.shape)]
    run.add(f"{fitted.name}_reconstruction_of_x", ("seed", "shown", *pixels), pictures, "1", "reconstructed images")
    return code


def study(
    run: Run,
    name: str,
    keys: tuple[jax.Array, jax.Array],
    config: VAEConfig,
    images: Split,
    settings: VaeSettings,
    data: str,
    *,
    labels: bool = False,
) -> Code:
    """A variant from images to manifolds: fit ``settings.seeds`` models (first key), ``judge`` them on the test images
    (second key), decode their latent grids. With ``labels`` the models are told the classes."""
    training, validation, test = (datasets.to_batch(part, labels=labels) for part in images)
    seeds = jax.random.split(keys[0], settings.seeds)
    fitted = fit(run, name, seeds, config, training, validation, fit_recipe(settings))
    code = judge(run, keys[1], fitted, test, data)
    add_manifolds(run, fitted, settings.manifold_points)
    return code


def _add_code(run: Run, name: str, code: Code, data: str) -> None:
    axes = ("seed", f"{data}_image")
    run.add(f"{name}_z", (*axes, f"{name}_latent"), code.mean, "1", "posterior mean of the content")
    for component, units in (("angle", "rad"), ("scale", "log"), ("shear", "rad")):
        if getattr(code.pose, component) is not None:
            run.add(f"{name}_{component}", axes, getattr(code.pose, component), units, f"latent {component}")
    if code.pose.shift is not None:
        run.add(f"{name}_shift", (*axes, "axis"), code.pose.shift, "half-widths", "latent shift (right, up)")
    if code.probabilities is not None:
        run.add(f"{name}_probabilities", (*axes, f"{name}_class"), code.probabilities, "1", "q(class | image)")


def record(run: Run, name: str, values: Any, units: str, meaning: str) -> None:
    """One number per seed: all of them as an array; median, smallest and largest as numbers."""
    values = np.asarray(values, float)
    run.add(name, ("seed",), values, units, meaning)
    run.record(**{name: np.median(values), f"{name}_min": values.min(), f"{name}_max": values.max()})


def add_manifolds(run: Run, fitted: Fitted, points: int, reach: float = 2.0) -> None:
    """Decoded grids over the first two latents of the first seed's model, within ± ``reach``, upright and centred; one
    for every class of a model that has classes."""
    axis = linear_axis(points, -reach, reach)
    first = jax.tree.map(lambda leaf: leaf[0], fitted.params)
    at = jnp.zeros(fitted.config.latent_dim, jnp.float32)

    def one(params: Params, label: Any) -> jax.Array:
        return manifold(fitted.model, params, (axis, axis), at=at, label=label)[1]

    labels = list(range(fitted.config.classes)) or [None]
    decoded = jax.jit(lambda params: jnp.stack([one(params, label) for label in labels]))(first)
    pixels = ("row", "column", "channel")[: len(fitted.config.shape)]
    run.add(f"{fitted.name}_manifold", (f"{fitted.name}_panel", "z1", "z2", *pixels), decoded, "1",
            "decoded latent grid of the first seed")  # fmt: skip
    run.add("manifold_axis", ("z1",), axis, "1", "latent coordinate of the decoded grids")


def neighbour_r2(z: np.ndarray, target: np.ndarray, neighbours: int = 10) -> float:
    """How well a number is known from where an image lies in a latent space: R² of the mean over its nearest
    neighbours, itself left out. Below zero: worse than the mean of all."""
    from scipy.spatial import KDTree

    near = np.asarray(KDTree(z).query(z, k=neighbours + 1)[1])[:, 1:]
    return 1 - float(np.mean((target - target[near].mean(1)) ** 2) / np.var(target))
