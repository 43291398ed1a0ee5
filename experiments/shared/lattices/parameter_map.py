"""Simulation of ``experiments/ferrosim_parameters/compute.py``: a driven lattice's responses to coupling and depolarization."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import ferro_jax as ferro
from experiments.ferrosim_parameters.config import Config
from experiments.lab.run import Run
from experiments.shared.lattices.setups import preset, random_fields

RESPONSES = {
    "area": ("model unit", "loop area: energy dissipated per site and cycle"),
    "remnant": ("model unit", "remnant polarization: half the gap of the branches at zero field"),
    "coercive": ("coercive field", "coercive field: half the width of the loop at zero polarization"),
    "curl": ("model unit", "sum of |curl P| at zero field, mean of the two remnant states"),
    "walls": ("1", "share of bonds that are domain walls at zero field, mean of the two remnant states"),
}


class Problem(NamedTuple):
    """What is swept and what stays."""

    setup: ferro.Setup
    subset_key: jax.Array
    local: np.ndarray  # (realisation, component, row, column), model units, float32
    coupling: np.ndarray  # (lane,) of one map, coupling varying fastest
    depolarization: np.ndarray  # (lane,)
    config: "Config"

    def respond(self, coupling: Any, depolarization: Any, realisation: Any, slower: int = 1) -> dict[str, Any]:
        """Responses, loop and remnant state of one simulation; all but ``slower`` may be traced."""
        setup, config = self.setup, self.config
        params = setup.params._replace(coupling=coupling, depolarization=depolarization)
        local = jnp.asarray(self.local)[realisation]
        amplitude = jnp.asarray(config.amplitude * setup.coercive_field, setup.dtype)
        field = ferro.cycle(amplitude, slower * config.steps_per_cycle)
        along = 0 if setup.field_axis == "x" else 1
        applied = jnp.stack([field, jnp.zeros_like(field)][:: 1 - 2 * along], axis=-1)

        def mean(state: Any) -> Any:
            return ferro.mean_polarization(state.seen)[along]

        def run(state: Any, applied: Any, observe: Any = None) -> tuple[Any, Any]:
            key, lattice = self.subset_key, setup.lattice
            return ferro.run(key, state, applied, local, params, lattice, observe=observe, check=False)

        state = ferro.initial_state(setup.lattice, setup.dtype)
        for _ in range(config.cycles - 1):
            state, _ = run(state, applied)
        half = len(field) // 2  # the last value of either half cycle is zero field
        positive, first = run(state, applied[:half], mean)
        negative, second = run(positive, applied[half:], mean)
        polarization = jnp.concatenate([first, second])
        loop = ferro.loop_quantities(field, polarization)

        def remnant_mean(function: Any) -> Any:
            return (function(positive) + function(negative)) / 2

        return {
            "area": loop.area,
            "remnant": (loop.remnant_positive - loop.remnant_negative) / 2,
            "coercive": (loop.coercive_positive - loop.coercive_negative) / 2 / setup.coercive_field,
            "curl": remnant_mean(lambda state: ferro.target(state, setup)),
            "walls": remnant_mean(lambda state: ferro.domain_wall_density(state.seen, setup.lattice.boundary)),
            "closure": jnp.abs(polarization[-1] - mean(state)),
            "field": field / setup.coercive_field,
            "polarization": polarization,
            "state": negative.seen,
            "state_curl": ferro.curl(negative.seen, setup.curl_boundary, setup.curl_x_axis),
        }

    def numbers(self, coupling: Any, depolarization: Any, realisation: Any) -> dict[str, Any]:
        """The scalars of ``respond`` alone: nothing else is kept."""
        every = self.respond(coupling, depolarization, realisation)
        return {name: every[name] for name in (*RESPONSES, "closure")}


def prepare(run: Run, config: "Config") -> Problem:
    """Draw the random fields, lay out the grid, refuse one that the time step cannot carry."""
    setup = preset(config.preset)
    to_subset, to_fields = jax.random.split(jax.random.key(config.seed))
    defects = random_fields(to_fields, config.realisations, setup.lattice)
    local = (setup.coercive_field * defects).astype(np.float32)
    axes = [np.linspace(0, end, config.grid_points) for end in (config.coupling_max, config.depolarization_max)]
    largest = config.amplitude * setup.coercive_field + float(np.linalg.norm(local, axis=1).max())
    bound = stability_bound(setup, axes[0][-1], axes[1][-1], largest)
    dt = float(setup.params.dt)
    if dt > bound:
        raise ValueError(
            f"at K = {config.coupling_max:g} and depolarization {config.depolarization_max:g}, fields up to "
            f"{largest:.3g} model units allow time steps up to {bound:.3g}, but the {config.preset} preset has "
            f"{dt:.3g}: lower --coupling-max, --depolarization-max or --amplitude"
        )
    run.add("coupling", ("coupling",), axes[0], "model unit", "coupling K", coordinate=True)
    run.add("depolarization", ("depolarization",), axes[1], "1", "depolarization strength", coordinate=True)
    run.add("local_field", ("realisation", "component", "row", "column"), defects, "coercive field",
            "random field of the defects")  # fmt: skip
    run.record(
        coercive_field_model_units=setup.coercive_field, dt_model_units=dt, dt_over_stability_bound=dt / bound,
        amplitude_coercive_fields=config.amplitude, steps_per_cycle=config.steps_per_cycle, cycles=config.cycles,
        cycle_duration_model_units=dt * config.steps_per_cycle, realisations=config.realisations,
        grid_points=config.grid_points, coupling_max=config.coupling_max,
        depolarization_max=config.depolarization_max,
        preset_coupling=float(setup.params.coupling), preset_depolarization=float(setup.params.depolarization),
    )  # fmt: skip
    coupling, depolarization = (x.ravel().astype(np.float32) for x in np.meshgrid(*axes))
    return Problem(setup, to_subset, local, coupling, depolarization, config)


def stability_bound(setup: ferro.Setup, coupling: float, depolarization: float, largest_field: float) -> float:
    """Largest stable time step over all of [0, coupling] × [0, depolarization]: the bound falls along both."""
    params = setup.params._replace(coupling=coupling, depolarization=depolarization)
    return ferro.stability_bound(params, setup.lattice, largest_field)
