"""Plasmonics: what must hold of light and electrons on small particles."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import kv

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

SILVER = METALS["silver"]
polarizability_of = jax.jit(lambda semi, energy, index: polarizability(semi, energy, SILVER, index), static_argnums=2)
factors_of = jax.jit(depolarization_factors)
WAVES = jnp.asarray(directions((0.0, 90.0)))
WAVELENGTH = jnp.linspace(320.0, 900.0, 291)
PAIR = Dipoles(
    jnp.array([[0.0, 0.0], [40.0, 0.0]]), jnp.full((2, 3), 15.0), jnp.zeros(2), jnp.array([True, True])
)  # fmt: skip


@pytest.fixture(scope="module")
def sections():
    """Cross sections of any two dipoles, compiled once, at an index of 1.3."""
    return jax.jit(lambda dipoles: spectra(dipoles, WAVELENGTH, WAVES, SILVER, 1.3))


def single(semi_axes, angle=0.0):
    return PAIR._replace(
        semi_axes=jnp.asarray([semi_axes, [1.0, 1.0, 1.0]]),
        angle=jnp.array([angle, 0.0]),
        exists=jnp.array([True, False]),
    )


def far_field_scattering(dipoles, energy, index):
    """Light scattered into all directions by p = α(E + Gp), integrated over the sphere; in NumPy, on its own."""
    k = float(wavenumber(jnp.asarray(energy), index))
    alpha = [np.asarray(polarizability_of(semi, energy, index))[:2] for semi in dipoles.semi_axes]
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


def test_depolarization_factors_are_those_of_spheres_and_needles():
    np.testing.assert_allclose(factors_of(jnp.full(3, 7.0)), 1 / 3, rtol=1e-12)
    for ratio in (1.5, 4.0, 8.0):  # a prolate spheroid: Bohren & Huffman, equation 5.33
        e = math.sqrt(1 - ratio**-2)
        along = (1 - e**2) / e**2 * (math.log((1 + e) / (1 - e)) / (2 * e) - 1)
        computed = factors_of(jnp.array([ratio, 1.0, 1.0]))
        np.testing.assert_allclose(computed, [along, (1 - along) / 2, (1 - along) / 2], rtol=1e-5)
    np.testing.assert_allclose(factors_of(jnp.array([5.0, 2.0, 1.0])).sum(), 1, rtol=1e-8)


def test_a_small_sphere_resonates_where_statics_says(sections):
    """Re ε = −2 ε_m; extinction 4πk a³ Im (ε − ε_m)/(ε + 2ε_m)."""
    computed = jax.device_get(sections(single([1.0, 1.0, 1.0])))
    energy = EV_NM / WAVELENGTH
    epsilon, k = jax.device_get(jax.jit(lambda e: (permittivity(e, SILVER), wavenumber(e, 1.3)))(energy))
    medium = 1.3**2
    expected = 4 * np.pi * k * ((epsilon - medium) / (epsilon + 2 * medium)).imag
    np.testing.assert_allclose(computed.extinction[:, 0], expected, rtol=0.01)
    at = int(np.argmax(computed.extinction[:, 0]))
    crossing = int(np.argmin(np.abs(epsilon.real + 2 * medium)))
    assert abs(float(WAVELENGTH[at] - WAVELENGTH[crossing])) <= 4


def test_extinction_is_scattering_and_absorption(sections):
    computed = sections(
        PAIR._replace(semi_axes=jnp.array([[20.0, 15.0, 12.0], [15.0, 15.0, 9.0]]), angle=jnp.array([0.4, 0.0]))
    )
    np.testing.assert_allclose(computed.extinction, computed.scattering + computed.absorption, rtol=1e-9)
    assert (computed.scattering > 0).all() and (computed.absorption > 0).all()


def test_scattering_is_the_light_that_goes_out(sections):
    dipoles = PAIR._replace(semi_axes=jnp.array([[20.0, 15.0, 12.0], [30.0, 25.0, 15.0]]))
    computed = sections(dipoles).scattering[:, 0]
    for at in (50, 120, 200):
        energy = float(EV_NM / WAVELENGTH[at])
        np.testing.assert_allclose(computed[at], far_field_scattering(dipoles, energy, 1.3), rtol=1e-8)


def test_a_dimer_shifts_to_the_red_as_its_gap_closes(sections):
    def peaks(gap):
        computed = sections(PAIR._replace(place=jnp.array([[0.0, 0.0], [30.0 + gap, 0.0]])))
        return np.asarray(WAVELENGTH)[np.argmax(computed.extinction, 0)]

    along, across = np.stack([peaks(gap) for gap in (60.0, 20.0, 10.0, 5.0, 2.0)], 1)
    assert (np.diff(along) >= 0).all() and along[-1] - along[0] > 10
    assert (np.diff(across) <= 2).all() and across[-1] <= across[0]


def test_a_rod_answers_to_light_along_it(sections):
    turned = [sections(single([40.0, 12.0, 12.0], angle)).scattering for angle in (0.0, np.pi / 2)]
    turned = jax.device_get(turned)
    red = int(np.argmax(turned[0][:, 0]))
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
    for order, computed in enumerate(jax.jit(bessel_k)(x)):
        np.testing.assert_allclose(computed, kv(order, np.asarray(x)), rtol=1e-6)


def test_losses_at_one_sphere_follow_the_formula():
    beta, gamma = speed(100.0)
    assert abs(beta - 0.5482) < 1e-3
    energy, b = jnp.asarray(3.4), 40.0
    lost = jax.jit(lambda dipoles, energy: surface_loss(dipoles, jnp.array([[0.0, b]]), energy, SILVER, 100.0))
    computed = lost(single([2.0, 2.0, 2.0]), energy)[0]
    x = 2 * np.pi * float(energy) / (EV_NM * beta * gamma) * math.hypot(b, 2.0)
    alpha = complex(polarizability_of(jnp.full(3, 2.0), energy, 1.0)[0]) / (4 * np.pi)
    factor = 4 * FINE_STRUCTURE / (np.pi * beta**4 * gamma**2) * (2 * np.pi / EV_NM) ** 3 * float(energy) ** 2
    expected = factor * alpha.imag * ((b / math.hypot(b, 2.0) * kv(1, x)) ** 2 + kv(0, x) ** 2 / gamma**2)
    np.testing.assert_allclose(computed, expected, rtol=1e-5)
