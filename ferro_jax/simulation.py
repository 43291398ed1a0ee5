"""A whole simulation, from the curve that drives the lattice to the state at its end."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from ferro_jax import values
from ferro_jax.dynamics import initial_state, rate, run
from ferro_jax.engine.subsets import Schedule
from ferro_jax.presets import Settle, Setup
from ferro_jax.types import Lattice, Patterns, Simulated, State
from ferro_jax.waveforms import applied_field


def simulate(
    key: Array | None,
    curve: Float[Array, "drive"],
    local_field: Float[Array, "2 ny nx"],
    setup: Setup,
    *,
    bonds: Float[Array, "2 ny nx"] | None = None,
    patterns: Patterns | None = None,
    alpha1: Float[Array, "time"] | None = None,
    subsets: Schedule | None = None,
    observe: Callable[[State], Any] | None = None,
    start: State | None = None,
    gradient: str = "adjoint",
    check: bool = True,
) -> Simulated:
    """Drive the lattice by ``curve``, hold the last field and, if the set-up has a rule for it, let the lattice settle.

    ``curve`` is a field history normalised to about [−1, 1], ``local_field`` is in model units. The simulation starts
    from p = 0 unless ``start`` is given.

    ``patterns`` (a tip, an electrode), ``alpha1`` (a temperature that changes with time) and ``subsets`` are those of
    ``run``, for the ``drive_steps + hold_steps`` driven and held steps. While settling the last amplitudes and the last
    ``alpha1`` are held, and subsets follow from the key.

    ``observe(state)`` is called after the driven and held steps, not while settling, because the length of that depends
    on the lane. ``Simulated.residual`` is max |dp/dt| at the end, ``Simulated.state.step`` the number of all steps.

    Any argument may be vmapped; a lane that has settled is frozen, so it equals the single simulation. For thousands of
    settling histories use ``jax.lax.map(..., batch_size=64)``, because one vmap runs all of them until the last one has
    settled. Reverse mode needs a fixed length: ``setup._replace(settle=None)`` drops the settling of ``physical``, and
    a gradient with it is a ValueError. Other errors as in ``run``.
    """
    params, lattice, dtype = setup.params, setup.lattice, setup.dtype
    applied = applied_field(curve, setup)
    local_field = values.array(local_field, "local_field", dtype=dtype)
    state = initial_state(lattice, dtype) if start is None else start
    drives: dict[str, Any] = {"bonds": bonds, "patterns": patterns, "alpha1": alpha1, "subsets": subsets}
    state, observations = run(
        key, state, applied, local_field, params, lattice, **drives, observe=observe, gradient=gradient, check=check
    )

    if patterns is not None:
        held = jnp.asarray(patterns.amplitude, dtype)[-1]
        local_field = local_field + jnp.tensordot(held, jnp.asarray(patterns.pattern, dtype), 1)
    if alpha1 is not None:
        params = params._replace(alpha1=jnp.asarray(alpha1, dtype)[-1])
    fixed = key, local_field, params, bonds, applied[-1]
    last = _residual(fixed, lattice, state)
    if setup.settle is not None:
        state = state._replace(step=jnp.asarray(state.step, jnp.int32))
        state, last = _settled(setup.settle, lattice, gradient)(fixed, state, last)
    return Simulated(state, applied, observations, last)


def _residual(fixed: Any, lattice: Lattice, state: State) -> Array:
    """Return max |dp/dt| under what is ``fixed``: key, local field, params, bonds and applied field."""
    _, local_field, params, bonds, field = fixed
    return jnp.max(jnp.abs(rate(state, field, local_field, params, lattice, bonds)))


def _settled(settle: Settle, lattice: Lattice, gradient: str) -> Callable[[Any, State, Array], tuple[State, Array]]:
    """Return the function (fixed, state, residual) -> (state, residual) that goes on until the lattice is at rest."""

    def until_rest(fixed: Any, state: State, residual: Array) -> tuple[State, Array]:
        key, local_field, params, bonds, field = fixed
        held = jnp.broadcast_to(field[None], (settle.chunk, 2))
        limit = state.step + settle.limit

        def unsettled(carry: tuple[State, Array]) -> Array:
            state, residual = carry
            return (residual >= settle.tolerance) & (state.step + settle.chunk <= limit)

        def chunk(carry: tuple[State, Array]) -> tuple[State, Array]:
            mode = {"bonds": bonds, "gradient": gradient, "check": False}
            state, _ = run(key, carry[0], held, local_field, params, lattice, **mode)
            return state, _residual(fixed, lattice, state)

        return jax.lax.while_loop(unsettled, chunk, (state, residual))

    if gradient == "forward":
        return until_rest
    guarded = jax.custom_vjp(until_rest)
    guarded.defvjp(_no_reverse_mode, _no_reverse_mode)
    return guarded


def _no_reverse_mode(*_: Any) -> Any:
    raise ValueError(
        "a simulation that settles has no fixed length, and so no reverse mode: drop the settling by "
        "setup._replace(settle=None), with more hold_steps if need be, or use forward mode with gradient='forward'"
    )
