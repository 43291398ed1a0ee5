"""Targets at the end of simulated field histories."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import ferro_jax as ferro
from experiments.lab.parallel import over_devices
from experiments.lab.run import refuse_non_finite
from experiments.shared.lattices import setups
from experiments.shared.lattices.latent_map import MAP_CHUNK
from ferro_jax.engine.subsets import Schedule

TARGETS = ("curl", "direction_curl", "magnitude")


def value_of(
    setup: ferro.Setup,
    subsets: Any,
    curve: Float[Array, " sample"],
    local: Float[Array, "2 row column"],
    smooth: float = 0.0,
) -> Float[Array, ""]:
    """Return Σ|curl P| at the end of a history under a local field in model units, differentiable.

    ``subsets`` is the key of the random subsets, or their schedule as data (``ferro.subset_schedule``); None where all
    sites move. ``smooth`` rounds the kinks of |·|.
    """
    key, schedule = (None, subsets) if isinstance(subsets, Schedule) else (subsets, None)
    end = ferro.simulate(key, curve, local, setup, subsets=schedule, check=False)
    return ferro.target(end.state, setup, smooth)


def targets_of(curves: np.ndarray, seed: int, progress: Callable[[int], Any] | None = None) -> dict[str, np.ndarray]:
    """Return the TARGETS of field histories (history, sample) at the end of the lecture preset's simulation.

    Σ|curl P|, Σ|curl P/|P||, Σ|P| in model units, (history,) each. Defects and subsets are those of ``latent_bo`` with
    this seed. RunError names the first history whose target is not finite.
    """
    keys, setup = setups.keys(seed), ferro.lecture(jnp.float32)
    local = (setup.coercive_field * ferro.random_field(keys["field"], setup.lattice)).astype(setup.dtype)

    def simulate(curve: jax.Array) -> tuple[jax.Array, ...]:
        visible = ferro.simulate(keys["subset"], curve, local, setup, check=False).state.visible
        rule = setup.curl_boundary, setup.curl_x_axis
        curl, direction_curl = ferro.sum_abs_curl(visible, *rule), ferro.sum_abs_curl_of_directions(visible, *rule)
        return curl, direction_curl, ferro.sum_magnitude(visible)

    values = over_devices(simulate, MAP_CHUNK)(curves, progress=progress)
    refuse_non_finite("simulation", np.stack(values), ("target", "history"))
    return {name: value.astype(float) for name, value in zip(TARGETS, values, strict=True)}
