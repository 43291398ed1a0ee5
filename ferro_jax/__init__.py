"""FerroSIM in JAX: a square lattice of continuous polarization vectors, differentiable from end to end.

The target of 64 field histories and the gradient of one:

    import jax
    import ferro_jax as ferro

    setup = ferro.lecture()  # or ferro.physical()
    defects = ferro.random_field(jax.random.key(0), setup.lattice, coercive_field=setup.coercive_field)
    curves = ferro.damped_oscillation(jax.random.key(1), 64).curves  # field histories [n time]

    def curl(curve):  # Σ|curl P| at the end of one history
        return ferro.target(ferro.simulate(jax.random.key(2), curve, defects, setup).state, setup)

    print(jax.jit(jax.vmap(curl))(curves).max(), jax.jit(jax.grad(curl))(curves[0]).shape)

Every function takes one lattice: ``jax.vmap`` makes batches of it. Guides are in ``docs/guide``; words in
``docs/glossary.md``.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from ferro_jax import before_xla

before_xla.prepare()

if TYPE_CHECKING:
    from ferro_jax import starts
    from ferro_jax.diagnosis import NonFinite, find_nonfinite
    from ferro_jax.disorder import random_bonds, random_field
    from ferro_jax.dynamics import initial_state, rate, run, step
    from ferro_jax.energies import EnergyTerms, energy, energy_terms, force
    from ferro_jax.engine.subsets import subset_masks, subset_schedule
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
    from ferro_jax.types import Lattice, Params, Patterns, Simulated, State
    from ferro_jax.waveforms import Oscillations, applied_field, damped_oscillation

# Where each public name is defined. A name is imported on first use, so that ``import ferro_jax`` does not import JAX.
_HOMES = {
    "LANDAU_SETS": "materials",
    "EnergyTerms": "energies",
    "Lattice": "types",
    "Loop": "loops",
    "NonFinite": "diagnosis",
    "Oscillations": "waveforms",
    "Params": "types",
    "Patterns": "types",
    "Settle": "presets",
    "Setup": "presets",
    "Simulated": "types",
    "State": "types",
    "Vortices": "textures",
    "Wells": "materials",
    "applied_field": "waveforms",
    "at_temperature": "materials",
    "coercive_field": "materials",
    "count_vortices": "textures",
    "curl": "observables",
    "cycle": "loops",
    "damped_oscillation": "waveforms",
    "divergence": "observables",
    "domain_wall_density": "textures",
    "energy": "energies",
    "energy_terms": "energies",
    "find_nonfinite": "diagnosis",
    "force": "energies",
    "initial_state": "dynamics",
    "landau_params": "materials",
    "lecture": "presets",
    "loop_quantities": "loops",
    "mean_polarization": "observables",
    "nominal_coercive_field": "materials",
    "physical": "presets",
    "published_coercive_field": "materials",
    "random_bonds": "disorder",
    "random_field": "disorder",
    "rate": "dynamics",
    "relaxation_rate": "observables",
    "run": "dynamics",
    "simulate": "simulation",
    "smooth_abs": "observables",
    "stability_bound": "stability",
    "starts": "",
    "step": "dynamics",
    "subset_masks": "engine.subsets",
    "subset_schedule": "engine.subsets",
    "sum_abs_curl": "observables",
    "sum_abs_curl_of_directions": "observables",
    "sum_magnitude": "observables",
    "target": "observables",
    "tip_response": "observables",
    "transverse_instability": "materials",
    "validate": "stability",
    "wells": "materials",
    "winding_number": "textures",
}
__all__ = [
    "LANDAU_SETS",
    "EnergyTerms",
    "Lattice",
    "Loop",
    "NonFinite",
    "Oscillations",
    "Params",
    "Patterns",
    "Settle",
    "Setup",
    "Simulated",
    "State",
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
    "find_nonfinite",
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
    "subset_schedule",
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


def __getattr__(name: str):
    """Import a public name from its module on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'ferro_jax' has no attribute {name!r}; it has {', '.join(__all__)}")
    before_xla.prepare()  # once more: the program may have replaced XLA_FLAGS since the import
    if not _HOMES[name]:
        return import_module(f"ferro_jax.{name}")
    value = getattr(import_module(f"ferro_jax.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
