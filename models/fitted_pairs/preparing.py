"""Images and spectra as they were given to examples that models train on: scaled, cut, split, in all orientations."""

import warnings
from typing import Any, NamedTuple

import numpy as np

from models.fitted.scaling import Scaling, warn_of_outliers
from models.fitted_pairs import examples, judging, scaling
from models.fitted_pairs.examples import Sets
from models.fitted_pairs.given import Given
from models.fitted_pairs.splitting import patch_of


class Prepared(NamedTuple):
    """Scaled examples that are trained on, watched and scored, and the scalings that lead to them.

    ``turned`` says that those to train on come in all orientations.
    """

    sets: Sets
    image: Scaling
    spectrum: Scaling
    turned: bool


def prepared_of(given: Given, split: Any, patch: int, seed: int, turned: bool | None, forward: bool = True) -> Prepared:
    """Return the examples of a scan or of pairs; ``split`` None is "columns" of a scan, and pairs at "random".

    Pairs with missing values are left out, with a warning that counts them. The scaling of the spectra is that of the
    trained ones. ``turned`` None: patches of a scan are used in all orientations unless a ridge regression, ``forward``
    from images to spectra, is worse with them. ValueError where too few examples are left.
    """
    images = given.image[None] if given.scan else given.image
    of_image = scaling.of_images(images)
    x, outliers = scaling.images_in(images, of_image)
    warn_of_outliers(outliers)
    _warn_of_missing(given, x)
    if not given.scan and (patch or turned):
        raise ValueError("patch and turned are for a scan, [ny nx] with spectra [ny nx channel]: these are pairs.")
    if given.scan:
        split = "columns" if split is None else split
        patch = patch_of(x.shape[1:], patch, split, seed)
        scan = examples.scan_of(x[0], given.spectrum, split, patch, seed)
        sets = examples.of_scan(scan, seed)
        if turned is None:
            plain, eight = sets.training, examples.in_eight_orientations(sets.training)
            turned = judging.turning_helps(*(part.sides(forward) for part in (plain, eight, sets.watched)))
        if turned:
            sets = sets._replace(training=examples.in_all_orientations(scan, seed))
    else:
        sets = examples.of_pairs(x, given.spectrum, "random" if split is None else split, seed)
    of_spectrum = scaling.of_spectra(sets.training.spectrum)
    sets = Sets(*(part._replace(spectrum=scaling.spectra_in(part.spectrum, of_spectrum)) for part in sets))
    contrast = np.concatenate([sets.training.image.std((1, 2)), of_image.contrast])
    of_image = of_image._replace(contrast=np.array([contrast.min(), contrast.max()]))
    return Prepared(sets, of_image, of_spectrum, bool(turned))


def _warn_of_missing(given: Given, images: np.ndarray) -> None:
    """Warn of spectra, and of points of the scaled ``images``, that have missing values."""
    places = given.spectrum.shape[: 2 if given.scan else 1]
    spectra = np.isnan(given.spectrum).reshape(*places, -1).any(-1).sum()
    found = {"spectra": int(spectra), "pixels of the images": int(np.isnan(images).sum())}
    words = [f"{count} {what}" for what, count in found.items() if count]
    if words:
        text = f"{' and '.join(words)} are missing or have missing values: pairs that need them are left out."
        warnings.warn(text, UserWarning, stacklevel=4)
