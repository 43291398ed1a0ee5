"""The free energy term by term, and the force, which is its negative gradient.

F = Σ_ij [a1 (px² + py²) + a2 (px⁴ + py⁴) + a3 px² py²] + K Σ_bonds b |p − p'|² + ½ a_dep N |<p>|² − Σ_ij (E + E_d)·p
with N the number of sites and b the factor of a bond, 1 without bond disorder. The equation of motion holds the
depolarizing field −a_dep <p> fixed in the derivative; the energy whose exact negative gradient it is carries the
factor ½.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from ferro_jax import values
from ferro_jax.lattice import bonds_of_site, field_of, neighbour_sum
from ferro_jax.types import Lattice, Params


class EnergyTerms(NamedTuple):
    """Parts of the free energy, summed over the sites (model units). Their sum is ``energy``."""

    landau: Float[Array, ""]
    bonds: Float[Array, ""]
    depolarization: Float[Array, ""]
    field: Float[Array, ""]


def landau_energy(polarization: Float[Array, "2 ny nx"], params: Params) -> Float[Array, ""]:
    """Return Σ over sites of a1 |p|² + a2 (px⁴ + py⁴) + a3 px² py²."""
    x2, y2 = polarization[0] ** 2, polarization[1] ** 2
    return jnp.sum(params.alpha1 * (x2 + y2) + params.alpha2 * (x2**2 + y2**2) + params.alpha3 * x2 * y2)


def bond_energy(
    polarization: Float[Array, "2 ny nx"],
    params: Params,
    lattice: Lattice,
    bonds: Float[Array, "2 ny nx"] | None = None,
) -> Float[Array, ""]:
    """Return K Σ b |p − p'|², each bond counted once, b its factor in ``bonds`` (below, right; 1 without).

    On a grounded edge a site has a bond of factor 1 to p' = 0 for each missing neighbour.
    """
    total = jnp.zeros((), polarization.dtype)
    for axis in (0, 1):
        p = jnp.moveaxis(polarization, axis + 1, 1)  # the axis of the bonds first among the sites'
        factor = jnp.ones_like(p[0]) if bonds is None else jnp.moveaxis(bonds[axis], axis, 0)
        squared = jnp.sum((jnp.roll(p, -1, 1) - p) ** 2, 0)  # of the bond to the next site, the last one's wraps
        inside = factor * squared if lattice.boundary == "periodic" else factor[:-1] * squared[:-1]
        total += jnp.sum(inside)
        if lattice.boundary == "grounded":
            total += jnp.sum(p[:, 0] ** 2) + jnp.sum(p[:, -1] ** 2)
    return params.coupling * total


def depolarization_energy(polarization: Float[Array, "2 ny nx"], params: Params) -> Float[Array, ""]:
    """Return ½ a_dep N |<p>|² for N sites."""
    sites = polarization.shape[1] * polarization.shape[2]
    return 0.5 * params.depolarization * sites * jnp.sum(polarization.mean((1, 2)) ** 2)


def field_energy(
    polarization: Float[Array, "2 ny nx"], applied: Float[Array, "2"], local_field: Float[Array, "2 ny nx"]
) -> Float[Array, ""]:
    """Return −Σ (E + E_d)·p, with the uniform applied field E and the frozen local field E_d (model units)."""
    return -jnp.sum((applied[:, None, None] + local_field) * polarization)


def checked_fields(polarization: Any, applied: Any, local_field: Any, bonds: Any, lattice: Lattice) -> tuple[Any, ...]:
    """Return the four as floats; ValueError for shapes that are not those of the lattice."""
    applied = values.array(applied, "applied")
    if applied.shape != (2,):
        raise ValueError(f"applied has shape {applied.shape}, expected (2,): one (Ex, Ey); for several use jax.vmap")
    named = {"polarization": polarization, "local_field": local_field, "bonds": bonds}
    fields = {name: None if field is None else field_of(field, name) for name, field in named.items()}
    for name, field in fields.items():
        if field is not None and field.shape[1:] != lattice.shape:
            raise ValueError(
                f"{name} has shape {field.shape}, expected (2, {lattice.shape[0]}, {lattice.shape[1]}) of a lattice of "
                f"shape {lattice.shape}"
            )
    return fields["polarization"], applied, fields["local_field"], fields["bonds"]


def energy_terms(
    polarization: Float[Array, "2 ny nx"],
    applied: Float[Array, "2"],
    local_field: Float[Array, "2 ny nx"],
    params: Params,
    lattice: Lattice,
    bonds: Float[Array, "2 ny nx"] | None = None,
) -> EnergyTerms:
    """Return the parts of the free energy; arguments as for ``energy``."""
    polarization, applied, local_field, bonds = checked_fields(polarization, applied, local_field, bonds, lattice)
    return EnergyTerms(
        landau_energy(polarization, params),
        bond_energy(polarization, params, lattice, bonds),
        depolarization_energy(polarization, params),
        field_energy(polarization, applied, local_field),
    )


def energy(
    polarization: Float[Array, "2 ny nx"],
    applied: Float[Array, "2"],
    local_field: Float[Array, "2 ny nx"],
    params: Params,
    lattice: Lattice,
    bonds: Float[Array, "2 ny nx"] | None = None,
) -> Float[Array, ""]:
    """Return the free energy of the lattice (model units).

    ``force`` is its negative gradient as long as no component is clipped or frozen.
    """
    terms = energy_terms(polarization, applied, local_field, params, lattice, bonds)
    return terms.landau + terms.bonds + terms.depolarization + terms.field


def force(
    polarization: Float[Array, "2 ny nx"],
    applied: Float[Array, "2"],
    local_field: Float[Array, "2 ny nx"],
    params: Params,
    lattice: Lattice,
    visible: Float[Array, "2 ny nx"] | None = None,
    bonds: Float[Array, "2 ny nx"] | None = None,
) -> Float[Array, "2 ny nx"]:
    """Return −∂F/∂p of every site (model units).

    ``visible`` are the values that neighbours show, by default the polarization. With ``lattice.clip`` the components
    enter the local terms clipped; the mean polarization is not clipped. With ``lattice.axes == "y"`` the x component is
    zero, because px is frozen.
    """
    polarization, applied, local_field, bonds = checked_fields(polarization, applied, local_field, bonds, lattice)
    visible = polarization if visible is None else field_of(visible, "visible")
    neighbours = neighbour_sum(visible, lattice, bonds)
    mean = polarization.mean((1, 2))
    p = polarization if lattice.clip is None else jnp.clip(polarization, -lattice.clip, lattice.clip)
    weight = jnp.asarray(bonds_of_site(lattice), p.dtype)[None]  # sum of the factors of the bonds of a site
    if bonds is not None:
        plain = neighbour_sum(jnp.ones_like(p[:1]), lattice)
        weight = weight - plain + neighbour_sum(jnp.ones_like(p[:1]), lattice, bonds)
    landau = 2 * params.alpha1 * p + 4 * params.alpha2 * p**3 + 2 * params.alpha3 * p * p[::-1] ** 2
    coupling = 2 * params.coupling * (weight * p - neighbours)
    external = applied[:, None, None] + local_field - params.depolarization * mean[:, None, None]
    total = external - landau - coupling
    return total if lattice.axes == "xy" else total.at[0].set(0)
