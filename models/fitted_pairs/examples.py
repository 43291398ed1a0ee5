"""Examples of pairs: patches of a scan with the spectra at their middles, in all orientations, or pairs as given."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import ndimage

from models.data import Pair
from models.fitted_pairs.given import LEAST
from models.fitted_pairs.splitting import PARTS, Places, parts_of, split_of, windows

MOST = 50_000  # pairs that are trained on, in all orientations
MOST_SCORED = 5000  # pairs that are watched, or scored
VALUES = 200_000_000  # numbers in all pairs that are trained on, at most
ANGLES = (0.0, 15.0, 30.0, 45.0, 60.0, 75.0)  # degrees; quarter turns and mirror images make 48 of them


class Examples(NamedTuple):
    """Images [n ny nx] and spectra [n *channel] of the same places."""

    image: Float[np.ndarray, "n y x"]
    spectrum: Float[np.ndarray, "n *channel"]

    @property
    def pair(self) -> Pair:
        """The same as models are trained on it."""
        return Pair(self.image, self.spectrum)

    def sides(self, forward: bool) -> tuple[np.ndarray, np.ndarray]:
        """Return what is given and what is wanted: image and spectrum, or the other way round."""
        return (self.image, self.spectrum) if forward else (self.spectrum, self.image)


class Sets(NamedTuple):
    """Examples that are trained on, watched (they choose the epoch) and scored."""

    training: Examples
    watched: Examples
    scored: Examples


class Scan(NamedTuple):
    """A scaled image [ny nx], NaN where missing, its spectra [ny nx channel], and the places of its patches."""

    image: Float[np.ndarray, "y x"]
    spectra: Float[np.ndarray, "y x channel"]
    places: Places
    patch: int


def scan_of(
    image: Float[np.ndarray, "y x"], spectra: Float[np.ndarray, "y x channel"], split: Any, patch: int, seed: int
) -> Scan:
    """Return a scan with the places of those of its patches that have no missing value."""
    places, half = parts_of(image.shape, split, patch, seed), patch // 2
    whole = np.isfinite(windows(image, patch)).reshape(*windows(image, patch).shape[:2], -1).all(-1)
    known = np.asarray(np.isfinite(spectra).all(-1))
    usable = np.asarray(whole)[places.row - half, places.column - half] & known[places.row, places.column]
    kept = places._replace(row=places.row[usable], column=places.column[usable], part=places.part[usable])
    return Scan(image, spectra, kept, patch)


def of_scan(scan: Scan, seed: int) -> Sets:
    """Return the patches of a scan with the spectra at their middles. ValueError for a part with too few."""
    places, half = scan.places, scan.patch // 2
    sets = []
    for rows in drawn(places.part, np.ones(len(places.part), bool), most_of(scan), seed):
        row, column = places.row[rows], places.column[rows]
        cut = windows(scan.image, scan.patch)[row - half, column - half]
        sets.append(Examples(cut, scan.spectra[row, column]))
    return Sets(*sets)


def of_pairs(
    images: Float[np.ndarray, "n y x"], spectra: Float[np.ndarray, "n *channel"], split: Any, seed: int
) -> Sets:
    """Return pairs of scaled images and spectra, those with a missing value left out."""
    whole = (np.isfinite(part).reshape(len(part), -1).all(1) for part in (images, spectra))
    usable = np.array([first and second for first, second in zip(*whole, strict=True)])
    rows = drawn(split_of(len(images), split, seed), usable, MOST, seed)
    return Sets(*(Examples(images[own].astype(np.float32), spectra[own]) for own in rows))


def in_all_orientations(scan: Scan, seed: int) -> Examples:
    """Return the trained patches of a scan turned by many angles and mirrored, each with the spectrum at its middle.

    Values between points are interpolated linearly. A turned patch reaches further out, so those are left out of which
    a point lies outside the trained part. Where there are too many, places and angles are drawn.
    """
    places, rng = scan.places, np.random.default_rng(seed)
    rows = np.flatnonzero(places.part == 0)
    number, angle = (part.ravel() for part in np.meshgrid(rows, np.deg2rad(ANGLES), indexing="ij"))
    chosen = rng.permutation(len(number))[: most_of(scan) // 8]
    number, angle = number[np.sort(chosen)], angle[np.sort(chosen)]
    inside = ((places.part_of_point == 0) & np.isfinite(scan.image)).astype(np.float32)
    offset = np.arange(scan.patch) - scan.patch // 2
    down, right = np.meshgrid(offset, offset, indexing="ij")
    cosine, sine = np.cos(angle)[:, None, None], np.sin(angle)[:, None, None]
    at = np.stack([
        places.row[number, None, None] + cosine * down - sine * right,
        places.column[number, None, None] + sine * down + cosine * right,
    ])  # fmt: skip
    whole = (ndimage.map_coordinates(inside, at, order=1, cval=0.0) > 1 - 1e-3).all((1, 2))
    image = ndimage.map_coordinates(np.nan_to_num(scan.image), at[:, whole], order=1)
    spectra = scan.spectra[places.row[number[whole]], places.column[number[whole]]]
    return Examples(eight(image), np.tile(spectra, (8, 1)))


def in_eight_orientations(examples: Examples) -> Examples:
    """Return square images in their eight orientations, each with the same spectrum."""
    return Examples(eight(examples.image), np.tile(examples.spectrum, (8, 1)))


def eight(images: Float[np.ndarray, "n side side"]) -> Float[np.ndarray, "n8 side side"]:
    """Return square images in their eight orientations, all of the first orientation first."""
    turned = [np.rot90(images, quarters, (1, 2)) for quarters in range(4)]
    return np.ascontiguousarray(np.concatenate([part for one in turned for part in (one, one[:, :, ::-1])]))


def most_of(scan: Scan) -> int:
    """Return how many pairs of a scan are trained on at most."""
    return max(8 * LEAST, min(MOST, VALUES // (scan.patch**2 + scan.spectra.shape[-1])))


def drawn(part: Int[np.ndarray, " n"], usable: Bool[np.ndarray, " n"], most: int, seed: int) -> list[np.ndarray]:
    """Return the rows to train on, to watch and to score on, in their order, drawn where there are too many.

    ValueError where too few are ``usable``.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for number, limit in enumerate((most, MOST_SCORED, MOST_SCORED)):
        own = np.flatnonzero((part == number) & usable)
        if len(own) < (LEAST // 2 if number == 0 else 1):
            raise ValueError(
                f"{len(own)} pairs without missing values can be {PARTS[number]}: leave out what is missing, lower "
                "patch, or take another split."
            )
        rows.append(own if len(own) <= limit else np.sort(rng.choice(own, limit, replace=False)))
    return rows
