"""The rollout as one function that can be jitted, vmapped and differentiated in the way that is asked for.

``run`` adds a trailing batch axis of size 1 to all its inputs and calls the function made here; ``folding`` makes wide
batches of it. Reverse mode has three ways: ``adjoint`` (by hand, ``adjoint.py``), ``checkpoint`` (JAX's, storing
nothing of the forward pass: the backward pass repeats it keeping every √T-th state, and each segment from there) and
``plain`` (JAX's, storing every step). Runs with observations, bond disorder or noise take ``checkpoint`` where
``adjoint`` is asked for. ``forward`` gives up reverse mode for forward mode (``jvp``, ``jacfwd``), whose tangents are
lanes of the kernel too; products with the Hessian are the ``jvp`` of a gradient by ``adjoint``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.custom_derivatives import SymbolicZero

from ferro_jax.engine import adjoint
from ferro_jax.engine.folding import fold_lanes, in_chunks
from ferro_jax.engine.kernel import Noise, Observe, rollout
from ferro_jax.engine.noise import NoiseStart, thermal_noise
from ferro_jax.engine.terms import Inputs, Wanted, batch_size, broadcast_batch
from ferro_jax.types import Lattice

GRADIENTS = ("adjoint", "checkpoint", "plain", "forward")


class Extras(NamedTuple):
    """Inputs without a derivative, each with the batch axis last: what selects the thermal noise, None without it, and
    the integers and keys that ``observe`` needs, None without ``observe``."""

    noise: NoiseStart | None = None
    observe: list[Any] | None = None


class Program(NamedTuple):
    """What is fixed of a rollout before it is traced: the lattice, the batch-last ``Observer.function`` or None, and
    one of ``GRADIENTS``."""

    lattice: Lattice
    observe: Callable[..., Any] | None
    gradient: str


def batchable_rollout(
    lattice: Lattice, observe: Callable[..., Any] | None = None, gradient: str = "adjoint"
) -> Callable[..., Any]:
    """Return ``(schedule, extras, inputs) -> (final, observations)``, which JAX can vmap and differentiate.

    ``extras`` are ``Extras``. All arrays but those of the schedule end in the batch axis.
    """
    program = Program(lattice, observe, gradient)
    return _with_forward_mode(program) if gradient == "forward" else _with_reverse_mode(program)


def _with_forward_mode(program: Program) -> Callable[..., Any]:
    forward, tangent = fold_lanes(partial(_forward, program)), fold_lanes(partial(_tangent, program))

    @jax.custom_jvp
    def run(schedule: Any, extras: Extras, inputs: Inputs) -> Any:
        return forward(schedule, (extras, inputs))

    @run.defjvp
    def jvp_rule(primals: Any, tangents: Any) -> tuple[Any, Any]:
        schedule, extras, inputs = primals
        # apart from the tangents, of which there may be many for one value
        result = forward(schedule, (extras, inputs))
        remaining = iter(tangent(schedule, (extras, inputs, tangents[2])))
        return result, jax.tree.map(
            lambda leaf: next(remaining) if _is_float(leaf) else np.zeros(leaf.shape, jax.dtypes.float0), result
        )

    return run


def _with_reverse_mode(program: Program) -> Callable[..., Any]:
    forward = fold_lanes(partial(_forward, program))
    backward_by_jax = fold_lanes(partial(_backward_by_jax, program))

    @jax.custom_vjp
    def run(schedule: Any, extras: Extras, inputs: Inputs) -> Any:
        return forward(schedule, (extras, inputs))

    def run_forward(*primals: Any) -> tuple[Any, Any]:
        schedule, extras, inputs = jax.tree.map(lambda leaf: leaf.value, primals)
        if not _by_hand(program, inputs):
            return forward(schedule, (extras, inputs)), (schedule, extras, inputs, None)
        params_wanted = any(leaf.perturbed for leaf in primals[2].params)
        wanted = Wanted(local=params_wanted or primals[2].local_field.perturbed, params=params_wanted)
        result, marks = fold_lanes(partial(_forward_by_hand, program.lattice, wanted))(schedule, inputs)
        return result, (schedule, extras, inputs, (_Static(wanted), marks))

    def run_backward(residuals: Any, cotangent: Any) -> tuple[None, None, Inputs]:
        schedule, extras, inputs, kept = residuals
        if kept is not None:
            wanted, marks = kept
            backward = fold_lanes(partial(_backward_by_hand, program.lattice, wanted.value))
            return None, None, backward(schedule, (inputs, marks, _as_arrays(cotangent[0])))
        cotangents = [leaf for leaf in jax.tree.leaves(_as_arrays(cotangent)) if leaf.dtype != jax.dtypes.float0]
        return None, None, backward_by_jax(schedule, (extras, inputs, cotangents))

    run.defvjp(run_forward, run_backward, symbolic_zeros=True)
    return run


def _by_hand(program: Program, inputs: Inputs) -> bool:
    """Whether the backward pass written by hand covers this run."""
    plain = program.observe is None and not program.lattice.thermal and inputs.bonds is None
    steps_enough = inputs.applied.shape[0] > 8  # the first two random-subset steps are in no scan
    return program.gradient == "adjoint" and plain and steps_enough


# Each of the five functions below gets a schedule that all lanes share and a batch of any width, and cuts the batch
# into chunks.


def _forward(program: Program, schedule: Any, batched: tuple[Extras, Inputs]) -> Any:
    """Return (final, observations) of every lane."""

    def of_chunk(chunk: tuple[Extras, Inputs]) -> Any:
        extras, inputs = chunk
        p = inputs.polarization  # wide even where only the keys of the noise differ from lane to lane
        inputs = inputs._replace(polarization=jnp.broadcast_to(p, (*p.shape[:-1], batch_size(chunk))))
        return rollout(schedule, inputs, program.lattice, *_hooks(program, extras, inputs))

    return in_chunks(of_chunk, batched, batched[1].polarization.dtype)


def _tangent(program: Program, schedule: Any, batched: tuple[Extras, Inputs, Inputs]) -> list[Array]:
    """Return the tangents of the floating-point results, given (extras, inputs, tangents of the inputs)."""

    def of_chunk(chunk: tuple[Extras, Inputs, Inputs]) -> list[Array]:
        extras, inputs, change = chunk
        wide = broadcast_batch((inputs, change), batch_size(chunk))

        def run(inputs: Inputs) -> Any:
            return rollout(schedule, inputs, program.lattice, *_hooks(program, extras, inputs))

        _, tangents = jax.jvp(run, wide[:1], wide[1:])
        return [leaf for leaf in jax.tree.leaves(tangents) if leaf.dtype != jax.dtypes.float0]

    return in_chunks(of_chunk, batched, batched[1].polarization.dtype)


def _backward_by_jax(program: Program, schedule: Any, batched: tuple[Extras, Inputs, list[Array]]) -> Inputs:
    """Return the cotangents of the inputs, given (extras, inputs, cotangents of the floating-point results)."""

    def of_chunk(chunk: tuple[Extras, Inputs, list[Array]]) -> Inputs:
        extras, inputs, cotangents = chunk

        def differentiable(inputs: Inputs) -> list[Array]:
            segmented, hooks = program.gradient != "plain", _hooks(program, extras, inputs)
            result = rollout(schedule, inputs, program.lattice, *hooks, reverse=True, segmented=segmented)
            return [leaf for leaf in jax.tree.leaves(result) if _is_float(leaf)]

        # every lane has a derivative of its own, even with respect to what the lanes share
        inputs, cotangents = broadcast_batch((inputs, cotangents), batch_size(chunk))
        return jax.vjp(differentiable, inputs)[1](cotangents)[0]

    return in_chunks(of_chunk, batched, batched[1].polarization.dtype)


def _forward_by_hand(lattice: Lattice, wanted: Wanted, schedule: Any, inputs: Inputs) -> Any:
    """Return (final, None) and the marks that the backward pass starts from."""
    return in_chunks(lambda chunk: adjoint.forward(schedule, chunk, lattice, wanted), inputs, inputs.polarization.dtype)


def _backward_by_hand(lattice: Lattice, wanted: Wanted, schedule: Any, batched: tuple[Inputs, Any, Any]) -> Inputs:
    """Return the cotangents of the inputs, given (inputs, marks, cotangents of the final fields)."""

    def of_chunk(chunk: tuple[Inputs, Any, Any]) -> Inputs:
        inputs, marks, cotangents = chunk
        cotangents = broadcast_batch(cotangents, batch_size(chunk))
        return adjoint.backward(schedule, inputs, marks, cotangents, lattice, wanted)

    return in_chunks(of_chunk, batched, batched[0].polarization.dtype)


def _hooks(program: Program, extras: Extras, inputs: Inputs) -> tuple[Observe | None, Noise | None]:
    """Return what ``rollout`` calls at each step: the observer with its extras bound, and the thermal noise."""
    observe = noise = None
    if program.observe is not None:
        observe = partial(_observe_with_extras, program.observe, extras.observe)
    if extras.noise is not None:
        noise = thermal_noise(extras.noise, inputs, program.lattice)
    return observe, noise


def _observe_with_extras(
    observe: Callable[..., Any], extras: Any, p: Array, visible: Array, projected: Array, done: Array, values: list[Any]
) -> Any:
    """Call the batch-last ``Observer.function`` as ``rollout`` calls ``Observe``."""
    return observe(p, visible, projected, done, (extras, values))


def _is_float(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jnp.floating)


@jax.tree_util.register_static
@dataclass(frozen=True)
class _Static:
    """A Python value among residuals, which otherwise are arrays."""

    value: Any


def _as_arrays(cotangent: Any) -> Any:
    """Replace cotangents that JAX only knows to be zero by arrays of zeros."""

    def as_array(leaf: Any) -> Any:
        if not isinstance(leaf, SymbolicZero):
            return leaf
        of: Any = leaf.aval
        return jnp.zeros(of.shape, of.dtype)

    return jax.tree.map(as_array, cotangent, is_leaf=lambda leaf: isinstance(leaf, SymbolicZero))
