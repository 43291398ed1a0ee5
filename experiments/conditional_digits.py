"""Digits with known classes, upright and turned: one latent space per digit, which then is left with style.

    python -m experiments.conditional_digits            # scikit-learn's digits, five seeds: two CPU-minutes
    python -m experiments.conditional_digits --smoke    # a small one
    python -m experiments.conditional_digits --mnist DIRECTORY --count 10000    # from your own files

Upright: a plain VAE and one that is told the digit. Told it, the latents need not spend themselves on telling digits
apart: the digit is hard to see in them (majority of the ten nearest neighbours, to be compared with guessing), and
style is seen better: slant and amount of ink, the mean of each digit taken off. The same images turned by known
angles within ±60°: the two again, where the latents now hold the turn, and a conditional model whose pose has an
angle (its prior has the spread of the true angles). The angle that it recovers is compared with the true one, an
offset per digit taken off; a digit's own slant, which differs from writer to writer, counts as an error there.
Sources: arXiv 2303.18236 (conditional and invariant VAEs), the lecture's digits. Expected numbers: see the README's
table.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments import harness
from experiments.digit_runs import GREY, UPRIGHT, DigitSettings

if TYPE_CHECKING:
    from experiments.datasets import Images
    from experiments.harness import Run
    from models.config import VAEConfig

VARIANTS = {  # name: (set, whether the digit is told, pose)
    "plain": ("digits", False, ()),
    "conditional": ("digits", True, ()),
    "turned_plain": ("turned", False, ()),
    "turned_conditional": ("turned", True, ()),
    "turned_invariant": ("turned", True, ("angle",)),
}
PADDING = 2
"""Empty pixels around the digits, upright or not, so that none leaves the frame when it is turned."""


@dataclass(frozen=True)
class Config(DigitSettings):
    """Options of the conditional models of digits."""

    epochs: int = 40
    rotation_degrees: float = 60.0
    """Turned digits have angles uniform within ± this range."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.rotation_degrees <= 180:
            raise ValueError(f"--rotation-degrees is {self.rotation_degrees}; give a half-range of 1 to 180")


SMOKE = Config(smoke=True, count=400, held_out=100, watched=30, epochs=2, seeds=2, width=16, manifold_points=5)
STAGES = ("data", *VARIANTS, "figures")


def model_of(shape: tuple[int, ...], config: Config, told: bool, pose: tuple[str, ...]) -> "VAEConfig":
    """A variant's Config. The prior of the angle is von Mises with the spread of the true angles; the content opens
    when the angle has been found."""
    from models import recipes
    from models.config import VAEConfig

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
    import jax

    from experiments import vae_runs, vae_scores
    from experiments.digit_runs import chance, digits, strokes

    to_data, to_fits, to_scores = jax.random.split(jax.random.key(config.seed), 3)
    with run.stage("data"):
        sets = {
            name: digits(to_data, config, PADDING, angle)
            for name, angle in (("digits", 0.0), ("turned", config.rotation_degrees))
        }
        for name, split in sets.items():
            vae_runs.add_images(run, split.test, name)
        vae_runs.record_size(run, sets["digits"], config)
        run.record(chance=chance(vae_scores.true_classes(sets["digits"].test)))
        slant, ink = strokes(sets["digits"].test.x)
        run.add("digits_slant", ("digits_image",), slant, "rad", "slant of the image, positive: to the right")
        run.add("digits_ink", ("digits_image",), ink, "1", "mean intensity of the image")
    for number, (name, (data, told, pose)) in enumerate(VARIANTS.items()):
        with run.stage(name):
            keys, test = (jax.random.fold_in(to_fits, number), to_scores), sets[data].test
            model = model_of(test.x.shape[1:], config, told, pose)
            code = vae_scores.study(run, name, keys, model, sets[data], config, data, labels=told)
            _score(run, name, np.asarray(code.mean), test)
            if code.pose.angle is not None:
                _score_angle(run, name, np.asarray(code.pose.angle), test)


def _score(run: "Run", name: str, z: np.ndarray, images: "Images") -> None:
    """What neighbours in ``z`` [seed n latent] tell of the digit and of its style, the mean of each digit taken off."""
    from experiments.digit_runs import less_class_mean, neighbour_accuracy, strokes
    from experiments.vae_runs import record
    from experiments.vae_scores import neighbour_r2, true_classes

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
    from experiments.vae_runs import record
    from experiments.vae_scores import true_classes
    from models import scores

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


EXPERIMENT = harness.Experiment(
    "conditional_digits", __doc__ or "", Config, SMOKE, STAGES, compute, "experiments.figures.conditional_digits"
)

if __name__ == "__main__":
    harness.main(EXPERIMENT)
