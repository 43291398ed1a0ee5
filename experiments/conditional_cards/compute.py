"""Train both models that are given the suit; record how well shear and angle are known from their latents."""

from typing import Any

import jax
import numpy as np
from jaxtyping import Float

import models
from experiments.conditional_cards.config import VARIANTS, Config
from experiments.datasets import Images, to_batch
from experiments.lab.checkpoints import once
from experiments.lab.run import Array, Run
from experiments.lab.summaries import record_scores
from experiments.lab.training import fit_and_record
from experiments.shared.images import arrays, fits, judging
from experiments.shared.images.judging import true_classes
from experiments.shared.images.neighbours import NEIGHBOURS, neighbour_r2
from experiments.shared.images.options import BINARY

R2 = "R² of {} among the nearest neighbours in the latent space, {}"
Parts = dict[str, tuple[np.ndarray, ...]]


def compute(run: Run, config: Config) -> None:
    """Train and judge both variants on the full set."""
    to_data, to_fits, to_scores = jax.random.split(jax.random.key(config.seed), 3)
    with run.stage("data"):
        split = fits.cards(to_data, "cards_full", config)
        run.add_all(*arrays.of_images("full", split.test))
        run.results.attrs.update(arrays.attributes("full", split.test, own=bool(config.path)))
    run.record(**fits.size(split, config))
    settings = {"shape": split.test.x.shape[1:], "hidden": config.hidden, "classes": len(split.test.classes)}
    noise, data = (of(config, split.training, BINARY) for of in (fits.likelihood, fits.for_recipe))
    plain = models.VAEConfig(**settings, **noise, class_mode="conditional")
    variants = dict(zip(VARIANTS, (plain, models.recipes.conditional(**settings, **data)), strict=True))
    training, validation, test = (to_batch(images, labels=True) for images in split)
    fit_config, parts = fits.fit_recipe(config, len(split.training.x)), parts_of(split.test)
    table = judging.SCORES | table_of(parts, split.test.classes)
    for number, (name, model) in enumerate(variants.items()):
        with run.stage(name):
            keys = jax.random.split(jax.random.fold_in(to_fits, number), config.seeds)
            fitted = fit_and_record(run, name, keys, model, training, validation, fit_config)
            judged = judging.judge(to_scores, fitted, test, config.manifold_points)
            run.add_all(*arrays.of_model(name, "full", judged))
            of_latents = score_latents(np.asarray(judged.code.mean), split.test, parts)
            record_scores(run, table, judged.scores | of_latents, prefix=f"{name}_")


def check(config: Config) -> None:
    """Raise a ValueError for a user's own images that cannot be used, or have no classes."""
    fits.check_own(config, labels="all")


def parts_of(images: Images) -> Parts:
    """Return the factors that are predicted: shear, its size and the angle of cards, or those of a user's own file.

    A factor has one or more parts [n], over which its R² is averaged.
    """
    if not images.periods:
        return {name: (values,) for name, values in images.factors.items()}
    shear, angle = images.factors["shear"], images.factors["angle"]
    return {"shear": (shear,), "shear_size": (np.abs(shear),), "angle": (np.cos(2 * angle), np.sin(2 * angle))}


def table_of(parts: Parts, classes: tuple[str, ...]) -> dict[str, Array]:
    """Describe the scores of these factors."""
    ends = {f"r2_{name}": f"{name} alone" for name in classes}
    ends |= {"r2": "mean over classes", "r2_jointly": "all classes in one space"}
    return {
        f"{factor}_{end}": Array(("seed",), "1", R2.format(factor.replace("_", " "), text))
        for factor in parts
        for end, text in ends.items()
    }


@once
def score_latents(z: Float[np.ndarray, "seed n latent"], images: Images, parts: Parts) -> dict[str, Any]:
    """Return R² of factors among nearest neighbours: within each class, their mean, and over all classes at once.

    It is NaN for a class with too few images of known factors, which the mean leaves out.
    """
    label = true_classes(images)
    result: dict[str, Any] = {}
    for factor, values in parts.items():
        known = np.all([np.isfinite(part) for part in values], axis=0)
        within = np.array([
            [mean_r2(points, values, known & (label == number)) for number in range(len(images.classes))]
            for points in z
        ])  # fmt: skip
        for number, name in enumerate(images.classes):
            result[f"{factor}_r2_{name}"] = within[:, number]
        enough = np.isfinite(within).all(0)
        result[f"{factor}_r2"] = within[:, enough].mean(1) if enough.any() else np.full(len(z), np.nan)
        result[f"{factor}_r2_jointly"] = [mean_r2(points, values, known) for points in z]
    return result


def mean_r2(z: np.ndarray, parts: tuple[np.ndarray, ...], rows: np.ndarray) -> float:
    """Return the mean over the parts of a factor of R² among nearest neighbours, using some of the images."""
    if rows.sum() <= NEIGHBOURS:
        return np.nan
    return float(np.mean([neighbour_r2(z[rows], part[rows]) for part in parts]))
