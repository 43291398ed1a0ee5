"""Train the members, match their classes and average them; train the guide to the number of classes; record all."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

import models
from experiments.datasets import Images, to_batch
from experiments.ensemble_joint.config import Config
from experiments.lab.checkpoints import once
from experiments.lab.run import Array, Run
from experiments.lab.summaries import record_scores
from experiments.lab.training import Fitted, fit_and_record
from experiments.shared.images import arrays, fits, judging
from experiments.shared.images.digits import digits, joint_model
from experiments.shared.images.judging import name_classes
from experiments.shared.images.options import BINARY
from models.training.ensemble import ClassGuide

ARRAYS = {
    "ensemble_mean": Array(("full_image", "class"), "1", "mean q(class | image) of the matched members"),
    "ensemble_disagreement": Array(("full_image",), "nat", "H(mean q) − mean H(q)"),
    "ensemble_total": Array(("full_image",), "nat", "H(mean q)"),
    "ensemble_std": Array(("full_image",), "1", "standard deviation of q over members, root mean square over classes"),
    "ensemble_found": Array(("full_image",), "1", "class of the mean, named after the true one it matches best"),
    "ensemble_stability": Array(("class",), "1", "mean overlap of members with the mean"),
    "ensemble_templates": Array(
        ("seed", "class", "row", "column"), "1", "what each member decodes at latent zero for the matched classes"
    ),
}


def compute(run: Run, config: Config) -> None:
    """Draw cards, or read digits or the user's own images, then go through members, consensus and guide."""
    to_data, to_fits, to_scores, to_guide = jax.random.split(jax.random.key(config.seed), 4)
    with run.stage("data"):
        cards = partial(fits.cards, name="cards_full", shear_degrees=config.shear_degrees)
        split = digits(to_data, config) if config.digits else cards(to_data, settings=config)
        run.add_all(*arrays.of_images("full", split.test))
        run.results.attrs.update(arrays.attributes("full", split.test, own=bool(config.path)))
        training, validation, test = map(to_batch, split)
    run.record(**fits.size(split, config))
    fit_config, model_of = fits.fit_recipe(config, len(split.training.x)), models_of(split.training, config)
    with run.stage("fits"):
        model = model_of(fits.classes_of(split.training, config))
        keys = jax.random.split(to_fits, config.seeds)
        fitted = fit_and_record(run, "joint", keys, model, training, validation, fit_config)
    with run.stage("consensus"):
        judged = judging.judge(to_scores, fitted, test, config.manifold_points)
        probabilities = np.asarray(judged.code.probabilities)
        classes = judging.judge_classes(split.test, probabilities, known=False)
        run.add_all(*arrays.of_model("joint", "full", judged))
        run.add_all(*arrays.of_classes("joint", classes))
        of_classes = {} if classes is None else {"accuracy": classes.accuracy}
        record_scores(run, judging.SCORES, judged.scores | of_classes, prefix="joint_")
        agreement = agree(fitted, probabilities, split.test)
        run.add_all(ARRAYS, agreement.arrays)
        run.record(**agreement.numbers)
    with run.stage("guide"), run.progress(len(config.guide_classes), "number of classes") as bar:

        def show(number: int) -> None:
            bar.update(1)

        guide = models.class_guide(
            to_guide,
            lambda number: models.vae(model_of(number)),
            training,
            test,
            replace(fit_config, epochs=config.guide_epochs or fit_config.epochs),
            classes=config.guide_classes,
            members=config.guide_members,
            search=True,  # because classes straight from the encoder are undecided
            progress=show,
            keep=once,
        )
        for name, values in guide._asdict().items():
            run.add(f"guide_{name}", values, guide_array(name, values.ndim))
        groups = models.groups_of(to_guide, model_of(max(config.guide_classes)), training)
        run.record(**best_numbers(guide), guide_groups_of_features=int(groups.max() + 1))


def check(config: Config) -> None:
    """Raise a ValueError for a user's own images that cannot be used, or whose number of classes is not known."""
    fits.check_classes(config)


def models_of(images: Images, config: Config) -> Callable[[int], models.VAEConfig]:
    """Return the function that gives the Config of a member for a number of classes.

    Digits are upright; cards and the user's own images are in unknown poses.
    """
    noise = fits.for_recipe(config, images, BINARY)
    if config.digits:
        return lambda number: joint_model(images, number, config.hidden, noise)
    return lambda number: models.recipes.joint(images.x.shape[1:], number, hidden=config.hidden, **noise)


class Agreement(NamedTuple):
    """What the members agree on: values of ``ARRAYS``, and numbers."""

    arrays: dict[str, np.ndarray]
    numbers: dict[str, float]


@once
def agree(fitted: Fitted, probabilities: Float[np.ndarray, "member n classes"], images: Images) -> Agreement:
    """Match the members' classes, average them, and compare them; decode templates of every member's classes.

    Classes are in the order of the true ones after which they are named. Without any label they keep their own order,
    and there is no accuracy.
    """
    classes, rows = probabilities.shape[2], judging.labelled_rows(images)
    permutations = models.alignment.align(probabilities)
    consensus = models.alignment.consensus(models.alignment.aligned(probabilities, permutations))
    names = np.arange(classes)
    if images.label is not None and len(rows):
        names, _ = name_classes(images.label[rows], consensus.mean[rows])
    order, named = np.argsort(names), names[consensus.mean.argmax(1)]
    stability, disagreement = consensus.stability[order], consensus.disagreement
    numbers = {
        "ensemble_disagreement_nats": disagreement.mean(),
        "ensemble_dispersion_nats": consensus.total.mean(),
        "ensemble_least_stability": np.nan_to_num(consensus.stability).min(),
    }
    if images.label is not None and len(rows):
        numbers |= where_wrong(images.label[rows], named[rows], disagreement[rows])
    for number, name in enumerate(images.classes or [str(k + 1) for k in range(classes)]):
        of_class = (named if images.label is None else images.label) == number
        numbers[f"ensemble_stability_{name}"] = stability[number]
        numbers[f"ensemble_disagreement_{name}_nats"] = disagreement[of_class].mean() if of_class.any() else np.nan
    values = {
        "ensemble_mean": consensus.mean[:, order],
        "ensemble_disagreement": disagreement,
        "ensemble_total": consensus.total,
        "ensemble_std": consensus.std,
        "ensemble_found": named,
        "ensemble_stability": stability,
        "ensemble_templates": templates(fitted, permutations[:, order], classes),
    }
    return Agreement(values, numbers)


def where_wrong(
    label: Int[np.ndarray, " n"], named: Int[np.ndarray, " n"], disagreement: Float[np.ndarray, " n"]
) -> dict[str, float]:
    """Return the accuracy of the mean, and the disagreement about images that it gets right and wrong."""
    wrong = named != label
    return {
        "ensemble_accuracy": np.mean(~wrong),
        "ensemble_disagreement_where_right_nats": disagreement[~wrong].mean() if (~wrong).any() else np.nan,
        "ensemble_disagreement_where_wrong_nats": disagreement[wrong].mean() if wrong.any() else np.nan,
    }


def templates(
    fitted: Fitted, labels: Int[np.ndarray, "member classes"], classes: int
) -> Float[np.ndarray, "member classes row column"]:
    """Decode every member at latent zero for its classes in the order of ``labels``."""
    content = jnp.zeros((classes, fitted.config.latent_dim), jnp.float32)
    decode = jax.jit(jax.vmap(lambda params, label: models.decode_all(fitted.model, params, content, label=label)))
    return np.asarray(decode(fitted.params, jnp.asarray(labels, jnp.int32)))


def guide_array(name: str, axes: int) -> Array:
    """Describe a column of the guide; bounds have a second axis of members."""
    dims = ("number", "guide_member")[:axes]
    units = "nats per image" if name == "negative_elbo" else "1"
    return Array(dims, units, f"guide to the number of classes: {name.replace('_', ' ')}")


def best_numbers(guide: ClassGuide) -> dict[str, float]:
    """Return the numbers of classes of least disagreement and of the lowest bound, and how many are used there.

    Disagreement is compared among ensembles that use all their classes, because members that leave some empty agree
    easily. NaN where none uses all.
    """
    whole = guide.used == guide.classes
    row = np.argmin(np.median(guide.negative_elbo, axis=1))
    return {
        "guide_best_classes": guide.classes[whole][np.argmin(guide.disagreement[whole])] if whole.any() else np.nan,
        "guide_numbers_with_all_classes_used": int(whole.sum()),
        "guide_best_classes_by_bound": guide.classes[row],
        "guide_used_by_bound": guide.used[row],
    }
