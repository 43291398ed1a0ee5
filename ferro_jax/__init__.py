"""FerroSIM in JAX: a square lattice of continuous polarization vectors, differentiable from end to end.

64 field histories and a gradient:

    import jax
    import ferro_jax as ferro

    setup = ferro.lecture()  # or ferro.physical()
    defects = ferro.random_field(jax.random.key(0), setup.lattice, coercive_field=setup.coercive_field)
    curves = ferro.damped_oscillation(jax.random.key(1), 64).curves  # field histories [n time]

    def curl(curve):  # Σ|curl P| at the end of one history
        return ferro.target(ferro.simulate(jax.random.key(2), curve, defects, setup).state, setup)

    print(jax.jit(jax.vmap(curl))(curves).max(), jax.jit(jax.grad(curl))(curves[0]).shape)

Guides are in ``docs/guide``; words in ``docs/glossary.md``.
"""

from ferro_jax.disorder import random_bonds, random_field
from ferro_jax.dynamics import initial_state, rate, run, step
from ferro_jax.energies import EnergyTerms, energy, energy_terms, force
from ferro_jax.engine.subsets import subset_masks
from ferro_jax.loops import Loop, cycle, loop_quantities
from ferro_jax.materials import (
    LANDAU_SETS,
    Wells,
    at_temperature,
    coercive_field,
    landau_params,
    nominal_coercive_field,
    published_coercive_field,
    transverse_instability,
    wells,
)
from ferro_jax.observables import (
    curl,
    divergence,
    mean_polarization,
    relaxation_rate,
    smooth_abs,
    sum_abs_curl,
    sum_abs_curl_of_directions,
    sum_magnitude,
    target,
    tip_response,
)
from ferro_jax.presets import Settle, Setup, lecture, physical
from ferro_jax.simulation import simulate
from ferro_jax.stability import stability_bound, validate
from ferro_jax.textures import Vortices, count_vortices, domain_wall_density, winding_number
from ferro_jax.types import Lattice, Params, State, Trajectory
from ferro_jax.waveforms import Oscillations, applied_field, damped_oscillation

__all__ = [
    "LANDAU_SETS",
    "EnergyTerms",
    "Lattice",
    "Loop",
    "Oscillations",
    "Params",
    "Settle",
    "Setup",
    "State",
    "Trajectory",
    "Vortices",
    "Wells",
    "applied_field",
    "at_temperature",
    "coercive_field",
    "count_vortices",
    "curl",
    "cycle",
    "damped_oscillation",
    "divergence",
    "domain_wall_density",
    "energy",
    "energy_terms",
    "force",
    "initial_state",
    "landau_params",
    "lecture",
    "loop_quantities",
    "mean_polarization",
    "nominal_coercive_field",
    "physical",
    "published_coercive_field",
    "random_bonds",
    "random_field",
    "rate",
    "relaxation_rate",
    "run",
    "simulate",
    "smooth_abs",
    "stability_bound",
    "starts",
    "step",
    "subset_masks",
    "sum_abs_curl",
    "sum_abs_curl_of_directions",
    "sum_magnitude",
    "target",
    "tip_response",
    "transverse_instability",
    "validate",
    "wells",
    "winding_number",
]
