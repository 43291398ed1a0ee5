"""Split simulated assemblies into training and test sets, and add the pairs that follow from symmetry."""

from typing import NamedTuple

import jax
import numpy as np
from scipy.ndimage import rotate

from experiments.datasets.plasmonics.particles import Particles, Plasmonics, coarsened, generate, take
from experiments.datasets.plasmonics.shapes import Geometry
from experiments.lab.checkpoints import once
from experiments.lab.run import Outcome
from experiments.shared.structure_property.options import ParticleSettings
from models import Pair

_WATCHED = 50


class Sets(NamedTuple):
    """Assemblies as drawn, and as pairs of images and spectra to train on, to watch and to score on.

    Training pairs include turned and mirrored assemblies. Spectra of pairs are √(cross section / ``top``).
    """

    particles: Particles
    test: Particles
    training: Pair
    validation: Pair
    held_out: Pair
    wavelength: np.ndarray
    top: float

    @property
    def label(self) -> np.ndarray:
        """The class of every pair to train on."""
        return np.tile(self.particles.label, 2 * len(self.particles.polarization))


@once
def sets_of(key: jax.Array, config: ParticleSettings) -> Sets:
    """Draw assemblies and split them.

    Spectra become √(cross section / top), because counting noise is then alike at all strengths.
    """
    geometry = Geometry(counts=config.counts)
    total = config.per_class + _WATCHED + config.held_out_per_class
    drawn = generate(key, Plasmonics(per_class=total, geometry=geometry))
    ends = len(config.counts) * np.array([config.per_class, config.per_class + _WATCHED])
    training, watched, test = (
        take(drawn, slice(*part)) for part in ((0, ends[0]), (ends[0], ends[1]), (ends[1], None))
    )
    top = float(np.quantile(training.spectrum.max((1, 2)), 0.99))
    return Sets(
        particles=training,
        test=test,
        training=symmetric(training, config.pool, top),
        validation=_pair(watched, config.pool, top),
        held_out=_pair(test, config.pool, top),
        wavelength=pooled(drawn.wavelength, config.pool),
        top=top,
    )


def described(sets: Sets, config: ParticleSettings) -> Outcome:
    """Return arrays of the held-out assemblies, sizes, and where the data come from."""
    test = sets.test
    arrays = {
        "wavelength": sets.wavelength,
        "polarization": test.polarization,
        "true_image": test.coarse,
        "true_spectrum": pooled(test.spectrum, config.pool),
        "label": test.label,
        "angle": test.angle,
        "aspect_ratio": test.aspect_ratio,
    }
    numbers = {
        "training_assemblies": len(sets.particles.label),
        "held_out_assemblies": len(test.label),
        "seeds": config.seeds,
        "elongated_from": config.elongated,
        "elongated_share": float((test.aspect_ratio >= config.elongated).mean()),
    }
    return Outcome(arrays, numbers, {"source": test.source, "classes": list(test.classes)})


def pooled(values: np.ndarray, pool: int) -> np.ndarray:
    """Average ``pool`` neighbours along the last axis; an incomplete last group is left out."""
    whole = values.shape[-1] // pool * pool
    return values[..., :whole].reshape(*values.shape[:-1], -1, pool).mean(-1)


def _pair(particles: Particles, pool: int, top: float) -> Pair:
    """Return images, and spectra [n polarization w] in the models' units."""
    return Pair(particles.coarse, np.sqrt(pooled(particles.spectrum, pool) / top).astype(np.float32))


def symmetric(particles: Particles, pool: int, top: float) -> Pair:
    """Return assemblies as drawn, turned by every multiple of the angle between polarizations, and all mirrored.

    Scattering has no preferred direction: turned by that angle, an assembly has the spectra it had, each at the next
    polarization; in a mirror (left and right exchanged), at those of opposite angle. Needs no new simulation.
    """
    drawn, number = np.asarray(_pair(particles, pool, top).spectrum), len(particles.polarization)
    pictures, sections = [], []
    for turns in range(number):
        fine = rotate(particles.image, 180 / number * turns, (2, 1), reshape=False, order=1, mode="nearest")
        picture = coarsened(fine) if turns else particles.coarse
        spectrum = np.roll(drawn, turns, axis=1)
        pictures += [picture, picture[:, :, ::-1]]
        sections += [spectrum, spectrum[:, -np.arange(number)]]
    return Pair(np.concatenate(pictures), np.concatenate(sections))
