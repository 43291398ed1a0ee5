"""Explicit Euler steps of dp/dt = −mobility ∂F/∂p, one at a time or a whole run.

``step`` is written for readers; ``run`` does the same through the batch-last kernel (``engine/kernel.py``), which
``jax.vmap(run)`` reaches as well. The caller jits.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from ferro_jax import values
from ferro_jax.energies import force
from ferro_jax.engine.batching import GRADIENTS, Extras, batchable_rollout
from ferro_jax.engine.noise import NoiseStart
from ferro_jax.engine.observe import close_over
from ferro_jax.engine.subsets import make_schedule
from ferro_jax.engine.terms import Inputs
from ferro_jax.lattice import field_of
from ferro_jax.stability import validate, validate_params, validate_shapes
from ferro_jax.types import Lattice, Params, State


def initial_state(
    lattice: Lattice, dtype: Any = jnp.float32, polarization: Float[Array, "2 ny nx"] | None = None
) -> State:
    """Return the state before the first step: p = 0 everywhere, or the given polarization, at rest."""
    p = jnp.zeros((2, *lattice.shape), dtype) if polarization is None else field_of(polarization).astype(dtype)
    return State(p, p, p, 0)


def rate(
    state: State,
    applied: Float[Array, "2"],
    local_field: Float[Array, "2 ny nx"],
    params: Params,
    lattice: Lattice,
    bonds: Float[Array, "2 ny nx"] | None = None,
) -> Float[Array, "2 ny nx"]:
    """Return dp/dt of every site as the next step would compute it, without thermal noise (model units)."""
    return params.mobility * force(state.polarization, applied, local_field, params, lattice, state.visible, bonds)


def step(
    key: Array | None,
    state: State,
    applied: Float[Array, "2"],
    local_field: Float[Array, "2 ny nx"],
    params: Params,
    lattice: Lattice,
    bonds: Float[Array, "2 ny nx"] | None = None,
) -> State:
    """Return the state after one step of the lattice's update under the applied field (Ex, Ey).

    ``key`` is the key of the whole run: the random subset and the noise are those of ``state.step``. The synchronous
    update without noise ignores it and takes None.
    """
    state = _floats(state)
    change = params.dt * rate(state, applied, local_field, params, lattice, bonds)
    if lattice.thermal:
        std = jnp.sqrt(2 * params.mobility * params.thermal_energy * params.dt)
        normal = jax.random.normal(jax.random.fold_in(_noise_key(key), state.step), change.shape, change.dtype)
        change += std * (normal if lattice.axes == "xy" else normal.at[0].set(0))
    moved = state.polarization + change
    if lattice.update == "synchronous":
        return State(moved, moved, moved, state.step + 1)
    moves = make_schedule(key, state.step, 1, lattice).full[0].reshape(1, *lattice.shape)
    polarization = jnp.where(moves, moved, state.polarization)
    projected = jnp.where(moves, moved + change, state.projected)
    return State(polarization, jnp.where(moves, moved, projected), projected, state.step + 1)


def _noise_key(key: Array | None) -> Array:
    if key is None:
        raise ValueError("key is None: a thermal lattice needs a PRNG key, e.g. jax.random.key(0)")
    return values.key(key)


def _floats(state: State) -> State:
    """Return the state with fields of floats, whose type is that of the whole run."""
    p, visible, projected = (values.array(field, "state.polarization") for field in state[:3])
    return State(p, visible, projected, state.step)


@lru_cache
def _plain_rollout(lattice: Lattice, gradient: str) -> Callable[..., Any]:
    """Return the jitted rollout, so that a caller who does not jit compiles once per lattice and shape."""
    return jax.jit(batchable_rollout(lattice, gradient=gradient))


def run(
    key: Array | None,
    state: State,
    applied: Float[Array, "time 2"],
    local_field: Float[Array, "2 ny nx"],
    params: Params,
    lattice: Lattice,
    *,
    bonds: Float[Array, "2 ny nx"] | None = None,
    observe: Callable[[State], Any] | None = None,
    gradient: str = "adjoint",
    check: bool = True,
) -> tuple[State, Any]:
    """Return the final state after one step per row of ``applied``, and ``observe(state)`` after each (time first).

    All fields are in model units; numbers are computed in the dtype of ``state.polarization``. ``key`` selects the
    random subsets, or the thermal noise of a thermal lattice (None where there is neither). Step t uses
    ``fold_in(key, t)``, so chunks with the same key, run one after the other, equal one long run. ``bonds`` are factors
    of the coupling: of the bond of each site to the one below and to the one on the right.

    The run composes with jit, vmap (nested too) and differentiation with respect to state, applied, local_field,
    params, bonds and whatever ``observe`` closes over. ``gradient`` selects how it is differentiated:

    - ``adjoint``: reverse mode by hand, memory O(√T);
      where there is ``observe``, ``bonds`` or noise, as ``checkpoint``;
    - ``checkpoint``: reverse mode by JAX, memory O(√T); ``plain``: the same without segments, memory O(T);
    - ``forward``: forward mode (``jax.jvp``, ``jax.jacfwd``) for a few inputs, and no reverse mode.

    A vmapped run is as fast as the kernel if its lanes share the random subsets, that is key and ``state.step``; lanes
    with subsets of their own run one after the other. (The step of a vmapped run's final state has a batch axis: resume
    with ``state._replace(step=number)``.) The subsets of a key that is concrete when the program is traced are drawn
    then, once; drawing those of 950 steps inside the program costs as much as five batches of 64. ``keys[2]`` inside a
    jitted function is not concrete: index before.

    ValueError for wrong shapes and an unknown ``gradient`` always, and, with ``check``, for non-finite numbers and an
    unstable ``dt`` as far as they are concrete values and not tracers. ``validate`` called before entering jit checks
    all of them.
    """
    state, applied, local_field = (
        _floats(state),
        values.floats(applied, "applied"),
        values.floats(local_field, "local_field"),
    )
    bonds = None if bonds is None else values.floats(bonds, "bonds")
    validate_shapes(state, applied, local_field, lattice, bonds)
    validate_params(params)
    if gradient not in GRADIENTS:
        raise ValueError(f"gradient={gradient!r} is unknown: choose one of {', '.join(GRADIENTS)}")
    if check:
        validate(state, applied, local_field, params, lattice, bonds)
    dtype, steps, sites = state.polarization.dtype, applied.shape[0], lattice.sites

    def column(leaf: Any) -> Array:
        return jnp.asarray(leaf, dtype)[..., None]

    def flat(field: Array) -> Array:
        return column(field).reshape(2, sites, 1)

    inputs = Inputs(
        flat(state.polarization),
        flat(state.visible),
        flat(state.projected),
        column(applied),
        flat(local_field),
        Params(*(column(leaf) for leaf in params)),
        None if bonds is None else flat(bonds),
        [],
    )
    rollout, extras = _plain_rollout(lattice, gradient), Extras()
    if observe is not None:
        observer = close_over(observe, state, lattice)
        rollout = batchable_rollout(lattice, observer.function, gradient)
        extras, inputs = extras._replace(observe=observer.extras), inputs._replace(closed_over=observer.values)
    if lattice.thermal:
        extras = extras._replace(noise=NoiseStart(_noise_key(key)[None], jnp.asarray(state.step, jnp.int32)[None]))
    schedule = None if lattice.update == "synchronous" else make_schedule(key, state.step, steps, lattice)
    final, observations = rollout(schedule, extras, inputs)
    p, visible, projected = (leaf[..., 0].reshape(2, *lattice.shape) for leaf in final)
    observations = jax.tree.map(lambda leaf: leaf[..., 0], observations)
    return State(p, visible, projected, state.step + steps), observations
