"""Simulate single assemblies of plasmonic nanoparticles with their dark-field spectra, as in dual-VAE studies.

An assembly of one to four gold or silver particles (``shapes``) is measured twice: by a scanning electron microscope,
and by its dark-field scattering under polarized light (``optics``). The model leaves out higher multipoles, which
matter at gaps below a fifth of the size; the substrate, but for an effective refractive index; the objective's aperture
(all scattered light is counted); and oblique illumination. Fields of view with many particles are in ``scan``, a user's
own data in ``own``.
"""

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray
from jaxtyping import Array, Float

from experiments.datasets.plasmonics.optics import METALS, directions, spectra
from experiments.datasets.plasmonics.shapes import (
    CLASSES,
    SHAPES,
    Assembly,
    Geometry,
    dipoles,
    draw,
    exists,
    grid,
    orientation,
    outlines,
    secondary_electrons,
)
from experiments.datasets.types import Images

SIZE, COARSE, CHANNELS = 96, 32, 301  # pixels of the fine and of the coarse image, wavelengths
_READ_COUNTS = 30.0


@dataclass(frozen=True)
class Plasmonics:
    """A set of assemblies, ``per_class`` of every number of particles in ``geometry.counts``.

    ``pixel`` in nm of the 96 × 96 image; ``blur`` (nm) of its outlines; ``image_counts`` electrons per pixel at full
    brightness (0: no noise). ``metal`` gold or silver, ``index`` the refractive index around. ``polarizations`` in
    degrees from x, evenly spread over 180° so that their mean is unpolarized. ``spectrum_counts`` photons per channel
    and 1,000 nm² where the lamp is brightest (0: no noise); the lamp falls off by half at both ends.
    """

    per_class: int = 500
    geometry: Geometry = field(default_factory=Geometry)
    pixel: float = 5.0
    blur: float = 6.0
    image_counts: float = 200.0
    metal: str = "gold"
    index: float = 1.3
    polarizations: tuple[float, ...] = (0.0, 60.0, 120.0)
    spectrum_counts: float = 300.0

    def __post_init__(self) -> None:
        if self.per_class < 1 or not (self.pixel > 0 and self.blur > 0):
            raise ValueError(
                f"per_class={self.per_class}, pixel={self.pixel}, blur={self.blur}: give one assembly or more of each "
                "class, and lengths above 0 nm"
            )
        if self.metal not in METALS:
            raise ValueError(f"metal is one of {', '.join(METALS)}, got {self.metal!r}")
        if self.index < 1 or self.image_counts < 0 or self.spectrum_counts < 0:
            raise ValueError(
                f"index={self.index}, image_counts={self.image_counts}, spectrum_counts={self.spectrum_counts}: an "
                "index of 1 or more, counts of 0 or more"
            )
        even = np.arange(len(self.polarizations)) * 180 / max(len(self.polarizations), 1)
        if len(self.polarizations) < 2 or not np.allclose(np.asarray(self.polarizations) - self.polarizations[0], even):
            raise ValueError(
                f"polarizations={self.polarizations}: give two or more, evenly spread over 180°, such as (0, 60, 120)"
            )


class Particles(NamedTuple):
    """Assemblies [n] as NumPy arrays.

    ``image`` [n 96 96] and ``coarse`` [n 32 32] in [0, 1], float32; ``spectrum``
    [n wave w] scattering cross sections in 10⁴ nm², one for each polarization (their mean is unpolarized);
    ``wavelength`` nm; ``label`` an index into ``classes``; ``angle`` of the longer axis in [0, π) rad and
    ``aspect_ratio`` of the picture's second moments; further ``factors`` have units in ``FACTOR_UNITS``.
    """

    image: np.ndarray
    coarse: np.ndarray
    spectrum: np.ndarray
    wavelength: np.ndarray
    polarization: np.ndarray
    label: np.ndarray
    angle: np.ndarray
    aspect_ratio: np.ndarray
    factors: dict[str, np.ndarray]
    classes: tuple[str, ...]
    pixel: float
    source: str


FACTOR_UNITS = {"size": "nm", "aspect": "1", "shape": "1"}


def wavelengths() -> Float[np.ndarray, " 301"]:
    """Return the wavelengths of all spectra, 400 to 1000 nm."""
    return np.linspace(400, 1000, CHANNELS)


def lamp(wavelength: Float[Array, " w"]) -> Float[Array, " w"]:
    """Return the brightness of the illumination times the detector's yield, 1 in the middle, a half at the ends."""
    return jnp.exp2(-(((wavelength - 700) / 300) ** 2))


def scattering(assembly: Assembly, config: Plasmonics) -> Float[Array, "wave 301"]:
    """Return the expected dark-field spectra in 10⁴ nm², one row for each polarization."""
    wave = jnp.asarray(directions(config.polarizations), jnp.float32)
    sections = spectra(
        dipoles(assembly), jnp.asarray(wavelengths(), jnp.float32), wave, METALS[config.metal], config.index
    )
    return sections.scattering.T * 1e-4


def measured(key: Array, expected: Float[Array, "wave w"], config: Plasmonics) -> Float[Array, "wave w"]:
    """Return spectra with photon and read-out noise, divided by the lamp; never below zero."""
    if not config.spectrum_counts:
        return expected
    brightness = (lamp(jnp.asarray(wavelengths(), jnp.float32)) * config.spectrum_counts * 10)[None]
    spread = jnp.sqrt(jnp.maximum(expected, 0) * brightness + _READ_COUNTS**2) / brightness
    return jnp.maximum(expected + spread * jax.random.normal(key, expected.shape, jnp.float32), 0)


def picture(key: Array, assembly: Assembly, config: Plasmonics) -> tuple[Array, tuple[Array, Array]]:
    """Return the 96 × 96 image, and the true angle and aspect ratio, which are those of the metal's outline."""
    points = jnp.asarray(grid(SIZE, config.pixel))
    signed = outlines(assembly, points)
    expected = secondary_electrons(signed, config.blur)
    true = orientation(jax.nn.sigmoid(-4 * signed / config.blur), points)
    if config.image_counts:
        noise = jax.random.normal(key, expected.shape, jnp.float32)
        expected = jnp.clip(expected + jnp.sqrt(expected / config.image_counts) * noise, 0, 1)
    return expected, true


def generate_one(key: Array, count: Array, config: Plasmonics) -> tuple[Assembly, Array, tuple[Array, Array], Array]:
    """Return one assembly, its image, its angle and aspect ratio, and its spectra [wave w]."""
    to_assembly, to_image, to_spectrum = jax.random.split(key, 3)
    assembly = draw(to_assembly, count, config.geometry)
    image, true = picture(to_image, assembly, config)
    return assembly, image, true, measured(to_spectrum, scattering(assembly, config), config)


@partial(jax.jit, static_argnames="config")
def _all(keys: Array, counts: Array, config: Plasmonics) -> Any:
    return jax.lax.map(lambda each: generate_one(each[0], each[1], config), (keys, counts), batch_size=20)


def generate(key: Array, config: Plasmonics = Plasmonics()) -> Particles:
    """Return a set of assemblies; classes take turns, so that every prefix is balanced.

    It is deterministic from the key: assembly i is ``generate_one`` of the i-th key split off it. 2,000 assemblies take
    about half a minute.
    """
    counts = np.tile(np.asarray(config.geometry.counts, np.int32), config.per_class)
    assembly, image, (angle, ratio), spectrum = jax.device_get(
        _all(jax.random.split(key, len(counts)), jnp.asarray(counts), config)
    )
    coarse = coarsened(image)
    taken = np.asarray(jax.vmap(exists)(assembly))
    factors = {
        "size": (assembly.size * taken).sum(1) / taken.sum(1),
        "aspect": np.where(assembly.shape == SHAPES.index("rod"), assembly.aspect, 1.0).astype(np.float32),
        "shape": assembly.shape,
    }
    geometry = config.geometry
    source = (
        f"simulated by coupled dipoles: {len(counts)} assemblies of {', '.join(geometry.shapes)}s of {config.metal} "
        f"(Rakić et al. 1998), size {geometry.size[0]:g} to {geometry.size[1]:g} nm, height {geometry.height:g} nm, "
        f"gaps {geometry.gap[0]:g} to {geometry.gap[1]:g} nm, index {config.index:g}, polarized at "
        f"{', '.join(f'{angle:g}°' for angle in config.polarizations)}"
    )
    order = sorted(geometry.counts)
    label = np.searchsorted(order, counts).astype(np.int32)
    return Particles(image, coarse, spectrum, wavelengths(), np.asarray(config.polarizations), label, angle, ratio,
                     factors, tuple(CLASSES[count - 1] for count in order), config.pixel, source)  # fmt: skip


def coarsened(image: Float[np.ndarray, "n 96 96"]) -> Float[np.ndarray, "n 32 32"]:
    """Average 3 × 3 pixels."""
    return image.reshape(len(image), COARSE, SIZE // COARSE, COARSE, SIZE // COARSE).mean((2, 4))


def take(particles: Particles, index: np.ndarray | slice) -> Particles:
    """Return the assemblies of an index array, in its order, or of a slice."""
    parts = ("image", "coarse", "spectrum", "label", "angle", "aspect_ratio")
    chosen: dict[str, Any] = {name: getattr(particles, name)[index] for name in parts}
    return particles._replace(**chosen, factors={name: values[index] for name, values in particles.factors.items()})


def as_images(particles: Particles, *, fine: bool = False) -> Images:
    """Return the pictures alone in the record of all data sets, 32 × 32, or 96 × 96 with ``fine``.

    An assembly's angle is known modulo 180°.
    """
    factors = {"angle": particles.angle, "aspect_ratio": particles.aspect_ratio, **particles.factors}
    units = {"angle": "rad", "aspect_ratio": "1"} | FACTOR_UNITS
    x = particles.image if fine else particles.coarse
    periods = (np.pi,) * len(particles.classes)
    return Images(x, particles.label, factors, units, particles.classes, particles.source, periods)


def to_dataset(particles: Particles) -> xarray.Dataset:
    """Return everything as labelled arrays with units, to be saved as netCDF."""
    row = {"units": "nm", "long_name": "place of the pixel, rows down and columns to the right"}
    arrays = {
        "image": (("particle", "row", "column"), particles.image, "1", "electron image, brightness"),
        "coarse": (("particle", "coarse_row", "coarse_column"), particles.coarse, "1", "the same, 32 × 32"),
        "spectrum": (("particle", "polarization", "wavelength"), particles.spectrum, "1e4 nm2",
                     "dark-field scattering cross section"),
        "label": (("particle",), particles.label, "1", "class: " + ", ".join(particles.classes)),
        "angle": (("particle",), particles.angle, "rad", "angle of the longer axis, anticlockwise, modulo π"),
        "aspect_ratio": (("particle",), particles.aspect_ratio, "1", "aspect ratio of the second moments"),
    } | {
        name: (("particle",), values, FACTOR_UNITS[name], f"true {name}") for name, values in particles.factors.items()
    }  # fmt: skip
    data = {
        name: (dims, values, {"units": units, "long_name": text})
        for name, (dims, values, units, text) in arrays.items()
    }
    wide = particles.pixel * SIZE / COARSE
    places = {name: ((name,), np.arange(count) * step, row) for name, count, step in (
        ("row", SIZE, particles.pixel), ("column", SIZE, particles.pixel),
        ("coarse_row", COARSE, wide), ("coarse_column", COARSE, wide),
    )}  # fmt: skip
    coordinates = places | {
        "wavelength": (("wavelength",), particles.wavelength, {"units": "nm", "long_name": "wavelength in vacuum"}),
        "polarization": (("polarization",), particles.polarization, {"units": "degree", "long_name": "polarization"}),
    }
    return xarray.Dataset(data, coordinates, {"source": particles.source, "Conventions": "CF-1.8"})


def save(particles: Particles, path: Path | str) -> None:
    """Write ``to_dataset`` as netCDF 4."""
    to_dataset(particles).to_netcdf(path, engine="h5netcdf")
