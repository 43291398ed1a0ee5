"""TODO docstring of experiments.invariant_cards.compute.compute"""

from typing import Any

import jax
import numpy as np

from experiments.datasets import Images
from experiments.invariant_cards.config import DATA, VARIANTS, Config
from experiments.lab.run import Run
from experiments.shared.images import fits, judging
from experiments.shared.images.fits import record
from experiments.shared.images.judging import neighbour_r2, true_classes
from models.evaluation import scores
from models.vaes import recipes
from models.vaes.config import VAEConfig


def compute(run: "Run", config: Config) -> None:
    """Every variant on its set."""

    to_data, to_fits, to_scores = jax.random.split(jax.random.key(config.seed), 3)
    with run.stage("data"):
        keys = jax.random.split(to_data, len(DATA))
        sets = {name: fits.cards(key, source, config) for key, (name, source) in zip(keys, DATA.items(), strict=True)}
        for name, images in sets.items():
            fits.add_images(run, images.test, name)
            _add_constant(run, name, images.test)
    fits.record_size(run, sets["full"], config)
    for number, (name, (data, pose)) in enumerate(VARIANTS.items()):
        with run.stage(name):
            images, keys = sets[data], (jax.random.fold_in(to_fits, number), to_scores)
            given = {"shape": images.test.x.shape[1:], "hidden": config.hidden, "pose": pose}
            model = recipes.invariant(**given) if pose else VAEConfig(**given, likelihood="bernoulli")
            code = judging.study(run, name, keys, model, images, config, data)
            _score(run, name, to_scores, code, images.test)


def _score(run: "Run", name: str, key: Any, code: Any, images: "Images") -> None:
    """Clusters of the content, angle, shift and shear against the truth."""

    label, classes, factors = true_classes(images), len(images.classes), images.factors
    found = [scores.clustering_accuracy(label, scores.kmeans(key, z, classes), classes) for z in code.mean]
    record(run, f"{name}_kmeans_accuracy", found, "1", "k-means on the latents, clusters named to fit best")
    turned = np.cos(2 * factors["angle"]), np.sin(2 * factors["angle"])
    known = [np.mean([neighbour_r2(z, part) for part in turned]) for z in code.mean]
    record(run, f"{name}_angle_in_content", known, "1", "R² of the true angle among nearest neighbours in the content")
    if code.pose.angle is None:
        return
    _score_angle(run, name, code.pose.angle, images)
    shift = [np.corrcoef(one[:, 0], factors["shift_x"])[0, 1] for one in code.pose.shift]
    record(run, f"{name}_shift_correlation", shift, "1", "correlation of latent and true shift to the right")
    if code.pose.shear is not None:
        shear = [np.corrcoef(one, factors["shear"])[0, 1] for one in code.pose.shear]
        record(run, f"{name}_shear_correlation", shear, "1", "correlation of latent and true shear")


def _folds(images: "Images") -> tuple[int, ...]:
    return tuple(round(2 * np.pi / period) for period in images.periods)


def _score_angle(run: "Run", name: str, angle: np.ndarray, images: "Images") -> None:
    """Errors per suit (median, degrees) with both kinds of offset, and the branches of the errors."""

    truth, label, folds = images.factors["angle"], true_classes(images), _folds(images)
    assert label is not None
    own = [scores.angle_errors(truth, one, label, folds) for one in angle]
    common = [scores.angle_errors(truth, one, label, folds, common_offset=True) for one in angle]
    run.add(f"{name}_angle_error", ("seed", f"{name.split('_')[0]}_image"), np.stack([one.error for one in own]), "rad",
            "recovered − true angle, modulo symmetry, after an offset per suit")  # fmt: skip
    for k, suit in enumerate(images.classes):
        record(run, f"{name}_error_{suit}_deg", [np.rad2deg(one.median[k]) for one in own], "degree",
               "median |error| of the angle, offset per suit")  # fmt: skip
        every = [scores.branches(one.error[label == k], folds[k]) for one in own]
        share = [found[0].share if found else 0.0 for found in every]
        spread = [np.rad2deg(found[0].spread) if found else np.nan for found in every]
        record(run, f"{name}_branch_share_{suit}", share, "1", "share of the largest branch of errors")
        record(run, f"{name}_branch_spread_{suit}_deg", spread, "degree", "standard deviation inside that branch")
        record(run, f"{name}_branches_{suit}", [len(found) for found in every], "1", "branches with 5 % or more")
    record(run, f"{name}_error_deg", [np.rad2deg(one.median.mean()) for one in own], "degree",
           "mean over suits of the median |error|, offset per suit")  # fmt: skip
    record(run, f"{name}_error_common_deg", [np.rad2deg(one.median.mean()) for one in common], "degree",
           "mean over suits of the median |error|, one offset for all")  # fmt: skip


def _add_constant(run: "Run", name: str, images: "Images") -> None:
    """The error of a constant: what an angle that says nothing scores."""

    truth = images.factors["angle"]
    errors = scores.angle_errors(truth, np.zeros_like(truth), images.label, _folds(images))
    run.record(**{f"{name}_error_of_a_constant_deg": np.rad2deg(errors.median.mean())})
