"""Plasmonics: what must hold of light and electrons on small particles; generators, files and their refusals."""

import math

import h5py
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray
from scipy.special import kv

from experiments.datasets.plasmonics import particles as generator
from experiments.datasets.plasmonics import scan as scans
from experiments.datasets.plasmonics.electrons import FINE_STRUCTURE, bessel_k, speed, surface_loss
from experiments.datasets.plasmonics.optics import (
    EV_NM,
    METALS,
    Dipoles,
    depolarization_factors,
    directions,
    permittivity,
    polarizability,
    spectra,
    wavenumber,
)
from experiments.datasets.plasmonics.own import OwnScan, from_signals, read
from experiments.datasets.plasmonics.shapes import Geometry

SILVER = METALS["silver"]
WAVES = jnp.asarray(directions((0.0, 90.0)))
WAVELENGTH = jnp.linspace(320.0, 900.0, 291)
PAIR = Dipoles(
    jnp.array([[0.0, 0.0], [40.0, 0.0]]), jnp.full((2, 3), 15.0), jnp.zeros(2), jnp.array([True, True])
)  # fmt: skip
CONFIG = generator.Plasmonics(per_class=2)
SMALL = Geometry(size=(14.0, 24.0), height=10.0, gap=(2.0, 8.0), shapes=("triangle",))  # one kind, one compilation
SCAN = scans.Scanned(size=24, scale=4.0, assemblies=3, energies=(2.0, 4.0, 9), reach=40.0, geometry=SMALL)


@pytest.fixture(scope="module")
def sections():
    """Cross sections of any two dipoles, compiled once, at an index of 1.3."""
    return jax.jit(lambda dipoles: spectra(dipoles, WAVELENGTH, WAVES, SILVER, 1.3))


@pytest.fixture(scope="module")
def particles():
    return generator.generate(jax.random.key(3), CONFIG)


@pytest.fixture(scope="module")
def scan():
    return scans.generate(jax.random.key(4), SCAN)


def single(semi_axes, angle=0.0):
    return PAIR._replace(
        semi_axes=jnp.asarray([semi_axes, [1.0, 1.0, 1.0]]),
        angle=jnp.array([angle, 0.0]),
        exists=jnp.array([True, False]),
    )


def far_field_scattering(dipoles, energy, index):
    """Light scattered into all directions by p = α(E + Gp), integrated over the sphere; in NumPy, on its own."""
    k = float(wavenumber(jnp.asarray(energy), index))
    alpha = [np.asarray(polarizability(semi, jnp.asarray(energy), SILVER, index))[:2] for semi in dipoles.semi_axes]
    away = np.asarray(dipoles.place[0] - dipoles.place[1])
    r = np.linalg.norm(away)
    along = np.outer(away, away) / r**2
    green = (
        np.exp(1j * k * r)
        / (4 * np.pi * r)
        * (k**2 * (np.eye(2) - along) + (3 * along - np.eye(2)) * (1 / r**2 - 1j * k / r))
    )
    system = np.block([[np.diag(1 / alpha[0]), -green], [-green, np.diag(1 / alpha[1])]])
    moment = np.linalg.solve(system, np.tile(np.asarray(WAVES[0]), 2)).reshape(2, 2)
    cosine, weight = np.polynomial.legendre.leggauss(24)
    azimuth = np.arange(48) * 2 * np.pi / 48
    sine = np.sqrt(1 - cosine**2)[:, None]
    out = np.stack(np.broadcast_arrays(sine * np.cos(azimuth), sine * np.sin(azimuth), cosine[:, None]), -1)
    phase = np.exp(-1j * k * np.einsum("uva,da->uvd", out[..., :2], np.asarray(dipoles.place)))
    total = np.concatenate([np.einsum("uvd,da->uva", phase, moment), np.zeros((24, 48, 1))], -1)
    across = total - out * np.einsum("uva,uva->uv", out, total)[..., None]
    return k**4 / (16 * np.pi**2) * float((weight[:, None] * (np.abs(across) ** 2).sum(-1)).sum() * 2 * np.pi / 48)


# --- light


def test_depolarization_factors_are_those_of_spheres_and_needles():
    np.testing.assert_allclose(depolarization_factors(jnp.full(3, 7.0)), 1 / 3, rtol=1e-12)
    for ratio in (1.5, 4.0, 8.0):  # a prolate spheroid: Bohren & Huffman, equation 5.33
        e = math.sqrt(1 - ratio**-2)
        along = (1 - e**2) / e**2 * (math.log((1 + e) / (1 - e)) / (2 * e) - 1)
        found = depolarization_factors(jnp.array([ratio, 1.0, 1.0]))
        np.testing.assert_allclose(found, [along, (1 - along) / 2, (1 - along) / 2], rtol=1e-5)
    np.testing.assert_allclose(depolarization_factors(jnp.array([5.0, 2.0, 1.0])).sum(), 1, rtol=1e-8)


def test_a_small_sphere_resonates_where_statics_says(sections):
    """Re ε = −2 ε_m; extinction 4πk a³ Im (ε − ε_m)/(ε + 2ε_m)."""
    found = sections(single([1.0, 1.0, 1.0]))
    energy = EV_NM / WAVELENGTH
    epsilon, medium, k = permittivity(energy, SILVER), 1.3**2, wavenumber(energy, 1.3)
    expected = 4 * np.pi * k * ((epsilon - medium) / (epsilon + 2 * medium)).imag
    np.testing.assert_allclose(found.extinction[:, 0], expected, rtol=0.01)
    at = int(jnp.argmax(found.extinction[:, 0]))
    crossing = int(jnp.argmin(jnp.abs(epsilon.real + 2 * medium)))
    assert abs(float(WAVELENGTH[at] - WAVELENGTH[crossing])) <= 4


def test_extinction_is_scattering_and_absorption(sections):
    found = sections(
        PAIR._replace(semi_axes=jnp.array([[20.0, 15.0, 12.0], [15.0, 15.0, 9.0]]), angle=jnp.array([0.4, 0.0]))
    )
    np.testing.assert_allclose(found.extinction, found.scattering + found.absorption, rtol=1e-9)
    assert (found.scattering > 0).all() and (found.absorption > 0).all()


def test_scattering_is_the_light_that_goes_out(sections):
    dipoles = PAIR._replace(semi_axes=jnp.array([[20.0, 15.0, 12.0], [30.0, 25.0, 15.0]]))
    found = sections(dipoles).scattering[:, 0]
    for at in (50, 120, 200):
        energy = float(EV_NM / WAVELENGTH[at])
        np.testing.assert_allclose(found[at], far_field_scattering(dipoles, energy, 1.3), rtol=1e-8)


def test_a_dimer_shifts_to_the_red_as_its_gap_closes(sections):
    def peaks(gap):
        found = sections(PAIR._replace(place=jnp.array([[0.0, 0.0], [30.0 + gap, 0.0]])))
        return np.asarray(WAVELENGTH)[np.asarray(jnp.argmax(found.extinction, 0))]

    along, across = np.stack([peaks(gap) for gap in (60.0, 20.0, 10.0, 5.0, 2.0)], 1)
    assert (np.diff(along) >= 0).all() and along[-1] - along[0] > 10
    assert (np.diff(across) <= 2).all() and across[-1] <= across[0]


def test_a_rod_answers_to_light_along_it(sections):
    turned = [sections(single([40.0, 12.0, 12.0], angle)).scattering for angle in (0.0, np.pi / 2)]
    red = int(jnp.argmax(turned[0][:, 0]))
    assert WAVELENGTH[red] > 600 and turned[0][red, 0] > 100 * turned[0][red, 1]
    np.testing.assert_allclose(turned[0], turned[1][:, ::-1], rtol=1e-9)
    slanted = sections(single([40.0, 12.0, 12.0], 0.3)).scattering[red, 0] - turned[0][red, 1]  # Malus
    np.testing.assert_allclose(slanted, np.cos(0.3) ** 2 * (turned[0][red, 0] - turned[0][red, 1]), rtol=1e-9)


def test_slopes_with_respect_to_places_are_right():
    def total(x):
        dipoles = PAIR._replace(place=jnp.stack([jnp.zeros(2), jnp.stack([x, jnp.asarray(3.0)])]))
        return spectra(dipoles, WAVELENGTH[100:102], WAVES, SILVER, 1.3).scattering.sum()

    slope, x, step = jax.jit(jax.value_and_grad(total)), jnp.asarray(38.0), 1e-3
    difference = slope(x + step)[0] - slope(x - step)[0]
    np.testing.assert_allclose(slope(x)[1], difference / (2 * step), rtol=1e-5)


# --- electrons


def test_bessel_functions_are_scipys():
    x = jnp.linspace(0.02, 12.0, 200)
    for order, found in enumerate(bessel_k(x)):
        np.testing.assert_allclose(found, kv(order, np.asarray(x)), rtol=1e-6)


def test_losses_at_one_sphere_follow_the_formula():
    beta, gamma = speed(100.0)
    assert abs(beta - 0.5482) < 1e-3
    energy, b = jnp.asarray(3.4), 40.0
    lost = jax.jit(lambda dipoles, energy: surface_loss(dipoles, jnp.array([[0.0, b]]), energy, SILVER, 100.0))
    found = lost(single([2.0, 2.0, 2.0]), energy)[0]
    x = 2 * np.pi * float(energy) / (EV_NM * beta * gamma) * math.hypot(b, 2.0)
    alpha = complex(polarizability(jnp.full(3, 2.0), energy, SILVER, 1.0)[0]) / (4 * np.pi)
    factor = 4 * FINE_STRUCTURE / (np.pi * beta**4 * gamma**2) * (2 * np.pi / EV_NM) ** 3 * float(energy) ** 2
    expected = factor * alpha.imag * ((b / math.hypot(b, 2.0) * kv(1, x)) ** 2 + kv(0, x) ** 2 / gamma**2)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


# --- generators


def test_assemblies_are_reproducible(particles):
    again = generator.generate(jax.random.key(3), CONFIG)
    for name in ("image", "spectrum", "label", "angle"):
        np.testing.assert_array_equal(getattr(particles, name), getattr(again, name))
    assert (generator.generate(jax.random.key(4), CONFIG).image != particles.image).any()


@pytest.mark.slow
def test_an_assembly_of_a_set_is_the_single_one(particles):
    key = jax.random.split(jax.random.key(3), 8)[5]
    _, image, (angle, _), spectrum = jax.jit(generator.one, static_argnames="config")(
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


def test_own_scans_are_read_from_npz_hdf5_and_pickles_with_the_flag(scan, tmp_path):
    np.savez(tmp_path / "a.npz", **content(scan))
    np.save(tmp_path / "a.npy", content(scan))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, values in content(scan).items():
            file[f"measurement/{name.replace(' ', '_')}"] = values
        file["measurement/spectrum_image"].attrs["units"] = "counts"
    for path, pickled in (("a.npz", False), ("a.npy", True), ("a.h5", False)):
        found = read(OwnScan(str(tmp_path / path), allow_pickle=pickled))
        np.testing.assert_array_equal(found.cube, scan.cube)
        assert found.scale == 4.0 and found.image.min() == 0 and found.image.max() == 1
        assert found.units == ("counts" if path == "a.h5" else "1")
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
    np.save(tmp_path / "a.npy", content(scan))
    np.savez(tmp_path / "b.npz", image=scan.image)
    (tmp_path / "c.dm4").write_bytes(b"nothing")
    for path, words in (
        ("a.npy", "set allow_pickle=True"),
        ("b.npz", r"no array 'spectrum image'; it holds 'image' \(24, 24\)"),
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
