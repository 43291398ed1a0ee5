"""Read or simulate scans, and cut them into regions and patches.

A scan is split into three bands by columns, to train on, to watch, and to score on. No patch reaches over a border, so
that no point of a test patch occurs in training. Published patches overlapped and were split at random, which makes
predictions look much better than they are: ``leaky`` makes such a split, whose numbers stand beside those of
``by_region``.
"""

from collections.abc import Iterator
from typing import NamedTuple

import jax
import numpy as np

from experiments.datasets.plasmonics.own import OwnScan, read
from experiments.datasets.plasmonics.scan import REGIONS, Patches, Scan, Scanned, cut, generate
from experiments.lab.run import Outcome
from experiments.shared.structure_property.options import PatchSettings, ScanSettings
from models import Pair

TRAINING, WATCHED = 0.6, 0.1  # shares of the columns; the rest is scored


def scan_of(key: jax.Array, config: ScanSettings) -> Scan:
    """Return the user's scan, or a simulated one."""
    if config.path:
        return read(OwnScan(config.path, allow_pickle=config.allow_pickle))
    return generate(key, Scanned(size=config.size, assemblies=config.assemblies))


def check_own(config: ScanSettings) -> None:
    """Raise a ValueError for a user's scan that cannot be read, or is too small for the patches of ``config``."""
    if config.path:
        scan = read(OwnScan(config.path, allow_pickle=config.allow_pickle))
        if isinstance(config, PatchSettings):
            check_bands(scan.image.shape, config.patch)


def described(scan: Scan) -> Outcome:
    """Return the arrays (``arrays.of_scan``), sizes and attributes of a scan."""
    rows, columns = scan.image.shape
    arrays = {
        "y": np.arange(rows) * scan.scale,
        "x": np.arange(columns) * scan.scale,
        "energy": scan.energy,
        "image": scan.image,
        "cube_mean": scan.cube.mean(-1),
    }
    if scan.regions is not None:
        arrays["region"] = scan.regions
    attributes = {"scan_source": scan.source, "spectrum_units": scan.units, "regions": list(REGIONS)}
    numbers = {"scan_rows": rows, "scan_columns": columns, "scan_channels": len(scan.energy)}
    return Outcome(arrays, numbers, attributes)


class Sets(NamedTuple):
    """Pairs of patches and spectra to train on, to watch and to score on; spectra in units of ``top``."""

    training: Pair
    validation: Pair
    test: Pair
    top: float


def band(scan: Scan, left: int, right: int) -> Scan:
    """Return the columns from ``left`` up to ``right``, without what is known of their points."""
    return scan._replace(image=scan.image[:, left:right], cube=scan.cube[:, left:right], regions=None, assembly=None)


def borders(columns: int) -> tuple[int, int]:
    """Return the first column of the watched and of the scored band."""
    return round(TRAINING * columns), round((TRAINING + WATCHED) * columns)


def orientations(scan: Scan) -> Iterator[Scan]:
    """Yield the eight orientations of a scan.

    Each is as good a measurement, because what electrons lose does not depend on the specimen's orientation.
    """
    for quarters in range(4):
        image, cube = np.rot90(scan.image, quarters), np.rot90(scan.cube, quarters)
        for flipped in (False, True):
            yield scan._replace(image=image[:, ::-1] if flipped else image, cube=cube[:, ::-1] if flipped else cube)


def _pair(patches: list[Patches], top: float) -> Pair:
    """Join lists of patches, with spectra in units of ``top``."""
    image = np.concatenate([part.image for part in patches]).astype(np.float32)
    return Pair(image, (np.concatenate([part.spectrum for part in patches]) / top).astype(np.float32))


def check_bands(shape: tuple[int, ...], patch: int) -> None:
    """Raise a ValueError for a scan whose narrowest band holds no patch."""
    rows, columns = shape
    first, second = borders(columns)
    narrow = min(second - first, columns - second)
    if patch > min(narrow, rows):
        raise ValueError(
            f"--patch is {patch}, but the scan of {rows} × {columns} points is split into bands, of which the smallest "
            f"has {narrow} columns: lower --patch, or give a larger scan"
        )


def by_region(scan: Scan, config: PatchSettings) -> Sets:
    """Cut patches of three regions, those for training in eight orientations.

    ValueError for a scan whose narrowest band holds no patch.
    """
    columns = scan.image.shape[1]
    first, second = borders(columns)
    check_bands(scan.image.shape, config.patch)
    top = top_of(scan)
    training = [cut(part, config.patch, config.stride) for part in orientations(band(scan, 0, first))]
    watched = cut(band(scan, first, second), config.patch, config.map_stride)
    test = cut(band(scan, second, columns), config.patch, config.map_stride)
    return Sets(_pair(training, top), _pair([watched], top), _pair([test], top), top)


def leaky(scan: Scan, config: PatchSettings, generator: np.random.Generator) -> Sets:
    """Cut patches of the whole field and split them at random by their middle point.

    Shares and orientations are those of ``by_region``. No point is the middle of patches of two sets, but nearly all
    test patches overlap with training patches.
    """
    top, size = top_of(scan), scan.image.size
    number = np.arange(size, dtype=np.float32).reshape(*scan.image.shape, 1)  # exact up to 16 million points
    draw = generator.random(size)

    def drawn(oriented: Scan, numbers: Scan, low: float, high: float) -> Patches:
        patches = cut(oriented, config.patch, config.stride)
        share = draw[cut(numbers, config.patch, config.stride).spectrum[:, 0].astype(int)]
        rows = (share >= low) & (share < high)
        return Patches(*(leaf[rows] for leaf in patches))

    turns = list(zip(orientations(scan), orientations(scan._replace(cube=number)), strict=True))
    first_scored = TRAINING + WATCHED
    return Sets(
        training=_pair([drawn(*pair, 0.0, TRAINING) for pair in turns], top),
        validation=_pair([drawn(*turns[0], TRAINING, first_scored)], top),
        test=_pair([drawn(*turns[0], first_scored, 1.0)], top),
        top=top,
    )


def top_of(scan: Scan) -> float:
    """Return the unit of the spectra: 99 % of the training region's spectra stay below it."""
    first, _ = borders(scan.image.shape[1])
    return float(np.quantile(scan.cube[:, :first].max(-1), 0.99)) or 1.0


def everywhere(scan: Scan, config: PatchSettings) -> tuple[Pair, np.ndarray, np.ndarray]:
    """Cut patches of the whole field for maps; returns them with the rows and columns of their middles."""
    patches = cut(scan, config.patch, config.map_stride)
    return _pair([patches], top_of(scan)), patches.row, patches.column
