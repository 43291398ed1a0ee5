"""Read or simulate scans, and cut them into patches of regions.

A scan is divided into regions to train on, to watch, and to score on (``regions``). No patch reaches over a border, so
that no point of a test patch occurs in training. Published patches overlapped and were split at random, which makes
predictions look much better than they are: ``leaky`` makes such a split, whose numbers stand beside those of
``by_region``.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import jax
import numpy as np

from experiments.datasets.plasmonics.own import OwnScan, read
from experiments.datasets.plasmonics.scan import REGIONS, Patches, Scan, Scanned, cut, generate
from experiments.lab.checkpoints import once
from experiments.lab.run import Outcome
from experiments.shared.structure_property.options import PatchSettings, ScanSettings
from models import Pair
from models.paired.regions import TRAINING, WATCHED, Box, Regions, divide, fitting

MANY = 20_000  # training patches, in eight orientations, from which on a scan is large
STEPS = 2000  # of a training on a smaller one


@once
def scan_of(key: jax.Array, config: ScanSettings) -> Scan:
    """Return the user's scan, or a simulated one."""
    if config.path:
        return read(
            OwnScan(
                config.path,
                image=config.image,
                spectra=config.spectra,
                energy=config.energy,
                format=config.format,
            )
        )
    return generate(key, Scanned(size=config.size, assemblies=config.assemblies))


def check_own(config: ScanSettings) -> None:
    """Raise a ValueError for a user's scan that cannot be read, or is too small for the patches of ``config``."""
    if config.path:
        scan = scan_of(jax.random.key(0), config)  # nothing is drawn
        if isinstance(config, PatchSettings):
            regions_of(scan, sized(config, scan))


def described(scan: Scan, *, own: bool = False) -> Outcome:
    """Return the arrays (``arrays.of_scan``), sizes and attributes of a scan; the user's ``own`` is named as such."""
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
    if own:
        attributes["own_data"] = scan.source
    numbers = {"scan_rows": rows, "scan_columns": columns, "scan_channels": len(scan.energy)}
    return Outcome(arrays, numbers, attributes)


class Sets(NamedTuple):
    """Pairs of patches and spectra to train on, to watch and to score on; spectra in units of ``top``."""

    training: Pair
    validation: Pair
    test: Pair
    top: float


def sized(config: PatchSettings, scan: Scan) -> PatchSettings:
    """Return the options with numbers for what is left open: size and distance of patches, passes, batches.

    A large scan gets the published ones. A small one has smaller patches, all that there are, and ``STEPS`` steps.
    ValueError for a scan that is too small for any patch.
    """
    config = replace(config, patch=config.patch or fitting(scan.image.shape, config.split, config.seed))
    boxes = regions_of(scan, config).training

    def count(stride: int) -> int:
        sides = [(box.bottom - box.top, box.right - box.left) for box in boxes]
        return 8 * sum(math.prod((side - config.patch) // stride + 1 for side in pair) for pair in sides)

    stride = config.stride or (3 if count(3) >= MANY else 1)
    batch_size = min(config.batch_size, max(2, count(stride) // 4))
    usual = 10 if count(stride) >= MANY else math.ceil(STEPS / (count(stride) // batch_size))
    return replace(config, stride=stride, batch_size=batch_size, epochs=config.epochs or usual)


def regions_of(scan: Scan, config: PatchSettings) -> Regions:
    """Return the regions of a scan. ValueError for one that has no room for a patch in each of them."""
    return divide(scan.image.shape, config.split, config.patch, config.seed)


def part_of(scan: Scan, box: Box) -> Scan:
    """Return a rectangle of a scan, without what is known of its points."""
    return scan._replace(image=scan.image[box.points], cube=scan.cube[box.points], regions=None, assembly=None)


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


def by_region(scan: Scan, config: PatchSettings) -> Sets:
    """Cut patches of three regions, those for training in eight orientations.

    ValueError for a scan that has no room for a patch in each region.
    """
    regions, top = regions_of(scan, config), top_of(scan, config)
    training, watched, test = ([part_of(scan, box) for box in boxes] for boxes in regions)
    return Sets(
        _pair([cut(turned, config.patch, config.stride) for part in training for turned in orientations(part)], top),
        _pair([cut(part, config.patch, config.map_stride) for part in watched], top),
        _pair([cut(part, config.patch, config.map_stride) for part in test], top),
        top,
    )


def leaky(scan: Scan, config: PatchSettings, generator: np.random.Generator) -> Sets:
    """Cut patches of the whole field and split them at random by their middle point.

    Shares and orientations are those of ``by_region``. No point is the middle of patches of two sets, but nearly all
    test patches overlap with training patches.
    """
    top, size = top_of(scan, config), scan.image.size
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


def top_of(scan: Scan, config: PatchSettings) -> float:
    """Return the unit of the spectra: 99 % of the training region's spectra stay below it."""
    largest = [scan.cube[box.points].max(-1).ravel() for box in regions_of(scan, config).training]
    return float(np.quantile(np.concatenate(largest), 0.99)) or 1.0


def everywhere(scan: Scan, config: PatchSettings) -> tuple[Pair, np.ndarray, np.ndarray]:
    """Cut patches of the whole field for maps; returns them with the rows and columns of their middles."""
    patches = cut(scan, config.patch, config.map_stride)
    return _pair([patches], top_of(scan, config)), patches.row, patches.column
