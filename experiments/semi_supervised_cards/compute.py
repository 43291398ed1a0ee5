"""TODO docstring of experiments.semi_supervised_cards.compute.compute"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.datasets import to_batch
from experiments.lab.run import Run
from experiments.semi_supervised_cards.config import SETTINGS, Config
from experiments.shared.images import fits, judging
from models.data import Batch
from models.training.ensemble import class_probabilities
from models.vaes import recipes


def compute(run: "Run", config: Config) -> None:
    """Both settings, every share and seed."""

    to_data, to_mild, to_fits, to_scores = jax.random.split(jax.random.key(config.seed), 4)
    with run.stage("data"):
        mild = fits.cards(to_mild, "cards_mild", config).training
        keys = jax.random.split(to_data, len(SETTINGS))
        sets = {name: fits.cards(key, SETTINGS[name], config) for key, name in zip(keys, SETTINGS, strict=True)}
        for name, images in sets.items():
            fits.add_images(run, images.test, name)
    fits.record_size(run, sets["full"], config)
    run.add("share", ("share",), np.asarray(config.shares), "1", "labelled share of the training images", True)
    rows = lanes(config, len(mild.x))
    for number, (name, images) in enumerate(sets.items()):
        with run.stage(name):
            validation, test = to_batch(images.validation), to_batch(images.test)
            model = recipes.semi_supervised(images.test.x.shape[1:], len(images.test.classes), hidden=config.hidden)
            seeds = jax.random.split(jax.random.fold_in(to_fits, number), len(rows))
            fit_config = fits.fit_recipe(config, labelled_share=0.1)
            unlabelled = validation._replace(label=np.full(len(validation.x), -1, np.int32))
            every = fits.fit(run, name, seeds, model, _pool(mild, images.training), unlabelled, fit_config, rows=rows)
            _score_shares(run, name, every, images.test, test, config)
            first = config.shares.index(config.shown_share) * config.seeds
            shown = fits.select(every, np.arange(first, first + config.seeds))
            code = judging.judge(run, to_scores, shown, test, name)
            judging.add_classes(run, name, images.test, np.asarray(code.probabilities), known=True)
            judging.add_manifolds(run, shown, config.manifold_points)


def lanes(config: Config, pool_start: int) -> np.ndarray:
    """Rows [share × seed, training images] of the pool of mild images and, from ``pool_start`` on, unlabelled ones.

    Suits take turns in both, so every prefix is balanced."""
    total = 4 * config.per_suit
    each = [min(total - 1, 4 * max(1, round(share * total / 4))) for share in config.shares]
    rows = [np.concatenate([np.arange(known), pool_start + np.arange(total - known)]) for known in each]
    return np.repeat(np.stack(rows), config.seeds, axis=0)


def _pool(mild: Any, unlabelled: Any) -> Any:
    """Mild images with their labels, then those of the unlabelled set without."""

    label = np.concatenate([mild.label, np.full(len(unlabelled.x), -1, np.int32)])
    return Batch(jnp.asarray(np.concatenate([mild.x, unlabelled.x])), label=jnp.asarray(label))


def _score_shares(run: "Run", name: str, every: Any, images: Any, test: Any, config: Config) -> None:
    """Accuracy of every share and seed, classes searched by decoding them and straight from the encoder."""

    for end, search in (("", True), ("_encoder", False)):
        found = jax.jit(lambda params, data, search=search: class_probabilities(
            every.model, params, data, chunk=100, search=search))(every.params, test).argmax(2)  # fmt: skip
        right = np.mean(np.asarray(found) == images.label[None], axis=1).reshape(len(config.shares), config.seeds)
        run.add(
            f"{name}_share_accuracy{end}", ("share", "seed"), right, "1", "share of fresh images in the right class"
        )
        for share, values in zip(config.shares, right, strict=True):
            label = f"{name}_accuracy{end}_with_{100 * share:g}_percent".replace(".", "_")
            run.record(**{label: np.median(values), f"{label}_min": values.min(), f"{label}_max": values.max()})
