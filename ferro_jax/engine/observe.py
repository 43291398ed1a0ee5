"""Carries ``observe``, a function of one State, into the batch-last kernel.

``observe`` may close over traced values (parameters under grad, fields under vmap). Those are found by tracing it once
and become arguments of the kernel, so that they are batched and differentiated like every other input.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.core import Tracer
from jax.extend.core import ClosedJaxpr, jaxpr_as_fun

from ferro_jax.types import Lattice, State


class Observer(NamedTuple):
    """``observe`` as a batch-last function, and the values that it needs.

    ``function(polarization, visible, projected, steps done, (extras, values))`` returns the observations of every lane;
    ``values`` are the floats that ``observe`` closes over, ``extras`` the step at the start of the run and the integers
    and keys that it closes over.
    """

    function: Callable[..., Any]
    extras: list[Any]
    values: list[Any]


def _lane_axis(leaf: Array) -> int | None:
    return None if leaf.shape[-1] == 1 else -1


def close_over(observe: Callable[[State], Any], state: State, lattice: Lattice) -> Observer:
    """Return the ``Observer`` of ``observe``, with all traced values that it closes over made explicit."""
    field = jax.ShapeDtypeStruct((2, *lattice.shape), state.polarization.dtype)
    step = jax.ShapeDtypeStruct((), jnp.int32)

    def of_fields(*fields: Array) -> Any:
        return observe(State(*fields))

    closed, out_shape = jax.make_jaxpr(of_fields, return_shape=True)(field, field, field, step)
    out_tree = jax.tree.structure(out_shape)
    traced = [isinstance(const, Tracer) for const in closed.consts]
    is_value = [t and jnp.issubdtype(const.dtype, jnp.floating) for t, const in zip(traced, closed.consts, strict=True)]
    is_extra = [t and not value for t, value in zip(traced, is_value, strict=True)]
    values = [const[..., None] for const, flag in zip(closed.consts, is_value, strict=True) if flag]
    extras = [const[..., None] for const, flag in zip(closed.consts, is_extra, strict=True) if flag]
    kept = [None if t else const for t, const in zip(traced, closed.consts, strict=True)]
    jaxpr = closed.jaxpr

    def single(fields: tuple[Array, ...], start: Array, extras: list[Any], values: list[Any], done: Array) -> Any:
        remaining_extras, remaining_values = iter(extras), iter(values)
        consts = [
            next(remaining_values) if value else next(remaining_extras) if extra else const
            for value, extra, const in zip(is_value, is_extra, kept, strict=True)
        ]
        arrays = [leaf.reshape(2, *lattice.shape) for leaf in fields]
        evaluate: Any = jaxpr_as_fun(ClosedJaxpr(jaxpr, consts))
        return out_tree.unflatten(evaluate(*arrays, (start + done).astype(jnp.int32)))

    def batched(p: Array, visible: Array, projected: Array, done: Array, inputs: tuple[list[Any], list[Any]]) -> Any:
        (start, *extras), values = inputs
        rest = (start, extras, values)
        axes = jax.tree.map(_lane_axis, rest)
        rest = jax.tree.map(lambda leaf: leaf[..., 0] if leaf.shape[-1] == 1 else leaf, rest)
        lanes: Any = jax.vmap(single, in_axes=(-1, *axes, None), out_axes=-1)
        return lanes((p, visible, projected), *rest, done)

    return Observer(batched, [jnp.asarray(state.step, jnp.int32)[None], *extras], values)
