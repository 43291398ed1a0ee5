"""How ``jax.vmap(run)`` reaches the batch-last kernel, and how it is differentiated.

``run`` adds a trailing batch axis of size 1 to all its inputs and calls the function made here. Its batching rule
folds the axis that vmap maps over into that trailing one and calls the same function again, so nested vmaps fold
too. Lanes with subsets of their own (a batched key or ``State.step``) cannot share index tables: they run one after
the other. Batches wider than what stays in a CPU's cache are cut into chunks.

Reverse mode stores nothing of the forward pass; the backward pass repeats it keeping every √T-th state, and each
segment from there. Forward mode (``jvp``, ``jacfwd``) and second derivatives are not supported.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.custom_batching import custom_vmap

from ferro_jax.kernel import Inputs, Observe, batch_size, rollout
from ferro_jax.types import Lattice


def _is_float(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jnp.floating)


def _foldable(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function(shared, batched)``, its batched leaves and all outputs ending in the batch axis, made vmappable."""
    folded = custom_vmap(function)

    @folded.def_vmap
    def rule(axis_size: int, in_batched: Any, shared: Any, batched: Any) -> tuple[Any, Any]:
        shared_batched, batched_batched = in_batched
        if any(jax.tree.leaves(shared_batched)):
            flags = jax.tree.leaves(in_batched)
            leaves, tree = jax.tree.flatten((shared, batched))
            mapped = [leaf for leaf, flag in zip(leaves, flags, strict=True) if flag]

            def lane(mapped: list[Array]) -> Any:
                remaining = iter(mapped)
                own = [next(remaining) if flag else leaf for leaf, flag in zip(leaves, flags, strict=True)]
                return folded(*jax.tree.unflatten(tree, own))

            out = jax.lax.map(lane, mapped)
            return out, jax.tree.map(lambda _: True, out)

        inner = max(leaf.shape[-1] for leaf in jax.tree.leaves(batched))

        def fold(leaf: Array, is_batched: bool) -> Array:
            if not is_batched:
                if leaf.shape[-1] == 1:
                    return leaf
                leaf = jnp.broadcast_to(leaf, (axis_size, *leaf.shape))
            leaf = jnp.moveaxis(leaf, 0, -2)
            leaf = jnp.broadcast_to(leaf, (*leaf.shape[:-1], inner))
            return leaf.reshape(*leaf.shape[:-2], axis_size * inner)

        def unfold(leaf: Array) -> Array:
            return jnp.moveaxis(leaf.reshape(*leaf.shape[:-1], axis_size, inner), -2, 0)

        leaves, tree = jax.tree.flatten(batched)
        flags = jax.tree.leaves(batched_batched)
        wide = [fold(leaf, flag) for leaf, flag in zip(leaves, flags, strict=True)]
        if not any(flags):  # nothing depends on the new axis
            out = folded(shared, batched)
            return out, jax.tree.map(lambda _: False, out)
        out = jax.tree.map(unfold, folded(shared, jax.tree.unflatten(tree, wide)))
        return out, jax.tree.map(lambda _: True, out)

    return folded


def _chunk_width(dtype: Any) -> int:
    """Lanes whose state stays in a core's cache: measured best on CPU. Other devices take the batch whole."""
    if jax.default_backend() != "cpu":
        return 1 << 30
    return 256 // jnp.dtype(dtype).itemsize


def _in_chunks(function: Callable[[Any], Any], batched: Any, dtype: Any) -> Any:
    """``function(batched)`` by chunks of the trailing axis, of equal size, the last one padded with its last lane."""
    size = batch_size(batched)
    chunks = -(-size // _chunk_width(dtype))
    if chunks == 1:
        return function(batched)
    width = -(-size // chunks)
    leaves, tree = jax.tree.flatten(batched)

    def split(leaf: Array) -> Array:
        if chunks * width > size:
            leaf = leaf[..., jnp.minimum(jnp.arange(chunks * width), size - 1)]
        return jnp.moveaxis(leaf.reshape(*leaf.shape[:-1], chunks, width), -2, 0)

    def one(parts: list[Array]) -> Any:
        remaining = iter(parts)
        return function(tree.unflatten(leaf if leaf.shape[-1] == 1 else next(remaining) for leaf in leaves))

    def join(leaf: Array) -> Array:
        leaf = jnp.moveaxis(leaf, 0, -2)
        return leaf.reshape(*leaf.shape[:-2], chunks * width)[..., :size]

    return jax.tree.map(join, jax.lax.map(one, [split(leaf) for leaf in leaves if leaf.shape[-1] > 1]))


def batchable_rollout(lattice: Lattice, observe: Callable[..., Any] | None = None) -> Callable[..., Any]:
    """``(schedule, extras, inputs) -> (final, observations)``; ``extras`` are values that ``observe`` needs and that
    have no derivative (integers, keys). All arrays but the schedule's end in the batch axis."""

    def observing(extras: list[Any]) -> Observe | None:
        if observe is None:
            return None
        with_extras = observe
        return lambda p, seen, projected, done, values: with_extras(p, seen, projected, done, (extras, values))

    def forward(schedule: Any, batched: tuple[list[Any], Inputs]) -> Any:
        def chunk(part: tuple[list[Any], Inputs]) -> Any:
            extras, inputs = part
            return rollout(schedule, inputs, lattice, observing(extras))

        return _in_chunks(chunk, batched, batched[1].polarization.dtype)

    def backward(schedule: Any, batched: tuple[list[Any], Inputs, list[Array]]) -> Any:
        def chunk(part: tuple[list[Any], Inputs, list[Array]]) -> Any:
            extras, inputs, cotangents = part
            width = batch_size(part)

            def differentiable(inputs: Inputs) -> list[Array]:
                out = rollout(schedule, inputs, lattice, observing(extras), segmented=True)
                return [leaf for leaf in jax.tree.leaves(out) if _is_float(leaf)]

            # every lane has a derivative of its own, even with respect to what the lanes share
            inputs = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (*leaf.shape[:-1], width)), inputs)
            cotangents = [jnp.broadcast_to(leaf, (*leaf.shape[:-1], width)) for leaf in cotangents]
            return jax.vjp(differentiable, inputs)[1](cotangents)[0]

        return _in_chunks(chunk, batched, batched[1].polarization.dtype)

    forward_folded, backward_folded = _foldable(forward), _foldable(backward)

    @jax.custom_vjp
    def run(schedule: Any, extras: list[Any], inputs: Inputs) -> Any:
        return forward_folded(schedule, (extras, inputs))

    def run_forward(schedule: Any, extras: list[Any], inputs: Inputs) -> tuple[Any, Any]:
        return run(schedule, extras, inputs), (schedule, extras, inputs)

    def run_backward(residuals: Any, cotangent: Any) -> tuple[None, None, Inputs]:
        schedule, extras, inputs = residuals
        cotangents = [leaf for leaf in jax.tree.leaves(cotangent) if leaf.dtype != jax.dtypes.float0]
        return None, None, backward_folded(schedule, (extras, inputs, cotangents))

    run.defvjp(run_forward, run_backward)
    return run
