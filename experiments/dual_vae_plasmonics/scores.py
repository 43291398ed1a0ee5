"""What told particles are judged by: class, spectra, angle and aspect ratio in the image."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from experiments.datasets.plasmonics.particles import COARSE, SIZE, Particles
from experiments.datasets.plasmonics.shapes import grid, orientation
from experiments.dual_vae_plasmonics.sets import Sets
from experiments.lab.run import Run
from experiments.shared.images import fits
from experiments.shared.structure_property import scans as shared
from experiments.shared.structure_property.options import ParticleSettings
from models.evaluation import scores

_DARK = 0.15  # brightness below which a pixel of a predicted picture is no metal


def score_class(run: "Run", name: str, found: list[np.ndarray], test: Particles, seeds: int) -> None:
    """Share of each class that is told right from the spectrum."""
    found = found * (seeds if len(found) == 1 else 1)
    for number, label in enumerate(test.classes):
        own = test.label == number
        fits.record(run, f"{name}_fidelity_{label}", [(one[own] == number).mean() for one in found], "1",
                        f"share of {label}s told right from the spectrum")  # fmt: skip
    counts = [scores.confusion(test.label, one, len(test.classes)) for one in found]
    run.add(f"{name}_confusion", ("seed", "true_class", "found_class"), np.stack(counts), "1", "assemblies")


def measured(pictures: Float[np.ndarray, "n row column"], pixel: float) -> tuple[np.ndarray, np.ndarray]:
    """Angle and aspect ratio of what each picture shows, by second moments of what is brighter than the support."""
    points = jnp.asarray(grid(COARSE, pixel * SIZE / COARSE))
    every = jax.jit(jax.vmap(lambda picture: orientation(jnp.clip(picture - _DARK, 0, 1), points)))
    angle, ratio = every(jnp.asarray(pictures, jnp.float32))
    return np.asarray(angle), np.asarray(ratio)


def score_pictures(run: "Run", name: str, pictures: np.ndarray, sets: Sets, config: ParticleSettings) -> None:
    """Pictures told from spectra [seed n row column]: their error, and the angle and aspect ratio they show."""
    mean, true = shared.flat(sets.training.image).mean(0), sets.held_out.image
    pictures = np.repeat(pictures, config.seeds, 0) if len(pictures) == 1 else pictures
    fits.record(run, f"{name}_picture_nmse", [shared.normalised_mse(one, true, mean) for one in pictures], "1",
                    "error of the image told from the spectrum over that of the mean image")  # fmt: skip
    each = [measured(one, sets.test.pixel) for one in pictures]
    score_angles(run, name, np.stack([a for a, _ in each]), np.stack([r for _, r in each]), sets, config)


def score_angles(
    run: "Run", name: str, angle: np.ndarray, ratio: np.ndarray, sets: Sets, config: ParticleSettings
) -> None:
    """Mean and median |error| of angles modulo 180° of elongated assemblies, their concordance; error of the ratio."""
    long = sets.test.aspect_ratio >= config.elongated
    true = sets.test.angle[long]
    error = scores.wrap(angle[:, long] - true[None], math.pi)
    run.add(f"{name}_angle", ("seed", "particle"), angle, "rad", "angle told from the spectrum")
    run.add(f"{name}_ratio", ("seed", "particle"), ratio, "1", "aspect ratio told from the spectrum")
    degrees = np.rad2deg(np.abs(error))
    fits.record(run, f"{name}_angle_error_deg", degrees.mean(1), "degree", "mean |error| of the angle")
    fits.record(run, f"{name}_angle_median_error_deg", np.median(degrees, 1), "degree", "median |error| of the angle")
    fits.record(run, f"{name}_angle_concordance", [concordance(true, true + one) for one in error], "1",
                    "Lin's concordance of told and true angle, told ones taken within 90° of the true")  # fmt: skip
    off = np.abs(ratio - sets.test.aspect_ratio[None]).mean(1)
    fits.record(run, f"{name}_ratio_error", off, "1", "mean |error| of the aspect ratio")


def concordance(true: np.ndarray, told: np.ndarray) -> float:
    """Lin's concordance correlation coefficient, Biometrics 45, 255 (1989)."""
    shift = (true.mean() - told.mean()) ** 2
    return float(2 * np.mean((true - true.mean()) * (told - told.mean())) / (true.var() + told.var() + shift))


def score_spectra(run: "Run", name: str, spectra: np.ndarray, sets: Sets, config: ParticleSettings) -> None:
    """Spectra told from images [seed n …] as the models see them: their error, as cross sections."""
    rows = len(sets.test.label)

    def sections(values: Any) -> np.ndarray:
        return np.maximum(np.asarray(values).reshape(rows, -1), 0) ** 2

    mean = (shared.flat(sets.training.spectrum) ** 2).mean(0)
    errors = [shared.normalised_mse(sections(one), sections(sets.held_out.spectrum), mean) for one in spectra]
    errors = errors * (config.seeds if len(errors) == 1 else 1)
    fits.record(run, f"{name}_spectrum_nmse", errors, "1",
                    "error of the spectrum told from the image over that of the mean spectrum")  # fmt: skip
