"""Atomic columns of a frame: peaks at the scale of their spacing, refined to subpixels, completed from the lattice."""

from typing import Any, NamedTuple

import numpy as np
from scipy.ndimage import uniform_filter
from scipy.spatial import KDTree

from experiments.datasets.files.checking import frame_of
from experiments.datasets.frames import completing, peaks, periods, refining
from ferro_jax.printing import described

_OTHER = 1.2  # times the spacing given, or its inverse, beyond which the columns found are others


class Columns(NamedTuple):
    """Atomic columns of a frame.

    ``xy`` [n 2] in frame pixels: x = column, y = row, pixel centres at whole numbers. ``amplitude`` [n] over the
    background in units of the frame. ``completed`` [n], True for sites of the lattice that have no peak of their own:
    vacancies, or columns too weak to be seen. ``vectors`` [n vector xy], the two shortest lattice vectors around each
    column in pixels, NaN where there is no lattice. ``spacing``, the median distance of neighbouring columns, and
    ``width``, the standard deviation of a column, in pixels; ``notes`` in words.
    """

    xy: np.ndarray
    amplitude: np.ndarray
    completed: np.ndarray
    vectors: np.ndarray
    spacing: float
    width: float
    notes: tuple[str, ...] = ()

    __repr__ = described


def find_columns(
    frame: Any,
    spacing: Any = None,
    complete_lattice: bool = False,
    *,
    dark: bool = False,
    least: float = 0.15,
) -> Columns:
    """Find the atomic columns of a frame [y x], a ``Measured`` or an array, in NumPy.

    ``spacing`` is the distance of neighbouring columns in pixels; by default it is found from the frame's periods, and
    columns nearer than 0.3 of the lattice constant are then not told apart. A wrong one finds wrong columns: ``notes``
    say so where those found are more than a fifth nearer or farther than that. ``complete_lattice`` adds the sites of
    the lattice that have no peak, so that vacancies are among the columns, with ``completed`` true: a site is where at
    least 60 % of the siblings at the shortest lattice vectors predict one, or 40 % where there is a gap among columns.
    There may be grains, several columns in a cell, slow drift and strain. ``dark`` finds dark columns, as in bright
    field. ``least`` is the height of the weakest columns to be found, as a share of that of the bright ones. Missing
    pixels (NaN, masks) and hot ones do not count.

    A frame of 384 × 384 pixels takes 3 to 5 processor-seconds. ValueError says what to change: a stack, colours,
    curves, no peaks, no period, two spacings.
    """
    data = frame_of(frame)
    spacing = _checked_spacing(spacing, data.values.shape)
    image, mask, notes = _prepared(data.values, data.mask, dark)
    cells, fit = _found(image, mask, spacing, least)
    lattice = completing.lattice_around(fit.xy, cells)
    completed = np.zeros(len(fit.xy), bool)
    if complete_lattice:
        if not lattice.fits.any():
            raise ValueError(
                f"{data.source}: complete_lattice=True, but the columns found form no lattice. Look at find_columns "
                "without it; give spacing, the distance of neighbouring columns, or lower least."
            )
        fit, completed, unseen = _completed(image, mask, fit, cells)
        if unseen:
            notes = (*notes, f"{unseen} sites of the lattice lie where pixels are missing: they are left out")
        lattice = completing.lattice_around(fit.xy, cells)
    inside = ((fit.xy > -0.5) & (fit.xy < np.array(image.shape[::-1]) - 0.5)).all(1)
    fit = fit._replace(xy=fit.xy[inside], amplitude=fit.amplitude[inside], error=fit.error[inside])
    completed, vectors = completed[inside], lattice.vectors[inside]
    known = data.values if mask is None else data.values[mask]
    amplitude = (-1 if dark else 1) * float(known.std()) * fit.amplitude
    found = _neighbours(fit.xy) if len(fit.xy) > 1 else float(spacing or np.nan)
    if spacing and max(found / spacing, spacing / found) > _OTHER:
        notes = (
            *notes,
            f"the columns found are {found:.1f} px apart, spacing={spacing:g} was given: wrong columns? Look at them "
            "on the frame, and leave spacing out to have it found",
        )
    return Columns(fit.xy, amplitude, completed, vectors, found, fit.width, (*data.notes, *notes))


def _checked_spacing(spacing: Any, shape: tuple[int, ...]) -> float | None:
    """Return the spacing as a number; ValueError unless it is one, from 2 pixels to half of the frame."""
    if spacing is None:
        return None
    if np.ndim(spacing) != 0 or not 2 <= float(spacing) <= min(shape) / 2:
        raise ValueError(
            f"spacing={spacing}: give one number, the distance of neighbouring columns in pixels, from 2 to half of "
            f"the frame, which has {shape[0]} × {shape[1]} pixels. Where there are two spacings, cut the frame, "
            "frame[top:bottom, left:right], and treat the parts one by one."
        )
    return float(spacing)


def _prepared(
    values: np.ndarray, mask: np.ndarray | None, dark: bool
) -> tuple[np.ndarray, np.ndarray | None, tuple[str, ...]]:
    """Return the frame in units of its standard deviation, without hot and missing pixels; and notes."""
    image = peaks.filled(values.astype(np.float64), mask)
    image = (image - np.median(image)) * (-1 if dark else 1)
    image = image / image.std()
    image, hot = peaks.without_hot_pixels(image, peaks.noise_of(image))
    return image, mask, (f"{hot} single pixels that stick out were replaced by those around them",) if hot else ()


def _found(
    image: np.ndarray, mask: np.ndarray | None, spacing: float | None, least: float
) -> tuple[periods.Cells, refining.Fit]:
    """Return the cells of the frame's tiles, and the columns that have peaks.

    Peaks are looked for twice: at the scale of the spacing, and with the width that the columns found have.
    """
    noise = peaks.noise_of(image)
    scale = spacing or periods.scale_of(image)
    cells = periods.cells_of(image, scale)
    if not spacing and len(cells.shortest):
        periods.check_one_spacing(cells)
    cells = periods.single(cells)
    if spacing:
        width, distance = 0.15 * spacing, 0.5 * spacing
    else:
        constant = float(np.median(np.linalg.norm(cells.vectors[:, 0], axis=1))) if len(cells.vectors) else scale
        width, distance = 0.09 * constant, 0.3 * constant
    first = _some(peaks.peaks_of(image, max(width, 0.7), distance, noise, least), spacing)
    near = spacing or _neighbours(first)
    fit = refining.fit_columns(image, mask, first, max(width, 0.7), near, noise)
    width = min(max(fit.width, 0.7), 0.17 * near)
    second = _some(peaks.peaks_of(image, width, 0.5 * near, noise, least), spacing)
    near = spacing or _neighbours(second)
    fit = refining.fit_columns(image, mask, second, width, near, noise)
    return cells, _distinct(fit, 0.4 * near)


def _some(found: peaks.Peaks, spacing: float | None) -> np.ndarray:
    """Return the places of the peaks; ValueError where there are fewer than two."""
    if len(found.xy) < 2:
        given = f"spacing={spacing:g}, the distance of neighbours in pixels" if spacing else "the frame"
        raise ValueError(
            f"no peaks were found: nothing stands 4.5 standard deviations out of the noise. Check {given}, give "
            "dark=True for dark columns (bright field), or average several frames."
        )
    return found.xy


def _neighbours(xy: np.ndarray) -> float:
    """Return the median distance of columns [n 2] to their nearest neighbours."""
    return float(np.median(KDTree(xy).query(xy, 2)[0][:, 1]))


def _distinct(fit: refining.Fit, distance: float) -> refining.Fit:
    """Return the columns without the weaker one of two that came nearer than ``distance``, and without empty ones."""
    kept = fit.amplitude > 0
    for one, other in KDTree(fit.xy).query_pairs(distance):
        kept[one if fit.amplitude[one] < fit.amplitude[other] else other] = False
    return fit._replace(xy=fit.xy[kept], amplitude=fit.amplitude[kept], error=fit.error[kept])


def _completed(
    image: np.ndarray, mask: np.ndarray | None, fit: refining.Fit, cells: periods.Cells
) -> tuple[refining.Fit, np.ndarray, int]:
    """Return the columns with the sites that have no peak, which are such sites, and how many lie on missing pixels.

    The latter are left out, because nothing tells whether a column is there.
    A second round finds sites beside those of the first. A site that holds half of the brightness of its siblings is a
    column that the search for peaks missed, as happens at the edges of a frame; it is refined like the others.
    """
    spacing, noise = _neighbours(fit.xy), peaks.noise_of(image)
    completed, unseen = np.zeros(len(fit.xy), bool), 0
    for _ in range(2):
        lattice = completing.lattice_around(fit.xy, cells)
        sites = completing.missing_sites(fit.xy, lattice, spacing, image.shape)
        covered = _covered(sites, mask, spacing)
        unseen, sites = int(covered.sum()), sites[~covered]
        if not len(sites):
            break
        usual = completing.usual_amplitude(fit.xy, np.where(completed, np.nan, fit.amplitude), sites, lattice)
        fixed = np.append(completed, np.ones(len(sites), bool))
        xy = np.concatenate([fit.xy, sites])
        tried = refining.fit_columns(image, mask, xy, fit.width, spacing, noise, fixed)
        new = np.arange(len(xy)) >= len(fit.xy)
        seen = (tried.amplitude[new] > 0.5 * usual) & (tried.amplitude[new] > 4.5 * tried.error[new])
        completed = np.append(completed, ~seen)
        fit = refining.fit_columns(image, mask, tried.xy, fit.width, spacing, noise, completed)
    return fit, completed, unseen


def _covered(sites: np.ndarray, mask: np.ndarray | None, spacing: float) -> np.ndarray:
    """Return which sites [n 2] lie where fewer than half of the pixels within a third of the spacing are measured."""
    if mask is None or not len(sites):
        return np.zeros(len(sites), bool)
    share = uniform_filter(mask.astype(np.float32), 2 * round(spacing / 3) + 1, mode="nearest")
    column, row = np.clip(sites.round().astype(int), 0, np.array(mask.shape[::-1]) - 1).T
    return share[row, column] < 0.5
