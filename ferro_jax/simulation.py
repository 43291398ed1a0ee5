"""A whole simulation, from the curve that drives the lattice to the state at its end."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from ferro_jax import values
from ferro_jax.dynamics import initial_state, rate, run
from ferro_jax.presets import Setup
from ferro_jax.types import Simulated, State
from ferro_jax.waveforms import applied_field


def simulate(
    key: Array | None,
    curve: Float[Array, "drive"],
    local_field: Float[Array, "2 ny nx"],
    setup: Setup,
    *,
    bonds: Float[Array, "2 ny nx"] | None = None,
    observe: Callable[[State], Any] | None = None,
    start: State | None = None,
    gradient: str = "adjoint",
    check: bool = True,
) -> Simulated:
    """Drive the lattice by ``curve``, hold the last field and, if the set-up has a rule for it, let the lattice settle.

    ``curve`` is a field history normalised to about [−1, 1], ``local_field`` is in model units. The simulation starts
    from p = 0 unless ``start`` is given.

    ``observe(state)`` is called after the driven and held steps, not while settling, because the length of that depends
    on the lane. ``Simulated.residual`` is max |dp/dt| at the end, ``Simulated.state.step`` the number of all steps.

    Any argument may be vmapped; a lane that has settled is frozen, so it equals the single simulation. For thousands of
    settling histories use ``jax.lax.map(..., batch_size=64)``, because one vmap runs all of them until the last one has
    settled. Reverse mode needs a fixed length: ``setup._replace(settle=None)`` drops the settling of ``physical``.
    Errors as in ``run``.
    """
    params, lattice, dtype = setup.params, setup.lattice, setup.dtype
    applied = applied_field(curve, setup)
    local_field = values.array(local_field, "local_field", dtype=dtype)
    state = initial_state(lattice, dtype) if start is None else start
    state, observations = run(
        key, state, applied, local_field, params, lattice, bonds=bonds, observe=observe, gradient=gradient, check=check
    )

    def residual(state: State) -> Array:
        return jnp.max(jnp.abs(rate(state, applied[-1], local_field, params, lattice, bonds)))

    if setup.settle is not None:
        settle = setup.settle
        held = jnp.broadcast_to(applied[-1:], (settle.chunk, 2))
        limit = state.step + settle.limit

        def unsettled(carry: tuple[State, Array]) -> Array:
            state, residual = carry
            return (residual >= settle.tolerance) & (state.step + settle.chunk <= limit)

        def chunk(carry: tuple[State, Array]) -> tuple[State, Array]:
            state, _ = run(key, carry[0], held, local_field, params, lattice, bonds=bonds, check=False)
            return state, residual(state)

        state = state._replace(step=jnp.asarray(state.step, jnp.int32))
        state, last = jax.lax.while_loop(unsettled, chunk, (state, residual(state)))
    else:
        last = residual(state)
    return Simulated(state, applied, observations, last)
