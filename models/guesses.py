"""Guesses of the classes of examples, from features that turns and shifts leave alone."""

from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Int
from scipy.ndimage import map_coordinates
from sklearn.cluster import HDBSCAN
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

from ferro_jax import values as door
from models.data import Batch, Pair
from models.stacks import Stack, examples_of
from models.vaes.config import VAEConfig

ANGLES = 32  # at which a circle is sampled
ORDERS = 9  # of its Fourier series, from the mean on; finer ones are noise
COMPONENTS = 4  # principal components that groups are looked for in, at least; one per class where there are more
MOST_COMPONENTS = 10
STARTS = 5  # of the mixture; the likeliest is kept
REGULARISED = 1e-4  # share of the variance that is added to every component's
REPEATS = 5  # mixtures of a part of the examples
STABLE = 0.8  # adjusted Rand index of such a mixture with that of all, from which on groups are trusted
ISOLATED = 0.5  # contrast of the border over that of the image, below which an image shows one object
CHUNK = 2000  # examples at a time
TRUSTED = 0.95  # share of the labelled examples that must be guessed right when left out
MOST_FOLDS = 50  # in which labelled examples are left out
GROUPS = (2, 3, 4)  # numbers of groups that a mixture may find
NUMBERS = range(1, 8)  # numbers of components of which the likeliest must be one of these
APART = 0.95  # agreement of mixtures of a part of the examples from which on groups are there at all
SURE = 0.9  # probability of its group, below which an example lies between groups
FEWEST = 10  # examples a group, below which groups are not looked for
BETWEEN = 0.15  # share of such examples, up to which groups stay apart
DENSITIES = tuple(
    (count, share, neighbours) for count in (6, 10) for share, neighbours in ((25, 5), (25, 10), (40, 5))
)  # principal components, examples over those of the smallest group, neighbours that a density is measured by
LONELY = 0.05  # share of the examples that lie in no dense group, up to which such groups are trusted
MOST_DENSE = 2000  # examples that dense groups are looked for in; the others take the group of the nearest


def guess_classes(key: Any, config: VAEConfig, data: Any) -> Int[np.ndarray, " n"]:
    """Return a guess [n] of the class of every example, one of ``config.classes``; all −1 where none can be trusted.

    Without labels the guesses are the components of a Gaussian mixture in the first principal components of
    ``features_of``, so classes may be of any frequency. They are trusted if mixtures of four fifths of the examples
    find the same ones. Where a Batch has some labels, the guesses are those of a support-vector machine that learned
    the labelled examples, and are trusted if it tells those that were left out. A model is trained with them as the
    ``guess`` of a Batch.

    NumPy, outside jit. ValueError for a model without classes, and for data as in ``groups_of``.
    """
    key, given = door.key(key, single=True), _told(config, data)
    if config.classes < 2 or len(given.values) < config.classes:
        raise ValueError(
            f"{len(given.values)} examples for classes={config.classes}: give two classes or more examples."
        )
    features = _features_of(config, given)
    seed = int(jax.random.randint(key, (), 0, 2**31 - 1))
    label = np.asarray(data.label) if isinstance(data, Batch) and data.label is not None else np.full(len(features), -1)
    labelled = bool((label >= 0).any())
    count = MOST_COMPONENTS if labelled else min(max(COMPONENTS, config.classes), MOST_COMPONENTS)
    points = _components(features, count, seed)
    guess = _by_labels(points, label, seed) if labelled else _by_mixture(points, config.classes, seed)
    return (np.full(len(points), -1) if guess is None else guess).astype(np.int32)


def groups_of(key: Any, config: VAEConfig, data: Any) -> Int[np.ndarray, " n"]:
    """Return the group [n] of every example where ``features_of`` fall into groups that stay apart; all −1 elsewhere.

    Groups are first looked for as dense regions with little between them (HDBSCAN, McInnes et al. 2017), in several
    numbers of principal components and at several sizes of the smallest group; they are trusted where all of these find
    the same number and nearly all examples lie in a group (−1: the few that do not). Where there are none, two to four
    groups are looked for as components of a Gaussian mixture, of the number that is likeliest by the Bayesian
    information criterion, and are trusted where mixtures of four fifths of the examples find the same ones and few
    examples lie between them.

    The number of groups is ``groups.max() + 1``, 0 where none can be trusted. It is a number of classes to begin with:
    groups of a size below a fortieth of the examples are not found, and one class of two styles is two groups.
    ``data`` are examples as an array [n *shape], a Batch or a record with ``x`` (or ``values``) and perhaps ``mask``.
    None are found in fewer than 40 examples. NumPy, outside jit. ValueError for another shape than ``config.shape``,
    fewer than 20 examples, examples of one value, a Pair, and what is no key.
    """
    key, given = door.key(key, single=True), _told(config, data)
    features = _features_of(config, given)
    none = np.full(len(features), -1, np.int32)
    if len(features) < FEWEST * max(GROUPS) or float(features.std(0).max()) < 1e-12:
        return none
    seed = int(jax.random.randint(key, (), 0, 2**31 - 1))
    dense = _by_density(features, seed)
    if dense is not None:
        return dense
    points = _components(features, COMPONENTS, seed)
    mixture = min((_mixture(points, count, seed) for count in NUMBERS), key=lambda each: each.bic(points))
    between = np.mean(mixture.predict_proba(points).max(1) < SURE)
    if mixture.n_components not in GROUPS or between > BETWEEN or _agreement(points, mixture, seed) < APART:
        return none
    return mixture.predict(points).astype(np.int32)


def _components(features: Float[np.ndarray, "n feature"], count: int, seed: int) -> Float[np.ndarray, "n component"]:
    """Return the first principal components of the features, in units of their mean standard deviation."""
    points = PCA(min(count, *features.shape), random_state=seed).fit_transform(features)
    return points / max(float(points.std(0).mean()), 1e-12)


def _by_density(features: Float[np.ndarray, "n feature"], seed: int) -> np.ndarray | None:
    """Return the dense group [n] of every example (−1: in none), None where no number of groups can be trusted."""
    rows = np.random.default_rng(seed).permutation(len(features))[:MOST_DENSE]
    found = []
    for count, share, neighbours in DENSITIES:
        points, smallest = _components(features, count, seed), max(FEWEST, len(rows) // share)
        rule = HDBSCAN(smallest, min_samples=neighbours, copy=True)  # pyright: ignore[reportArgumentType]
        groups = rule.fit_predict(points[rows])
        if groups.max() < 1 or np.mean(groups < 0) > LONELY or (found and groups.max() != found[0][1].max()):
            return None
        found.append((points, groups))
    points, groups = found[0]
    if len(rows) == len(points):
        return groups[np.argsort(rows)].astype(np.int32)
    return KNeighborsClassifier(1).fit(points[rows], groups).predict(points).astype(np.int32)


def _by_mixture(points: Float[np.ndarray, "n component"], classes: int, seed: int) -> np.ndarray | None:
    """Return the likeliest component [n] of a Gaussian mixture, None where most of the examples give another one."""
    mixture = _mixture(points, classes, seed)
    return mixture.predict(points) if _agreement(points, mixture, seed) >= STABLE else None


def _mixture(points: Float[np.ndarray, "n component"], count: int, seed: int) -> GaussianMixture:
    """Return the likeliest Gaussian mixture of some starts."""
    regular = REGULARISED * float(points.var(0).sum()) + 1e-12
    with threadpool_limits(1):  # because threads that share few cores spin, which took eight times the processor time
        return GaussianMixture(count, n_init=STARTS, reg_covar=regular, random_state=seed).fit(points)


def _agreement(points: Float[np.ndarray, "n component"], mixture: GaussianMixture, seed: int) -> float:
    """Return the median adjusted Rand index of ``mixture`` and mixtures of four fifths of the points."""
    generator, count, group = np.random.default_rng(seed), mixture.n_components, mixture.predict(points)
    parts = [generator.permutation(len(points))[: max(count, 4 * len(points) // 5)] for _ in range(REPEATS)]
    found = [_mixture(points[part], count, seed).predict(points) for part in parts]
    return float(np.median([adjusted_rand_score(group, each) for each in found]))


def _by_labels(points: Float[np.ndarray, "n component"], label: Int[np.ndarray, " n"], seed: int) -> np.ndarray | None:
    """Return the classes [n] that the labelled examples suggest, None where they do not tell those left out."""
    x, y = points[label >= 0], label[label >= 0]
    folds = KFold(min(len(y), MOST_FOLDS), shuffle=True, random_state=seed)
    if len(y) < 3 or any(len(np.unique(y[train])) < 2 for train, _ in folds.split(x)):
        return None
    machine = SVC(C=100.0)
    told = np.mean(cross_val_predict(machine, x, y, cv=folds) == y)
    return machine.fit(x, y).predict(points) if told >= TRUSTED else None


def _told(config: VAEConfig, data: Any) -> Stack:
    """Return the examples. ValueError where they are so few or so equal that no class can be told."""
    given = _given(config, data)
    if len(given.values) < 2 * FEWEST:
        raise ValueError(f"{len(given.values)} examples are too few to tell classes: give {2 * FEWEST} or more.")
    known = given.values if given.known is None else given.values[given.known]
    known = known[np.isfinite(known)]
    if not known.size or known.min() == known.max():
        what = f"all are {known.min():g}" if known.size else "none is measured"
        raise ValueError(f"the examples hold no differing values, {what}: there are no classes to tell.")
    return given


def _given(config: VAEConfig, data: Any) -> Stack:
    """Return examples [n *shape] of the shape of ``config``, from an array, a Batch or a record."""
    if isinstance(data, Pair):
        raise ValueError("guesses are for images or signals: give an array [n *shape] or a Batch, no Pair.")
    return examples_of(data, config.shape)


def features_of(config: VAEConfig, data: Any) -> Float[np.ndarray, "n feature"]:
    """Return features of every example that do not depend on the pose of ``config``; missing values are the mean's.

    Images with an angle: the size of the Fourier coefficients along circles, weighted by the circles' length. Circles
    are around the centre of mass where images show one object in an empty surround, else (a window of a lattice has no
    centre of mass) around the middle of the power spectrum. Signals with a shift: the size of their Fourier
    coefficients. Otherwise the values themselves. ValueError for a Pair, and another shape than ``config.shape``.
    """
    return _features_of(config, _given(config, data))


def _features_of(config: VAEConfig, given: Stack) -> Float[np.ndarray, "n feature"]:
    """Return the features of examples whose shape is that of ``config``."""
    x, mask = given.values, given.known
    rows = [slice(row, row + CHUNK) for row in range(0, len(x), CHUNK)]
    shape = x.shape[1:]
    known = np.maximum(sum((_measured(x, mask, part).sum(0) for part in rows), np.zeros(shape)), 1)
    mean = sum((_filled(x, mask, part, 0.0).sum(0) for part in rows), np.zeros(shape)) / known
    isolated = "angle" in config.pose and _isolated(_filled(x, mask, rows[0], mean).reshape(-1, *_image(config)))
    return np.concatenate([_features(config, _filled(x, mask, part, mean), isolated) for part in rows])


def _measured(x: np.ndarray, mask: np.ndarray | None, rows: slice) -> np.ndarray:
    """Return where values of these rows are measured."""
    return np.isfinite(x[rows]) if mask is None else np.isfinite(x[rows]) & (mask[rows] > 0)


def _filled(x: np.ndarray, mask: np.ndarray | None, rows: slice, missing: Any) -> np.ndarray:
    """Return the values of these rows, and ``missing`` where none is measured."""
    return np.where(_measured(x, mask, rows), x[rows], missing).astype(float)


def _image(config: VAEConfig) -> tuple[int, ...]:
    """Return the shape of an image with its channels last."""
    return (*config.grid, config.depth)


def _features(config: VAEConfig, x: Float[np.ndarray, "n *shape"], isolated: bool) -> Float[np.ndarray, "n feature"]:
    """Return the features of examples without missing values."""
    if "angle" in config.pose:
        return _of_images(x.reshape(-1, *_image(config)), isolated)
    if len(config.shape) == 1 and "shift" in config.pose:
        return np.abs(np.fft.rfft(x, axis=1)) / x.shape[1]
    return x.reshape(len(x), -1)


def _isolated(images: Float[np.ndarray, "n y x channel"]) -> bool:
    """Return whether images show one object in an empty surround: whether little is on their border."""
    border = np.ones(images.shape[1:3], bool)
    border[1:-1, 1:-1] = False
    ring = images[:, border]
    level = np.median(ring, axis=(0, 1))
    contrast = np.sqrt(np.square(images - level).mean())
    return bool(np.sqrt(np.square(ring - level).mean()) < ISOLATED * contrast)


def _of_images(images: Float[np.ndarray, "n y x channel"], isolated: bool) -> Float[np.ndarray, "n feature"]:
    """Return the size of the Fourier coefficients along circles, of images or of their power spectra."""
    count, height, width, channels = images.shape
    if isolated:
        above = np.clip(images - np.quantile(images, 0.05, axis=(0, 1, 2)), 0, None).sum(-1)
        mass = np.maximum(above.sum((1, 2)), 1e-12)
        centre_y = (above * np.arange(height)[:, None]).sum((1, 2)) / mass
        centre_x = (above * np.arange(width)).sum((1, 2)) / mass
    else:
        window = np.hanning(height + 2)[1:-1, None] * np.hanning(width + 2)[1:-1]
        images = (images - images.mean((1, 2), keepdims=True)) * window[..., None]
        images = np.log1p(np.abs(np.fft.fftshift(np.fft.fft2(images, axes=(1, 2)), axes=(1, 2))))
        centre_y, centre_x = np.full(count, height // 2), np.full(count, width // 2)
    radius = np.arange(int(min(height, width) / 2)) + 0.5
    angle = np.arange(ANGLES) * (2 * np.pi / ANGLES)
    rows = centre_y[:, None, None] + radius[:, None] * np.sin(angle)
    columns = centre_x[:, None, None] + radius[:, None] * np.cos(angle)
    number = np.broadcast_to(np.arange(count)[:, None, None], rows.shape)
    parts = []
    for channel in range(channels):
        circles = map_coordinates(images[..., channel], [number, rows, columns], order=1, mode="nearest")
        size = np.abs(np.fft.rfft(circles, axis=2))[..., :ORDERS] / ANGLES
        size[..., 1:] *= np.sqrt(2)
        parts.append((size * np.sqrt(radius)[:, None]).reshape(count, -1))
    return np.concatenate(parts, 1)
