"""Whole frames of crystals with grains, vacancies and dopants, as a scanning electron beam images them.

The frame is tiled by grains around random centres; each grain is one lattice, turned and shifted at random and cut off
at the perpendicular bisectors. Columns of two grains that come closer than 0.6 of the spacing lose one of the two. Then
the specimen is strained slowly, columns are displaced by thermal motion, the scan drifts, and rows jitter. Columns are
Gaussians averaged over every pixel, on a background that rises across the frame; pixels count electrons (Poisson).
"""

from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import jax
import numpy as np
from scipy.spatial import KDTree
from scipy.special import erf

LATTICES = ("square", "hexagonal", "honeycomb", "perovskite")
KINDS = ("A", "B", "dopant", "vacancy")


@dataclass(frozen=True)
class Frame:
    """Options of a simulated frame; lengths in pixels.

    ``lattice``: "square" and "hexagonal" have the sublattice A alone; "honeycomb" (as MoS2 seen from above) and
    "perovskite" have B in the hollows of A. ``spacing`` is the distance of neighbouring columns, of A and B where there
    are both; ``width`` the standard deviation of a column, 0 for 0.2 spacings. ``brightness`` of A is 1, that of B and
    of a dopant (on A) are given; vacancies lie on B where there is one, and leave nothing. Shares are those of the
    sublattice's columns. ``rotation_degrees`` is the range ± of grains' angles. ``strain`` is the largest local change
    of length, ``drift`` the distance that the scan drifts over the frame, ``jitter`` the standard deviation of a row's
    offset, ``motion`` that of columns. ``dose`` is the number of electrons expected in a pixel at the middle of a
    column A, 0 for no noise; ``background`` its share between columns, ``gradient`` the change of background across the
    frame, relative to it. ``offset`` and ``contrast`` map counts to values.
    """

    size: tuple[int, int] = (384, 384)
    lattice: str = "honeycomb"
    spacing: float = 12.0
    width: float = 0.0
    grains: int = 2
    rotation_degrees: float = 180.0
    brightness: float = 0.6
    dopant_brightness: float = 1.5
    vacancies: float = 0.03
    dopants: float = 0.03
    strain: float = 0.01
    drift: float = 3.0
    jitter: float = 0.1
    motion: float = 0.2
    dose: float = 60.0
    background: float = 0.2
    gradient: float = 0.5
    blur: float = 0.0
    offset: float = 0.0
    contrast: float = 1.0

    def __post_init__(self) -> None:
        if self.lattice not in LATTICES:
            raise ValueError(f"lattice must be one of {', '.join(LATTICES)}, got {self.lattice!r}")
        if len(self.size) != 2 or min(self.size) < 4 * self.spacing or self.spacing < 3:
            raise ValueError(f"spacing must be at least 3 px and size four of it; got {self.spacing:g} and {self.size}")
        if self.grains < 1 or not 0 <= self.vacancies < 1 or not 0 <= self.dopants < 1:
            raise ValueError(
                f"grains must be 1 or more, shares in [0, 1); got {self.grains}, {self.vacancies}, {self.dopants}"
            )
        for name in ("width", "brightness", "strain", "drift", "jitter", "motion", "dose", "background", "blur"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must not be negative, got {getattr(self, name)}")


class Simulated(NamedTuple):
    """A simulated frame [y x] float32 with the truth about every site inside it.

    ``xy`` [n 2] in pixels (x = column, y = row, pixel centres at whole numbers), the missing columns of ``vacancies``
    among them; ``kind`` [n], an index into ``kinds``; ``sublattice`` [n], 0 for A and 1 for B; ``grain`` [n]; ``angle``
    [n], that of the grain in radians, anticlockwise as shown; ``brightness`` [n], 0 where the column is missing.
    ``spacing`` is the distance of neighbouring columns, ``symmetry`` the number of turns that leave A and B unchanged.
    """

    image: np.ndarray
    xy: np.ndarray
    kind: np.ndarray
    sublattice: np.ndarray
    grain: np.ndarray
    angle: np.ndarray
    brightness: np.ndarray
    spacing: float
    symmetry: int
    source: str
    kinds: tuple[str, ...] = KINDS

    @property
    def vacancies(self) -> np.ndarray:
        """Return whether the column of each site [n] is missing."""
        return self.kind == KINDS.index("vacancy")


def simulate(key: jax.Array, config: Frame = Frame()) -> Simulated:
    """Return a simulated frame of the options, with its truth. ValueError where no column lies inside it."""
    generator = np.random.default_rng(np.asarray(jax.random.key_data(key)).tolist())
    xy, sublattice, grain, angle = _sites(generator, config)
    xy = _moved(generator, config, xy)
    height, width = config.size
    margin = 4 * config.spacing
    near = ((xy > -margin) & (xy < np.array([width, height]) + margin)).all(1)
    xy, sublattice, grain, angle = xy[near], sublattice[near], grain[near], angle[near]
    kind = _kinds(generator, config, sublattice)
    brightness = np.array([1.0, config.brightness, config.dopant_brightness, 0.0])[kind]
    image = _image(generator, config, xy, brightness)
    inside = ((xy >= 0) & (xy <= np.array([width, height]) - 1)).all(1)
    if not inside.any():
        raise ValueError(f"no column lies inside a frame of {config.size} pixels with spacing {config.spacing:g}")
    noise = f"{config.dose:g} electrons at a column" if config.dose else "no noise"
    source = (
        f"simulated {config.lattice} lattice: {height} × {width} px, spacing {config.spacing:g} px, "
        f"{config.grains} grain(s), {inside.sum()} sites, {noise}"
    )
    symmetry = {"square": 4, "hexagonal": 6, "honeycomb": 3, "perovskite": 4}[config.lattice]
    xy, kind, sublattice, grain = xy[inside], kind[inside], sublattice[inside], grain[inside]
    return Simulated(
        image, xy, kind, sublattice, grain, angle[inside], brightness[inside], config.spacing, symmetry, source
    )


def _cell(config: Frame) -> tuple[np.ndarray, np.ndarray]:
    """Return the vectors of the cell [vector xy] and the places of its columns [column xy] in pixels, y upwards."""
    spacing, half = config.spacing, np.sqrt(0.75)
    hexagonal = np.array([[1.0, 0.0], [0.5, half]])
    if config.lattice == "square":
        return spacing * np.eye(2), np.zeros((1, 2))
    if config.lattice == "hexagonal":
        return spacing * hexagonal, np.zeros((1, 2))
    if config.lattice == "honeycomb":
        vectors = np.sqrt(3) * spacing * hexagonal
        return vectors, np.array([[0.0, 0.0], vectors.sum(0) / 3])
    return np.sqrt(2) * spacing * np.eye(2), np.array([[0.0, 0.0], [spacing / np.sqrt(2)] * 2])


def _sites(generator: np.random.Generator, config: Frame) -> tuple[np.ndarray, ...]:
    """Return places [n xy] in the frame, sublattice, grain and angle of all sites, some outside the frame."""
    height, width = config.size
    middle, reach = np.array([width, height]) / 2, np.hypot(width, height) / 2 + 8 * config.spacing
    centres = generator.uniform([0, 0], [width, height], (config.grains, 2))
    vectors, basis = _cell(config)
    count = int(np.ceil(2 * reach / np.linalg.norm(vectors, axis=1).min())) + 2
    steps = np.arange(-count, count + 1)
    cells = np.stack(np.meshgrid(steps, steps), -1).reshape(-1, 1, 2) @ vectors + basis
    parts = []
    for grain in range(config.grains):
        angle = np.deg2rad(generator.uniform(-config.rotation_degrees, config.rotation_degrees))
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])  # rows are vectors
        places = (cells.reshape(-1, 2) + generator.uniform(0, 1, 2) @ vectors) @ turn * [1, -1] + middle
        own = np.linalg.norm(places[:, None] - centres, axis=-1).argmin(1) == grain
        own &= (np.abs(places - middle) < reach).all(1)
        sublattice = np.tile(np.arange(len(basis)), len(cells))
        parts.append((places[own], sublattice[own], np.full(own.sum(), grain), np.full(own.sum(), angle)))
    xy, sublattice, grain, angle = (np.concatenate(part) for part in zip(*parts, strict=True))
    crowded = KDTree(xy).query_pairs(0.6 * config.spacing, output_type="ndarray")
    kept = np.ones(len(xy), bool)
    kept[crowded.max(1) if len(crowded) else []] = False
    return xy[kept], sublattice[kept], grain[kept], angle[kept]


def _moved(generator: np.random.Generator, config: Frame, xy: np.ndarray) -> np.ndarray:
    """Return the places after slow strain, thermal motion, and the drift and jitter of the scan's rows."""
    height, length = config.size[0], max(config.size)
    phases = generator.uniform(0, 2 * np.pi, (2, 2))
    waves = np.sin(2 * np.pi * xy[:, None, :] / length + phases).sum(-1) / 2
    moved = xy + config.strain * length / (2 * np.pi) * waves + generator.normal(0, config.motion, xy.shape)
    direction = generator.uniform(0, 2 * np.pi)
    drift = config.drift * np.array([np.cos(direction), np.sin(direction)]) * (moved[:, 1:] / height) ** 2
    offsets = generator.normal(0, config.jitter, height)
    rows = np.clip(np.round(moved[:, 1]).astype(int), 0, height - 1)
    moved = moved + drift
    moved[:, 0] += offsets[rows]
    return moved


def _kinds(generator: np.random.Generator, config: Frame, sublattice: np.ndarray) -> np.ndarray:
    """Return the kind of each site: that of its sublattice, or a dopant on A, or a vacancy on the last sublattice."""
    draw = generator.uniform(0, 1, (2, len(sublattice)))
    kind = sublattice.copy()
    kind[(sublattice == 0) & (draw[0] < config.dopants)] = KINDS.index("dopant")
    kind[(sublattice == sublattice.max()) & (draw[1] < config.vacancies)] = KINDS.index("vacancy")
    return kind


def _image(generator: np.random.Generator, config: Frame, xy: np.ndarray, brightness: np.ndarray) -> np.ndarray:
    """Return the counted frame of columns at these places."""
    height, width = config.size
    sigma = np.hypot(config.width or 0.2 * config.spacing, config.blur)
    rows, columns = np.arange(height), np.arange(width)
    slope = generator.uniform(0, 2 * np.pi)
    ramp = np.cos(slope) * (columns / width - 0.5) + np.sin(slope) * (rows / height - 0.5)[:, None]
    expected = config.background * (1 + config.gradient * ramp)
    reach = int(np.ceil(5 * sigma))
    window = np.arange(-reach, reach + 1)
    edges = np.append(window - 0.5, reach + 0.5)
    pad = 2 * reach + 1
    padded = np.zeros((height + 2 * pad, width + 2 * pad))
    near = ((xy > -reach) & (xy < np.array([width, height]) + reach)).all(1) & (brightness > 0)
    for place, value in zip(xy[near], brightness[near], strict=True):
        middle = np.round(place).astype(int)
        across, down = (
            np.diff(erf((edges - offset) / (np.sqrt(2) * sigma))) * sigma * np.sqrt(np.pi / 2)
            for offset in place - middle
        )
        left, top = middle + pad - reach
        padded[top : top + len(window), left : left + len(window)] += value * down[:, None] * across
    columns_seen = padded[pad : pad + height, pad : pad + width]
    expected = np.clip(expected + (1 - config.background) * columns_seen, 0, None)
    counts = generator.poisson(config.dose * expected) if config.dose else expected
    return (config.offset + config.contrast * counts).astype(np.float32)


def with_options(key: jax.Array, options: dict[str, Any]) -> Simulated:
    """Return a frame with options by name. ValueError for an option that ``Frame`` does not have."""
    known = [field.name for field in fields(Frame)]
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ValueError(f"a frame has no option {', '.join(unknown)}; it has {', '.join(known)}")
    return simulate(key, Frame(**options))
