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
from ferro_jax.drives import Drives, check_drives, checked_drives, fields_of, stiffest, warn_of_rounding
from ferro_jax.energies import force
from ferro_jax.engine.batching import BY_HAND, GRADIENTS, Extras, batchable_rollout
from ferro_jax.engine.choice import sliced_always
from ferro_jax.engine.noise import NoiseStart
from ferro_jax.engine.observe import close_over
from ferro_jax.engine.subsets import Schedule, checked, make_schedule
from ferro_jax.engine.terms import Inputs
from ferro_jax.lattice import field_of
from ferro_jax.stability import check_records, validate, validate_params, validate_shapes
from ferro_jax.types import Lattice, Params, Patterns, State


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
    check_records(state, params, lattice)
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
    return values.key(key, single=True)


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
    applied: Float[Array, "time 2"] | Float[Array, "time 2 ny nx"],
    local_field: Float[Array, "2 ny nx"],
    params: Params,
    lattice: Lattice,
    *,
    bonds: Float[Array, "2 ny nx"] | None = None,
    patterns: Patterns | None = None,
    alpha1: Float[Array, "time"] | None = None,
    subsets: Schedule | None = None,
    observe: Callable[[State], Any] | None = None,
    gradient: str = "adjoint",
    check: bool = True,
) -> tuple[State, Any]:
    """Return the final state after one step per row of ``applied``, and ``observe(state)`` after each (time first).

    All fields are in model units; numbers are computed in the dtype of ``state.polarization``. ``key`` selects the
    random subsets, or the thermal noise of a thermal lattice (None where there is neither). Step t uses
    ``fold_in(key, t)``, so chunks with the same key, run one after the other, equal one long run. ``bonds`` are factors
    of the coupling: of the bond of each site to the one below and to the one on the right.

    ``applied`` is one field for all sites, (time, 2), or one per site, (time, 2, ny, nx). ``patterns`` add fields that
    have a fixed shape and an amplitude that changes with time, for a fraction of the memory. ``alpha1`` (time,) stands
    in the place of ``params.alpha1`` where that changes with time: a temperature, through ``at_temperature``.

    The run composes with jit, vmap (nested too) and differentiation with respect to state, applied, local_field,
    params, bonds, patterns, alpha1 and whatever ``observe`` closes over. ``gradient`` selects how it is differentiated:

    - ``adjoint``: reverse mode by hand, memory O(√T); as ``checkpoint`` where there is noise or fewer than nine steps;
    - ``checkpoint``: reverse mode by JAX, memory O(√T); ``plain``: the same without segments, memory O(T);
    - ``forward``: forward mode (``jax.jvp``, ``jax.jacfwd``) for a few inputs, and no reverse mode.

    A vmapped run is as fast as the kernel if its lanes share the random subsets, that is key and ``state.step``; lanes
    with subsets of their own run one after the other. (The step of a vmapped run's final state has a batch axis: resume
    with ``state._replace(step=number)``.) The subsets of a key that is concrete when the program is traced are drawn
    then, once; drawing those of 950 steps inside the program costs as much as five batches of 64. ``keys[2]`` inside a
    jitted function is not concrete: index before, or pass ``subsets``, made by ``subset_schedule``, instead of the key.

    ValueError for wrong shapes and an unknown ``gradient`` always, a warning for a JAX array of double precision on a
    state of single precision, and, with ``check``, for non-finite numbers and an
    unstable ``dt`` as far as they are concrete values and not tracers. ``validate`` called before entering jit checks
    all of them.
    """
    check_records(state, params, lattice)
    state, local_field = _floats(state), values.floats(local_field, "local_field")
    bonds = None if bonds is None else values.floats(bonds, "bonds")
    drives = checked_drives(applied, patterns, alpha1, lattice)
    validate_shapes(state, drives.uniform, local_field, lattice, bonds)
    validate_params(params)
    dtype, steps = state.polarization.dtype, drives.uniform.shape[0]
    if observe is not None and not callable(observe):
        raise ValueError(f"observe is a {type(observe).__name__}; expected a function of one State")
    if gradient not in GRADIENTS:
        raise ValueError(f"gradient={gradient!r} is unknown: choose one of {', '.join(GRADIENTS)}")
    warn_of_rounding({"applied": applied, "local_field": local_field, "bonds": bonds, "alpha1": alpha1}, dtype)
    if check:
        check_drives(drives)
        validate(state, fields_of(drives), local_field, stiffest(params, drives.alpha1), lattice, bonds)
    inputs = _inputs(state, drives, local_field, params, bonds, lattice)
    rollout, extras = _plain_rollout(lattice, gradient), Extras()
    if observe is not None:
        observer = close_over(observe, state, lattice)
        rollout = batchable_rollout(lattice, observer.function, gradient)
        extras, inputs = extras._replace(observe=observer.extras), inputs._replace(closed_over=observer.values)
    if lattice.thermal:
        extras = extras._replace(noise=NoiseStart(_noise_key(key)[None], jnp.asarray(state.step, jnp.int32)[None]))
    if subsets is not None and lattice.update != "random_subset":
        raise ValueError("subsets are for update='random_subset', and this lattice moves all sites: leave them out")
    schedule = None
    if lattice.update == "random_subset":
        indexed = not sliced_always(lattice, by_jax=gradient in ("checkpoint", "plain") or steps < BY_HAND)
        schedule = checked(subsets, state.step, steps, lattice) or make_schedule(
            key, state.step, steps, lattice, indexed
        )
    final, observations = _explained(rollout, gradient)(schedule, extras, inputs)
    p, visible, projected = (leaf[..., 0].reshape(2, *lattice.shape) for leaf in final)
    observations = jax.tree.map(lambda leaf: leaf[..., 0], observations)
    return State(p, visible, projected, state.step + steps), observations


def _inputs(state: State, drives: Drives, local_field: Any, params: Params, bonds: Any, lattice: Lattice) -> Inputs:
    """Return the inputs of one lane, in the dtype of the state."""
    dtype = state.polarization.dtype

    def column(leaf: Any) -> Array:
        return jnp.asarray(leaf, dtype)[..., None]

    def flat(field: Any) -> Array | None:
        return None if field is None else column(field).reshape(*field.shape[:-2], lattice.sites, 1)

    patterns = drives.patterns
    return Inputs(
        column(state.polarization).reshape(2, lattice.sites, 1),
        column(state.visible).reshape(2, lattice.sites, 1),
        column(state.projected).reshape(2, lattice.sites, 1),
        column(drives.uniform),
        column(local_field).reshape(2, lattice.sites, 1),
        Params(*(column(leaf) for leaf in params)),
        flat(bonds),
        [],
        amplitudes=None if patterns is None else column(patterns.amplitude),
        patterns=None if patterns is None else flat(patterns.pattern),
        site_field=flat(drives.site_field),
        alpha1=None if drives.alpha1 is None else column(drives.alpha1)[:, None],
    )


def _explained(rollout: Callable[..., Any], gradient: str) -> Callable[..., Any]:
    """Say in words what JAX's errors mean at a derivative that the rollout does not have."""

    def explained(*arguments: Any) -> Any:
        try:
            return rollout(*arguments)
        except (TypeError, ValueError) as error:
            if "custom_vjp" in str(error):
                raise TypeError(
                    f"gradient={gradient!r} has no forward mode: for jax.jvp, jax.jacfwd and jax.linearize pass "
                    "gradient='forward' to run or simulate"
                ) from error
            if "Linearization failed" in str(error):
                raise ValueError(
                    "a rollout has no reverse mode over reverse mode (grad of grad): take forward over reverse mode, "
                    "jax.jvp(jax.grad(f), ...) or jax.hessian(f), or forward mode alone with gradient='forward'"
                ) from error
            raise

    return explained
