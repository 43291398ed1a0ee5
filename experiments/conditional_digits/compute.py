"""Train every variant on its set of digits, upright or turned; record how it represents digit, style and angle."""

import math
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

import models
from experiments.conditional_digits.config import PADDING, VARIANTS, Config
from experiments.datasets import Images, to_batch
from experiments.lab.checkpoints import once
from experiments.lab.run import Array, Run
from experiments.lab.summaries import record_scores
from experiments.lab.training import fit_and_record
from experiments.shared.images import arrays, fits, judging
from experiments.shared.images.digits import chance, digits, less_class_mean, strokes
from experiments.shared.images.judging import true_classes
from experiments.shared.images.neighbours import neighbour_accuracy, neighbour_r2
from experiments.shared.images.options import GREY, UPRIGHT

IN_CONTENT = "R² of the {}, less its mean per class, among nearest neighbours in the content"
ERROR_OF_DIGIT = Array(("seed",), "degree", "median |error| of the angle, offset per digit")
SCORES = {
    **judging.SCORES,
    "neighbour_accuracy": Array(("seed",), "1", "share whose nearest neighbours are of the same class"),
    **{f"error_{digit}_deg": ERROR_OF_DIGIT for digit in range(10)},
    "error_deg": Array(("seed",), "degree", "mean over digits of the median |error|, offset per digit"),
    "error_common_deg": Array(("seed",), "degree", "mean over digits of the median |error|, one offset for all"),
}
ARRAYS = {
    "digits_slant": Array(("digits_image",), "rad", "slant of the image, positive: to the right"),
    "digits_ink": Array(("digits_image",), "1", "mean intensity of the image"),
}
ANGLE_ERROR = Array(("seed", "turned_image"), "rad", "recovered − true angle, after an offset per digit")


def compute(run: Run, config: Config) -> None:
    """Split both sets, then train and judge every variant."""
    to_data, to_fits, to_scores = jax.random.split(jax.random.key(config.seed), 3)
    with run.stage("data"):
        turns = {"digits": 0.0} if config.path else {"digits": 0.0, "turned": config.rotation_degrees}
        sets = {name: digits(to_data, config, PADDING, angle) for name, angle in turns.items()}
        for name, split in sets.items():
            run.add_all(*arrays.of_images(name, split.test))
            run.results.attrs.update(arrays.attributes(name, split.test, own=bool(config.path)))
        upright = sets["digits"]
        run.record(**fits.size(upright, config), **chance(upright.test))
        if not config.path:
            slant, ink = strokes(upright.test.x)
            run.add_all(ARRAYS, {"digits_slant": slant, "digits_ink": ink})
            run.record(error_of_a_constant_deg=constant_error(sets["turned"].test))
    fit_config = fits.fit_recipe(config, len(upright.training.x))
    for number, (name, (data, labels, pose)) in enumerate(VARIANTS.items()):
        if data not in sets:
            continue
        with run.stage(name):
            split = sets[data]
            model = model_of(split.training, config, labels, pose)
            keys = jax.random.split(jax.random.fold_in(to_fits, number), config.seeds)
            training, validation, test = (to_batch(images, labels=labels) for images in split)
            fitted = fit_and_record(run, name, keys, model, training, validation, fit_config)
            judged = judging.judge(to_scores, fitted, test, config.manifold_points)
            run.add_all(*arrays.of_model(name, data, judged))
            styles = styles_of(split.test, config)
            of_latents = score_latents(np.asarray(judged.code.mean), split.test, styles)
            table = {f"{style}_in_content": Array(("seed",), "1", IN_CONTENT.format(style)) for style in styles}
            record_scores(run, SCORES | table, judged.scores | of_latents, prefix=f"{name}_")
            if judged.code.pose.angle is not None:
                errors, of_angle = score_angle(np.asarray(judged.code.pose.angle), split.test)
                run.add(f"{name}_angle_error", errors, ANGLE_ERROR)
                record_scores(run, SCORES, of_angle, prefix=f"{name}_")


def check(config: Config) -> None:
    """Raise a ValueError for a user's own images that cannot be used, or have no classes."""
    fits.check_own(config, labels="all")


def model_of(images: Images, config: Config, labels: bool, pose: tuple[str, ...]) -> models.VAEConfig:
    """Return a variant's Config for images like these.

    The prior of the angle is von Mises with the spread of the true angles. The content is held back until the angle has
    been found, by a weight of its divergence that is high in the first part of the training.
    """
    common: dict[str, Any] = {"hidden": config.hidden, **fits.likelihood(config, images, GREY)}
    shape, classes = images.x.shape[1:], len(images.classes)
    if not labels:
        return models.VAEConfig(shape=shape, **common)
    if not pose:
        return models.recipes.conditional(shape, classes, **UPRIGHT, **common)
    spread = math.radians(config.rotation_degrees) / math.sqrt(3)
    high_then_one = ((0.0, 4.0), (0.6, 4.0), (0.8, 1.0))
    return models.recipes.conditional(shape, classes, pose=pose, angle_std=spread, kl_weight=high_then_one, **common)


def styles_of(images: Images, config: Config) -> dict[str, Float[np.ndarray, " n"]]:
    """Return the numbers in which images of one class differ: their factors, or slant and ink of upright digits.

    The factor of turned digits is their angle; those of the user's own images are what the file holds.
    """
    if images.factors or config.path:
        return images.factors
    slant, ink = strokes(images.x)
    return {"slant": slant, "ink": ink}


@once
def score_latents(
    z: Float[np.ndarray, "seed n latent"], images: Images, styles: dict[str, Float[np.ndarray, " n"]]
) -> dict[str, Any]:
    """Return what neighbours in ``z`` say of the class and of ``styles``, the mean of each class taken off."""
    label = true_classes(images)
    result: dict[str, Any] = {"neighbour_accuracy": [neighbour_accuracy(points, label) for points in z]}
    for style, values in styles.items():
        rows = np.isfinite(values)  # of a user's own images some may be unknown
        deviation = less_class_mean(values[rows], label[rows])
        result[f"{style}_in_content"] = [neighbour_r2(points[rows], deviation) for points in z]
    return result


def score_angle(
    angle: Float[np.ndarray, "seed n"], images: Images
) -> tuple[Float[np.ndarray, "seed n"], dict[str, Any]]:
    """Return errors of the angle in radians, and their medians in degrees: per digit, and the means over digits.

    An offset per digit is taken off the errors; ``error_common_deg`` has one offset for all digits.
    """
    truth, label, folds = images.factors["angle"], true_classes(images), (1,) * len(images.classes)
    each = [models.scores.angle_errors(truth, values, label, folds) for values in angle]
    common = [models.scores.angle_errors(truth, values, label, folds, common_offset=True) for values in angle]
    medians = {
        f"error_{digit}_deg": [np.rad2deg(errors.median[int(digit)]) for errors in each] for digit in images.classes
    }
    means = {
        "error_deg": [np.rad2deg(np.nanmean(errors.median)) for errors in each],
        "error_common_deg": [np.rad2deg(np.nanmean(errors.median)) for errors in common],
    }
    return np.stack([errors.error for errors in each]), medians | means


def constant_error(images: Images) -> float:
    """Return the mean over digits of the median |error| in degrees that a constant angle has."""
    truth = images.factors["angle"]
    errors = models.scores.angle_errors(truth, np.zeros_like(truth), true_classes(images), (1,) * len(images.classes))
    return float(np.rad2deg(np.nanmean(errors.median)))
