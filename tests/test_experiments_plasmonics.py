"""Plasmonics: generated assemblies and scans, a user's own files, and refusals in words."""

import h5py
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray

from experiments.datasets.plasmonics import particles as generator
from experiments.datasets.plasmonics import scan as scans
from experiments.datasets.plasmonics.own import OwnScan, from_signals, read
from experiments.datasets.plasmonics.shapes import Geometry

CONFIG = generator.Plasmonics(per_class=2)
SMALL = Geometry(size=(14.0, 24.0), height=10.0, gap=(2.0, 8.0), shapes=("triangle",))  # one kind, one compilation
SCAN = scans.Scanned(size=24, scale=4.0, assemblies=3, energies=(2.0, 4.0, 9), reach=40.0, geometry=SMALL)


@pytest.fixture(scope="module")
def particles():
    return generator.generate(jax.random.key(3), CONFIG)


@pytest.fixture(scope="module")
def scan():
    return scans.generate(jax.random.key(4), SCAN)


def test_assemblies_are_reproducible(particles):
    again = generator.generate(jax.random.key(3), CONFIG)
    for name in ("image", "spectrum", "label", "angle"):
        np.testing.assert_array_equal(getattr(particles, name), getattr(again, name))
    assert (generator.generate(jax.random.key(4), CONFIG).image != particles.image).any()


@pytest.mark.slow
def test_an_assembly_of_a_set_is_the_single_one(particles):
    key = jax.random.split(jax.random.key(3), 8)[5]
    _, image, (angle, _), spectrum = jax.jit(generator.generate_one, static_argnames="config")(
        key, jnp.asarray(2), config=CONFIG
    )
    np.testing.assert_allclose(particles.image[5], image, atol=1e-5)
    np.testing.assert_allclose(particles.spectrum[5], spectrum, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(particles.angle[5], angle, atol=1e-3)


def test_assemblies_have_the_shapes_and_ranges_that_are_promised(particles):
    assert particles.image.shape == (8, 96, 96) and particles.coarse.shape == (8, 32, 32)
    assert particles.spectrum.shape == (8, 3, 301) and particles.wavelength[[0, -1]].tolist() == [400, 1000]
    assert {array.dtype for array in (particles.image, particles.coarse, particles.spectrum)} == {np.dtype("float32")}
    np.testing.assert_array_equal(particles.label, [0, 1, 2, 3] * 2)
    assert particles.image.min() >= 0 and particles.image.max() <= 1 and (particles.spectrum >= 0).all()
    assert ((particles.angle >= 0) & (particles.angle < np.pi)).all() and (particles.aspect_ratio >= 1).all()
    area = (particles.image > 0.4).sum((1, 2)) * 25.0  # nm²; every particle has the area of a disc of its size
    count = particles.label + 1
    np.testing.assert_allclose(area, count * np.pi / 4 * particles.factors["size"] ** 2, rtol=0.12)


def test_saved_assemblies_have_axes_and_units(particles, tmp_path):
    generator.save(particles, tmp_path / "particles.nc")
    with xarray.open_dataset(tmp_path / "particles.nc", engine="h5netcdf") as file:
        assert file.spectrum.dims == ("particle", "polarization", "wavelength")
        units = {name: file[name].attrs["units"] for name in ("spectrum", "wavelength", "angle", "row", "polarization")}
        assert units == {
            "spectrum": "1e4 nm2",
            "wavelength": "nm",
            "angle": "rad",
            "row": "nm",
            "polarization": "degree",
        }
        assert file.sizes["row"] == 96 and file.sizes["wavelength"] == 301
        assert all({"units", "long_name"} <= set(file[name].attrs) for name in file.variables)


def test_scans_are_reproducible_and_hold_what_is_promised(scan, tmp_path):
    again = scans.generate(jax.random.key(4), SCAN)
    np.testing.assert_array_equal(scan.cube, again.cube)
    assert scan.image.shape == (24, 24) and scan.cube.shape == (24, 24, 9) and (scan.cube >= 0).all()
    assert scan.image[scan.regions == 0].mean() > 2 * scan.image[scan.regions == 3].mean()
    scans.to_dataset(scan).to_netcdf(tmp_path / "scan.nc", engine="h5netcdf")
    with xarray.open_dataset(tmp_path / "scan.nc", engine="h5netcdf") as file:
        assert file.spectrum_image.dims == ("y", "x", "energy") and file.energy.attrs["units"] == "eV"
        assert file.spectrum_image.attrs["units"] == "1e-3 eV-1" and file.x.attrs["units"] == "nm"


def test_patches_are_those_of_the_image_with_the_spectrum_at_their_middle(scan):
    patches = scans.cut(scan, 16, 3)
    assert patches.image.shape == (9, 16, 16)
    np.testing.assert_array_equal(patches.image[4], scan.image[3:19, 3:19])
    np.testing.assert_array_equal(patches.spectrum[4], scan.cube[11, 11])
    assert (patches.row[4], patches.column[4]) == (11, 11)
    with pytest.raises(ValueError, match="from an image of 24 × 24"):
        scans.cut(scan, 25)


# --- a user's own scan


def content(scan):
    return {"image": scan.image, "spectrum image": scan.cube, "energy axis": scan.energy, "scale": 4.0}


def test_own_scans_are_read_from_npz_hdf5_and_pickled_dictionaries(scan, tmp_path):
    np.savez(tmp_path / "a.npz", **content(scan))
    np.save(tmp_path / "a.npy", content(scan))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, values in content(scan).items():
            file[f"measurement/{name.replace(' ', '_')}"] = values
        file["measurement/spectrum_image"].attrs["units"] = "counts"
    for path in ("a.npz", "a.npy", "a.h5"):
        own = read(OwnScan(str(tmp_path / path)))
        np.testing.assert_array_equal(own.cube, scan.cube)
        assert own.scale == 4.0 and own.image.min() == 0 and own.image.max() == 1
        assert own.units == ("counts" if path == "a.h5" else "1")
    falling = content(scan) | {"energy axis": scan.energy[::-1], "spectrum image": scan.cube[..., ::-1]}
    np.savez(tmp_path / "b.npz", **falling)
    np.testing.assert_array_equal(read(OwnScan(str(tmp_path / "b.npz"))).cube, scan.cube)
    axes = [{"size": 24, "scale": 4.0, "offset": 0.0, "units": "nm"}] * 2
    axes = [*axes, {"size": 9, "scale": 0.25, "offset": 2.0, "units": "eV"}]
    signals = [{"data": scan.cube, "axes": axes}, {"data": scan.image, "axes": axes[:2]}]
    vendor = from_signals(signals, "vendor", OwnScan())
    np.testing.assert_allclose(vendor.energy, scan.energy)
    assert vendor.scale == 4.0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"image": np.ones((24, 23))}, "both must have the same points"),
        ({"energy axis": np.array([1, 2, 3, 3, 4, 5, 6, 7, 8.0])}, "not monotone"),
        ({"energy axis": np.arange(8.0)}, "8 entries for spectra of 9 channels"),
        ({"spectrum image": -np.ones((24, 24, 9))}, "are negative"),
        ({"spectrum image": np.full((24, 24, 9), np.nan)}, "5184 NaN"),
        ({"spectrum image": np.ones((24, 24))}, "expected real numbers of 3"),
        ({"scale": -1.0}, "must be positive"),
        ({"image": np.ones((24, 24))}, "all pixels of the image are 1"),
    ],
)
def test_own_scans_that_make_no_sense_are_refused(scan, tmp_path, change, words):
    np.savez(tmp_path / "a.npz", **(content(scan) | change))
    with pytest.raises(ValueError, match=words):
        read(OwnScan(str(tmp_path / "a.npz")))


def test_own_files_that_cannot_be_used_say_why(scan, tmp_path):
    np.save(tmp_path / "a.npy", content(scan) | {"scale": range(3)})
    np.savez(tmp_path / "b.npz", image=scan.image)
    (tmp_path / "c.dm4").write_bytes(b"nothing")
    for path, words in (
        ("a.npy", "it asks for builtins.* could run any code"),
        ("b.npz", r"no array 'spectrum image' .* holds image \(24, 24\)"),
        ("c.dm4", "rosettasciio, which is not installed"),
        ("d.npz", "there is no file"),
    ):
        with pytest.raises(ValueError, match=words):
            read(OwnScan(str(tmp_path / path)))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: generator.Plasmonics(metal="lead"), "gold"),
        (lambda: generator.Plasmonics(polarizations=(0.0, 30.0)), "evenly spread"),
        (lambda: generator.Plasmonics(index=0.5), "index of 1 or more"),
        (lambda: Geometry(gap=(5.0, 2.0)), "smallest and a largest"),
        (lambda: Geometry(counts=(1, 5)), "from 1 to 4"),
        (lambda: Geometry(shapes=("disc", "cube")), "shapes are some of"),
        (lambda: scans.Scanned(energies=(3.0, 2.0, 9)), "lower and a higher energy"),
        (lambda: scans.Scanned(size=8), "16 points or more"),
    ],
)
def test_bad_options_are_refused_in_words(make, words):
    with pytest.raises(ValueError, match=words):
        make()
