"""The likelihood that suits given data, and the standard deviation of their noise."""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Bool, Float, Shaped

from ferro_jax import values as outside

FLOOR = 0.2
"""Share of the contrast below which ``sigma`` does not go: no decoder is nearer to its data than that in the first
steps, and a narrower likelihood makes it explain poses by content."""

MOST_EXAMPLES = 2000  # examples that are looked at, evenly spread; more change nothing
LEVELS = 10  # of intensity, in each of which the noise is estimated on its own
LEAST_PER_LEVEL = 50  # differences without which a level has no estimate
MAD = 1.4826  # standard deviation of a Gaussian over its median absolute deviation


class Observed(NamedTuple):
    """How data are observed: ``likelihood`` and ``sigma`` for a VAEConfig, sigma in the units of the data.

    ``noise`` is the estimated standard deviation of the noise (NaN where it cannot be told), ``contrast`` the standard
    deviation of the values, the outermost half per cent at either end drawn in. Both in the units of the data.
    """

    likelihood: str
    sigma: float
    noise: float
    contrast: float


def observation_of(x: Shaped[Array | np.ndarray, "n *shape"], mask: Array | np.ndarray | None = None) -> Observed:
    """Return likelihood and sigma for examples [n *shape]: signals, images, or images with the channels last.

    "bernoulli" is for values that are all 0 or 1, because it takes grey for doubt: being right about a grey of .5
    gains it nothing. Everything else is "gaussian", with the noise of the data as ``sigma``, at least ``FLOOR`` of
    their contrast. ``mask`` is 0, or a value NaN, where nothing was measured. ValueError for data without examples, for
    a mask of another shape, and where no value is measured or all are the same.
    """
    x, shown = outside.masked(x, "x")
    x = np.asarray(x)
    if x.ndim < 2 or not x.size:
        raise ValueError(f"data of shape {x.shape}: expected examples [n *shape], one per row.")
    mask = shown if mask is None else np.asarray(outside.mask(mask, "mask"))
    if mask is not None and mask.shape != x.shape:
        raise ValueError(f"mask of shape {mask.shape} for data of shape {x.shape}: give one entry per value.")
    mask = mask if shown is None or mask is None else mask & shown
    some = np.unique(np.linspace(0, len(x) - 1, MOST_EXAMPLES).astype(int))
    x = x[some].astype(float)
    measured = np.isfinite(x) if mask is None else np.isfinite(x) & mask[some]
    values = x[measured]
    if not values.size or values.min() == values.max():
        raise ValueError("no value is measured, or all are the same: there is nothing to learn from such data.")
    contrast = float(np.std(np.clip(values, *np.quantile(values, [0.005, 0.995])))) or float(np.std(values))
    if np.isin(values, (0, 1)).all():
        return Observed("bernoulli", 1.0, 0.0, contrast)  # it has no width
    noise = noise_of(np.where(measured, x, 0.0), measured)
    return Observed("gaussian", max(FLOOR * contrast, 0.0 if math.isnan(noise) else noise), noise, contrast)


def noise_of(x: Float[np.ndarray, "n *shape"], measured: Bool[np.ndarray, "n *shape"]) -> float:
    """Return the standard deviation of the noise of examples, NaN where too few neighbours are measured.

    It is the median absolute deviation of second differences along every spatial axis (for images the mask of
    Immerkær, Computer Vision and Image Understanding 64, 300, 1996), which smooth signals hardly change. It is taken
    at ten levels of intensity, whose variances are averaged, because counts are noisier where there are more. Noise
    that is correlated from pixel to pixel comes out too small.
    """
    differences, level, known, gain = x, x, measured, 1.0
    for axis in range(1, min(x.ndim, 3)):  # a third axis holds the channels
        if x.shape[axis] < 3:
            continue
        left, middle, right = _neighbours(differences, axis)
        differences, gain = left - 2 * middle + right, gain * math.sqrt(6)
        left, middle, right = _neighbours(level, axis)
        level = (left + 2 * middle + right) / 4
        left, middle, right = _neighbours(known, axis)
        known = left & middle & right
    if gain == 1:
        return math.nan
    size, level = np.abs(differences[known]) / gain, level[known]
    if len(size) < LEAST_PER_LEVEL:
        return math.nan
    parts = np.array_split(size[np.argsort(level, kind="stable")], min(LEVELS, len(size) // LEAST_PER_LEVEL))
    return float(np.sqrt(np.mean([(MAD * np.median(part)) ** 2 for part in parts])))


def _neighbours(values: np.ndarray, axis: int) -> list[np.ndarray]:
    """Return the values before, at and after every inner position along an axis."""
    inner = values.shape[axis] - 2
    return [np.take(values, range(start, start + inner), axis) for start in range(3)]
