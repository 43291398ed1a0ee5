"""Train every variant on its set of cards; record clusters of the content, and recovered poses against true ones."""

from typing import Any

import jax
import numpy as np
from jaxtyping import Float

import models
from experiments.datasets import Images, to_batch
from experiments.datasets.cards import SUITS
from experiments.invariant_cards.config import DATA, VARIANTS, Config
from experiments.lab.checkpoints import once
from experiments.lab.run import Array, Run
from experiments.lab.summaries import record_scores
from experiments.lab.training import fit_and_record
from experiments.shared.images import arrays, fits, judging
from experiments.shared.images.judging import true_classes
from experiments.shared.images.neighbours import neighbour_r2
from experiments.shared.images.options import BINARY

OF_SUITS = {
    "error_{}_deg": Array(("seed",), "degree", "median |error| of the angle, offset per suit"),
    "branch_share_{}": Array(("seed",), "1", "share of the largest branch of errors"),
    "branch_spread_{}_deg": Array(("seed",), "degree", "standard deviation inside that branch"),
    "branches_{}": Array(("seed",), "1", "branches with 5 % or more"),
}
SCORES = {
    **judging.SCORES,
    "kmeans_accuracy": Array(("seed",), "1", "k-means on the latents, clusters named to fit best"),
    "angle_in_content": Array(("seed",), "1", "R² of the true angle among nearest neighbours in the content"),
    "shift_correlation": Array(("seed",), "1", "correlation of latent and true shift to the right"),
    "shear_correlation": Array(("seed",), "1", "correlation of latent and true shear"),
    **{name.format(suit): array for suit in SUITS for name, array in OF_SUITS.items()},
    "error_deg": Array(("seed",), "degree", "mean over suits of the median |error|, offset per suit"),
    "error_common_deg": Array(("seed",), "degree", "mean over suits of the median |error|, one offset for all"),
}
ANGLE_ERROR = "recovered − true angle, modulo symmetry, after an offset per suit"


def compute(run: Run, config: Config) -> None:
    """Draw both sets, then train and judge every variant."""
    to_data, to_fits, to_scores = jax.random.split(jax.random.key(config.seed), 3)
    with run.stage("data"):
        keys = jax.random.split(to_data, len(DATA))
        sets = {name: fits.cards(key, source, config) for key, (name, source) in zip(keys, DATA.items(), strict=True)
                if name == "full" or not config.path}  # fmt: skip
        for name, split in sets.items():
            run.add_all(*arrays.of_images(name, split.test))
            run.results.attrs.update(arrays.attributes(name, split.test, own=bool(config.path)))
            if split.test.periods:
                run.record(**{f"{name}_error_of_a_constant_deg": constant_error(split.test)})
    run.record(**fits.size(sets["full"], config))
    fit_config = fits.fit_recipe(config, len(sets["full"].training.x))
    for number, (name, (data, pose)) in enumerate(VARIANTS.items()):
        if data not in sets:
            continue
        with run.stage(name):
            split = sets[data]
            settings: dict[str, Any] = {"shape": split.test.x.shape[1:], "hidden": config.hidden, "pose": pose}
            if pose:
                model = models.recipes.invariant(**settings, **fits.for_recipe(config, split.training, BINARY))
            else:
                model = models.VAEConfig(**settings, **fits.likelihood(config, split.training, BINARY))
            keys = jax.random.split(jax.random.fold_in(to_fits, number), config.seeds)
            training, validation, test = map(to_batch, split)
            fitted = fit_and_record(run, name, keys, model, training, validation, fit_config)
            judged = judging.judge(to_scores, fitted, test, config.manifold_points)
            run.add_all(*arrays.of_model(name, data, judged))
            of_content = score_content(to_scores, judged.code, split.test)
            record_scores(run, SCORES, judged.scores | of_content, prefix=f"{name}_")
            if judged.code.pose.angle is not None and split.test.periods:
                errors, of_pose = score_pose(judged.code, split.test)
                run.add(f"{name}_angle_error", errors, Array(("seed", f"{data}_image"), "rad", ANGLE_ERROR))
                record_scores(run, SCORES, of_pose, prefix=f"{name}_")


def check(config: Config) -> None:
    """Raise a ValueError for a user's own images that cannot be used."""
    fits.check_own(config)


@once
def score_content(key: jax.Array, code: models.Code, images: Images) -> dict[str, Any]:
    """Return how well suits are known from clusters of the content, and how much of the angle is left in it.

    What a user's own images do not tell is left out: images without a label do not count, true angles are not known.
    """
    rows, classes = judging.labelled_rows(images), len(images.classes)
    result: dict[str, Any] = {}
    if images.label is not None and len(rows):
        clusters = [models.scores.kmeans(key, z[rows], classes) for z in code.mean]
        label = images.label[rows]
        result["kmeans_accuracy"] = [models.scores.clustering_accuracy(label, found, classes) for found in clusters]
    if images.periods:
        angle = images.factors["angle"]
        direction = np.cos(2 * angle), np.sin(2 * angle)
        result["angle_in_content"] = [np.mean([neighbour_r2(z, part) for part in direction]) for z in code.mean]
    return result


@once
def score_pose(code: models.Code, images: Images) -> tuple[Float[np.ndarray, "seed n"], dict[str, Any]]:
    """Return errors of the angle in radians, and scores of angle, shift and shear against the truth."""
    factors, pose = images.factors, code.pose
    errors, result = score_angle(np.asarray(pose.angle), images)
    if pose.shift is not None:
        result["shift_correlation"] = [np.corrcoef(shift[:, 0], factors["shift_x"])[0, 1] for shift in pose.shift]
    if pose.shear is not None:
        result["shear_correlation"] = [np.corrcoef(shear, factors["shear"])[0, 1] for shear in pose.shear]
    return errors, result


def score_angle(
    angle: Float[np.ndarray, "seed n"], images: Images
) -> tuple[Float[np.ndarray, "seed n"], dict[str, Any]]:
    """Return errors of the angle in radians, and their medians in degrees, per suit and as means over suits.

    Errors count modulo the symmetry of the suit, after an offset per suit; ``error_common_deg`` has one offset for all.
    Branches are groups of errors that lie within ±30° of each other.
    """
    truth, label, folds = images.factors["angle"], true_classes(images), folds_of(images)
    each = [models.scores.angle_errors(truth, values, label, folds) for values in angle]
    common = [models.scores.angle_errors(truth, values, label, folds, common_offset=True) for values in angle]
    result: dict[str, Any] = {}
    for number, suit in enumerate(images.classes):
        branches = [models.scores.branches(errors.error[label == number], folds[number]) for errors in each]
        largest = [of_seed[0] if of_seed else None for of_seed in branches]
        result[f"error_{suit}_deg"] = [np.rad2deg(errors.median[number]) for errors in each]
        result[f"branch_share_{suit}"] = [branch.share if branch else 0.0 for branch in largest]
        result[f"branch_spread_{suit}_deg"] = [np.rad2deg(branch.spread) if branch else np.nan for branch in largest]
        result[f"branches_{suit}"] = [len(of_seed) for of_seed in branches]
    result["error_deg"] = [np.rad2deg(errors.median.mean()) for errors in each]
    result["error_common_deg"] = [np.rad2deg(errors.median.mean()) for errors in common]
    return np.stack([errors.error for errors in each]), result


def folds_of(images: Images) -> tuple[int, ...]:
    """Return the order of the rotational symmetry of every suit."""
    return tuple(round(2 * np.pi / period) for period in images.periods)


def constant_error(images: Images) -> float:
    """Return the mean over suits of the median |error| in degrees that a constant angle has."""
    truth = images.factors["angle"]
    errors = models.scores.angle_errors(truth, np.zeros_like(truth), images.label, folds_of(images))
    return float(np.rad2deg(errors.median.mean()))
