"""The lattice around each column, and the sites of it that have none.

A vacancy of any sublattice has the same neighbours as its siblings at the distance of lattice vectors. So each column
predicts siblings at the shortest lattice vectors around it, and a place is a site where most of the columns that it
should have as siblings predict it. Grains, sublattices and slow strain need no names for that.
"""

from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from experiments.datasets.frames.periods import Cells

_NEAR = 0.22  # of the shortest lattice vector: how far a column may lie from where a sibling predicts it
_AROUND = 1.5  # siblings are at lattice vectors up to this many times the longer one of the cell
_TILES = 16  # nearest tiles whose cell a column may have
_TOGETHER = 0.25  # of the spacing: predictions of one site lie that near to the next one
_VOTES = 0.6  # share of the siblings in the frame that must predict a site
_FEWEST_VOTES = 0.4  # or this share, where there is room for a column and columns all around, as at a grain boundary
_ROOM = 0.85  # of the spacing: no column is that near
_AROUND_IT = 2.2  # of the spacing: columns up to here surround a site ...
_WIDEST_GAP = np.deg2rad(150)  # ... with no gap wider than this between their directions
_HOPS = 8  # nearest columns whose cell a column may have as well


class Lattice(NamedTuple):
    """Lattice vectors [n vector xy] around each column, NaN where no tile's cell fits, as ``fits`` [n] says."""

    vectors: np.ndarray
    fits: np.ndarray


def steps_of(vectors: np.ndarray) -> np.ndarray:
    """Return the whole numbers [step 2] of the short translations of a cell [vector xy]: 6 of a hexagonal, 8 of a
    square one."""
    numbers = np.array([(m, n) for m in range(-2, 3) for n in range(-2, 3) if (m, n) != (0, 0)])
    lengths = np.linalg.norm(numbers @ vectors, axis=1)
    return numbers[lengths <= _AROUND * np.linalg.norm(vectors, axis=1).max()]


def lattice_around(xy: np.ndarray, cells: Cells) -> Lattice:
    """Return the cell of the tile that fits best around each column [n 2], refined on its siblings."""
    tree, count = KDTree(xy), len(xy)
    if not len(cells.centre):
        return Lattice(np.full((count, 2, 2), np.nan), np.zeros(count, bool))
    near = min(_TILES, len(cells.centre))
    _, tiles = KDTree(cells.centre).query(xy, near)
    tiles = np.reshape(tiles, (count, near))
    best, vectors = np.full(count, -1.0), np.full((count, 2, 2), np.nan)
    for tile in np.unique(tiles):
        members = np.flatnonzero((tiles == tile).any(1))
        cell = cells.vectors[tile]
        numbers = steps_of(cell)
        predicted = xy[members, None] + numbers @ cell
        distance, found = _nearest(tree, predicted, _NEAR * float(np.linalg.norm(cell[0])))
        matched = np.isfinite(distance)
        score = matched.mean(1) - 1e-3 * np.where(matched, distance, 0).sum(1) / np.maximum(matched.sum(1), 1)
        better = score > best[members]
        chosen = members[better]
        best[chosen] = score[better]
        vectors[chosen] = _refined(xy, chosen, cell, numbers, matched[better], found[better])
    if count > _HOPS:
        best, vectors = _spread(tree, xy, best, vectors)
    fits = best > 0.4
    vectors[~fits] = np.nan
    return Lattice(vectors, fits)


def _spread(tree: KDTree, xy: np.ndarray, best: np.ndarray, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return scores and cells after each column has tried those of its nearest columns.

    Beside a grain boundary most tiles reach into the other grain, and the cells of neighbours fit better.
    """
    _, neighbours = _nearest(tree, xy, np.inf, _HOPS + 1)
    numbers = np.array([(m, n) for m in range(-2, 3) for n in range(-2, 3) if (m, n) != (0, 0)])
    tried, scores = vectors.copy(), best.copy()
    for rank in range(1, _HOPS + 1):
        cell = vectors[neighbours[:, rank]]
        cell = np.where(np.isnan(cell), 0, cell)
        steps = numbers @ cell
        length = np.linalg.norm(steps, axis=2)
        short = (length <= _AROUND * np.linalg.norm(cell, axis=2).max(1, keepdims=True)) & (length > 0)
        distance, _ = _nearest(tree, xy[:, None] + steps, np.inf)
        matched = short & (distance < _NEAR * np.linalg.norm(cell, axis=2).min(1, keepdims=True))
        count = np.maximum(matched.sum(1), 1)
        score = matched.sum(1) / np.maximum(short.sum(1), 1) - 1e-3 * np.where(matched, distance, 0).sum(1) / count
        better = score > scores + 0.05
        scores[better], tried[better] = score[better], cell[better]
    return scores, tried


def _nearest(tree: KDTree, places: np.ndarray, reach: float, count: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return distances and numbers of the nearest points of each place, infinite where none is within ``reach``."""
    distance, number = tree.query(places, count, distance_upper_bound=reach)
    return np.asarray(distance), np.asarray(number)


def _refined(
    xy: np.ndarray, members: np.ndarray, cell: np.ndarray, numbers: np.ndarray, matched: np.ndarray, found: np.ndarray
) -> np.ndarray:
    """Return the cells [member vector xy] by least squares over the siblings found, drawn to the tile's cell."""
    seen = np.where(matched[:, :, None], xy[np.where(matched, found, 0)] - xy[members, None], 0)
    steps = np.where(matched[:, :, None], numbers[None], 0).astype(float)
    normal = np.einsum("nsa,nsb->nab", steps, steps) + 2 * np.eye(2)
    right = np.einsum("nsa,nsx->nax", steps, seen) + 2 * cell
    return np.linalg.solve(normal, right)


def missing_sites(xy: np.ndarray, lattice: Lattice, spacing: float, shape: tuple[int, ...]) -> np.ndarray:
    """Return the places [k 2] of sites in a frame of ``shape`` that have no column within half of the ``spacing``."""
    fitting = np.flatnonzero(lattice.fits)
    predicted = [xy[member] + steps_of(lattice.vectors[member]) @ lattice.vectors[member] for member in fitting]
    if not predicted:
        return np.zeros((0, 2))
    places, owners = np.concatenate(predicted), np.repeat(fitting, [len(part) for part in predicted])
    free = _inside(places, shape)
    free[free] = ~np.isfinite(KDTree(xy).query(places[free], distance_upper_bound=0.5 * spacing)[0])
    places, owners = places[free], owners[free]
    if not len(places):
        return np.zeros((0, 2))
    pairs = KDTree(places).query_pairs(_TOGETHER * spacing, output_type="ndarray")
    links = coo_matrix((np.ones(len(pairs)), pairs.T), (len(places), len(places)))
    count, group = connected_components(links, directed=False)
    sites = [_site(xy, places, owners, group == number, lattice, spacing, shape) for number in range(count)]
    return _apart([site for site in sites if site is not None], 0.5 * spacing)


def _inside(places: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return whether places [... 2] lie in a frame."""
    return np.asarray(((places >= 0) & (places <= np.array(shape[::-1]) - 1.0)).all(-1))


def _site(
    xy: np.ndarray, places: np.ndarray, owners: np.ndarray, group: np.ndarray, lattice: Lattice, spacing: float,
    shape: tuple[int, ...],
) -> np.ndarray | None:  # fmt: skip
    """Return the mean place of predictions that belong together, or None where too few siblings predict it."""
    middle, votes = places[group].mean(0), len(np.unique(owners[group]))
    cell = lattice.vectors[owners[group][0]]
    expected = _inside(middle + steps_of(cell) @ cell, shape).sum()
    if votes < max(2, _FEWEST_VOTES * expected):
        return None
    if votes >= _VOTES * expected:
        return middle
    return middle if _surrounded(xy, middle, spacing) else None


def _surrounded(xy: np.ndarray, site: np.ndarray, spacing: float) -> bool:
    """Return whether a site has room for a column and columns on all sides, whatever their grain."""
    away = xy - site
    distance = np.linalg.norm(away, axis=1)
    if distance.min() < _ROOM * spacing:
        return False
    near = away[distance < _AROUND_IT * spacing]
    angles = np.sort(np.arctan2(near[:, 1], near[:, 0]))
    return len(angles) > 2 and bool(np.diff(np.append(angles, angles[0] + 2 * np.pi)).max() < _WIDEST_GAP)


def _apart(sites: list[np.ndarray], distance: float) -> np.ndarray:
    """Return sites [k 2] of which none is nearer than ``distance`` to an earlier one."""
    kept: list[np.ndarray] = []
    for site in sites:
        if all(np.linalg.norm(site - other) >= distance for other in kept):
            kept.append(site)
    return np.reshape(kept, (-1, 2))


def usual_amplitude(xy: np.ndarray, amplitude: np.ndarray, sites: np.ndarray, lattice: Lattice) -> np.ndarray:
    """Return the median amplitude [k] of the siblings of each site [k 2], infinite where it has none.

    ``amplitude`` [n] is that of the columns ``xy`` [n 2], NaN for those that do not count.
    """
    tree = KDTree(xy)
    fitting = np.flatnonzero(lattice.fits)
    _, owner = _nearest(KDTree(xy[fitting]), sites, np.inf)
    usual = np.full(len(sites), np.inf)
    for number, site in enumerate(sites):
        cell = lattice.vectors[fitting[owner[number]]]
        reach = _NEAR * float(np.linalg.norm(cell[0]))
        distance, found = _nearest(tree, site + steps_of(cell) @ cell, reach)
        siblings = amplitude[found[np.isfinite(distance)]]
        if not np.isnan(siblings).all():
            usual[number] = np.nanmedian(siblings)
    return usual
