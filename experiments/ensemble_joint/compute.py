"""Train the members, match their classes and average them; train the guide to the number of classes; record all."""

from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

import models
from experiments.datasets import Images, to_batch
from experiments.ensemble_joint.config import Config
from experiments.lab.run import Array, Run
from experiments.lab.summaries import record_scores
from experiments.lab.training import Fitted, fit_and_record
from experiments.shared.images import arrays, fits, judging
from experiments.shared.images.judging import name_classes, true_classes
from models.training.ensemble import ClassGuide

ARRAYS = {
    "ensemble_mean": Array(("full_image", "class"), "1", "mean q(class | image) of the matched members"),
    "ensemble_disagreement": Array(("full_image",), "nat", "H(mean q) − mean H(q)"),
    "ensemble_total": Array(("full_image",), "nat", "H(mean q)"),
    "ensemble_std": Array(("full_image",), "1", "standard deviation of q over members, root mean square over classes"),
    "ensemble_found": Array(("full_image",), "1", "class of the mean, named after the suit it matches best"),
    "ensemble_stability": Array(("class",), "1", "mean overlap of members with the mean"),
    "ensemble_templates": Array(
        ("seed", "class", "row", "column"), "1", "what each member decodes at latent zero for the matched classes"
    ),
}


def compute(run: Run, config: Config) -> None:
    """Draw the cards, then go through members, consensus and guide."""
    to_data, to_fits, to_scores, to_guide = jax.random.split(jax.random.key(config.seed), 4)
    with run.stage("data"):
        split = fits.cards(to_data, "cards_full", config, shear_degrees=config.shear_degrees)
        run.add_all(*arrays.of_images("full", split.test))
        run.results.attrs.update(arrays.attributes("full", split.test))
        training, validation, test = map(to_batch, split)
    run.record(**fits.size(split, config))
    shape, fit_config = split.test.x.shape[1:], fits.fit_recipe(config)
    settings = {"hidden": config.hidden, "likelihood": "bernoulli"}
    with run.stage("fits"):
        model = models.recipes.joint(shape, len(split.test.classes), **settings)
        keys = jax.random.split(to_fits, config.seeds)
        fitted = fit_and_record(run, "joint", keys, model, training, validation, fit_config)
    with run.stage("consensus"):
        judged = judging.judge(to_scores, fitted, test, config.manifold_points)
        probabilities = np.asarray(judged.code.probabilities)
        classes = judging.judge_classes(split.test, probabilities, known=False)
        run.add_all(*arrays.of_model("joint", "full", judged))
        run.add_all(*arrays.of_classes("joint", classes))
        record_scores(run, judging.SCORES, judged.scores | {"accuracy": classes.accuracy}, prefix="joint_")
        agreement = agree(fitted, probabilities, split.test)
        run.add_all(ARRAYS, agreement.arrays)
        run.record(**agreement.numbers)
    with run.stage("guide"), run.progress(len(config.guide_classes), "number of classes") as bar:

        def show(number: int) -> None:
            bar.update(1)

        guide = models.class_guide(
            to_guide,
            lambda number: models.vae(models.recipes.joint(shape, number, **settings)),
            training,
            test,
            replace(fit_config, epochs=config.guide_epochs),
            classes=config.guide_classes,
            members=config.guide_members,
            search=True,  # because classes straight from the encoder are undecided
            progress=show,
        )
        for name, values in guide._asdict().items():
            run.add(f"guide_{name}", values, guide_array(name, values.ndim))
        run.record(**best_numbers(guide))


class Agreement(NamedTuple):
    """What the members agree on: values of ``ARRAYS``, and numbers."""

    arrays: dict[str, np.ndarray]
    numbers: dict[str, float]


def agree(fitted: Fitted, probabilities: Float[np.ndarray, "member n classes"], images: Images) -> Agreement:
    """Match the members' classes, average them, and compare them; decode templates of every member's classes.

    Classes are in the order of the suits after which they are named.
    """
    label, classes = true_classes(images), len(images.classes)
    permutations = models.alignment.align(probabilities)
    consensus = models.alignment.consensus(models.alignment.aligned(probabilities, permutations))
    names, named = name_classes(label, consensus.mean)
    order = np.argsort(names)
    stability, disagreement, wrong = consensus.stability[order], consensus.disagreement, named != label
    numbers = {
        "ensemble_accuracy": np.mean(~wrong),
        "ensemble_disagreement_nats": disagreement.mean(),
        "ensemble_dispersion_nats": consensus.total.mean(),
        "ensemble_least_stability": np.nan_to_num(consensus.stability).min(),
        "ensemble_disagreement_where_right_nats": disagreement[~wrong].mean() if (~wrong).any() else np.nan,
        "ensemble_disagreement_where_wrong_nats": disagreement[wrong].mean() if wrong.any() else np.nan,
    }
    for number, suit in enumerate(images.classes):
        numbers[f"ensemble_stability_{suit}"] = stability[number]
        numbers[f"ensemble_disagreement_{suit}_nats"] = disagreement[label == number].mean()
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
