"""Light and electrons on small metal particles: coupled point dipoles in one plane, in nanometres and electronvolts.

A particle is one or several ellipsoids, each a point dipole p = α E with p in units of ε₀ε_m · field: α is a volume.
All dipoles lie in the plane z = 0, with light coming along −z, so components in the plane and along z are separate.

- Depolarization factors and quasi-static polarizability of an ellipsoid: Bohren & Huffman, "Absorption and Scattering
  of Light by Small Particles" (1983), equations 5.32 and 5.33.
- Dynamic depolarization and radiation correction: Meier & Wokaun, Opt. Lett. 8, 581 (1983).
- Coupled dipoles and cross sections: Draine & Flatau, J. Opt. Soc. Am. A 11, 1491 (1994).
- Permittivities: the Lorentz–Drude fits of Rakić et al., Appl. Opt. 37, 5271 (1998), tables 1 and 2.

Every function follows the precision of its numbers and can be differentiated and vmapped.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float

EV_NM = 1239.84198
"""hc in eV · nm: energy × wavelength of light."""


class Metal(NamedTuple):
    """Lorentz–Drude constants in eV: the plasma frequency, and strengths, widths and frequencies of the oscillators.

    The first oscillator, of frequency 0, is that of the free electrons.
    """

    plasma: float
    strength: tuple[float, ...]
    width: tuple[float, ...]
    frequency: tuple[float, ...]


METALS = {
    "silver": Metal(
        9.01,
        (0.845, 0.065, 0.124, 0.011, 0.840, 5.646),
        (0.048, 3.886, 0.452, 0.065, 0.916, 2.419),
        (0.0, 0.816, 4.481, 8.185, 9.083, 20.29),
    ),
    "gold": Metal(
        9.03,
        (0.760, 0.024, 0.010, 0.071, 0.601, 4.384),
        (0.053, 0.241, 0.345, 0.870, 2.494, 2.214),
        (0.0, 0.415, 0.830, 2.969, 4.304, 13.32),
    ),
}


class Dipoles(NamedTuple):
    """Point dipoles of one assembly: places (x, y) and semi-axes in nm, two in the plane and one along z.

    ``angle`` is that of the first axis in radians. Dipoles that do not exist are padding.
    """

    place: Float[Array, "dipole 2"]
    semi_axes: Float[Array, "dipole 3"]
    angle: Float[Array, " dipole"]
    exists: Bool[Array, " dipole"]


class CrossSections(NamedTuple):
    """Cross sections in nm²; extinction = scattering + absorption, and each is computed on its own."""

    extinction: Float[Array, "*batch"]
    scattering: Float[Array, "*batch"]
    absorption: Float[Array, "*batch"]


def permittivity(energy: Float[Array, "*e"], metal: Metal) -> Complex[Array, "*e"]:
    """Return ε of the metal at photon energies in eV; its imaginary part is positive (fields vary as exp(−iωt))."""
    total = jnp.ones_like(energy) + 0j
    for strength, width, frequency in zip(metal.strength, metal.width, metal.frequency, strict=True):
        total += strength * metal.plasma**2 / (frequency**2 - energy**2 - 1j * energy * width)
    return total


_NODES, _WEIGHTS = (np.asarray(values) for values in np.polynomial.legendre.leggauss(48))


def depolarization_factors(semi_axes: Float[Array, "3"]) -> Float[Array, "3"]:
    """Return the geometrical factors L of an ellipsoid along its three axes; their sum is 1, a sphere's are 1/3.

    L_i = (abc/2) ∫ ds / ((s + a_i²) √Π(s + a_j²)) over s > 0, with s = m² (t⁻² − 1) and m the longest semi-axis: an
    integral of a smooth function over 0 < t < 1. Right to 1e-5 for axes up to eight times as long as others.
    """
    longest = jnp.max(semi_axes)
    t = jnp.asarray((_NODES + 1) / 2, semi_axes.dtype)
    weight = jnp.asarray(_WEIGHTS / 2, semi_axes.dtype)
    part = 1 - t[None] ** 2 * (1 - (semi_axes / longest)[:, None] ** 2)
    return jnp.prod(semi_axes / longest) * jnp.sum(
        (weight * t**2)[None] / (part * jnp.sqrt(jnp.prod(part, 0))[None]), 1
    )


def polarizability(
    semi_axes: Float[Array, "3"], energy: Float[Array, ""], metal: Metal, index: float
) -> Complex[Array, "3"]:
    """Return α along the axes of an ellipsoid in nm³, in a medium of refractive index ``index``, radiation included."""
    ratio = permittivity(energy, metal) / index**2
    static = (
        (4 / 3 * math.pi) * jnp.prod(semi_axes) * (ratio - 1) / (1 + depolarization_factors(semi_axes) * (ratio - 1))
    )
    k = wavenumber(energy, index)
    return static / (1 - static * (k**2 / (4 * math.pi * semi_axes) + 1j * k**3 / (6 * math.pi)))


def wavenumber(energy: Float[Array, "*e"], index: float) -> Float[Array, "*e"]:
    """Return k in 1/nm of light of an energy in eV."""
    return 2 * math.pi * index / EV_NM * energy


class Coupled(NamedTuple):
    """A system of dipoles at one energy: p = α(E + Gp). In the plane as 2n components (x₀, y₀, x₁, …), along z as n."""

    alpha: Complex[Array, "planar planar"]
    green: Complex[Array, "planar planar"]
    alpha_z: Complex[Array, " dipole"]
    green_z: Complex[Array, "dipole dipole"]


def couple(dipoles: Dipoles, energy: Float[Array, ""], metal: Metal, index: float) -> Coupled:
    """Return polarizabilities and the field of each dipole at every other (Draine & Flatau, equation 2 ff.)."""
    count = len(dipoles.place)
    axes = jax.vmap(lambda semi: polarizability(semi, energy, metal, index))(dipoles.semi_axes)
    axes = jnp.where(dipoles.exists[:, None], axes, 0)
    cosine, sine = jnp.cos(dipoles.angle), jnp.sin(dipoles.angle)
    turn = jnp.stack([jnp.stack([cosine, -sine], -1), jnp.stack([sine, cosine], -1)], -2)
    local = jnp.einsum("dia,da,dja->dij", turn, axes[:, :2], turn)
    alpha = jnp.einsum("dij,de->diej", local, jnp.eye(count, dtype=axes.dtype)).reshape(2 * count, 2 * count)

    k = wavenumber(energy, index)
    other = (~jnp.eye(count, dtype=bool)) & dipoles.exists[:, None] & dipoles.exists[None, :]
    away = dipoles.place[:, None] - dipoles.place[None, :]
    distance = jnp.sqrt(jnp.where(other, jnp.sum(away**2, -1), 1.0))  # guarded: the root has no slope at 0
    wave = jnp.where(other, jnp.exp(1j * k * distance) / (4 * math.pi * distance), 0)
    near = 1 / distance**2 - 1j * k / distance
    along = away / distance[..., None]
    outer, unit = along[..., :, None] * along[..., None, :], jnp.eye(2, dtype=away.dtype)[None, None]
    planar = wave[..., None, None] * (
        (k**2 - near)[..., None, None] * unit + (3 * near - k**2)[..., None, None] * outer
    )
    green = planar.transpose(0, 2, 1, 3).reshape(2 * count, 2 * count)
    return Coupled(alpha, green, axes[:, 2], wave * (k**2 - near))


def light(
    dipoles: Dipoles, energy: Float[Array, ""], polarization: Float[Array, "wave 2"], metal: Metal, index: float
) -> CrossSections:
    """Return the cross sections [wave] for plane waves along −z with the given unit vectors of polarization.

    ext = k Im Σ E*·p; abs = k Σ (Im p·E_loc* − k³|p|²/6π); sca = k (Σ k³|p|²/6π + Σ_{i≠j} p_i*·Im G_ij p_j).
    """
    system, k = couple(dipoles, energy, metal, index), wavenumber(energy, index)
    incident = jnp.tile(polarization, (1, len(dipoles.place))).astype(system.alpha.dtype).T
    moment = jnp.linalg.solve(jnp.eye(len(incident), dtype=incident.dtype) - system.alpha @ system.green,
                              system.alpha @ incident)  # fmt: skip
    local = incident + system.green @ moment
    radiated = k**3 / (6 * math.pi) * jnp.sum(jnp.abs(moment) ** 2, 0)
    between = jnp.sum(moment.conj() * (system.green.imag.astype(moment.dtype) @ moment), 0).real
    return CrossSections(
        k * jnp.sum(incident.conj() * moment, 0).imag,
        k * (radiated + between),
        k * (jnp.sum(moment * local.conj(), 0).imag - radiated),
    )


def directions(angles_degrees: tuple[float, ...]) -> Float[np.ndarray, "wave 2"]:
    """Return unit vectors of linear polarizations, anticlockwise from x."""
    return np.stack([np.cos(np.deg2rad(angles_degrees)), np.sin(np.deg2rad(angles_degrees))], -1)


def spectra(
    dipoles: Dipoles, wavelength: Float[Array, " w"], polarization: Float[Array, "wave 2"], metal: Metal, index: float
) -> CrossSections:
    """Return cross sections [w wave] at wavelengths in nm (of vacuum), by ``light``.

    Unpolarized light is the mean of two polarizations at right angles, or of any set evenly spread over 180°.
    """
    return jax.vmap(lambda energy: light(dipoles, energy, polarization, metal, index))(EV_NM / wavelength)
