"""What a user gives as images and spectra of the same places: one scan, or many pairs; refused in words otherwise."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from models.fitted.records import Axis, axis_of
from models.stacks import Stack, floats, given_of, seems_one_image

LEAST = 20  # pairs
ELONGATED = 4  # times as many rows as columns, from which they are no scan but examples


class Given(NamedTuple):
    """Images and spectra of the same places, float64, NaN where a value is missing.

    Of a scan: ``image`` [ny nx] and ``spectrum`` [ny nx channel] on the same points. Of pairs: ``image`` [n ny nx] and
    ``spectrum`` [n *channel]. ``axis`` is theirs; a pixel has the size ``pixel`` in ``unit`` ((): unknown).
    """

    image: Float[np.ndarray, "*place"]
    spectrum: Float[np.ndarray, "*place"]
    axis: Axis | None
    pixel: tuple[float, ...]
    unit: str

    @property
    def scan(self) -> bool:
        """Whether it is one scan, of which patches are cut."""
        return self.image.ndim == 2


def pairs_of(images: Any, spectra: Any, axis: Any = None) -> Given:
    """Return images and spectra as they were given: arrays, masked arrays, or records with ``values`` or ``x``.

    ValueError where they are neither a scan nor pairs, do not belong together, are constant or infinite.
    """
    image, spectrum = given_of(images), given_of(spectra)
    _check_exchanged(image.values, spectrum.values)
    _check_image(image.values.shape, spectrum.values.shape)
    _check_spectra(image.values.shape, spectrum.values.shape)
    values = {"images": _values(image), "spectra": _values(spectrum)}
    for what, found in values.items():
        if not np.isfinite(found).any():
            raise ValueError(f"the {what} have no measured value: is the mask true where a value was measured?")
        if np.nanmin(found) == np.nanmax(found):
            raise ValueError(f"all values of the {what} are {np.nanmin(found):g}: there is nothing to learn from them.")
    own = axis_of(spectrum.axis if axis is None else axis, spectrum.values.shape[-1])
    return Given(values["images"], values["spectra"], own, image.pixel, image.unit)


def _values(given: Stack) -> np.ndarray:
    """Return the values as float64, NaN where missing."""
    return floats(given, slice(None))


def _check_exchanged(images: np.ndarray, spectra: np.ndarray) -> None:
    """Raise a ValueError for a scan's spectra in place of its image: they would be images of equally many spectra.

    Pairs of square images with as many channels as rows have such shapes too, so their table of spectra must look like
    one image.
    """
    if images.ndim != 3 or spectra.ndim != 2 or images.shape[:2] != spectra.shape or 0 in images.shape:
        return
    square = images.shape[1] == images.shape[2]
    if seems_one_image(spectra) if square else images.shape[0] < ELONGATED * images.shape[1]:
        raise ValueError(
            f"images of shape {images.shape} and spectra of shape {spectra.shape} seem exchanged: they would be the "
            "spectra [ny nx channel] and the image [ny nx] of one scan. Give the image first, then the spectra."
        )


def _check_image(image: tuple[int, ...], spectra: tuple[int, ...]) -> None:
    """Raise a ValueError for images that are neither that of a scan nor a stack."""
    forms = "the image of a scan [ny nx] with its spectra [ny nx channel], or images [n ny nx] with spectra [n channel]"
    if 0 in image or 0 in spectra:
        raise ValueError(f"images of shape {image}, spectra of shape {spectra}: nothing in them; give {forms}.")
    colours = "one channel, images[..., 0], or the mean of all, images.mean(-1)"
    if len(image) == 4 or (len(image) == 3 and image[2] <= 4 and image[:2] == spectra[:2]):
        raise ValueError(f"images of shape {image} have colours or channels: give {colours}.")
    if len(image) not in (2, 3):
        raise ValueError(f"images of shape {image}: give {forms}.")
    if len(image) == 3 and len(spectra) == 3 and image[1:] == spectra[:2]:
        raise ValueError(
            f"a stack of {image[0]} images for one scan of {spectra[0]} × {spectra[1]} spectra: give the one image of "
            "that field, images[0] or images.mean(0)."
        )
    if len(image) == 2 and len(spectra) != 3:
        hint = f"give {forms}."
        if len(spectra) == 2 and spectra[0] == image[0] * image[1]:
            hint = f"if they are those of its points, give spectra.reshape({image[0]}, {image[1]}, -1)."
        raise ValueError(f"ONE image of shape {image} with spectra of shape {spectra}: {hint}")


def _check_spectra(image: tuple[int, ...], spectra: tuple[int, ...]) -> None:
    """Raise a ValueError for spectra that do not belong to the images, of which the number of axes is right."""
    if len(image) == 2:
        if image != spectra[:2]:
            hint = ""
            if spectra[1:] == image:
                hint = " The channels seem to come first: np.moveaxis(spectra, 0, -1)."
            elif spectra[:2] == image[::-1]:
                hint = " One of them seems to be turned: np.swapaxes(spectra, 0, 1)."
            elif spectra[0] == image[0] >= LEAST:
                hint = f" If they are {image[0]} spectra and {image[0]} images, images and spectra seem exchanged."
            raise ValueError(
                f"an image of {image[0]} × {image[1]} points and spectra of {spectra[0]} × {spectra[1]} points: both "
                f"need the same points; crop or resample one of them.{hint}"
            )
    elif len(spectra) not in (2, 3) or spectra[0] != image[0]:
        hint = " One spectrum for all? Each image needs one of its own." if len(spectra) == 1 else ""
        raise ValueError(f"{image[0]} images and spectra of shape {spectra}: give one spectrum for each image.{hint}")
    elif image[0] < LEAST:
        raise ValueError(f"{image[0]} pairs of an image and a spectrum: give {LEAST} or more.")
    if spectra[-1] < 2:
        raise ValueError(f"spectra of {spectra[-1]} channel: give two channels or more.")
