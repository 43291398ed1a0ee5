"""What a value with its gradient costs, measured: CPU seconds of a rollout and of both, alone and side by side."""

import time

import jax
import jax.numpy as jnp
import numpy as np

from experiments.gradient_latent.maps import LANES, Place, Programs
from experiments.lab.checkpoints import nothing_kept

REPEATS = {1: 16, LANES: 4}  # calls in a measurement by lanes; the best of three measurements counts


def cpu_seconds(programs: Programs, place: Place, points: np.ndarray) -> dict[str, float]:
    """Return CPU seconds of a rollout and of a value with its gradient, for one lane and for many, per lane."""
    found = {}
    with nothing_kept():
        for lanes, name in ((1, "alone"), (LANES, "together")):
            z = jnp.asarray(np.resize(points, (lanes, points.shape[1])), jnp.float32)
            for what, program in (("rollout", programs.evaluate), ("gradient", programs.slope)):
                jax.block_until_ready(program(place, z))
                took = [_took(program, place, z, REPEATS[lanes]) for _ in range(3)]
                found[f"{what}_{name}"] = min(took) / (REPEATS[lanes] * lanes)
    return found


def _took(program, place: Place, z: jax.Array, repeats: int) -> float:
    """Return the CPU seconds of some calls."""
    began = time.process_time()
    for _ in range(repeats):
        jax.block_until_ready(program(place, z))
    return time.process_time() - began
