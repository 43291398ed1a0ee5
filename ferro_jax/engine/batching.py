"""The rollout as one function that can be jitted, vmapped and differentiated in the way that is asked for.

``run`` adds a trailing batch axis of size 1 to all its inputs and calls the function made here; ``folding`` makes wide
batches of it. Reverse mode has three ways: ``adjoint`` (by hand, ``adjoint.py``), ``checkpoint`` (JAX's, storing
nothing of the forward pass: the backward pass repeats it keeping every √T-th state, and each segment from there) and
``plain`` (JAX's, storing every step). Runs with noise take ``checkpoint`` where ``adjoint`` is asked for. ``forward``
gives up reverse mode for forward mode (``jvp``, ``jacfwd``), whose tangents are lanes of the kernel too; products with
the Hessian are the ``jvp`` of a gradient by ``adjoint``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.custom_derivatives import SymbolicZero

from ferro_jax import memory
from ferro_jax.engine import adjoint
from ferro_jax.engine.adjoint import Cotangents, floats
from ferro_jax.engine.choice import chunk_width
from ferro_jax.engine.folding import fold_lanes, in_chunks
from ferro_jax.engine.kernel import Noise, Observe, rollout
from ferro_jax.engine.noise import NoiseStart, thermal_noise
from ferro_jax.engine.terms import Inputs, Wanted, batch_size, broadcast_batch, wanted_of
from ferro_jax.types import Lattice

GRADIENTS = ("adjoint", "checkpoint", "plain", "forward")
BY_HAND = 9  # steps from which the backward pass written by hand is used


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
    forward_by_hand = fold_lanes(partial(_forward_by_hand, program))
    backward_by_jax = fold_lanes(partial(_backward_by_jax, program))

    @jax.custom_vjp
    def run(schedule: Any, extras: Extras, inputs: Inputs) -> Any:
        return forward(schedule, (extras, inputs))

    def run_forward(*primals: Any) -> tuple[Any, Any]:
        schedule, extras, inputs = jax.tree.map(lambda leaf: leaf.value, primals)
        if not _by_hand(program, inputs):
            return forward(schedule, (extras, inputs)), (schedule, extras, inputs, None)
        result, marks = forward_by_hand(schedule, (extras, inputs))
        return result, (schedule, extras, inputs, (_Static(_wanted(primals[2])), marks))

    def run_backward(residuals: Any, cotangent: Any) -> tuple[None, None, Inputs]:
        schedule, extras, inputs, kept = residuals
        if kept is not None:
            wanted, marks = kept
            cotangents = Cotangents(_as_arrays(cotangent[0]), _of_observations(cotangent[1]))
            backward = fold_lanes(partial(_backward_by_hand, program, wanted.value))
            return None, None, backward(schedule, (extras, inputs, marks, cotangents))
        cotangents = [leaf for leaf in jax.tree.leaves(_as_arrays(cotangent)) if leaf.dtype != jax.dtypes.float0]
        return None, None, backward_by_jax(schedule, (extras, inputs, cotangents))

    run.defvjp(run_forward, run_backward, symbolic_zeros=True)
    return run


def _by_hand(program: Program, inputs: Inputs) -> bool:
    """Whether the backward pass written by hand covers this run: the first two random-subset steps are in no scan."""
    return program.gradient == "adjoint" and not program.lattice.thermal and inputs.applied.shape[0] >= BY_HAND


def _wanted(primals: Inputs) -> Wanted:
    """Return which sums the backward pass must make, from JAX's record of what is differentiated."""
    perturbed = attrgetter("perturbed")
    return wanted_of(jax.tree.map(perturbed, primals, is_leaf=lambda leaf: hasattr(leaf, "perturbed")))


def _of_observations(cotangent: Any) -> list[Array] | None:
    """Return the cotangents of the observations that are floats, None where JAX knows all of them to be zero."""
    leaves = jax.tree.leaves(cotangent, is_leaf=lambda leaf: isinstance(leaf, SymbolicZero))
    if all(isinstance(leaf, SymbolicZero) for leaf in leaves):
        return None
    return floats(_as_arrays(cotangent))


# Each of the five functions below gets a schedule that all lanes share and a batch of any width, and cuts the batch
# into chunks.


def _forward(program: Program, schedule: Any, batched: tuple[Extras, Inputs]) -> Any:
    """Return (final, observations) of every lane."""

    def of_chunk(chunk: tuple[Extras, Inputs]) -> Any:
        extras, inputs = chunk[0], _wide_state(chunk)
        return rollout(schedule, inputs, program.lattice, *_hooks(program, extras, inputs))

    return _in_chunks(program, of_chunk, batched)


def _tangent(program: Program, schedule: Any, batched: tuple[Extras, Inputs, Inputs]) -> list[Array]:
    """Return the tangents of the floating-point results, given (extras, inputs, tangents of the inputs)."""

    def of_chunk(chunk: tuple[Extras, Inputs, Inputs]) -> list[Array]:
        extras, inputs, change = chunk
        wide = broadcast_batch((inputs, change), batch_size(chunk))

        def run(inputs: Inputs) -> Any:
            return rollout(schedule, inputs, program.lattice, *_hooks(program, extras, inputs))

        _, tangents = jax.jvp(run, wide[:1], wide[1:])
        return [leaf for leaf in jax.tree.leaves(tangents) if leaf.dtype != jax.dtypes.float0]

    return _in_chunks(program, of_chunk, batched)


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

    return _in_chunks(program, of_chunk, batched, by_jax=True)


def _forward_by_hand(program: Program, schedule: Any, batched: tuple[Extras, Inputs]) -> Any:
    """Return (final, observations) and the marks that the backward pass starts from."""

    def of_chunk(chunk: tuple[Extras, Inputs]) -> Any:
        extras, inputs = chunk
        return adjoint.forward(schedule, _wide_state(chunk), program.lattice, _hooks(program, extras, inputs)[0])

    return _in_chunks(program, of_chunk, batched)


def _backward_by_hand(
    program: Program, wanted: Wanted, schedule: Any, batched: tuple[Extras, Inputs, Any, Cotangents]
) -> Inputs:
    """Return the cotangents of the inputs, given (extras, inputs, marks, cotangents of the results)."""

    def of_chunk(chunk: tuple[Extras, Inputs, Any, Cotangents]) -> Inputs:
        extras, inputs, marks, cotangents = chunk
        observe = _hooks(program, extras, inputs)[0]
        cotangents = broadcast_batch(cotangents, batch_size(chunk))
        return adjoint.backward(schedule, inputs, marks, cotangents, program.lattice, wanted, observe)

    return _in_chunks(program, of_chunk, batched)


def _in_chunks(program: Program, function: Callable[[Any], Any], batched: Any, by_jax: bool = False) -> Any:
    """Return ``function(batched)``, computed in chunks of lanes that suit the kernel.

    ValueError, while it is traced, for results that are larger than all memory.
    """
    dtype, lanes, steps = batched[1].polarization.dtype, batch_size(batched), batched[1].applied.shape[0]
    width = chunk_width(program.lattice, dtype, lanes, by_jax)
    what = f"a run of {lanes} {'lattice' if lanes == 1 else 'lattices'} over {steps} steps"
    if by_jax and program.gradient == "plain":
        kept = steps * 2 * program.lattice.sites * min(lanes, width) * dtype.itemsize
        memory.refuse(kept, f"gradient='plain' of {what}", "take gradient='adjoint', or fewer steps")
    results = in_chunks(function, batched, width)
    instead = "observe less, map over fewer lattices at a time (jax.lax.map with batch_size), or run in parts"
    memory.refuse(memory.bytes_of(results), what, instead)
    return results


def _wide_state(chunk: tuple[Extras, Inputs]) -> Inputs:
    """Return the inputs with a state as wide as the batch, even where only extras differ from lane to lane."""
    p = chunk[1].polarization
    return chunk[1]._replace(polarization=jnp.broadcast_to(p, (*p.shape[:-1], batch_size(chunk))))


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
