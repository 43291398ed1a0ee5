"""Find the classes of digits without labels and with a few; record both models, and simpler methods beside them."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Int
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

import models
from experiments.datasets import Images, hide_labels, take, to_batch
from experiments.datasets.digits import moved
from experiments.joint_digits.config import COPIES, LABELLED_SHARE, Config
from experiments.lab import training
from experiments.lab.checkpoints import once
from experiments.lab.run import Array, Run
from experiments.lab.summaries import record_scores
from experiments.shared.images import arrays, fits, judging
from experiments.shared.images.digits import digits, joint_model
from experiments.shared.images.fits import Split
from experiments.shared.images.judging import true_classes
from experiments.shared.images.options import BINARY, UPRIGHT

BASELINES = {
    **{
        f"{name}_kmeans_accuracy": Array(("seed",), "1", "k-means, clusters named to fit best")
        for name in ("pixels", "pca")
    },
    **{
        f"{name}_accuracy": Array(("seed",), "1", "share of digits right, learned from the labelled images alone")
        for name in ("neighbour", "svm")
    },
}


def compute(run: Run, config: Config) -> None:
    """Train both models and score what simpler methods do with the same images and labels."""
    to_data, to_labels, to_fits, to_scores = jax.random.split(jax.random.key(config.seed), 4)
    with run.stage("data"):
        split = digits(to_data, config, straight=config.digits != "small")
        run.add_all(*arrays.of_images("digits", split.test))
        run.results.attrs.update(arrays.attributes("digits", split.test, own=bool(config.path)))
        run.record(**fits.size(split, config))
    with run.stage("joint"):
        fitted = joint(run, jax.random.fold_in(to_fits, 0), to_scores, split, config)
        record_judged(run, "joint", to_scores, fitted, split, config, known=False)
    if split.test.label is None:
        return
    known = labelled(to_labels, split.training, config)
    run.record(labels_given=int(known.sum(1)[0]))
    with run.stage("semi_supervised"):
        fitted = semi_supervised(run, jax.random.fold_in(to_fits, 1), split, known, config)
        record_judged(run, "semi_supervised", to_scores, fitted, split, config, known=True)
    if not len(judging.labelled_rows(split.test)):
        return
    with run.stage("baselines"):
        record_scores(run, BASELINES, clusters(to_scores, split, config) | classifiers(split, known))


def check(config: Config) -> None:
    """Raise a ValueError for a user's own images that cannot be used, or whose number of classes is not known."""
    fits.check_classes(config)


def labelled(key: jax.Array, images: Images, config: Config) -> Bool[np.ndarray, "seed n"]:
    """Return for every seed which training images have their label given."""
    keys = jax.random.split(key, config.seeds)
    share = 1.0 if len(judging.labelled_rows(images)) < len(images.x) else config.label_share
    labels = [np.asarray(hide_labels(seed_key, images, share).label) for seed_key in keys]
    return np.stack(labels) >= 0


def joint(run: Run, key: jax.Array, to_scores: jax.Array, split: Split, config: Config) -> training.Fitted:
    """Train some starts of the joint model for each seed, and return the best of each."""
    classes, noise = fits.classes_of(split.training, config), fits.for_recipe(config, split.training, BINARY)
    model = joint_model(split.training, classes, config.hidden, noise, config.capacity_nats)
    trained_on, validation = to_batch(split.training), to_batch(split.validation)
    keys = jax.random.split(key, config.seeds * config.starts)
    rate = {"learning_rate": 2e-3} if config.kind else {}
    fit_config = fits.fit_recipe(config, len(split.training.x), **rate)
    starts = training.fit_and_record(run, "joint", keys, model, trained_on, validation, fit_config)
    chosen, bounds = fits.best_starts(to_scores, starts, validation, config.starts)
    run.add("joint_start_negative_elbo_nats", bounds, fits.START_BOUNDS)
    return training.select(starts, chosen)


def semi_supervised(
    run: Run, key: jax.Array, split: Split, known: Bool[np.ndarray, "seed n"], config: Config
) -> training.Fitted:
    """Train one semi-supervised model for each seed, with labels of its own.

    All seeds share a stack that holds every image with and without its label, and each trains on rows of its own. The
    content is open from the start, because labels hold the classes.
    """
    with_labels, validation = to_batch(split.training, labels=True), to_batch(split.validation)
    without = with_labels._replace(label=jnp.full(len(with_labels.x), -1, jnp.int32))
    both = jax.tree.map(lambda *parts: jnp.concatenate(parts), with_labels, without)
    rows = np.arange(known.shape[1]) + np.where(known, 0, known.shape[1])
    # Few labels of large digits: copies of them, more weight, a lower rate; the numbers for 8 × 8 are left as they are.
    large = config.digits != "small" and not config.path
    if large:
        both, rows = with_copies(key, both, rows, COPIES)
    model = models.recipes.semi_supervised(
        split.test.x.shape[1:],
        len(split.test.classes),
        hidden=(config.semi_supervised_width,) * 2,
        latent_dim=config.semi_supervised_latents,
        kl_weight=1.0,
        known_weight=50.0 if large else 10.0,
        **UPRIGHT,
        **fits.for_recipe(config, split.training, BINARY | {"class_prior": "uniform", "class_search": True}),
    )
    changes = {"labelled_share": 0.4, "learning_rate": 2e-3} if large else {"labelled_share": LABELLED_SHARE}
    fit_config = fits.fit_recipe(config, known.shape[1], **changes)
    keys = jax.random.split(key, config.seeds)
    return training.fit_and_record(run, "semi_supervised", keys, model, both, validation, fit_config, rows=rows)


def with_copies(
    key: jax.Array, both: models.Batch, rows: Int[np.ndarray, "seed n"], copies: int
) -> tuple[models.Batch, Int[np.ndarray, "seed rows"]]:
    """Add moved copies of the labelled images, so that few labels hold for many hands.

    ``both`` holds n images with, then without their label. Every seed trains on all images without label, on its
    labelled ones, and on their copies.
    """
    count = rows.shape[1]
    labelled = [of_seed[of_seed < count] for of_seed in rows]
    wanted = np.unique(np.concatenate(labelled))
    keys = jax.random.split(key, (copies, len(wanted)))
    moved_images = jax.jit(jax.vmap(jax.vmap(moved), (0, None)))(keys, both.x[wanted])
    label = jnp.tile(jnp.asarray(both.label)[wanted], copies)
    more = models.Batch(moved_images.reshape(-1, *both.x.shape[1:]), label=label)
    place = [np.searchsorted(wanted, of_seed) for of_seed in labelled]
    of_copies = [2 * count + np.add.outer(np.arange(copies) * len(wanted), at).ravel() for at in place]
    chosen = [np.concatenate([count + np.arange(count), *parts]) for parts in zip(labelled, of_copies, strict=True)]
    return jax.tree.map(lambda *parts: jnp.concatenate(parts), both, more), np.stack(chosen)


def record_judged(
    run: Run, name: str, key: jax.Array, fitted: training.Fitted, split: Split, config: Config, *, known: bool
) -> None:
    """Judge the models and their classes on the held-out digits, and record both."""
    judged = judging.judge(key, fitted, to_batch(split.test), config.manifold_points)
    classes = judging.judge_classes(split.test, np.asarray(judged.code.probabilities), known=known)
    run.add_all(*arrays.of_model(name, "digits", judged))
    run.add_all(*arrays.of_classes(name, classes))
    of_classes = {} if classes is None else {"accuracy": classes.accuracy}
    record_scores(run, judging.SCORES, judged.scores | of_classes, prefix=f"{name}_")


@once
def clusters(key: jax.Array, split: Split, config: Config) -> dict[str, list[float]]:
    """Return the accuracy of k-means of all digits, scored on the held-out ones.

    It clusters the pixels, and ten principal components.
    """
    rows, count, classes = judging.labelled_rows(split.test), len(split.training.x), len(split.test.classes)
    label = true_classes(take(split.test, rows))
    pixels = np.concatenate([images.x.reshape(len(images.x), -1) for images in (split.training, split.test)])
    components = PCA(min(10, count), svd_solver="full").fit(pixels[:count]).transform(pixels)
    accuracies = {}
    for name, points in (("pixels", pixels), ("pca", components)):
        keys = jax.random.split(key, config.seeds)
        cluster = [models.scores.kmeans(seed_key, points, classes)[count:][rows] for seed_key in keys]
        accuracies[f"{name}_kmeans_accuracy"] = [
            models.scores.clustering_accuracy(label, values, classes) for values in cluster
        ]
    return accuracies


@once
def classifiers(split: Split, known: Bool[np.ndarray, "seed n"]) -> dict[str, list[float]]:
    """Return the accuracy of classifiers that learn from the labelled pixels of each seed, with default settings."""
    labelled_test = take(split.test, judging.labelled_rows(split.test))
    x, label = split.training.x.reshape(len(split.training.x), -1), np.asarray(split.training.label)
    test, truth = labelled_test.x.reshape(len(labelled_test.x), -1), true_classes(labelled_test)
    return {
        f"{name}_accuracy": [np.mean(rule.fit(x[rows], label[rows]).predict(test) == truth) for rows in known]
        for name, rule in (("neighbour", KNeighborsClassifier(1)), ("svm", SVC()))
    }
