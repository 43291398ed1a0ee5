"""What experiments between structure and property share: scans cut into regions and patches, baselines, scores.

A scan is split into three bands by columns, to train on, to watch, and to score on; no patch reaches over a border, so
that no point of a test patch was seen in training. Patches that overlap, split at random as published ones were, look
much better than they are: ``leaky`` makes such a split, whose numbers stand beside the honest ones.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsRegressor

from experiments.datasets.plasmonics.own import OwnScan, read
from experiments.datasets.plasmonics.scan import REGIONS, Patches, Scan, Scanned, cut, generate
from experiments.lab.run import Run
from experiments.shared.images.fits import record
from experiments.shared.structure_property.options import PatchSettings, ScanSettings
from models.data import Pair

TRAINING, WATCHED = 0.6, 0.1  # shares of the columns; the rest is scored


def scan_of(key: jax.Array, config: ScanSettings) -> Scan:
    """The user's scan, or a simulated one."""
    if config.path:
        return read(OwnScan(config.path, allow_pickle=config.allow_pickle))
    return generate(key, Scanned(size=config.size, assemblies=config.assemblies))


def check_own(config: ScanSettings) -> None:
    """ValueError for a user's scan that cannot be read, or is too small for the patches of ``config``."""
    if config.path:
        scan = read(OwnScan(config.path, allow_pickle=config.allow_pickle))
        if isinstance(config, PatchSettings):
            check_bands(scan.image.shape, config.patch)


def add_scan(run: Run, scan: Scan) -> None:
    """The scan with its axes and units."""
    run.results.attrs |= {"scan_source": scan.source, "spectrum_units": scan.units, "regions": list(REGIONS)}
    rows, columns = scan.image.shape
    for name, count, text in (("y", rows, "downwards"), ("x", columns, "to the right")):
        run.add(name, (name,), np.arange(count) * scan.scale, scan.scale_units, text, coordinate=True)
    run.add("energy", ("energy",), scan.energy, scan.energy_units, "energy", coordinate=True)
    run.add("image", ("y", "x"), scan.image, "1", "electron image, brightness")
    run.add("cube_mean", ("y", "x"), scan.cube.mean(-1), scan.units, "mean of the local spectrum")
    if scan.regions is not None:
        run.add("region", ("y", "x"), scan.regions, "1", "kind of point: " + ", ".join(REGIONS))
    run.record(scan_rows=rows, scan_columns=columns, scan_channels=len(scan.energy))


class Sets(NamedTuple):
    """Pairs of patches and spectra, spectra in units of ``top``."""

    training: Pair
    validation: Pair
    test: Pair
    top: float


def band(scan: Scan, left: int, right: int) -> Scan:
    """The columns from ``left`` up to ``right``."""
    return scan._replace(image=scan.image[:, left:right], cube=scan.cube[:, left:right], regions=None, assembly=None)


def borders(columns: int) -> tuple[int, int]:
    """First column of the watched and of the scored band."""
    return round(TRAINING * columns), round((TRAINING + WATCHED) * columns)


def turned(scan: Scan) -> Iterator[Scan]:
    """The eight orientations of a scan. What electrons lose does not depend on the specimen's orientation, so each
    is as good a measurement."""
    for quarters in range(4):
        image, cube = np.rot90(scan.image, quarters), np.rot90(scan.cube, quarters)
        for flipped in (False, True):
            yield scan._replace(image=image[:, ::-1] if flipped else image, cube=cube[:, ::-1] if flipped else cube)


def _pair(patches: list[Patches], top: float) -> Pair:
    image = np.concatenate([one.image for one in patches]).astype(np.float32)
    return Pair(image, (np.concatenate([one.spectrum for one in patches]) / top).astype(np.float32))


def check_bands(shape: tuple[int, ...], patch: int) -> None:
    """ValueError for a scan whose narrowest band holds no patch."""
    rows, columns = shape
    first, second = borders(columns)
    narrow = min(second - first, columns - second)
    if patch > min(narrow, rows):
        raise ValueError(
            f"--patch is {patch}, but the scan of {rows} × {columns} points is split into bands, of which the smallest "
            f"has {narrow} columns: lower --patch, or give a larger scan"
        )


def honest(scan: Scan, config: PatchSettings) -> Sets:
    """Patches of three regions, those for training in eight orientations. ValueError for a scan whose narrowest band
    holds no patch."""
    columns = scan.image.shape[1]
    first, second = borders(columns)
    check_bands(scan.image.shape, config.patch)
    top = top_of(scan)
    training = [cut(one, config.patch, config.stride) for one in turned(band(scan, 0, first))]
    watched = cut(band(scan, first, second), config.patch, config.map_stride)
    test = cut(band(scan, second, columns), config.patch, config.map_stride)
    return Sets(_pair(training, top), _pair([watched], top), _pair([test], top), top)


def leaky(scan: Scan, config: PatchSettings, generator: np.random.Generator) -> Sets:
    """Patches of the whole field split at random by their middle point, in shares and orientations as the honest ones:
    no point is the middle of both, but nearly all test patches overlap with training patches."""
    top, size = top_of(scan), scan.image.size
    number = np.arange(size, dtype=np.float32).reshape(*scan.image.shape, 1)  # exact up to 16 million points
    draw = generator.random(size)

    def drawn(one: Scan, numbers: Scan, low: float, high: float) -> Patches:
        patches = cut(one, config.patch, config.stride)
        share = draw[cut(numbers, config.patch, config.stride).spectrum[:, 0].astype(int)]
        rows = (share >= low) & (share < high)
        return Patches(*(leaf[rows] for leaf in patches))

    turns = list(zip(turned(scan), turned(scan._replace(cube=number)), strict=True))
    seen = TRAINING + WATCHED
    return Sets(
        _pair([drawn(*pair, 0.0, TRAINING) for pair in turns], top), _pair([drawn(*turns[0], TRAINING, seen)], top),
        _pair([drawn(*turns[0], seen, 1.0)], top), top,
    )  # fmt: skip


def top_of(scan: Scan) -> float:
    """Unit of the spectra: what 99 % of the training region's spectra stay below."""
    first, _ = borders(scan.image.shape[1])
    return float(np.quantile(scan.cube[:, :first].max(-1), 0.99)) or 1.0


def everywhere(scan: Scan, config: PatchSettings) -> tuple[Pair, np.ndarray, np.ndarray]:
    """Patches of the whole field for maps, with the rows and columns of their middles."""
    patches = cut(scan, config.patch, config.map_stride)
    return _pair([patches], top_of(scan)), patches.row, patches.column


def flat(values: Any) -> np.ndarray:
    """Examples as rows."""
    return np.asarray(values).reshape(len(values), -1)


def normalised_mse(predicted: Any, true: Any, mean: Any) -> float:
    """Σ(predicted − true)²/Σ(true − mean of the training targets)²: 1 is what that mean scores, 0 is perfect."""
    predicted, true = flat(predicted).astype(float), flat(true).astype(float)
    return float(((predicted - true) ** 2).sum() / ((true - np.ravel(mean)[None]) ** 2).sum())


def baselines(given: Any, wanted: Any, watched: tuple[Any, Any], test: Any) -> dict[str, Float[np.ndarray, "n out"]]:
    """Predictions by scikit-learn: ``nearest`` looks up the nearest training example; ``ridge`` is a ridge regression
    on principal components, their number and the penalty chosen on the watched examples."""

    given, wanted, test = flat(given), flat(wanted), flat(test)
    nearest = KNeighborsRegressor(1, algorithm="brute").fit(given, wanted).predict(test)
    most = min(200, given.shape[1], len(given) - 1)
    pca = PCA(most, svd_solver="covariance_eigh").fit(given)
    parts, seen, new = (pca.transform(flat(values)) for values in (given, watched[0], test))
    best, ridge = np.inf, np.zeros_like(nearest)
    for components in sorted({min(count, most) for count in (20, 50, 100, 150, 200)}):
        for penalty in (1e-2, 1.0, 1e2):
            rule = Ridge(penalty).fit(parts[:, :components], wanted)
            error = float(np.mean((rule.predict(seen[:, :components]) - flat(watched[1])) ** 2))
            if error < best:
                best, ridge = error, rule.predict(new[:, :components])
    return {"nearest": nearest, "ridge": ridge}


def score(run: Run, name: str, predicted: Any, true: Any, mean: Any) -> None:
    """Normalised and plain mean square error of predictions [seed n …], a number per seed."""
    record(run, f"{name}_nmse", [normalised_mse(one, true, mean) for one in predicted], "1",
           "mean square error over that of predicting the training mean")  # fmt: skip
    record(run, f"{name}_mse", [float(np.mean((flat(one) - flat(true)) ** 2)) for one in predicted], "1",
           "mean square error, targets as the model sees them")  # fmt: skip
