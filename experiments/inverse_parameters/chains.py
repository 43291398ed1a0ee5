"""Hamiltonian Monte Carlo (NumPyro) in the axes of a fit: many chains side by side, in pieces."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpyro.infer.hmc import hmc

from experiments.inverse_parameters.estimating import Fit
from experiments.lab.checkpoints import once

WARMUP, SAMPLES, STEP, TRAJECTORY = 60, 120, 0.35, 2.1
MOST_STEPS = 32  # of a transition: a chain whose step becomes small goes less far, and not without end
PIECE = 5  # transitions of one call


def chained(
    log_density: Callable[[Array, Array], Array],
    keys: Array,
    data: Float[Array, "chain value"],
    fits: Fit,
    progress: Callable[[int], object] = lambda done: None,
) -> tuple[Float[np.ndarray, "chain draw parameter"], int]:
    """Draw from ``log_density(data, point)`` by one chain for each row of keys, data and fits, begun at the fit.

    Return the draws after the warm-up, and the divergent transitions among them. ``progress`` gets the number of
    transitions that every chain has done.
    """

    def point(fitted: Fit, x: Array) -> Array:
        return fitted.mode + jax.scipy.linalg.solve_triangular(fitted.factor.T, x, lower=False)

    def energy_of(data: Array, fitted: Fit) -> Callable[[Array], Array]:
        return lambda x: -log_density(data, point(fitted, x))

    start, move = hmc(potential_fn_gen=energy_of, algo="HMC")
    settings = {"step_size": STEP, "trajectory_length": TRAJECTORY, "adapt_mass_matrix": False}

    def begun(key: Array, data: Array, fitted: Fit) -> Any:
        return start(jnp.zeros_like(fitted.mode), WARMUP, rng_key=key, model_args=(data, fitted), **settings)

    def piece(state: Any, data: Array, fitted: Fit) -> Any:
        def advance(state: Any, _: None) -> Any:
            longest = MOST_STEPS * state.adapt_state.step_size
            state = move(state._replace(trajectory_length=jnp.minimum(TRAJECTORY, longest)), (data, fitted))
            return state, (point(fitted, state.z), state.diverging)

        return jax.lax.scan(advance, state, None, length=PIECE)

    leaves, tree = jax.tree.flatten(jax.jit(jax.vmap(begun))(keys, data, fits))
    program = jax.jit(jax.vmap(piece))

    @once
    def go_on(leaves: list) -> tuple[list, np.ndarray, np.ndarray]:
        state, (points, diverging) = program(jax.tree.unflatten(tree, leaves), data, fits)
        return jax.tree.leaves(state), np.asarray(points), np.asarray(diverging)

    points, diverging = [], []
    for done in range(PIECE, WARMUP + SAMPLES + 1, PIECE):
        leaves, *found = go_on(leaves)
        points.append(found[0])
        diverging.append(found[1])
        progress(done)
    after = slice(WARMUP, None)
    return np.concatenate(points, 1)[:, after], int(np.concatenate(diverging, 1)[:, after].sum())
