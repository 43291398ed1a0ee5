"""Train both models that are given the suit; record how well shear and angle are known from their latents."""

from typing import Any

import jax
import numpy as np
from jaxtyping import Float

import models
from experiments.conditional_cards.config import VARIANTS, Config
from experiments.datasets import Images, to_batch
from experiments.datasets.cards import SUITS
from experiments.lab.run import Array, Run
from experiments.lab.summaries import record_scores
from experiments.lab.training import fit_and_record
from experiments.shared.images import arrays, fits, judging
from experiments.shared.images.judging import true_classes
from experiments.shared.images.neighbours import neighbour_r2

FACTORS = ("shear", "shear_size", "angle")
R2 = "R² of {} among the nearest neighbours in the latent space, {}"
ENDS = {
    **{f"r2_{suit}": f"{suit} alone" for suit in SUITS},
    "r2": "mean over suits",
    "r2_jointly": "all suits in one space",
}
SCORES = judging.SCORES | {
    f"{factor}_{end}": Array(("seed",), "1", R2.format(factor.replace("_", " "), text))
    for factor in FACTORS
    for end, text in ENDS.items()
}


def compute(run: Run, config: Config) -> None:
    """Train and judge both variants on the full set."""
    to_data, to_fits, to_scores = jax.random.split(jax.random.key(config.seed), 3)
    with run.stage("data"):
        split = fits.cards(to_data, "cards_full", config)
        run.add_all(*arrays.of_images("full", split.test))
        run.results.attrs.update(arrays.attributes("full", split.test))
    run.record(**fits.size(split, config))
    settings = {"shape": split.test.x.shape[1:], "hidden": config.hidden, "classes": len(split.test.classes)}
    settings["likelihood"] = "bernoulli"
    plain = models.VAEConfig(**settings, class_mode="conditional")
    variants = dict(zip(VARIANTS, (plain, models.recipes.conditional(**settings)), strict=True))
    training, validation, test = (to_batch(images, labels=True) for images in split)
    for number, (name, model) in enumerate(variants.items()):
        with run.stage(name):
            keys = jax.random.split(jax.random.fold_in(to_fits, number), config.seeds)
            fitted = fit_and_record(run, name, keys, model, training, validation, fits.fit_recipe(config))
            judged = judging.judge(to_scores, fitted, test, config.manifold_points)
            run.add_all(*arrays.of_model(name, "full", judged))
            of_latents = score_latents(np.asarray(judged.code.mean), split.test)
            record_scores(run, SCORES, judged.scores | of_latents, prefix=f"{name}_")


def score_latents(z: Float[np.ndarray, "seed n latent"], images: Images) -> dict[str, Any]:
    """Return R² of factors among nearest neighbours: within each suit, their mean, and over all suits at once."""
    label, shear, angle = true_classes(images), images.factors["shear"], images.factors["angle"]
    parts = {"shear": (shear,), "shear_size": (np.abs(shear),), "angle": (np.cos(2 * angle), np.sin(2 * angle))}
    result: dict[str, Any] = {}
    for factor in FACTORS:
        within = np.array([
            [mean_r2(points, parts[factor], label == number) for number in range(len(images.classes))] for points in z
        ])  # fmt: skip
        for number, suit in enumerate(images.classes):
            result[f"{factor}_r2_{suit}"] = within[:, number]
        result[f"{factor}_r2"] = within.mean(1)
        result[f"{factor}_r2_jointly"] = [mean_r2(points, parts[factor], np.ones(len(points), bool)) for points in z]
    return result


def mean_r2(z: np.ndarray, parts: tuple[np.ndarray, ...], rows: np.ndarray) -> float:
    """Return the mean over the parts of a factor of R² among nearest neighbours, using some of the images."""
    return float(np.mean([neighbour_r2(z[rows], part[rows]) for part in parts]))
