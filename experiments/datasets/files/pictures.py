"""Arrays of pictures: tif with its pages and pixel size, png, and whatever else Pillow reads."""

import re
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageSequence

from experiments.datasets.files.records import Axis, Stored, of_array
from ferro_jax.files import UNREADABLE

SUFFIXES = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".bmp", ".gif")
_DESCRIPTION, _X, _Y = 270, 282, 283  # tags of tif


def arrays_of(path: Path) -> dict[str, Stored]:
    """Return the picture of a file [y x], [page y x] or with channels last, under the name "".

    The pixel size of ImageJ's tif files becomes the axes' unit; dots per inch, which most programs write without
    meaning, do not. ValueError for a file
    that is no picture, for pages of several sizes and for lossless types that Pillow does not know.
    """
    try:
        with Image.open(path) as picture:
            tags = dict(getattr(picture, "tag_v2", {}))
            pages = [_pixels(page) for page in ImageSequence.Iterator(picture)]
    except UNREADABLE as error:
        raise ValueError(
            f"{path} cannot be read as a picture ({error}); was its copy cut short? Save it as tif of 8 or 16 bits or "
            "float32, or as npy: numpy.save(file, array)."
        ) from error
    shapes = {page.shape for page in pages}
    if len(shapes) > 1:
        raise ValueError(f"{path} has pages of several shapes, {sorted(shapes)}: save one of them alone.")
    described = str(tags.get(_DESCRIPTION, ""))
    expected = re.search(r"^images=(\d+)", described, re.MULTILINE)
    if expected and int(expected[1]) != len(pages):
        raise ValueError(
            f"{path}: ImageJ's header names {expected[1]} images, {len(pages)} can be read. Save it again from ImageJ "
            "as an image sequence or below 4 GB, or as npy."
        )
    notes = ("jpeg loses detail when it saves: measure on tif or npy",) if path.suffix[:3] == ".jp" else ()
    values = pages[0] if len(pages) == 1 else np.stack(pages)
    return {"": of_array(values, axes=_axes(values.shape, len(pages), tags, described), notes=notes)}


def _pixels(page: Image.Image) -> np.ndarray:
    """Return the pixels of one page; palettes become colours, black and white becomes 0 and 1."""
    return np.asarray(page.convert("RGB") if page.mode in ("P", "PA", "CMYK", "YCbCr", "LAB", "HSV") else page)


def _axes(shape: tuple[int, ...], pages: int, tags: dict[int, Any], described: str) -> tuple[Axis, ...]:
    """Return the axes [page] y x [channel], with the pixel size where the tags have one."""
    unit, pixel = "", (1.0, 1.0)
    named = re.search(r"^unit=(.+)$", described, re.MULTILINE)
    resolution = [float(tags.get(tag, 0) or 0) for tag in (_Y, _X)]
    if named and all(value > 0 and np.isfinite(value) for value in resolution):
        unit = named[1].strip().replace("\\u00B5", "µ").replace("micron", "µm")
        pixel = (1 / resolution[0], 1 / resolution[1])
    names = (["page"] if pages > 1 else []) + ["y", "x"]
    names += ["channel"] * (len(shape) - len(names))
    steps = {"y": pixel[0], "x": pixel[1]}
    units = {"y": unit, "x": unit}
    return tuple(
        Axis(name, units.get(name, ""), steps.get(name, 1.0) * np.arange(size))
        for name, size in zip(names, shape, strict=True)
    )
