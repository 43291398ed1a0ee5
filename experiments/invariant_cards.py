"""Cards turned and sheared: what a plain VAE mixes in its latents, models that know of poses tell apart.

    python -m experiments.invariant_cards            # 12 × 12, 2,000 images, five seeds: a few minutes
    python -m experiments.invariant_cards --smoke    # a small one
    python -m experiments.invariant_cards --size 48 --per-suit 3000 --epochs 100 --width 128    # as published

Two sets: ``rotated`` (±120°, shear ±1°) and ``full`` (±120°, shear ±20°); shifts of ±0.1 half-widths in both. On both a
plain VAE and one that is invariant to rotation and shift, on the full set also one with shear as part of the pose. The
recovered angle is compared with the true one per suit, modulo the suit's symmetry, after an offset fitted per suit and
after one common offset. On sheared cards the angle is confounded with the sign of the shear: a suit sheared by s is the
mirror image of one sheared by −s, and a copy turned by ~120° may fit it better. Branches of the error show it.
Sources: arXiv 2303.18236 (invariant VAEs), the lecture's cards. Expected numbers: see the README's table.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments import harness
from experiments.vae_options import CardSettings

if TYPE_CHECKING:
    from experiments.datasets import Images
    from experiments.harness import Run

DATA = {"rotated": "cards_rotated", "full": "cards_full"}
VARIANTS = {  # name: (set, components of the pose)
    "rotated_plain": ("rotated", ()),
    "rotated_invariant": ("rotated", ("angle", "shift")),
    "full_plain": ("full", ()),
    "full_invariant": ("full", ("angle", "shift")),
    "full_affine": ("full", ("angle", "shift", "shear")),
}


@dataclass(frozen=True)
class Config(CardSettings):
    """Options of the comparison of plain and invariant models."""


SMOKE = Config(smoke=True, per_suit=50, held_out_per_suit=15, epochs=3, seeds=2, width=16, manifold_points=5)
STAGES = ("data", *VARIANTS, "figures")


def compute(run: "Run", config: Config) -> None:
    """Every variant on its set."""
    import jax

    from experiments import vae_runs, vae_scores
    from models import recipes
    from models.config import VAEConfig

    to_data, to_fits, to_scores = jax.random.split(jax.random.key(config.seed), 3)
    with run.stage("data"):
        keys = jax.random.split(to_data, len(DATA))
        sets = {
            name: vae_runs.cards(key, source, config) for key, (name, source) in zip(keys, DATA.items(), strict=True)
        }
        for name, images in sets.items():
            vae_runs.add_images(run, images.test, name)
            _add_constant(run, name, images.test)
    vae_runs.record_size(run, sets["full"], config)
    for number, (name, (data, pose)) in enumerate(VARIANTS.items()):
        with run.stage(name):
            images, keys = sets[data], (jax.random.fold_in(to_fits, number), to_scores)
            given = {"shape": images.test.x.shape[1:], "hidden": config.hidden, "pose": pose}
            model = recipes.invariant(**given) if pose else VAEConfig(**given, likelihood="bernoulli")
            code = vae_scores.study(run, name, keys, model, images, config, data)
            _score(run, name, to_scores, code, images.test)


def _score(run: "Run", name: str, key: Any, code: Any, images: "Images") -> None:
    """Clusters of the content, angle, shift and shear against the truth."""
    from experiments.vae_runs import record
    from experiments.vae_scores import neighbour_r2, true_classes
    from models import scores

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
    from experiments.vae_runs import record
    from experiments.vae_scores import true_classes
    from models import scores

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
    from models import scores

    truth = images.factors["angle"]
    errors = scores.angle_errors(truth, np.zeros_like(truth), images.label, _folds(images))
    run.record(**{f"{name}_error_of_a_constant_deg": np.rad2deg(errors.median.mean())})


EXPERIMENT = harness.Experiment(
    "invariant_cards", __doc__ or "", Config, SMOKE, STAGES, compute, "experiments.figures.invariant_cards"
)

if __name__ == "__main__":
    harness.main(EXPERIMENT)
