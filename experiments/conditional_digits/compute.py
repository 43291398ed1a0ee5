"""TODO docstring of experiments.conditional_digits.compute.compute"""

import math
from typing import Any

import jax
import numpy as np

from experiments.conditional_digits.config import PADDING, VARIANTS, Config
from experiments.datasets import Images
from experiments.lab.run import Run
from experiments.shared.images import fits, judging
from experiments.shared.images.digits import chance, digits, less_class_mean, neighbour_accuracy, strokes
from experiments.shared.images.fits import record
from experiments.shared.images.judging import neighbour_r2, true_classes
from experiments.shared.images.options import GREY, UPRIGHT
from models.evaluation import scores
from models.vaes import recipes
from models.vaes.config import VAEConfig


def model_of(shape: tuple[int, ...], config: Config, told: bool, pose: tuple[str, ...]) -> "VAEConfig":
    """A variant's Config. The prior of the angle is von Mises with the spread of the true angles; the content opens
    when the angle has been found."""

    common: dict[str, Any] = {"hidden": config.hidden, **GREY}
    if not told:
        return VAEConfig(shape=shape, **common)
    if not pose:
        return recipes.conditional(shape, 10, **UPRIGHT, **common)
    spread = math.radians(config.rotation_degrees) / math.sqrt(3)
    late = ((0.0, 4.0), (0.6, 4.0), (0.8, 1.0))
    return recipes.conditional(shape, 10, pose=pose, angle_std=spread, kl_weight=late, **common)


def compute(run: "Run", config: Config) -> None:
    """Every variant on its set."""

    to_data, to_fits, to_scores = jax.random.split(jax.random.key(config.seed), 3)
    with run.stage("data"):
        sets = {
            name: digits(to_data, config, PADDING, angle)
            for name, angle in (("digits", 0.0), ("turned", config.rotation_degrees))
        }
        for name, split in sets.items():
            fits.add_images(run, split.test, name)
        fits.record_size(run, sets["digits"], config)
        run.record(chance=chance(judging.true_classes(sets["digits"].test)))
        slant, ink = strokes(sets["digits"].test.x)
        run.add("digits_slant", ("digits_image",), slant, "rad", "slant of the image, positive: to the right")
        run.add("digits_ink", ("digits_image",), ink, "1", "mean intensity of the image")
    for number, (name, (data, told, pose)) in enumerate(VARIANTS.items()):
        with run.stage(name):
            keys, test = (jax.random.fold_in(to_fits, number), to_scores), sets[data].test
            model = model_of(test.x.shape[1:], config, told, pose)
            code = judging.study(run, name, keys, model, sets[data], config, data, labels=told)
            _score(run, name, np.asarray(code.mean), test)
            if code.pose.angle is not None:
                _score_angle(run, name, np.asarray(code.pose.angle), test)


def _score(run: "Run", name: str, z: np.ndarray, images: "Images") -> None:
    """What neighbours in ``z`` [seed n latent] tell of the digit and of its style, the mean of each digit taken off."""

    label = true_classes(images)
    record(run, f"{name}_neighbour_accuracy", [neighbour_accuracy(one, label) for one in z], "1",
           "share whose nearest neighbours are of the same digit")  # fmt: skip
    slant, ink = strokes(images.x)
    styles = {"angle": images.factors["angle"]} if images.factors else {"slant": slant, "ink": ink}
    for style, values in styles.items():
        own = less_class_mean(values, label)
        record(run, f"{name}_{style}_in_content", [neighbour_r2(one, own) for one in z], "1",
               f"R² of the {style}, less its mean per digit, among nearest neighbours in the content")  # fmt: skip


def _score_angle(run: "Run", name: str, angle: np.ndarray, images: "Images") -> None:
    """Median errors in degrees per digit, and their mean over digits with an offset each and with one for all; those
    of a constant answer."""

    truth, label = images.factors["angle"], true_classes(images)
    folds = (1,) * len(images.classes)
    own = [scores.angle_errors(truth, one, label, folds) for one in angle]
    common = [scores.angle_errors(truth, one, label, folds, common_offset=True) for one in angle]
    run.add(f"{name}_angle_error", ("seed", "turned_image"), np.stack([one.error for one in own]), "rad",
            "recovered − true angle, after an offset per digit")  # fmt: skip
    for digit in images.classes:
        record(run, f"{name}_error_{digit}_deg", [np.rad2deg(one.median[int(digit)]) for one in own], "degree",
               "median |error| of the angle, offset per digit")  # fmt: skip
    record(run, f"{name}_error_deg", [np.rad2deg(np.nanmean(one.median)) for one in own], "degree",
           "mean over digits of the median |error|, offset per digit")  # fmt: skip
    record(run, f"{name}_error_common_deg", [np.rad2deg(np.nanmean(one.median)) for one in common], "degree",
           "mean over digits of the median |error|, one offset for all")  # fmt: skip
    constant = scores.angle_errors(truth, np.zeros_like(truth), label, folds)
    run.record(error_of_a_constant_deg=np.rad2deg(np.nanmean(constant.median)))
