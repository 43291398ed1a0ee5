"""Score predictions of assemblies: class, spectra, angle and aspect ratio in the image.

Names of scores and arrays begin with that of the predictor, a prefix such as ``dual_``; ``arrays`` describes them.
"""

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from experiments.datasets.plasmonics.particles import COARSE, SIZE, Particles
from experiments.datasets.plasmonics.shapes import grid, orientation
from experiments.dual_vae_plasmonics.sets import Sets
from experiments.lab.run import Outcome
from experiments.shared.structure_property.options import ParticleSettings
from experiments.shared.structure_property.scoring import over_seeds
from models import scores
from models.paired.baselines import flat, normalised_mse

_DARK = 0.15  # brightness below which a pixel of a predicted picture is no metal


def score_class(prefix: str, predicted: Sequence[np.ndarray], test: Particles, seeds: int) -> Outcome:
    """Score classes (particle,) of every seed: the share of each true class that is recognised, and the confusion.

    A single prediction, of a rule without a seed, counts for all seeds.
    """
    predicted = list(predicted) * (seeds if len(predicted) == 1 else 1)
    shares = {}
    for number, label in enumerate(test.classes):
        members = test.label == number
        shares[f"fidelity_{label}"] = [(classes[members] == number).mean() for classes in predicted]
    outcome = over_seeds(shares, prefix)
    counts = [scores.confusion(test.label, classes, len(test.classes)) for classes in predicted]
    return outcome._replace(arrays=outcome.arrays | {f"{prefix}confusion": np.stack(counts)})


def measured(pictures: Float[np.ndarray, "n row column"], pixel: float) -> tuple[np.ndarray, np.ndarray]:
    """Measure angle and aspect ratio (n,) of pictures by second moments of what is brighter than the support."""
    points = jnp.asarray(grid(COARSE, pixel * SIZE / COARSE))
    measure = jax.jit(jax.vmap(lambda picture: orientation(jnp.clip(picture - _DARK, 0, 1), points)))
    angle, ratio = measure(jnp.asarray(pictures, jnp.float32))
    return np.asarray(angle), np.asarray(ratio)


def score_pictures(
    prefix: str, pictures: Float[np.ndarray, "seed n row column"], sets: Sets, config: ParticleSettings
) -> list[Outcome]:
    """Score pictures predicted from spectra: their error, and the angle and aspect ratio that they show.

    A single prediction, of a rule without a seed, counts for all seeds.
    """
    mean, true = flat(sets.training.image).mean(0), sets.held_out.image
    pictures = np.repeat(pictures, config.seeds, 0) if len(pictures) == 1 else pictures
    errors = {"picture_nmse": [normalised_mse(of_seed, true, mean) for of_seed in pictures]}
    angles, ratios = zip(*(measured(of_seed, sets.test.pixel) for of_seed in pictures), strict=True)
    return [over_seeds(errors, prefix), score_angles(prefix, np.stack(angles), np.stack(ratios), sets, config)]


def score_angles(prefix: str, angle: np.ndarray, ratio: np.ndarray, sets: Sets, config: ParticleSettings) -> Outcome:
    """Score angles modulo 180° of elongated assemblies and aspect ratios of all, (seed, particle) each.

    Angles have mean and median |error| in degrees and Lin's concordance, ratios the mean |error|.
    """
    long = sets.test.aspect_ratio >= config.elongated
    true = sets.test.angle[long]
    error = scores.wrap(angle[:, long] - true[None], math.pi)
    degrees = np.rad2deg(np.abs(error))
    values = {
        "angle_error_deg": degrees.mean(1),
        "angle_median_error_deg": np.median(degrees, 1),
        "angle_concordance": [concordance(true, true + of_seed) for of_seed in error],
        "ratio_error": np.abs(ratio - sets.test.aspect_ratio[None]).mean(1),
    }
    outcome = over_seeds(values, prefix)
    return outcome._replace(arrays=outcome.arrays | {f"{prefix}angle": angle, f"{prefix}ratio": ratio})


def concordance(true: np.ndarray, predicted: np.ndarray) -> float:
    """Return Lin's concordance correlation coefficient, Biometrics 45, 255 (1989)."""
    shift = (true.mean() - predicted.mean()) ** 2
    covariance = np.mean((true - true.mean()) * (predicted - predicted.mean()))
    return float(2 * covariance / (true.var() + predicted.var() + shift))


def score_spectra(prefix: str, spectra: np.ndarray, sets: Sets, config: ParticleSettings) -> Outcome:
    """Score spectra predicted from images (seed, n, …), in the models' units, by their error as cross sections.

    A single prediction, of a rule without a seed, counts for all seeds.
    """
    rows = len(sets.test.label)

    def sections(values: Any) -> np.ndarray:
        return np.maximum(np.asarray(values).reshape(rows, -1), 0) ** 2

    mean = (flat(sets.training.spectrum) ** 2).mean(0)
    true = sections(sets.held_out.spectrum)
    errors = [normalised_mse(sections(of_seed), true, mean) for of_seed in spectra]
    return over_seeds({"spectrum_nmse": errors * (config.seeds if len(errors) == 1 else 1)}, prefix)
