"""TODO docstring of experiments.shared.lattices.simulated"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import ferro_jax as ferro
from experiments.lab.parallel import over_devices
from experiments.shared.lattices import latent_map, setups

TARGETS = ("curl", "direction_curl", "magnitude")


def simulated(curves: np.ndarray, seed: int, progress: Callable[[int], Any] | None = None) -> dict[str, np.ndarray]:
    """TARGETS of field histories (trajectory, sample) at the end of the lecture preset's simulation, in model units:
    Σ|curl P|, Σ|curl P/|P||, Σ|P|. Defects and subsets are those of ``latent_bo`` with this seed."""
    keys, setup = setups.keys(seed), ferro.lecture(jnp.float32)
    local = (setup.coercive_field * ferro.random_field(keys["field"], setup.lattice)).astype(setup.dtype)

    def one(curve: jax.Array) -> tuple[jax.Array, ...]:
        seen = ferro.simulate(keys["subset"], curve, local, setup, check=False).state.visible
        curl = setup.curl_boundary, setup.curl_x_axis
        return ferro.sum_abs_curl(seen, *curl), ferro.sum_abs_curl_of_directions(seen, *curl), ferro.sum_magnitude(seen)

    values = over_devices(one, latent_map.MAP_CHUNK)(curves, progress=progress)
    latent_map.refuse_non_finite("simulation", np.stack(values), ("target", "trajectory"))
    return {name: value.astype(float) for name, value in zip(TARGETS, values, strict=True)}
