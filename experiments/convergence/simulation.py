"""Simulations of ``experiments/convergence/compute.py``: the same histories under a set-up of any number of steps."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import ferro_jax as ferro
from experiments.convergence.config import Config
from experiments.lab.parallel import over_devices
from experiments.lab.run import Run
from experiments.shared.lattices.setups import random_fields, synchronous

COARSE = 2  # by how much the time step is also made longer


class Problem(NamedTuple):
    """What every simulation shares."""

    setup: ferro.Setup  # lecture
    curves: np.ndarray  # (history, drive), float32
    defects: np.ndarray  # (realisation, component, row, column), coercive fields
    keys: list[jax.Array]  # of the subsets
    targets: dict[str, np.ndarray]  # (realisation, history) of each choice, as they are computed
    config: "Config"

    @property
    def synchronous(self) -> ferro.Setup:
        return synchronous(self.setup)

    def lanes(self) -> tuple[np.ndarray, np.ndarray]:
        """Curves and local fields (model units) of all pairs of random field and history."""
        local = (self.setup.coercive_field * self.defects).astype(np.float32)
        return np.tile(self.curves, (len(local), 1)), np.repeat(local, len(self.curves), axis=0)


def prepare(run: Run, config: "Config") -> Problem:
    """Draw histories and random fields."""
    setup = ferro.lecture(jnp.float32)
    to_curves, to_fields, to_subsets = jax.random.split(jax.random.key(config.seed), 3)
    curves = np.asarray(ferro.damped_oscillation(to_curves, config.histories).curves)
    defects = random_fields(to_fields, config.realisations, setup.lattice)
    run.describe(setup)
    run.add("curve", ("history", "sample"), curves, "1", "field histories, scaled to their own range")
    run.add("local_field", ("realisation", "component", "row", "column"), defects, "coercive field",
            "random field of the defects")  # fmt: skip
    largest = setup.coercive_field * (setup.field_scale * np.abs(curves).max() + np.linalg.norm(defects, axis=1).max())
    bound = ferro.stability_bound(setup.params, setup.lattice, float(largest))
    dt = float(setup.params.dt)
    run.record(
        histories=config.histories, realisations=config.realisations, dt_model_units=dt, drive_steps=setup.drive_steps,
        hold_steps=setup.hold_steps, dt_over_stability_bound=dt / bound, coarse=COARSE,
        dt_double_over_stability_bound=COARSE * dt / bound, finest=2**config.refinements,
    )  # fmt: skip
    subset_keys = list(jax.random.split(to_subsets, config.subset_seeds))
    masks = np.asarray(ferro.subset_masks(subset_keys[0], setup.drive_steps + setup.hold_steps, setup.lattice))
    run.add(
        "subset", ("step", "row", "column"), masks, "1", "site moves in this step: random subset, lecture's time step"
    )
    return Problem(setup, curves, defects, subset_keys, {}, config)


def refined(setup: ferro.Setup, times: int) -> ferro.Setup:
    """The set-up with the time step divided by ``times`` and as many more steps: the same physical time."""
    return lengthened(setup._replace(params=setup.params._replace(dt=setup.params.dt / times)), times)


def lengthened(setup: ferro.Setup, times: int) -> ferro.Setup:
    """The set-up with ``times`` as many steps of drive and hold."""
    return setup._replace(drive_steps=setup.drive_steps * times, hold_steps=setup.hold_steps * times)


def coarsened(setup: ferro.Setup) -> ferro.Setup:
    """The set-up with ``COARSE`` times the time step and as many fewer steps."""
    params = setup.params._replace(dt=setup.params.dt * COARSE)
    return setup._replace(params=params, drive_steps=setup.drive_steps // COARSE, hold_steps=setup.hold_steps // COARSE)


def resampled(curve: jax.Array, steps: int) -> jax.Array:
    """The same history in ``steps`` steps: each sample repeated, or runs of samples averaged."""
    if steps >= len(curve):
        return jnp.repeat(curve, steps // len(curve))
    return curve.reshape(steps, -1).mean(1)


def simulate(problem: Problem, setup: ferro.Setup, *, key: jax.Array | None = None) -> dict[str, np.ndarray]:
    """All histories (realisation, history) under a set-up of any number of steps: ``target`` of what observers see,
    ``unprojected`` of the polarization itself, and ``extrapolation``, the size of what neighbours see beyond it."""
    key = problem.keys[0] if key is None else key

    def one(curve: Any, local: Any) -> dict[str, Any]:
        curve = resampled(curve, setup.drive_steps)
        state = ferro.simulate(key, curve, local, setup, check=False).state
        beyond = state.projected - state.polarization
        return {
            "target": ferro.target(state, setup),
            "unprojected": ferro.target(state._replace(visible=state.polarization), setup),
            "extrapolation": jnp.sqrt(jnp.mean(beyond**2) / jnp.mean(state.polarization**2)),
        }

    found = over_devices(one)(*problem.lanes())
    shape = (len(problem.defects), len(problem.curves))
    return {name: np.asarray(values, float).reshape(shape) for name, values in found.items()}
