"""The periods of a frame: the scale of its lattice from the spectrum, and the cell in each tile from correlations."""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

_SPOTS = 30.0  # the brightest spot of a ring against the ring's median, above which it is no noise
_TILES = (8.0, 5.0)  # sides of tiles in units of the scale: four to eight cells, and fewer where grains are small
_ALIKE = 0.7  # height of a correlation that counts as a translation, against the highest
_RESEMBLES = 0.3  # height of a correlation within a cell or in a part of the tile, against the highest
_COINCIDENCE = 1.7  # times the area of the small cells: a larger one is what two grains in a tile have in common


class Cells(NamedTuple):
    """Lattice vectors [tile vector xy] in pixels, shortest first, with the ``centre`` [tile xy] of each tile.

    ``shortest`` [tile] is the shortest distance at which a tile resembles itself, within a cell or between cells.
    """

    vectors: np.ndarray
    centre: np.ndarray
    shortest: np.ndarray


def scale_of(frame: np.ndarray) -> float:
    """Return the distance in pixels of the lattice planes that are strongest in the spectrum of a frame [y x].

    It is 0.5 to 1 of the lattice constant. ValueError where no ring of the spectrum has spots.
    """
    height, width = frame.shape
    side = np.hanning(height)[:, None] * np.hanning(width)
    power = np.abs(np.fft.rfft2((frame - frame.mean()) * side)) ** 2
    fy, fx = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)
    radius = np.hypot(fy, fx) * min(height, width)
    ring = np.round(radius).astype(int)
    last = int(min(height, width) / 2.5)
    best, strength = 0, 0.0
    labels = np.arange(4, last)
    top = ndimage.maximum(power, ring, labels)
    middle = ndimage.median(power, ring, labels)
    spots = (top > _SPOTS * middle) & (top > 0)
    for label, value in zip(labels[spots], top[spots], strict=True):
        if value > strength:
            best, strength = int(label), float(value)
    if not best:
        raise ValueError(
            "no period was found: the spectrum of the frame has no spots. Give spacing, the distance of neighbouring "
            "columns in pixels, or average several frames."
        )
    inside = ring == best
    return float(min(height, width) / np.average(radius[inside], weights=power[inside]))


def cells_of(frame: np.ndarray, scale: float) -> Cells:
    """Return the lattice vectors of the tiles of a frame in which two were found; ``scale`` as from ``scale_of``."""
    flat = frame - ndimage.gaussian_filter(frame, scale, mode="nearest")
    found, centres = [], []
    for tile in _TILES:
        height, width = (int(min(size, max(32, tile * scale))) for size in frame.shape)
        for top in _starts(frame.shape[0], height):
            for left in _starts(frame.shape[1], width):
                cell = _cell(flat[top : top + height, left : left + width], scale)
                if cell is not None:
                    found.append(cell)
                    centres.append([left + (width - 1) / 2, top + (height - 1) / 2])
    vectors = np.reshape([cell[0] for cell in found], (-1, 2, 2))
    shortest = np.array([cell[1] for cell in found])
    return Cells(vectors, np.reshape(centres, (-1, 2)), shortest)


def single(cells: Cells) -> Cells:
    """Return the cells without those of tiles across two grains, which are what both have in common, and large."""
    if not len(cells.vectors):
        return cells
    area = np.abs(np.linalg.det(cells.vectors))
    kept = area <= _COINCIDENCE * np.quantile(area, 0.25)
    return Cells(*(part[kept] for part in cells))


def _starts(size: int, side: int) -> np.ndarray:
    """Return the first pixels of tiles that overlap by half or more and cover an axis."""
    count = int(np.ceil((size - side) / (side / 2))) + 1
    return np.unique(np.round(np.linspace(0, size - side, count)).astype(int))


def correlation(tile: np.ndarray) -> np.ndarray:
    """Return the mean product of pixels at each distance [y x], distance 0 in the middle; 0 beyond 2/3 of the side."""
    shape = [2 * size for size in tile.shape]
    spectrum = np.fft.rfft2(tile - tile.mean(), shape)
    pairs = np.fft.rfft2(np.ones(tile.shape), shape)
    sums = np.fft.irfft2(np.abs(spectrum) ** 2, shape)
    counts = np.fft.irfft2(np.abs(pairs) ** 2, shape)
    mean = np.where(counts > tile.size / 9, sums / np.maximum(counts, 1), 0)
    return np.fft.fftshift(mean)


def _cell(tile: np.ndarray, scale: float) -> tuple[np.ndarray, float] | None:
    """Return the two shortest translations [vector xy] that map a tile to itself, and the shortest resemblance.

    None where there are no two.
    """
    smooth = ndimage.gaussian_filter(correlation(tile), max(0.08 * scale, 0.7))
    middle = np.array(smooth.shape) // 2
    peaks = np.argwhere((smooth == ndimage.maximum_filter(smooth, size=2 * int(0.25 * scale) + 1)) & (smooth > 0))
    away = peaks - middle
    length = np.linalg.norm(away, axis=1)
    near = (length > 0.6 * scale) & (length < 3.2 * scale)
    inner = ((peaks > 0) & (peaks < np.array(smooth.shape) - 1)).all(1)
    peaks, length = peaks[near & inner], length[near & inner]
    if len(peaks) < 4:
        return None
    heights = smooth[tuple(peaks.T)]
    if heights.max() < 0.15 * smooth[tuple(middle)]:
        return None
    chosen = heights >= _ALIKE * heights.max()
    order = np.argsort(length[chosen])
    places = [_subpixel(smooth, peak) - middle for peak in peaks[chosen][order]]
    basis = _reduced(np.array(places)[:, ::-1])
    return None if basis is None else (basis, float(length[heights >= _RESEMBLES * heights.max()].min()))


def _subpixel(image: np.ndarray, peak: np.ndarray) -> np.ndarray:
    """Return the place [row column] of a maximum by parabolas along both axes."""
    place = peak.astype(float)
    for axis in (0, 1):
        step = np.eye(2, dtype=int)[axis]
        before, here, after = (image[tuple(peak + shift * step)] for shift in (-1, 0, 1))
        bend = before - 2 * here + after
        place[axis] += 0.5 * (before - after) / bend if bend < 0 else 0
    return place


def _reduced(translations: np.ndarray) -> np.ndarray | None:
    """Return a reduced basis [vector xy] of translations sorted by length, refined on all that are short multiples."""
    first = translations[0]
    sine = np.abs(_cross(first, translations)) / (np.linalg.norm(first) * np.linalg.norm(translations, axis=1))
    wide = np.flatnonzero(sine > 0.4)
    if not len(wide):
        return None
    basis = np.array([first, translations[wide[0]]])
    for _ in range(4):
        basis = basis[np.argsort(np.linalg.norm(basis, axis=1))]
        basis[1] -= np.round(basis[1] @ basis[0] / (basis[0] @ basis[0])) * basis[0]
    numbers = translations @ np.linalg.inv(basis)
    whole = np.round(numbers)
    fits = (np.abs(numbers - whole) < 0.15).all(1) & (np.abs(whole) <= 2).all(1)
    refined = np.linalg.lstsq(whole[fits], translations[fits], rcond=None)[0]
    refined = refined[np.argsort(np.linalg.norm(refined, axis=1))]
    return refined if _cross(refined[0], refined[1]) > 0 else refined * np.array([[1], [-1]])


def _cross(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.asarray(one[..., 0] * other[..., 1] - one[..., 1] * other[..., 0])


def check_one_spacing(cells: Cells) -> None:
    """Raise ValueError where a fifth of the tiles or more have a spacing that no cell has in common with the others."""
    middle = float(np.median(cells.shortest))
    ratio = np.maximum(cells.shortest / middle, middle / cells.shortest)
    other = ratio > 1.25
    for relative in (np.sqrt(2), np.sqrt(3), 2.0):  # other distances of the same lattice
        other &= np.abs(ratio / relative - 1) > 0.08
    if len(ratio) >= 5 and other.mean() > 0.2:
        second = float(np.median(cells.shortest[other]))
        raise ValueError(
            f"the frame has two spacings: a lattice of {middle:.1f} px, and one of {second:.1f} px in "
            f"{other.mean():.0%} of it. Cut the frame, frame[top:bottom, left:right], and treat the parts one by one, "
            "or give spacing, the distance of neighbouring columns that you mean."
        )
