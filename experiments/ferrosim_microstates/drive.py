"""Driven lattices: set-up, defects, field, and what is observed of them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import ferro_jax as ferro
from experiments.ferrosim_microstates.config import Config
from experiments.shared.lattices.setups import preset

WEAK = 0.01  # standard deviation, in coercive fields, of what breaks the symmetry of a lattice without defects
CONDITIONS = {
    "defects": "defects, depolarization",
    "no_defects": "no defects, depolarization",
    "defects_no_depolarization": "defects, no depolarization",
    "no_defects_no_depolarization": "no defects, no depolarization",
}
SCALARS = {
    "along": ("model unit", "mean polarization along the field"),
    "across": ("model unit", "mean polarization across the field"),
    "magnitude": ("model unit", "mean |P| of the sites"),
    "curl": ("model unit", "sum of |curl P| over the sites"),
    "walls": ("1", "share of the bonds that join two domains"),
    "vortices": ("1", "plaquettes of winding number +1"),
    "antivortices": ("1", "plaquettes of winding number -1"),
    "aligned": ("1", "share of the sites whose P has a positive component along the positive field direction"),
}


class Lanes(NamedTuple):
    """What is driven side by side; the leading axis is (condition, realisation), flattened."""

    local: np.ndarray  # (lane, component, row, column), model units
    depolarization: np.ndarray  # (lane,)


class Bench(NamedTuple):
    """A set-up with the field's direction, a unit vector, and the key of its random subsets."""

    setup: ferro.Setup
    direction: tuple[float, float]
    easy: str
    key: Any


def bench_of(config: Config) -> Bench:
    """Return the set-up that the options name; the field is along the diagonal where the wells are."""
    setup = preset(config.preset, config.landau)
    diagonal = bool(ferro.wells(setup.params, setup.lattice.axes).diagonal)
    along_axis = (1.0, 0.0) if setup.field_axis == "x" else (0.0, 1.0)
    direction = (0.5**0.5, 0.5**0.5) if diagonal else along_axis
    return Bench(setup, direction, "diagonal" if diagonal else "axis", jax.random.key(config.seed + 1))


def lanes_of(bench: Bench, config: Config) -> Lanes:
    """Return every realisation under each of ``CONDITIONS``, in their order."""
    lattice, count = bench.setup.lattice, config.realisations
    defects, weak = jax.random.split(jax.random.key(config.seed))
    draw = jax.jit(jax.vmap(lambda key: ferro.random_field(key, lattice)))
    strong = np.asarray(draw(jax.random.split(defects, count)))
    small = WEAK * jax.random.normal(weak, (count, 2, *lattice.shape))
    local = bench.setup.coercive_field * np.concatenate([strong, small, strong, small])
    depolarization = np.repeat([float(bench.setup.params.depolarization), 0.0], 2 * count)
    return Lanes(local.astype(np.float32), depolarization.astype(np.float32))


def field_of(bench: Bench, config: Config, steps: int, cycles: int) -> np.ndarray:
    """Return the field's value (model units) at each step, (cycles · steps,)."""
    field = ferro.cycle(config.amplitude * bench.setup.coercive_field, steps, cycles, config.shape)
    return np.asarray(field, np.float32)


def driver(bench: Bench, field: np.ndarray, samples: int, observe: Callable[[Any], Any]) -> Callable[..., Any]:
    """Return ``(local, depolarization) -> observe(polarization)`` at ``samples`` times, starting from p = 0."""
    setup = bench.setup
    rows = field[:, None] * np.asarray(bench.direction, np.float32)
    rows = rows.reshape(samples, -1, 2)

    def drive(local: Any, depolarization: Any) -> Any:
        params = setup.params._replace(depolarization=depolarization)

        def until_next(state: Any, applied: Any) -> tuple[Any, Any]:
            state, _ = ferro.run(bench.key, state, applied, local, params, setup.lattice, check=False)
            return state, observe(state.visible)

        start = ferro.initial_state(setup.lattice, setup.dtype)._replace(step=jnp.int32(0))
        return jax.lax.scan(until_next, start, jnp.asarray(rows))[1]

    return drive


def observer(bench: Bench) -> Callable[[Any], dict[str, Any]]:
    """Return the function of a polarization (component, row, column) that gives all ``SCALARS``."""
    setup, (x, y) = bench.setup, bench.direction

    def observe(p: Any) -> dict[str, Any]:
        mean = ferro.mean_polarization(p)
        count = ferro.count_vortices(p, setup.lattice.boundary, setup.curl_x_axis)
        return {
            "along": mean[0] * x + mean[1] * y,
            "across": mean[1] * x - mean[0] * y,
            "magnitude": jnp.mean(jnp.hypot(p[0], p[1])),
            "curl": ferro.sum_abs_curl(p, setup.curl_boundary, setup.curl_x_axis),
            "walls": ferro.domain_wall_density(p, setup.lattice.boundary, bench.easy),
            "vortices": count.vortices,
            "antivortices": count.antivortices,
            "aligned": jnp.mean(p[0] * x + p[1] * y > 0),
        }

    return observe
