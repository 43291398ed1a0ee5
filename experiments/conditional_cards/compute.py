"""TODO docstring of experiments.conditional_cards.compute.compute"""

import jax
import numpy as np

from experiments.conditional_cards.config import Config
from experiments.datasets import Images
from experiments.lab.run import Run
from experiments.shared.images import fits, judging
from experiments.shared.images.fits import record
from experiments.shared.images.judging import neighbour_r2, true_classes
from models.vaes import recipes
from models.vaes.config import VAEConfig


def compute(run: "Run", config: Config) -> None:
    """Both variants on the full set."""

    to_data, to_fits, to_scores = jax.random.split(jax.random.key(config.seed), 3)
    with run.stage("data"):
        images = fits.cards(to_data, "cards_full", config)
        fits.add_images(run, images.test, "full")
    fits.record_size(run, images, config)
    given = {"shape": images.test.x.shape[1:], "hidden": config.hidden, "classes": len(images.test.classes)}
    models = {"plain": VAEConfig(**given, class_mode="conditional", likelihood="bernoulli"),
              "invariant": recipes.conditional(**given)}  # fmt: skip
    for number, (name, model) in enumerate(models.items()):
        with run.stage(name):
            keys = jax.random.fold_in(to_fits, number), to_scores
            code = judging.study(run, name, keys, model, images, config, "full", labels=True)
            _score(run, name, np.asarray(code.mean), images.test)


def _score(run: "Run", name: str, latents: np.ndarray, images: "Images") -> None:
    """R² of factors among nearest neighbours, latents [seed n 2]: per suit, mean over suits, all suits at once."""

    label = true_classes(images)
    shear, angle = images.factors["shear"], images.factors["angle"]
    factors = {"shear": (shear,), "shear_size": (np.abs(shear),), "angle": (np.cos(2 * angle), np.sin(2 * angle))}
    for factor, parts in factors.items():

        def known(z: np.ndarray, rows: np.ndarray, parts: tuple[np.ndarray, ...] = parts) -> float:
            return float(np.mean([neighbour_r2(z[rows], part[rows]) for part in parts]))

        meaning = f"R² of {factor.replace('_', ' ')} among the nearest neighbours in the latent space"
        each = np.array([[known(z, label == k) for k in range(len(images.classes))] for z in latents])
        for k, suit in enumerate(images.classes):
            record(run, f"{name}_{factor}_r2_{suit}", each[:, k], "1", f"{meaning}, {suit} alone")
        record(run, f"{name}_{factor}_r2", each.mean(1), "1", f"{meaning}, mean over suits")
        every = [known(z, np.ones(len(z), bool)) for z in latents]
        record(run, f"{name}_{factor}_r2_jointly", every, "1", f"{meaning}, all suits in one space")
