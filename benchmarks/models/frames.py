"""Windows cut around the columns of simulated lattice frames, with sublattice and grain of each as the truth.

Columns are Gaussians on a background, counts are Poisson-distributed and divided by their largest. The frames of
``drawn`` differ at random in lattice, contrast, dose, spacing and window, so that no setting can be tuned to one.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

SQUARE = np.array([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 0.0], [0.5, 0.5]]])
HONEYCOMB = np.array([[[1.0, 0.0], [0.5, np.sqrt(0.75)]], [[0.0, 0.0], [0.5, np.sqrt(1 / 12)]]])
LATTICES = {"square": SQUARE, "hexagonal": HONEYCOMB}  # lattice vectors, and places of the two columns of a cell
FOLD = {"square": 4, "hexagonal": 3}


@dataclass(frozen=True)
class Frame:
    """One frame of two grains: ``spacing`` is the lattice constant and ``width`` a column's standard deviation, in
    pixels; ``second`` the height of the second sublattice and ``background`` as shares of the first one's height;
    ``vacancies`` the share of the second sublattice that is empty, ``dopants`` of the first that is 1.5 times as high;
    ``dose`` the counts at the first one's centre; ``window`` the side of a window in pixels; ``angles`` of the grains
    in degrees."""

    lattice: str = "hexagonal"
    spacing: float = 12.0
    width: float = 1.8
    second: float = 0.5
    background: float = 0.2
    dose: float = 100.0
    window: int = 20
    angles: tuple[float, float] = (0.0, 11.0)
    vacancies: float = 0.0
    dopants: float = 0.0
    size: int = 400


@dataclass(frozen=True)
class Windows:
    """Windows ``x [n window window]`` in [0, 1] around every site, its kind and grain.

    Kinds are 0 and 1 (the sublattices), 2 (a vacancy of the second), 3 (a dopant in the first). ``noise`` is the root
    mean square of the noise in a pixel, in the units of x.
    """

    x: Float[np.ndarray, "n window window"]
    kind: Int[np.ndarray, " n"]
    grain: Int[np.ndarray, " n"]
    noise: float


def drawn(seed: int) -> Frame:
    """Draw a frame: the lattice by turns, everything else within the range that a microscopist would still use."""
    generator = np.random.default_rng(seed)
    spacing = generator.uniform(9, 15)
    first = generator.uniform(0, 90)
    return Frame(
        lattice=("square", "hexagonal")[seed % 2],
        spacing=spacing,
        width=spacing * generator.uniform(0.13, 0.18),
        second=generator.uniform(0.35, 0.75),
        background=generator.uniform(0.05, 0.5),
        dose=float(np.exp(generator.uniform(np.log(20), np.log(1000)))),
        window=round(spacing * generator.uniform(1.4, 2.0)),
        angles=(first, first + generator.uniform(8, 22)),
    )


def windows(frame: Frame, seed: int) -> Windows:
    """Simulate the frame and cut a window around every column, at the nearest pixel to its centre."""
    generator = np.random.default_rng(seed)
    place, kind, grain = _columns(frame, generator)
    chance = generator.uniform(size=len(kind))
    kind = np.where((kind == 1) & (chance < frame.vacancies), 2, kind)
    kind = np.where((kind == 0) & (chance < frame.dopants), 3, kind)
    expected = frame.background + _image(frame, place, np.array([1.0, frame.second, 0.0, 1.5])[kind])
    counts = generator.poisson(frame.dose * expected).astype(np.float32)
    half, centre = frame.window // 2, np.round(place).astype(int)
    inside = ((centre >= half) & (centre <= frame.size - frame.window + half)).all(1)
    centre = centre[inside]
    x = np.stack([counts[r - half : r - half + frame.window, c - half : c - half + frame.window] for c, r in centre])
    noise = np.sqrt(expected.mean() * frame.dose) / counts.max()
    return Windows(x / counts.max(), kind[inside], grain[inside], float(noise))


def _columns(frame: Frame, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return places (x, y) in pixels, sublattices and grains of all columns of the frame, thinned at the boundary."""
    vectors, basis = LATTICES[frame.lattice]
    steps = np.arange(-frame.size // 8, frame.size // 8)
    cells = np.stack(np.meshgrid(steps, steps), -1).reshape(-1, 1, 2)
    upright = cells @ vectors + basis[None]
    places, kinds, grains = [], [], []
    for number, degrees in enumerate(frame.angles):
        angle = np.deg2rad(degrees)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        place = frame.spacing * upright.reshape(-1, 2) @ turn.T + frame.size / 2 + generator.uniform(-3, 3, 2)
        place = place + generator.normal(0, 0.02 * frame.spacing, place.shape)
        kind = np.tile([0, 1], len(cells))
        left = place[:, 0] < frame.size / 2 - 0.3 * frame.spacing
        keep = ((place > -20) & (place < frame.size + 20)).all(1) & (left if number == 0 else ~left)
        places, kinds, grains = [*places, place[keep]], [*kinds, kind[keep]], [*grains, np.full(keep.sum(), number)]
    return np.concatenate(places), np.concatenate(kinds), np.concatenate(grains)


def _image(frame: Frame, place: np.ndarray, height: np.ndarray) -> np.ndarray:
    """Return the sum of Gaussian columns [y x], at the centres of the pixels (whole numbers)."""
    axis = np.arange(frame.size)
    along = [np.exp(-0.5 * ((axis[None] - place[:, k, None]) / frame.width) ** 2) for k in (0, 1)]
    return np.einsum("c,cy,cx->yx", height, along[1], along[0], optimize=True)
