"""The free energy, term by term, and the force that is its negative gradient.

F = Σ_ij [a1 (px² + py²) + a2 (px⁴ + py⁴) + a3 px² py²] + K Σ_bonds |p − p'|² + ½ a_dep N |<p>|² − Σ_ij (E + E_d)·p
with N the number of sites. The equation of motion holds the depolarizing field −a_dep <p> fixed in the derivative;
the energy whose exact negative gradient it is carries the factor ½.
"""

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from ferro_jax.lattice import bonds_of_site, neighbour_sum
from ferro_jax.types import Lattice, Params


def landau_energy(polarization: Float[Array, "2 ny nx"], params: Params) -> Float[Array, ""]:
    """Σ over sites of a1 |p|² + a2 (px⁴ + py⁴) + a3 px² py²."""
    x2, y2 = polarization[0] ** 2, polarization[1] ** 2
    return jnp.sum(params.alpha1 * (x2 + y2) + params.alpha2 * (x2**2 + y2**2) + params.alpha3 * x2 * y2)


def bond_energy(polarization: Float[Array, "2 ny nx"], params: Params, lattice: Lattice) -> Float[Array, ""]:
    """K Σ |p − p'|², each bond once. On a grounded edge a site has a bond to p' = 0 for each missing neighbour."""
    if lattice.boundary == "periodic":
        down = polarization - jnp.roll(polarization, 1, axis=1)
        right = polarization - jnp.roll(polarization, 1, axis=2)
    elif lattice.boundary == "grounded":
        down = jnp.diff(jnp.pad(polarization, ((0, 0), (1, 1), (0, 0))), axis=1)
        right = jnp.diff(jnp.pad(polarization, ((0, 0), (0, 0), (1, 1))), axis=2)
    else:
        down, right = jnp.diff(polarization, axis=1), jnp.diff(polarization, axis=2)
    return params.coupling * (jnp.sum(down**2) + jnp.sum(right**2))


def depolarization_energy(polarization: Float[Array, "2 ny nx"], params: Params) -> Float[Array, ""]:
    """½ a_dep N |<p>|² for N sites."""
    sites = polarization.shape[1] * polarization.shape[2]
    return 0.5 * params.depolarization * sites * jnp.sum(polarization.mean((1, 2)) ** 2)


def field_energy(
    polarization: Float[Array, "2 ny nx"], applied: Float[Array, "2"], local_field: Float[Array, "2 ny nx"]
) -> Float[Array, ""]:
    """−Σ (E + E_d)·p with the uniform applied field E and the frozen local field E_d, both in model units."""
    return -jnp.sum((applied[:, None, None] + local_field) * polarization)


def energy(
    polarization: Float[Array, "2 ny nx"],
    applied: Float[Array, "2"],
    local_field: Float[Array, "2 ny nx"],
    params: Params,
    lattice: Lattice,
) -> Float[Array, ""]:
    """The whole free energy; ``force`` is its negative gradient as long as no component is clipped."""
    return (
        landau_energy(polarization, params)
        + bond_energy(polarization, params, lattice)
        + depolarization_energy(polarization, params)
        + field_energy(polarization, applied, local_field)
    )


def force(
    polarization: Float[Array, "2 ny nx"],
    applied: Float[Array, "2"],
    local_field: Float[Array, "2 ny nx"],
    params: Params,
    lattice: Lattice,
    seen: Float[Array, "2 ny nx"] | None = None,
) -> Float[Array, "2 ny nx"]:
    """−∂F/∂p of every site. ``seen`` are the values that neighbours show, by default the polarization itself.

    With ``lattice.clip`` the components enter the local terms clipped; the mean polarization is not clipped.
    """
    neighbours = neighbour_sum(polarization if seen is None else seen, lattice)
    mean = polarization.mean((1, 2))
    p = polarization if lattice.clip is None else jnp.clip(polarization, -lattice.clip, lattice.clip)
    bonds = jnp.asarray(bonds_of_site(lattice), p.dtype)[None]
    landau = 2 * params.alpha1 * p + 4 * params.alpha2 * p**3 + 2 * params.alpha3 * p * p[::-1] ** 2
    coupling = 2 * params.coupling * (bonds * p - neighbours)
    external = applied[:, None, None] + local_field - params.depolarization * mean[:, None, None]
    return external - landau - coupling
