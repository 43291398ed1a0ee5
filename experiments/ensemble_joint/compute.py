"""TODO docstring of experiments.ensemble_joint.compute.compute"""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.datasets import Images, to_batch
from experiments.ensemble_joint.config import Config
from experiments.lab.run import Run
from experiments.shared.images import fits, judging
from experiments.shared.images.judging import name_classes, true_classes
from models.evaluation import alignment
from models.evaluation.latent import decode_all
from models.training.ensemble import class_guide
from models.vaes import recipes
from models.vaes.model import vae


def compute(run: "Run", config: Config) -> None:
    """Members, their consensus, and the guide."""

    to_data, to_fits, to_scores, to_guide = jax.random.split(jax.random.key(config.seed), 4)
    with run.stage("data"):
        images = fits.cards(to_data, "cards_full", config, shear_degrees=config.shear_degrees)
        fits.add_images(run, images.test, "full")
        training, validation, test = map(to_batch, images)
    fits.record_size(run, images, config)
    shape, suits, fit_config = images.test.x.shape[1:], len(images.test.classes), fits.fit_recipe(config)
    with run.stage("fits"):
        model = recipes.joint(shape, suits, hidden=config.hidden)
        keys = jax.random.split(to_fits, config.seeds)
        fitted = fits.fit(run, "joint", keys, model, training, validation, fit_config)
    with run.stage("consensus"):
        code = judging.judge(run, to_scores, fitted, test, "full")
        judging.add_classes(run, "joint", images.test, np.asarray(code.probabilities), known=False)
        judging.add_manifolds(run, fitted, config.manifold_points)
        agree(run, fitted, np.asarray(code.probabilities), images.test)
    with run.stage("guide"), run.progress(len(config.guide_classes), "number of classes") as bar:

        def told(number: int) -> None:
            bar.update(1)

        guide = class_guide(
            to_guide, lambda number: vae(recipes.joint(shape, number, hidden=config.hidden)), training, test,
            replace(fit_config, epochs=config.guide_epochs), classes=config.guide_classes, members=config.guide_members,
            search=True, progress=told,  # what the encoder alone says of classes is undecided
        )  # fmt: skip
        for name, values in guide._asdict().items():
            dims = ("number", "guide_member") if values.ndim == 2 else ("number",)
            units = "nats per image" if name == "negative_elbo" else "1"
            run.add(f"guide_{name}", dims, values, units, f"guide to the number of classes: {name.replace('_', ' ')}")
        whole = guide.used == guide.classes  # members that leave classes empty agree easily
        best = guide.classes[whole][np.argmin(guide.disagreement[whole])] if whole.any() else np.nan
        row = np.argmin(np.median(guide.negative_elbo, axis=1))
        run.record(guide_best_classes=best, guide_numbers_with_all_classes_used=int(whole.sum()),
                   guide_best_classes_by_bound=guide.classes[row], guide_used_by_bound=guide.used[row])  # fmt: skip


def agree(run: "Run", fitted: Any, probabilities: np.ndarray, images: "Images") -> None:
    """Match the members' classes, average, and say where they differ; templates of every member's classes."""

    label, classes = true_classes(images), len(images.classes)
    permutations = alignment.align(probabilities)
    ours = alignment.consensus(alignment.aligned(probabilities, permutations))
    names, found = name_classes(label, ours.mean)
    order = np.argsort(names)  # classes under the names of the suits
    for name, values, units, text in (
        ("mean", ours.mean[:, order], "1", "mean q(class | image) of the matched members"),
        ("disagreement", ours.disagreement, "nat", "H(mean q) − mean H(q)"),
        ("total", ours.total, "nat", "H(mean q)"),
        ("std", ours.std, "1", "standard deviation of q over members, root mean square over classes"),
        ("found", found, "1", "class of the mean, named after the suit it matches best"),
    ):
        run.add(f"ensemble_{name}", ("full_image", *(("class",) if name == "mean" else ())), values, units, text)
    run.add("ensemble_stability", ("class",), ours.stability[order], "1", "mean overlap of members with the mean")
    wrong = found != label
    run.record(
        ensemble_accuracy=np.mean(~wrong), ensemble_disagreement_nats=ours.disagreement.mean(),
        ensemble_dispersion_nats=ours.total.mean(), ensemble_least_stability=np.nan_to_num(ours.stability).min(),
        ensemble_disagreement_where_right_nats=ours.disagreement[~wrong].mean() if (~wrong).any() else np.nan,
        ensemble_disagreement_where_wrong_nats=ours.disagreement[wrong].mean() if wrong.any() else np.nan,
    )  # fmt: skip
    for k, suit in enumerate(images.classes):
        run.record(**{f"ensemble_stability_{suit}": ours.stability[order][k],
                      f"ensemble_disagreement_{suit}_nats": ours.disagreement[label == k].mean()})  # fmt: skip
    content = jnp.zeros((classes, fitted.config.latent_dim), jnp.float32)
    decoded = jax.jit(jax.vmap(lambda params, label: decode_all(fitted.model, params, content, label=label)))
    templates = decoded(fitted.params, jnp.asarray(permutations[:, order], jnp.int32))
    run.add("ensemble_templates", ("seed", "class", "row", "column"), templates, "1",
            "what each member decodes at latent zero for the matched classes")  # fmt: skip
