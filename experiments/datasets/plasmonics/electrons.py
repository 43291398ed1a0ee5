"""Electron energy loss of a fast electron that passes near or through small metal particles.

The electron moves along −z in vacuum. Its field at a distance b has a component across, K₁(ωb/vγ), and one along its
path, i K₀(ωb/vγ)/γ; the loss probability is Im Σ E*·p over the dipoles (García de Abajo, Rev. Mod. Phys. 82, 209
(2010), section 2.1). What the electron loses inside the metal itself is Egerton's volume loss ("Electron Energy-Loss
Spectroscopy in the Electron Microscope", 3rd edition, section 3.3).

A point dipole stands for a whole ellipsoid. b is replaced by √(b² + s²), with s the geometric mean of the semi-axes in
the plane, because an electron inside the ellipsoid would meet the dipole's singularity. Higher multipoles are left out.
"""

import math

import jax
import jax.numpy as jnp
from jax.scipy.special import i0, i1
from jaxtyping import Array, Complex, Float

from experiments.datasets.plasmonics.optics import EV_NM, Coupled, Dipoles, Metal, couple, permittivity

FINE_STRUCTURE = 1 / 137.035999
REST_KEV = 510.99895
_BOHR_NM = 0.0529177


def speed(kilovolts: float) -> tuple[float, float]:
    """Return (v/c, γ) of an electron after an acceleration voltage in kV."""
    gamma = 1 + kilovolts / REST_KEV
    return math.sqrt(1 - gamma**-2), gamma


def _series(x: jax.Array, coefficients: tuple[float, ...]) -> jax.Array:
    """Evaluate a polynomial, lowest power first."""
    total = jnp.zeros_like(x)
    for coefficient in reversed(coefficients):
        total = total * x + coefficient
    return total


def bessel_k(x: Float[Array, "*n"]) -> tuple[Float[Array, "*n"], Float[Array, "*n"]]:
    """Return the Bessel functions K₀ and K₁ at x > 0: Abramowitz & Stegun 9.8.5 to 9.8.8, relative error below 1e-6."""
    low, high = jnp.minimum(x, 2.0), jnp.maximum(x, 2.0)  # each form only where it holds, for the gradient's sake
    half = (low / 2) ** 2
    k0_low = -jnp.log(low / 2) * i0(low) + _series(
        half, (-0.57721566, 0.42278420, 0.23069756, 0.03488590, 0.00262698, 0.00010750, 0.00000740)
    )
    k1_low = jnp.log(low / 2) * i1(low) + _series(
        half, (1.0, 0.15443144, -0.67278579, -0.18156897, -0.01919402, -0.00110404, -0.00004686)
    ) / low  # fmt: skip
    inverse, decay = 2 / high, jnp.exp(-high) / jnp.sqrt(high)
    k0_high = decay * _series(
        inverse, (1.25331414, -0.07832358, 0.02189568, -0.01062446, 0.00587872, -0.00251540, 0.00053208)
    )
    k1_high = decay * _series(
        inverse, (1.25331414, 0.23498619, -0.03655620, 0.01504268, -0.00780353, 0.00325614, -0.00068245)
    )
    return jnp.where(x <= 2, k0_low, k0_high), jnp.where(x <= 2, k1_low, k1_high)


def response(system: Coupled) -> tuple[Complex[Array, "planar planar"], Complex[Array, "dipole dipole"]]:
    """Return the response T of a whole system, p = T E, in the plane and along z."""
    planar = jnp.linalg.solve(
        jnp.eye(len(system.alpha), dtype=system.alpha.dtype) - system.alpha @ system.green, system.alpha
    )
    alpha_z = jnp.diag(system.alpha_z)
    return planar, jnp.linalg.solve(jnp.eye(len(alpha_z), dtype=alpha_z.dtype) - alpha_z @ system.green_z, alpha_z)


def surface_loss(
    dipoles: Dipoles, probes: Float[Array, "probe 2"], energy: Float[Array, ""], metal: Metal, kilovolts: float
) -> Float[Array, " probe"]:
    """Return the loss probability per eV and electron at probe positions in nm, by the coupled dipoles.

    Of one small particle: 4 α_fs E² / (π β⁴ γ² (ħc)³) · (K₁² + K₀²/γ²) Im α.
    """
    beta, gamma = speed(kilovolts)
    planar, along = response(couple(dipoles, energy, metal, 1.0))
    wave = 2 * math.pi * energy / (EV_NM * beta * gamma)
    away = dipoles.place[None] - probes[:, None]
    soft = jnp.sqrt(jnp.sum(away**2, -1) + (dipoles.semi_axes[:, 0] * dipoles.semi_axes[:, 1])[None])
    k0, k1 = bessel_k(wave * soft)
    across = (-(k1 / soft)[..., None] * away).reshape(len(probes), -1)
    lost = jnp.sum(across * (across @ planar.imag.T), 1) + jnp.sum(k0 * (k0 @ along.imag.T), 1) / gamma**2
    # fields are real (up to one common phase each), and a symmetric T gives Im E·T·E = E·Im(T)·E
    volume = (2 * math.pi / EV_NM) ** 3 / (4 * math.pi)  # dipoles here are 4π times those of Gaussian units
    return 4 * FINE_STRUCTURE / (math.pi * beta**4 * gamma**2) * volume * energy**2 * lost


def volume_loss(
    thickness: Float[Array, "*n"], energy: Float[Array, ""], metal: Metal, kilovolts: float, half_angle: float = 0.01
) -> Float[Array, "*n"]:
    """Return the loss probability per eV and electron inside a thickness t in nm.

    It is t Im(−1/ε) ln(1 + θ²/θ_E²) / (π a₀ m v²), with the half angle θ of collection in rad and θ_E = E/(γ m v²).
    """
    beta, gamma = speed(kilovolts)
    twice_kinetic = REST_KEV * 1e3 * beta**2  # m v² in eV
    characteristic = energy / (gamma * twice_kinetic)
    loss = (-1 / permittivity(energy, metal)).imag
    return thickness * loss * jnp.log1p((half_angle / characteristic) ** 2) / (math.pi * _BOHR_NM * twice_kinetic)
