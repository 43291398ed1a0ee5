"""Simulate a scan over many nanoparticles: a dark-field electron image and a hyperspectral cube of local energy losses.

Assemblies are scattered over a field of view without touching each other. At every point the microscope records how
much metal is there (HAADF: the detector at high angles sees thickness) and the spectrum of energies that electrons lose
there (``electrons``). Dipoles of one assembly are coupled; an electron excites assemblies whose outline is
within ``reach`` nm, fading over the last third (where some 5 % are left), and those add up without coupling. The
spectrometer's resolution and the counting noise of a given number of electrons per point are included, the zero-loss
peak is taken as removed.

16 × 16 patches with the spectrum at their middle are cut from it, as in im2spec (Kalinin et al., arXiv 2002.04257).
"""

from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray
from jax import lax
from jaxtyping import Array

from experiments.datasets.plasmonics.electrons import surface_loss, volume_loss
from experiments.datasets.plasmonics.optics import METALS
from experiments.datasets.plasmonics.shapes import (
    PARTS,
    SHAPES,
    Assembly,
    Geometry,
    dipoles,
    distance,
    draw,
    exists,
    thickness,
)

REGIONS = ("particle", "edge", "gap", "background")
_EDGE_NM, _GAP_NM = 3.0, 12.0


def _small() -> Geometry:
    return Geometry(size=(14.0, 24.0), height=10.0, gap=(2.0, 8.0))


@dataclass(frozen=True)
class Scanned:
    """Options of a scan of ``size`` × ``size`` points, ``scale`` nm apart, over at most ``assemblies`` assemblies.

    The circles around assemblies are ``margin`` nm or more apart.
    ``energies`` (eV): first, last and number of channels; ``resolution`` (eV) the spectrometer's full width at half
    maximum; ``electrons`` per point (0: no noise); ``image_counts`` electrons of the image per point at full thickness.
    """

    size: int = 160
    scale: float = 4.0
    assemblies: int = 160
    margin: float = 4.0
    geometry: Geometry = field(default_factory=_small)
    metal: str = "silver"
    kilovolts: float = 100.0
    energies: tuple[float, float, int] = (1.6, 4.0, 49)
    resolution: float = 0.1
    reach: float = 38.0
    electrons: float = 2e7
    image_counts: float = 150.0

    def __post_init__(self) -> None:
        first, last, channels = self.energies
        if self.size < 16 or not self.scale > 0 or self.assemblies < 1 or self.margin < 0:
            raise ValueError(
                f"size={self.size}, scale={self.scale}, assemblies={self.assemblies}, margin={self.margin}: give 16 "
                "points or more, a step above 0 nm, one assembly or more and a margin of 0 nm or more"
            )
        if not 0 < first < last or channels < 4:
            raise ValueError(
                f"energies={self.energies}: give a lower and a higher energy in eV, and 4 channels or more"
            )
        if self.metal not in METALS:
            raise ValueError(f"metal is one of {', '.join(METALS)}, got {self.metal!r}")
        if (
            not (self.kilovolts > 0 and self.resolution > 0 and self.reach > 0)
            or min(self.electrons, self.image_counts) < 0
        ):
            raise ValueError(
                f"kilovolts={self.kilovolts}, resolution={self.resolution}, reach={self.reach}, electrons="
                f"{self.electrons}, image_counts={self.image_counts}: the first three above 0, counts of 0 or more"
            )


class Scan(NamedTuple):
    """An image [ny nx] and a spectrum image [ny nx e] on the same points; NumPy, float32.

    ``image`` in [0, 1]; ``cube`` ≥ 0 in ``units``; ``energy`` [e] rising, in ``energy_units``; ``scale`` the distance
    of points in ``scale_units``. ``regions`` [ny nx], an index into ``REGIONS``, and ``assembly`` [ny nx], the number
    of the nearest assembly, where the truth is known.
    """

    image: np.ndarray
    cube: np.ndarray
    energy: np.ndarray
    scale: float
    units: str
    energy_units: str
    scale_units: str
    source: str
    regions: np.ndarray | None = None
    assembly: np.ndarray | None = None


class Patches(NamedTuple):
    """Patches ``image`` [n size size], the spectra [n e] at their middle points, and these points' rows and columns."""

    image: np.ndarray
    spectrum: np.ndarray
    row: np.ndarray
    column: np.ndarray


def energies(config: Scanned) -> np.ndarray:
    """Return the energy axis in eV."""
    first, last, channels = config.energies
    return np.linspace(first, last, channels)


@partial(jax.jit, static_argnames="config")
def _drawn(key: Array, counts: Array, config: Scanned) -> Assembly:
    keys = jax.random.split(key, len(counts))
    return jax.vmap(lambda key, count: draw(key, count, config.geometry))(keys, counts)


def _placed(generator: np.random.Generator, drawn: Assembly, config: Scanned) -> tuple[Assembly, np.ndarray]:
    """Return the assemblies that found room, and their centres in nm from the field's middle.

    Each is tried at 200 places.
    """
    away = np.linalg.norm(drawn.place, axis=-1) + drawn.size * np.sqrt(np.asarray(drawn.aspect))[:, None] / 2
    radius = np.where(np.asarray(jax.vmap(exists)(drawn)), away, 0).max(1)
    half, centres, kept = config.size * config.scale / 2, np.zeros((0, 2)), []
    for n in np.argsort(-radius):  # the large first: they would find no room later
        tries = generator.uniform(-half, half, (200, 2))
        separation = np.linalg.norm(tries[:, None] - centres[None], axis=-1)
        free = (separation > radius[n] + radius[kept][None] + config.margin).all(1)
        if free.any():
            centres, kept = np.vstack([centres, tries[free.argmax()]]), [*kept, int(n)]
    return jax.tree.map(lambda leaf: np.asarray(leaf)[kept], drawn), centres.astype(np.float32)


@partial(jax.jit, static_argnames=("config", "triangles"))
def _local(assembly: Assembly, centre: Array, config: Scanned, triangles: bool) -> tuple[Array, Array, Array, Array]:
    """Return losses [window² e], distances to the nearest two particles [2 window²] and thickness around one assembly.

    The window holds the scan's points within reach; its first row and column, also returned, may lie outside the scan.
    """
    metal, steps = METALS[config.metal], int(np.ceil((config.reach + 2.2 * config.geometry.size[1]) / config.scale))
    middle = (config.size - 1) / 2
    nearest = jnp.round(jnp.stack([middle - centre[1] / config.scale, middle + centre[0] / config.scale])).astype(
        jnp.int32
    )
    along = jnp.arange(-steps, steps + 1)
    x = (nearest[1] + along - middle) * config.scale - centre[0]
    y = (middle - nearest[0] - along) * config.scale - centre[1]
    probes = jnp.stack(jnp.broadcast_arrays(x[None, :], y[:, None]), -1).reshape(-1, 2).astype(jnp.float32)
    each = jax.vmap(distance, (None, None, 0, 0, 0, None))(
        probes, assembly.shape, assembly.place, assembly.angle, assembly.size, assembly.aspect
    )
    near = jnp.sort(jnp.where(exists(assembly)[:, None], each, 1e4), 0)[:2]
    thick = thickness(assembly, near[0])
    fading = jnp.clip(3 * (1 - near[0] / config.reach), 0, 1)
    fading = fading**2 * (3 - 2 * fading)
    electric = dipoles(assembly)
    if not triangles:  # one dipole a particle will do
        electric = jax.tree.map(lambda leaf: leaf[::PARTS], electric)

    def loss(energy: Array) -> Array:
        inside = volume_loss(thick, energy, metal, config.kilovolts)
        return fading * surface_loss(electric, probes, energy, metal, config.kilovolts) + inside

    lost = lax.map(loss, jnp.asarray(energies(config), jnp.float32))
    return lost.T, near, thick, nearest - steps


def _regions(near: np.ndarray) -> np.ndarray:
    """Return the kind of each point (index into ``REGIONS``) from distances [2 ny nx] to the nearest two particles."""
    gap = (near[0] > 0) & (near.sum(0) < _GAP_NM)
    edge = np.abs(near[0]) < _EDGE_NM
    return np.select([gap, edge, near[0] <= 0], [2, 1, 0], 3).astype(np.int32)


def generate(key: Array, config: Scanned = Scanned()) -> Scan:
    """Simulate a scan with the truth about its points; losses in 10⁻³ per eV and electron. Deterministic from the key.

    The default one holds some 60 assemblies and takes about half a minute.
    """
    to_counts, to_shapes, to_places = jax.random.split(key, 3)
    choices = jnp.asarray(config.geometry.counts, jnp.int32)
    counts = jax.random.choice(to_counts, choices, (config.assemblies,))
    generator = np.random.default_rng(np.asarray(jax.random.key_data(to_places)).tolist())
    drawn, centres = _placed(generator, _drawn(to_shapes, counts, config), config)
    size, channels = config.size, config.energies[2]
    cube, height = np.zeros((size, size, channels), np.float32), np.zeros((size, size), np.float32)
    near, assembly = np.full((2, size, size), 1e4, np.float32), np.full((size, size), -1, np.int32)
    for n, centre in enumerate(centres):
        placed = jax.tree.map(lambda leaf, n=n: leaf[n], drawn)
        triangles = bool(placed.shape == SHAPES.index("triangle"))
        lost, close, thick, (top, left) = jax.device_get(_local(placed, jnp.asarray(centre), config, triangles))
        side = round(np.sqrt(len(lost)))
        rows, columns = (slice(max(at, 0), min(at + side, size)) for at in (top, left))
        inner = slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)
        cube[rows, columns] += lost.reshape(side, side, -1)[inner] * 1e3
        height[rows, columns] += thick.reshape(side, side)[inner]
        close = close.reshape(2, side, side)[(slice(None), *inner)]
        before = near[:, rows, columns]
        assembly[rows, columns] = np.where(close[0] < before[0], n, assembly[rows, columns])
        near[:, rows, columns] = np.sort(np.concatenate([before, close]), 0)[:2]
    cube, image = _detected(generator, cube, height, config)
    source = (
        f"simulated by coupled dipoles: {len(centres)} assemblies of {', '.join(config.geometry.shapes)}s of "
        f"{config.metal} (Rakić et al. 1998) on {size} × {size} points {config.scale:g} nm apart, electrons of "
        f"{config.kilovolts:g} kV, resolution {config.resolution:g} eV, {config.electrons:.2g} electrons per point"
    )
    return Scan(image, cube, energies(config), config.scale, "1e-3 eV-1", "eV", "nm", source, _regions(near), assembly)


def _detected(
    generator: np.random.Generator, cube: np.ndarray, height: np.ndarray, config: Scanned
) -> tuple[np.ndarray, np.ndarray]:
    """Return the measured spectra and image of losses and thickness, with resolution and noise."""
    axis = energies(config)
    blur = np.exp(-4 * np.log(2) * ((axis[:, None] - axis[None]) / config.resolution) ** 2)
    cube = cube @ (blur / blur.sum(1, keepdims=True)).T
    if config.electrons:
        counts = config.electrons * (axis[1] - axis[0]) * 1e-3  # per unit of the cube
        cube = generator.poisson(np.maximum(cube, 0) * counts) / counts
    image = 0.05 + 0.9 * height / max(float(height.max()), 1e-6)
    if config.image_counts:
        image = generator.poisson(image * config.image_counts) / config.image_counts
    return cube.astype(np.float32), np.clip(image, 0, 1).astype(np.float32)


def cut(scan: Scan, size: int = 16, stride: int = 1) -> Patches:
    """Cut all patches of ``size`` × ``size`` points, ``stride`` points apart, with the spectrum at their middle.

    The middle of an even size is the point to the lower right. ValueError for a patch larger than the image, and for a
    stride below 1.
    """
    rows, columns = scan.image.shape
    if not 1 <= size <= min(rows, columns):
        raise ValueError(f"patches of {size} × {size} from an image of {rows} × {columns}: give a size of 1 to "
                         f"{min(rows, columns)}")  # fmt: skip
    if stride < 1:
        raise ValueError(f"stride={stride}: patches are one point or more apart")
    windows = np.lib.stride_tricks.sliding_window_view(scan.image, (size, size))[::stride, ::stride]
    row, column = np.meshgrid(*(np.arange(count) * stride + size // 2 for count in windows.shape[:2]), indexing="ij")
    row, column = row.ravel(), column.ravel()
    image = windows.reshape(-1, size, size)
    return Patches(np.ascontiguousarray(image), scan.cube[row, column], row, column)


def to_dataset(scan: Scan) -> xarray.Dataset:
    """Return everything as labelled arrays with units, to be saved as netCDF."""
    data: dict[str, Any] = {
        "image": (("y", "x"), scan.image, {"units": "1", "long_name": "electron image, brightness"}),
        "spectrum_image": (("y", "x", "energy"), scan.cube, {"units": scan.units, "long_name": "local spectra"}),
    }
    if scan.regions is not None:
        meanings = {"units": "1", "long_name": "kind of point", "flag_meanings": " ".join(REGIONS)}
        data["regions"] = (("y", "x"), scan.regions, meanings)
    if scan.assembly is not None:
        data["assembly"] = (("y", "x"), scan.assembly, {"units": "1", "long_name": "nearest assembly"})
    places = {
        name: ((name,), np.arange(count) * scan.scale, {"units": scan.scale_units, "long_name": text})
        for name, count, text in zip("yx", scan.image.shape, ("downwards", "to the right"), strict=True)
    }
    energy = {"energy": (("energy",), scan.energy, {"units": scan.energy_units, "long_name": "energy"})}
    return xarray.Dataset(data, places | energy, {"source": scan.source, "Conventions": "CF-1.8"})
