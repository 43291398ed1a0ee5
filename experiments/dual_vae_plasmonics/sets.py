"""Simulated assemblies as training and test sets, with what the symmetry of scattering makes of them."""

from typing import NamedTuple

import jax
import numpy as np
from scipy.ndimage import rotate

from experiments.datasets.plasmonics import particles as plasmonics_particles
from experiments.datasets.plasmonics.particles import Particles
from experiments.datasets.plasmonics.shapes import Geometry
from experiments.shared.structure_property.options import ParticleSettings
from models.data import Pair

_WATCHED = 50


class Sets(NamedTuple):
    """Assemblies to train on (as pairs with what symmetry makes of them), to watch, and to score."""

    particles: Particles
    test: Particles
    training: Pair
    validation: Pair
    held_out: Pair
    wavelength: np.ndarray
    top: float

    @property
    def label(self) -> np.ndarray:
        """Class of every pair to train on."""
        return np.tile(self.particles.label, 2 * len(self.particles.polarization))


def sets_of(key: jax.Array, config: ParticleSettings) -> Sets:
    """Assemblies drawn and split, spectra as √(cross section/top): counting noise is then alike at all strengths."""
    geometry = Geometry(counts=config.counts)
    total = config.per_class + _WATCHED + config.held_out_per_class
    drawn = plasmonics_particles.generate(key, plasmonics_particles.Plasmonics(per_class=total, geometry=geometry))
    ends = len(config.counts) * np.array([config.per_class, config.per_class + _WATCHED])
    training, watched, test = (
        plasmonics_particles.take(drawn, slice(*part)) for part in ((0, ends[0]), (ends[0], ends[1]), (ends[1], None))
    )
    top = float(np.quantile(training.spectrum.max((1, 2)), 0.99))
    return Sets(training, test, symmetric(training, config.pool, top), _pair(watched, config.pool, top),
                _pair(test, config.pool, top), pooled(drawn.wavelength, config.pool), top)  # fmt: skip


def pooled(values: np.ndarray, pool: int) -> np.ndarray:
    """Means over ``pool`` neighbours along the last axis; what does not fill the last group is left out."""
    whole = values.shape[-1] // pool * pool
    return values[..., :whole].reshape(*values.shape[:-1], -1, pool).mean(-1)


def _pair(particles: Particles, pool: int, top: float) -> Pair:
    """Spectra as [n polarization w], as the model sees them."""
    return Pair(particles.coarse, np.sqrt(pooled(particles.spectrum, pool) / top).astype(np.float32))


def symmetric(particles: Particles, pool: int, top: float) -> Pair:
    """Assemblies as they are, turned by every multiple of the angle between polarizations, and all of them mirrored.

    Scattering has no preferred direction: turned by that angle, an assembly has the spectra it had, each at the next
    polarization; in a mirror (left and right exchanged), at those of opposite angle. Needs no new simulation.
    """
    own, number = np.asarray(_pair(particles, pool, top).spectrum), len(particles.polarization)
    pictures, sections = [], []
    for turns in range(number):
        fine = rotate(particles.image, 180 / number * turns, (2, 1), reshape=False, order=1, mode="nearest")
        picture = plasmonics_particles.coarsened(fine) if turns else particles.coarse
        spectrum = np.roll(own, turns, axis=1)
        pictures += [picture, picture[:, :, ::-1]]
        sections += [spectrum, spectrum[:, -np.arange(number)]]
    return Pair(np.concatenate(pictures), np.concatenate(sections))
