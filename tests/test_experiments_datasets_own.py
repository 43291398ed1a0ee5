"""A user's own images: files of every format, normalisation, refused files."""

from dataclasses import replace

import h5py
import numpy as np
import pytest

import models
from experiments import datasets
from experiments.datasets import own


@pytest.fixture
def stack():
    x = np.random.default_rng(1).normal(5, 2, (6, 7, 9))
    x[2, 3:5, 4] = np.nan
    return x


def write(folder, name, **arrays):
    path = folder / name
    if name.endswith("npy"):
        np.save(path, arrays["stack"])
    elif name.endswith("npz"):
        np.savez(path, **arrays)
    else:
        with h5py.File(path, "w") as file:
            for array, values in arrays.items():
                file[f"data/{array}"] = values.astype("S") if values.dtype.kind == "U" else values
            if "time" in arrays:
                file["data/time"].attrs["units"] = "s"
    return str(path)


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.h5"])
def test_own_images_keep_values_labels_factors_and_missing_pixels(name, tmp_path, stack):
    extra = {"kind": np.array(list("baabca")), "time": np.arange(6.0)}
    path = write(tmp_path, name, stack=stack, **extra)
    prefix = "data/" if name == "a.h5" else ""
    single = name == "a.npy"
    config = own.Own(path, f"{prefix}stack" * (not single), f"{prefix}kind" * (not single))
    config = config if single else replace(config, factors=(f"{prefix}time",))
    images = own.read(config)
    assert images.x.dtype == np.float32 and images.x.min() == 0 and images.x.max() == 1
    assert images.mask is not None and (~images.mask).sum() == 2 and not images.mask[2, 3:5, 4].any()
    low, high = np.nanmin(stack), np.nanmax(stack)
    np.testing.assert_allclose(images.x[images.mask], ((stack - low) / (high - low))[images.mask], atol=1e-6)
    assert "missing" in images.source
    models.vae(models.VAEConfig(shape=(7, 9), likelihood="bernoulli")).check(datasets.to_batch(images))
    if not single:
        assert images.classes == ("a", "b", "c") and images.label.tolist() == [1, 0, 0, 1, 2, 0]
        assert images.factors[f"{prefix}time"].tolist() == list(range(6))
        assert images.units[f"{prefix}time"] == ("s" if name == "a.h5" else "")


def test_own_images_are_normalised_as_the_option_says(tmp_path, stack):
    stack[4] = 3.0
    path = write(tmp_path, "a.npy", stack=stack)
    each = own.read(own.Own(path, normalise="image")).x
    assert np.all(each[4] == 0) and np.allclose(np.delete(each, 4, 0).max((1, 2)), 1)
    plain = own.read(own.Own(path, normalise="none"))
    np.testing.assert_allclose(plain.x, np.nan_to_num(stack), rtol=1e-6)
    colour = own.read(own.Own(write(tmp_path, "b.npy", stack=np.ones((4, 6, 6, 3), np.uint8)), normalise="none"))
    assert colour.x.shape == (4, 6, 6, 3) and colour.mask is None


def test_integer_labels_may_have_gaps_and_unknowns(tmp_path, stack):
    path = write(tmp_path, "a.npz", stack=stack, kind=np.array([7, -1, 3, 3, 7, -1]))
    images = own.read(own.Own(path, "stack", "kind"))
    assert images.label.tolist() == [1, -1, 0, 0, 1, -1] and images.classes == ("3", "7")


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.ones((8, 8)), r"image\[None\]"),
        (np.ones((5, 3, 8, 8)), "channels seem to come first"),
        (np.ones((8, 8, 3)), "One image with channels"),
        (np.ones((5, 1, 1)), "2 × 2 pixels"),
        (np.ones((5, 8, 8)), "nothing to normalise"),
        (np.ones((5, 8, 8), complex), "modulus"),
        (np.array([[["text"]]]), "real numbers"),
        (np.full((5, 8, 8), np.inf), "infinite"),
        (np.full((5, 8, 8), np.nan), "every value is missing"),
        (np.where(np.arange(5)[:, None, None] == 2, np.nan, np.ones((5, 8, 8))), "no valid pixel"),
    ],
)
def test_own_images_of_a_wrong_kind_are_refused(tmp_path, array, message):
    with pytest.raises(ValueError, match=message):
        own.read(own.Own(write(tmp_path, "a.npy", stack=array)))


def test_own_files_that_cannot_be_used_say_why(tmp_path, stack):
    np.save(tmp_path / "pickled.npy", np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match="pickled"):
        own.read(own.Own(str(tmp_path / "pickled.npy")))
    (tmp_path / "a.h5").write_bytes(b"no such thing")
    with pytest.raises(ValueError, match="no HDF5 file"):
        own.read(own.Own(str(tmp_path / "a.h5")))
    with pytest.raises(ValueError, match="there is no file"):
        own.read(own.Own(str(tmp_path / "b.npy")))
    (tmp_path / "a.tif").write_bytes(b"")
    with pytest.raises(ValueError, match="cannot be read as a picture"):
        own.read(own.Own(str(tmp_path / "a.tif")))
    path = write(tmp_path, "a.npz", stack=stack, half=np.arange(6) / 2, few=np.arange(3))
    for config, message in (
        (own.Own(path), r"file holds stack \(6, 7, 9\).*set dataset"),
        (own.Own(path, "stack", "other"), "set label"),
        (own.Own(path, "stack", "few"), "one for each of 6"),
        (own.Own(path, "stack", "half"), "expected integers"),
        (own.Own(path, "stack", factors=("few",)), "one number for each of 6"),
    ):
        with pytest.raises(ValueError, match=message):
            own.read(config)
    with pytest.raises(ValueError, match="normalise"):
        own.Own(normalise="yes")
