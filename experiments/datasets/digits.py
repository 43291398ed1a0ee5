"""Handwritten digits, upright or rotated by known angles: scikit-learn's 8 × 8 set, or MNIST from the user's files.

Nothing is downloaded and nothing is substituted. Without a path the set is scikit-learn's; with a path it is that file
or an error. ``Images.source`` says which it was, with the SHA-256 of every file read. Handwritten 0, 1 and 8 look much
the same after a rotation by 180°, and a 6 becomes a 9: in a set rotated that far these angles and classes cannot be
distinguished.
"""

import gzip
import hashlib
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
    "MNIST is not part of this project. Get the four files train-images-idx3-ubyte, train-labels-idx1-ubyte, "
    "t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte (with or without .gz) and give their folder, or the single file "
    "mnist.npz (arrays x_train, y_train, x_test, y_test) and give its path; no path takes scikit-learn's 8 × 8 set."
)


@dataclass(frozen=True)
class Digits:
    """Options of digits: ``path`` is a folder of MNIST's IDX files or an npz file, empty for scikit-learn's set.

    ``part`` of MNIST is train, test or all (scikit-learn's set has no parts). ``count`` images are drawn at random; 0
    takes all of them in their order. ``padding`` is the number of empty pixels on each side. ``rotation_degrees`` is
    the half-range of uniform angles, with bilinear interpolation. A part of a digit that leaves the frame is lost; with
    a padding of 2 no part of an 8 × 8 digit does.
    """

    path: str = ""
    part: str = "train"
    count: int = 0
    padding: int = 0
    rotation_degrees: float = 0.0

    def __post_init__(self) -> None:
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
    elif path.suffix == ".npz" and path.is_file():
        arrays = numpy_arrays(path)
        for piece in PARTS[part]:
            for kind, parts in (("x", images), ("y", labels)):
                if f"{kind}_{piece}" not in arrays:
                    raise ValueError(f"{path} has no array {kind}_{piece} of an MNIST archive. {HOW_TO_GET}")
                parts.append(arrays[f"{kind}_{piece}"].load())
        files.append(f"{path.name} (SHA-256 {hashlib.sha256(path.read_bytes()).hexdigest()})")
    else:
        raise ValueError(f"{path} is neither a folder nor an npz file. {HOW_TO_GET}")
    x, label = np.concatenate(images), np.concatenate(labels)
    if x.ndim != 3 or x.dtype != np.uint8 or label.shape != x.shape[:1] or not np.isin(label, range(10)).all():
        raise ValueError(
            f"{path} holds images {x.shape} of {x.dtype} and labels {label.shape}: expected bytes [n 28 28] and "
            f"one label from 0 to 9 each. {HOW_TO_GET}"
        )
    return x, label, "MNIST: " + ", ".join(files)


def read(key: Array, config: Digits = Digits()) -> Images:
    """Return the digits of the options, values in [0, 1]; rotated digits have the factor "angle".

    ``key`` draws the images (where ``count`` asks for fewer than there are) and the angles. ValueError, with words on
    how to get MNIST, for a path that holds no such files.
    """
    if config.path:
        x, label, source = _mnist(Path(config.path).expanduser(), config.part)
        x = x.astype(np.float32) / np.float32(255)
    else:
        from sklearn.datasets import load_digits

        data: Any = load_digits()
        x, label = data.images.astype(np.float32) / np.float32(16), data.target
        source = "digits of scikit-learn, 8 × 8"
    if config.count > len(x):
        raise ValueError(f"{config.count} digits wanted, this set has {len(x)}: ask for fewer, or 0 for all")
    choice_key, angle_key = jax.random.split(key)
    if config.count:
        chosen = np.asarray(jax.random.permutation(choice_key, len(x)))[: config.count]
        x, label = x[chosen], label[chosen]
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
