"""Simulate the same histories under a set-up of any number of steps."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import ferro_jax as ferro
from experiments.convergence.config import COARSE, Config
from experiments.lab.parallel import over_devices
from experiments.shared.lattices.setups import random_fields, synchronous


class Problem(NamedTuple):
    """What every simulation shares."""

    setup: ferro.Setup  # of the preset ``lecture``
    curves: np.ndarray  # (history, drive), float32
    defects: np.ndarray  # (realisation, component, row, column), coercive fields
    keys: list[jax.Array]  # of the subsets
    config: Config

    @property
    def synchronous(self) -> ferro.Setup:
        """The set-up, but all sites move in each step."""
        return synchronous(self.setup)

    def lanes(self) -> tuple[np.ndarray, np.ndarray]:
        """Return curves and local fields (model units) of all pairs of random field and history."""
        local = (self.setup.coercive_field * self.defects).astype(np.float32)
        return np.tile(self.curves, (len(local), 1)), np.repeat(local, len(self.curves), axis=0)


def prepare(config: Config) -> Problem:
    """Draw histories, random fields and keys of the subsets."""
    setup = ferro.lecture(jnp.float32)
    to_curves, to_fields, to_subsets = jax.random.split(jax.random.key(config.seed), 3)
    curves = np.asarray(ferro.damped_oscillation(to_curves, config.histories).curves)
    defects = random_fields(to_fields, config.realisations, setup.lattice)
    return Problem(setup, curves, defects, list(jax.random.split(to_subsets, config.subset_seeds)), config)


def refined(setup: ferro.Setup, times: int) -> ferro.Setup:
    """Divide the time step by ``times`` and take as many more steps: the same physical time."""
    return lengthened(setup._replace(params=setup.params._replace(dt=setup.params.dt / times)), times)


def lengthened(setup: ferro.Setup, times: int) -> ferro.Setup:
    """Take ``times`` as many steps of drive and hold."""
    return setup._replace(drive_steps=setup.drive_steps * times, hold_steps=setup.hold_steps * times)


def coarsened(setup: ferro.Setup) -> ferro.Setup:
    """Multiply the time step by COARSE and take as many fewer steps."""
    params = setup.params._replace(dt=setup.params.dt * COARSE)
    return setup._replace(params=params, drive_steps=setup.drive_steps // COARSE, hold_steps=setup.hold_steps // COARSE)


def resampled(curve: jax.Array, steps: int) -> jax.Array:
    """Stretch or shorten a history to ``steps`` steps: each sample repeated, or runs of samples averaged."""
    if steps >= len(curve):
        return jnp.repeat(curve, steps // len(curve))
    return curve.reshape(steps, -1).mean(1)


def simulate(problem: Problem, setup: ferro.Setup, *, key: jax.Array | None = None) -> dict[str, np.ndarray]:
    """Simulate all histories under a set-up of any number of steps; each value (realisation, history).

    ``target`` is that of what observers see, ``unprojected`` that of the polarization itself, and ``extrapolation``
    the size of what neighbours see beyond it, relative to the polarization.
    """
    key = problem.keys[0] if key is None else key

    def respond(curve: jax.Array, local: jax.Array) -> dict[str, jax.Array]:
        curve = resampled(curve, setup.drive_steps)
        state = ferro.simulate(key, curve, local, setup, check=False).state
        beyond = state.projected - state.polarization
        return {
            "target": ferro.target(state, setup),
            "unprojected": ferro.target(state._replace(visible=state.polarization), setup),
            "extrapolation": jnp.sqrt(jnp.mean(beyond**2) / jnp.mean(state.polarization**2)),
        }

    responses = over_devices(respond)(*problem.lanes())
    shape = (len(problem.defects), len(problem.curves))
    return {name: np.asarray(values, float).reshape(shape) for name, values in responses.items()}
