"""Images and spectra to the units of the models and back, with the scaling of ``models.fitted``."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import ndimage

from models.fitted.scaling import MARGIN, Scaling, check_range, isolated, scaled, scaling_of, with_range_of
from models.stacks import Stack

TOP = 0.99  # share of the spectra whose largest deviation from the mean spectrum stays below the unit


class Images(NamedTuple):
    """Scaled images [n ny nx], NaN where a value is missing, and the number of outliers in each."""

    x: Float[np.ndarray, "n y x"]
    outliers: np.ndarray


def stack(values: Float[np.ndarray, "n *shape"]) -> Stack:
    """Return values with NaN where missing as a Stack."""
    return Stack(values, None)


def of_images(images: Float[np.ndarray, "n y x"]) -> Scaling:
    """Return the scaling of images: from their mean, in units of their range without outliers."""
    scaling, _ = scaling_of(images, "gaussian")
    return with_range_of(stack(images), scaling)


def of_spectra(spectra: Float[np.ndarray, "n *channel"]) -> Scaling:
    """Return the scaling of spectra, which have no NaN: from their mean spectrum, in units of most deviations from it.

    ``offset`` has an entry for each value of a spectrum, because channels differ by orders of magnitude.
    """
    offset = spectra.mean(0)
    away = np.abs(spectra - offset).reshape(len(spectra), -1)
    unit = float(np.quantile(away.max(1), TOP)) or float(away.max()) or 1.0
    low, high = spectra.min(), spectra.max()
    contrast = (spectra - offset).reshape(len(spectra), -1).std(1) / unit
    return Scaling(
        spectra.shape[1:],
        offset,
        np.array([unit]),
        np.array([low - MARGIN * (high - low)]),
        np.array([high + MARGIN * (high - low)]),
        np.array([contrast.min(), contrast.max()]),
    )


def checked(values: Float[np.ndarray, "n *shape"], scaling: Scaling) -> None:
    """Raise a ValueError for values out of the trained range, whatever the size of the images."""
    check_range(stack(values), scaling._replace(shape=values.shape[1:]))


def images_in(images: Float[np.ndarray, "n y x"], scaling: Scaling) -> Images:
    """Return scaled images; missing values that stand alone, outliers too, are the mean of their neighbours."""
    rows = np.isfinite(images).any((1, 2))
    x, outliers = np.full(images.shape, np.nan, np.float32), np.zeros(len(images), int)
    if not rows.any():
        return Images(x, outliers)
    part, mask, outliers[rows] = scaled(images[rows], scaling)
    if mask is not None:
        missing = mask == 0
        near, share = (ndimage.uniform_filter(values, 5, mode="nearest", axes=(1, 2)) for values in (part * mask, mask))
        part = np.where(isolated(missing, 2), near / np.maximum(share, 1e-6), np.where(missing, np.nan, part))
    x[rows] = part
    return Images(x, outliers)


def spectra_in(spectra: Float[np.ndarray, "n *channel"], scaling: Scaling) -> Float[np.ndarray, "n *channel"]:
    """Return scaled spectra, NaN where a value is missing."""
    return ((spectra - scaling.offset) / scaling.spread).astype(np.float32)
