"""Simulate a driven lattice's global responses to coupling and depolarization, over a grid of both."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import ferro_jax as ferro
from experiments.lab.run import Array
from experiments.shared.lattices.setups import preset, random_fields
from experiments.shared.lattices.sweep import Sweep

RESPONSES = {
    "area": ("model unit", "loop area: energy dissipated per site and cycle"),
    "remnant": ("model unit", "remnant polarization: half the gap of the branches at zero field"),
    "coercive": ("coercive field", "coercive field: half the width of the loop at zero polarization"),
    "curl": ("model unit", "sum of |curl P| at zero field, mean of the two remnant states"),
    "walls": ("1", "share of bonds that are domain walls at zero field, mean of the two remnant states"),
}
ARRAYS = {
    "coupling": Array(("coupling",), "model unit", "coupling K", coordinate=True),
    "depolarization": Array(("depolarization",), "1", "depolarization strength", coordinate=True),
}
"""The axes of the grid, as every experiment on it records them."""


class Problem(NamedTuple):
    """What is swept and what stays."""

    setup: ferro.Setup
    subset_key: jax.Array
    defects: np.ndarray  # (realisation, component, row, column) random fields, coercive fields, float32
    local: np.ndarray  # the same in model units
    coupling: np.ndarray  # (lane,) of one map, coupling varying fastest
    depolarization: np.ndarray  # (lane,)
    axes: dict[str, np.ndarray]  # coupling and depolarization along the grid
    sweep: Sweep
    stable_dt: float  # largest stable time step anywhere on the grid, model units

    def respond(self, coupling: Any, depolarization: Any, realisation: Any, slower: int = 1) -> dict[str, Any]:
        """Return responses, loop and remnant state of one simulation; all but ``slower`` may be traced."""
        setup, sweep = self.setup, self.sweep
        params = setup.params._replace(coupling=coupling, depolarization=depolarization)
        local = jnp.asarray(self.local)[realisation]
        amplitude = jnp.asarray(sweep.amplitude * setup.coercive_field, setup.dtype)
        field = ferro.cycle(amplitude, slower * sweep.steps_per_cycle)
        along = 0 if setup.field_axis == "x" else 1
        applied = jnp.stack([field, jnp.zeros_like(field)][:: 1 - 2 * along], axis=-1)

        def mean(state: ferro.State) -> jax.Array:
            return ferro.mean_polarization(state.visible)[along]

        def drive(state: ferro.State, applied: jax.Array, observe: Any = None) -> tuple[ferro.State, Any]:
            key, lattice = self.subset_key, setup.lattice
            return ferro.run(key, state, applied, local, params, lattice, observe=observe, check=False)

        state = ferro.initial_state(setup.lattice, setup.dtype)
        for _ in range(sweep.cycles - 1):
            state, _ = drive(state, applied)
        half = len(field) // 2  # the last value of either half cycle is zero field
        positive, first = drive(state, applied[:half], mean)
        negative, second = drive(positive, applied[half:], mean)
        polarization = jnp.concatenate([first, second])
        loop = ferro.loop_quantities(field, polarization)

        def remnant_mean(function: Any) -> Any:
            return (function(positive) + function(negative)) / 2

        return {
            "area": loop.area,
            "remnant": (loop.remnant_positive - loop.remnant_negative) / 2,
            "coercive": (loop.coercive_positive - loop.coercive_negative) / 2 / setup.coercive_field,
            "curl": remnant_mean(lambda state: ferro.target(state, setup)),
            "walls": remnant_mean(lambda state: ferro.domain_wall_density(state.visible, setup.lattice.boundary)),
            "closure": jnp.abs(polarization[-1] - mean(state)),
            "field": field / setup.coercive_field,
            "polarization": polarization,
            "state": negative.visible,
            "state_curl": ferro.curl(negative.visible, setup.curl_boundary, setup.curl_x_axis),
        }

    def numbers(self, coupling: Any, depolarization: Any, realisation: Any) -> dict[str, Any]:
        """Return the scalars of ``respond`` alone, so that nothing else is kept in memory."""
        responses = self.respond(coupling, depolarization, realisation)
        return {name: responses[name] for name in (*RESPONSES, "closure")}

    def description(self) -> dict[str, Any]:
        """Return the numbers that describe the grid and its drive, for ``metrics.json``."""
        setup, sweep, dt = self.setup, self.sweep, float(self.setup.params.dt)
        return {
            "coercive_field_model_units": setup.coercive_field,
            "dt_model_units": dt,
            "dt_over_stability_bound": dt / self.stable_dt,
            "amplitude_coercive_fields": sweep.amplitude,
            "steps_per_cycle": sweep.steps_per_cycle,
            "cycles": sweep.cycles,
            "cycle_duration_model_units": dt * sweep.steps_per_cycle,
            "grid_points": sweep.grid_points,
            "coupling_max": sweep.coupling_max,
            "depolarization_max": sweep.depolarization_max,
            "preset_coupling": float(setup.params.coupling),
            "preset_depolarization": float(setup.params.depolarization),
        }


def prepare(seed: int, sweep: Sweep, realisations: int) -> Problem:
    """Draw the random fields and lay out the grid. ValueError for a grid that the time step cannot carry."""
    setup = preset(sweep.preset)
    to_subset, to_fields = jax.random.split(jax.random.key(seed))
    defects = random_fields(to_fields, realisations, setup.lattice)
    local = (setup.coercive_field * defects).astype(np.float32)
    axes = [np.linspace(0, end, sweep.grid_points) for end in (sweep.coupling_max, sweep.depolarization_max)]
    largest = sweep.amplitude * setup.coercive_field + float(np.linalg.norm(local, axis=1).max())
    bound = stability_bound(setup, axes[0][-1], axes[1][-1], largest)
    dt = float(setup.params.dt)
    if dt > bound:
        raise ValueError(
            f"at K = {sweep.coupling_max:g} and depolarization {sweep.depolarization_max:g}, fields up to "
            f"{largest:.3g} model units allow time steps up to {bound:.3g}, but the {sweep.preset} preset has "
            f"{dt:.3g}: lower --coupling-max, --depolarization-max or --amplitude"
        )
    coupling, depolarization = (x.ravel().astype(np.float32) for x in np.meshgrid(*axes))
    named = dict(zip(ARRAYS, axes, strict=True))
    return Problem(setup, to_subset, defects, local, coupling, depolarization, named, sweep, bound)


def stability_bound(setup: ferro.Setup, coupling: float, depolarization: float, largest_field: float) -> float:
    """Return the largest stable time step over all of [0, coupling] × [0, depolarization].

    The corner of the largest values decides, because the bound falls along both axes.
    """
    params = setup.params._replace(coupling=coupling, depolarization=depolarization)
    return ferro.stability_bound(params, setup.lattice, largest_field)
