"""Predict classes, pictures and spectra of assemblies without a neural network."""

from typing import NamedTuple

import numpy as np
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from experiments.datasets.plasmonics.particles import COARSE
from experiments.dual_vae_plasmonics.sets import Sets
from experiments.lab.checkpoints import once
from experiments.shared.structure_property.options import ParticleSettings
from models.paired import baselines
from models.paired.baselines import flat


class Baselines(NamedTuple):
    """Predictions of the held-out assemblies, by the name of the rule."""

    classes: dict[str, np.ndarray]  # (particle,), from spectra
    pictures: dict[str, np.ndarray]  # (particle, row, column), from spectra
    spectra: dict[str, np.ndarray]  # (particle, value), from images


@once
def predict(sets: Sets) -> Baselines:
    """Predict by the nearest example and by ridge regression, for classes on indicators.

    Classes are also predicted by a support-vector machine on the spectra, "machine".
    """
    training, watched, test = sets.training, sets.validation, sets.held_out
    label, count = sets.label, len(sets.test.classes)
    indicators = np.eye(count)[label]
    spectra, test_spectra = flat(training.spectrum), flat(test.spectrum)
    pictures = baselines.predict(spectra, training.image, (watched.spectrum, watched.image), test_spectra)
    back = baselines.predict(training.image, training.spectrum, (watched.image, watched.spectrum), test.image)
    watched_indicators = np.eye(count)[np.arange(len(flat(watched.image))) % count]
    by_rule = baselines.predict(spectra, indicators, (watched.spectrum, watched_indicators), test_spectra)
    classes = {name: values.argmax(1) for name, values in by_rule.items()}
    machine = make_pipeline(PCA(min(40, *spectra.shape), random_state=0), StandardScaler(), SVC(C=10))
    classes["machine"] = machine.fit(spectra, label).predict(test_spectra)
    square = {name: values.reshape(-1, COARSE, COARSE) for name, values in pictures.items()}
    return Baselines(classes, square, back)


class ReadOut(NamedTuple):
    """What codes of spectra say of the held-out assemblies."""

    classes: list[np.ndarray]  # (particle,) of each seed
    angle: np.ndarray  # (seed, particle)
    ratio: np.ndarray  # (seed, particle)


@once
def read_out(training_codes: np.ndarray, codes: np.ndarray, sets: Sets, config: ParticleSettings) -> ReadOut:
    """Read class, angle and aspect ratio out of codes (seed, n, latent), by rules fitted to the training codes.

    Classes come from a support-vector machine. Angles, as cosine and sine of twice the angle, and ratios come from the
    nearest codes of assemblies as they were drawn, angles from elongated ones alone.
    """
    particles, drawn = sets.particles, len(sets.particles.label)
    classes, angles, ratios = [], [], []
    long = np.flatnonzero(particles.aspect_ratio >= config.elongated)
    doubled = np.stack([np.cos(2 * particles.angle), np.sin(2 * particles.angle)], 1)
    for training, test in zip(training_codes, codes, strict=True):
        classes.append(make_pipeline(StandardScaler(), SVC(C=10)).fit(training, sets.label).predict(test))
        known = training[:drawn]
        nearest = make_pipeline(StandardScaler(), KNeighborsRegressor(min(10, len(long))))
        cosine, sine = nearest.fit(known[long], doubled[long]).predict(test).T
        angles.append(np.mod(np.arctan2(sine, cosine) / 2, np.pi))
        nearest = make_pipeline(StandardScaler(), KNeighborsRegressor(10))
        ratios.append(nearest.fit(known, particles.aspect_ratio).predict(test))
    return ReadOut(classes, np.stack(angles), np.stack(ratios))
