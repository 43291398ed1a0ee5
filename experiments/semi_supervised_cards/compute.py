"""Train semi-supervised models with every share of labels; record their accuracy, and models of one share in detail."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

import models
from experiments.datasets import Images, hide_labels, take, to_batch
from experiments.lab.checkpoints import once
from experiments.lab.run import Array, Run
from experiments.lab.summaries import record_scores, spread
from experiments.lab.training import Fitted, fit_and_record, select
from experiments.semi_supervised_cards.config import LABELLED_SHARE, SETTINGS, Config
from experiments.shared.images import arrays, fits, judging
from experiments.shared.images.judging import true_classes
from experiments.shared.images.options import BINARY

SHARE = Array(("share",), "1", "labelled share of the training images", coordinate=True)
SHARE_ACCURACY = Array(("share", "seed"), "1", "share of fresh images in the right class")


def compute(run: Run, config: Config) -> None:
    """Draw the cards, then go through both settings: all shares and seeds of a setting train in one program."""
    to_data, to_mild, to_fits, to_scores = jax.random.split(jax.random.key(config.seed), 4)
    with run.stage("data"):
        keys = jax.random.split(to_data, len(SETTINGS))
        sets = {name: fits.cards(key, SETTINGS[name], config) for key, name in zip(keys, SETTINGS, strict=True)
                if name == "full" or not config.path}  # fmt: skip
        for name, split in sets.items():
            run.add_all(*arrays.of_images(name, split.test))
            run.results.attrs.update(arrays.attributes(name, split.test, own=bool(config.path)))
        # Of a user's own file the labelled images are some of those that are also there without their labels.
        mild = sets["full"].training if config.path else fits.cards(to_mild, "cards_mild", config).training
    run.record(**fits.size(sets["full"], config), chance=1 / len(mild.classes))
    run.add("share", np.asarray(config.shares), SHARE)
    rows = rows_of_own(to_mild, config, mild) if config.path else rows_of_fits(config, len(mild.x))
    for number, (name, split) in enumerate(sets.items()):
        with run.stage(name):
            fitted = train(run, name, jax.random.fold_in(to_fits, number), mild, split, rows, config)
            test, known = to_batch(split.test), take(split.test, judging.labelled_rows(split.test))
            for end, search in (("", True), ("_encoder", False)):
                accuracy = share_accuracy(fitted, known, to_batch(known), config, search=search)
                run.add(f"{name}_share_accuracy{end}", accuracy, SHARE_ACCURACY)
                for share, values in zip(config.shares, accuracy, strict=True):
                    label = f"{name}_accuracy{end}_with_{100 * share:g}_percent".replace(".", "_")
                    run.record(**spread(label, values))
            first = config.shares.index(config.shown_share) * config.seeds
            judged = judging.judge(
                to_scores, select(fitted, np.arange(first, first + config.seeds)), test, config.manifold_points
            )
            classes = judging.judge_classes(split.test, np.asarray(judged.code.probabilities), known=True)
            run.add_all(*arrays.of_model(name, name, judged))
            run.add_all(*arrays.of_classes(name, classes))
            of_classes = {} if classes is None else {"accuracy": classes.accuracy}
            record_scores(run, judging.SCORES, judged.scores | of_classes, prefix=f"{name}_")


def check(config: Config) -> None:
    """Raise a ValueError for a user's own images that cannot be used, or have no labels."""
    fits.check_own(config, labels="some")


def rows_of_own(key: jax.Array, config: Config, images: Images) -> Int[np.ndarray, "fit rows"]:
    """Return the training rows of every share and seed: some images with, all others without their label.

    Row n + i of the pool is image i without its label. A share is one of the labels that the file has.
    """
    count, rows = len(images.x), []
    for share in config.shares:
        for seed_key in jax.random.split(key, config.seeds):
            known = np.asarray(hide_labels(seed_key, images, share).label) >= 0
            rows.append(np.arange(count) + np.where(known, 0, count))
    return np.stack(rows)


def rows_of_fits(config: Config, first_unlabelled: int) -> Int[np.ndarray, "fit rows"]:
    """Return the training rows of every share and seed: mild labelled images, then unlabelled ones.

    Row ``first_unlabelled`` of the pool is the first unlabelled image. Suits take turns in both parts, so every prefix
    is balanced.
    """
    total = 4 * config.per_suit
    labelled = [min(total - 1, 4 * max(1, round(share * total / 4))) for share in config.shares]
    rows = [np.concatenate([np.arange(known), first_unlabelled + np.arange(total - known)]) for known in labelled]
    return np.repeat(np.stack(rows), config.seeds, axis=0)


def train(
    run: Run,
    name: str,
    key: jax.Array,
    mild: Images,
    split: fits.Split,
    rows: Int[np.ndarray, "fit rows"],
    config: Config,
) -> Fitted:
    """Train all shares and seeds on rows of a pool: mild images with labels, then the setting's images without."""
    labels = np.concatenate([np.asarray(mild.label), np.full(len(split.training.x), -1, np.int32)])
    pool = models.Batch(jnp.asarray(np.concatenate([mild.x, split.training.x])), label=jnp.asarray(labels))
    validation = to_batch(split.validation)
    unlabelled = validation._replace(label=np.full(len(validation.x), -1, np.int32))
    # Suits are equally frequent, and encoders have seen labels of upright cards only.
    cards = BINARY | {"class_prior": "uniform", "class_search": True}
    settings = fits.for_recipe(config, split.training, cards)
    model = models.recipes.semi_supervised(
        split.test.x.shape[1:], len(split.test.classes), hidden=config.hidden, **settings
    )
    fit_config = fits.fit_recipe(config, rows.shape[1], labelled_share=LABELLED_SHARE)
    return fit_and_record(run, name, jax.random.split(key, len(rows)), model, pool, unlabelled, fit_config, rows=rows)


@once
def share_accuracy(
    fitted: Fitted, images: Images, test: models.Batch, config: Config, *, search: bool
) -> Float[np.ndarray, "share seed"]:
    """Return the accuracy of every share and seed.

    Classes are searched by decoding them, or (``search=False``) taken straight from the encoder.
    """
    probabilities = jax.jit(
        lambda params, data: models.class_probabilities(fitted.model, params, data, chunk=100, search=search)
    )(fitted.params, test)
    right = np.asarray(probabilities.argmax(2)) == true_classes(images)[None]
    return np.mean(right, axis=1).reshape(len(config.shares), config.seeds)
