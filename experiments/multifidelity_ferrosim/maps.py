"""Simulate the response of both lattices over the grid of drives."""

from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import ferro_jax as ferro
from experiments.lab.parallel import over_devices
from experiments.lab.run import RunError
from experiments.multifidelity_ferrosim.config import SHAPES, Config


class Maps(NamedTuple):
    """The response at both fidelities on the grid of drives, Σ|curl P| per site in model units."""

    growth: np.ndarray  # (growth,) axis of the grid, per unit of time
    frequency: np.ndarray  # (frequency,) axis of the grid, radians per unit of time
    x: np.ndarray  # (cell, 2) growth and frequency of each cell, frequency-major
    low: np.ndarray  # (cell,) 8 × 8 lattice
    high: np.ndarray  # (cell,) 20 × 20 lattice


def simulate_maps(config: Config) -> Maps:
    """Simulate all drives of the grid on both lattices. RunError where a simulation is not finite."""
    setup = ferro.physical(jnp.float32)._replace(settle=None)
    local = setup.coercive_field * ferro.random_field(jax.random.key(config.seed), setup.lattice)
    axes = [np.linspace(-2.75, 2.75, config.grid_points), np.linspace(2 * np.pi, 8 * np.pi / 3, config.grid_points)]
    growth, frequency = (values.ravel()[:, None] for values in np.meshgrid(*axes))
    curves = drives(growth, frequency)[:, : setup.drive_steps]
    maps = {}
    for name, (rows, columns) in SHAPES.items():
        small = setup._replace(lattice=replace(setup.lattice, shape=(rows, columns)))
        maps[name] = _responses(small, local[:, :rows, :columns], curves) / (rows * columns)
        if bad := np.sum(~np.isfinite(maps[name])):
            raise RunError(f"{bad} simulations of the {rows} × {columns} lattice went non-finite")
    return Maps(axes[0], axes[1], np.concatenate([growth, frequency], axis=1), maps["low"], maps["high"])


def drives(growth: np.ndarray, frequency: np.ndarray) -> np.ndarray:
    """Return the histories exp(αt) cos(ωt), each scaled to [−1, 1]: (history, 1) twice → (history, 1200) in float32.

    The simulator uses as many of the first samples as its drive has steps (900, as published).
    """
    time = np.linspace(0, 4, 1200)[None]
    shape = np.exp(growth * time) * np.cos(frequency * time)
    low, high = shape.min(1, keepdims=True), shape.max(1, keepdims=True)
    return (2 * (shape - low) / (high - low) - 1).astype(np.float32)


def _responses(setup: ferro.Setup, local: jax.Array, curves: np.ndarray) -> np.ndarray:
    """Σ|curl P| at the end of every history, (history,) in model units."""

    def respond(curve: jax.Array) -> jax.Array:
        return ferro.target(ferro.simulate(None, curve, local, setup, check=False).state, setup)

    return over_devices(respond)(curves).astype(float)
