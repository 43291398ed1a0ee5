"""How ``jax.vmap`` reaches a function whose arrays end in a batch axis.

The batching rule folds the axis that vmap maps over into the trailing one and calls the same function again, so nested
vmaps fold too. Lanes that differ in what a batch must share (index tables) run one after the other. Batches wider than
what stays in a CPU's cache are cut into chunks.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.custom_batching import custom_vmap

from ferro_jax.engine.terms import batch_size

Leaves = list[Array]


def fold_lanes(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``function(shared, batched)`` with a batching rule that folds lanes into the trailing axis.

    The leaves of ``batched`` and of the result must end in the batch axis. The rule works on lists of leaves, because
    JAX's forward mode of such rules fails on a tree with None in it.
    """

    def vmappable(shared: Any, batched: Any) -> Any:
        shared_leaves, shared_tree = jax.tree.flatten(shared)
        batched_leaves, batched_tree = jax.tree.flatten(batched)
        result_trees = []

        def of_leaves(shared: Leaves, batched: Leaves) -> Leaves:
            result = function(jax.tree.unflatten(shared_tree, shared), jax.tree.unflatten(batched_tree, batched))
            leaves, tree = jax.tree.flatten(result)
            result_trees.append(tree)
            return leaves

        leaves = _with_batching_rule(of_leaves)(shared_leaves, batched_leaves)
        return jax.tree.unflatten(result_trees[0], leaves)

    return vmappable


def _with_batching_rule(function: Callable[..., Leaves]) -> Callable[..., Leaves]:
    folded = custom_vmap(function)

    @folded.def_vmap
    def batching_rule(axis_size: int, in_batched: Any, shared: Leaves, batched: Leaves) -> tuple[Leaves, list[bool]]:
        shared_flags, flags = in_batched
        if any(shared_flags):
            leaves = _one_lane_after_another(folded, in_batched, shared, batched)
        elif any(flags):
            width = max(leaf.shape[-1] for leaf in batched)
            wide = [_fold(leaf, flag, axis_size, width) for leaf, flag in zip(batched, flags, strict=True)]
            leaves = [_unfold(leaf, axis_size, width) for leaf in folded(shared, wide)]
        else:  # only tangents depend on the new axis; calling ``folded`` again would recurse for ever
            leaves = function(shared, batched)
            return leaves, [False] * len(leaves)
        return leaves, [True] * len(leaves)

    return folded


def _one_lane_after_another(folded: Callable[..., Leaves], in_batched: Any, shared: Leaves, batched: Leaves) -> Leaves:
    """Map over the lanes, whose values lie along the first axis of the leaves that ``in_batched`` marks."""
    leaves, flags = [*shared, *batched], [*in_batched[0], *in_batched[1]]

    def lane(values: Leaves) -> Leaves:
        remaining = iter(values)
        in_lane = [next(remaining) if flag else leaf for leaf, flag in zip(leaves, flags, strict=True)]
        return folded(in_lane[: len(shared)], in_lane[len(shared) :])

    return jax.lax.map(lane, [leaf for leaf, flag in zip(leaves, flags, strict=True) if flag])


def _fold(leaf: Array, is_batched: bool, axis_size: int, width: int) -> Array:
    """Fold the first axis into the last one, which has ``width`` lanes; a leaf of one lane for all stays as it is."""
    if not is_batched:
        if leaf.shape[-1] == 1:
            return leaf
        leaf = jnp.broadcast_to(leaf, (axis_size, *leaf.shape))
    leaf = jnp.moveaxis(leaf, 0, -2)
    leaf = jnp.broadcast_to(leaf, (*leaf.shape[:-1], width))
    return leaf.reshape(*leaf.shape[:-2], axis_size * width)


def _unfold(leaf: Array, axis_size: int, width: int) -> Array:
    """Undo ``_fold``."""
    return jnp.moveaxis(leaf.reshape(*leaf.shape[:-1], axis_size, width), -2, 0)


def in_chunks(function: Callable[[Any], Any], batched: Any, most: int) -> Any:
    """Return ``function(batched)``, computed by chunks of at most ``most`` lanes of the trailing axis.

    The chunks have one size, of whole vectors of the processor; the last one is padded with its last lane.
    """
    size = batch_size(batched)
    chunks = -(-size // most)
    if chunks == 1:
        return function(batched)
    vector = min(8, most)  # a chunk of 50 lanes takes longer than one of 56
    width = vector * -(-size // (chunks * vector))
    leaves, tree = jax.tree.flatten(batched)

    def of_chunk(parts: Leaves) -> Any:
        remaining = iter(parts)
        return function(tree.unflatten(leaf if leaf.shape[-1] == 1 else next(remaining) for leaf in leaves))

    parts = jax.lax.map(of_chunk, [_split(leaf, size, chunks, width) for leaf in leaves if leaf.shape[-1] > 1])
    return jax.tree.map(lambda leaf: _join(leaf, size, chunks, width), parts)


def _split(leaf: Array, size: int, chunks: int, width: int) -> Array:
    """Cut the trailing axis of ``size`` lanes into chunks along a new first axis."""
    if chunks * width > size:
        leaf = leaf[..., jnp.minimum(jnp.arange(chunks * width), size - 1)]
    return jnp.moveaxis(leaf.reshape(*leaf.shape[:-1], chunks, width), -2, 0)


def _join(leaf: Array, size: int, chunks: int, width: int) -> Array:
    """Undo ``_split``, without the padding."""
    leaf = jnp.moveaxis(leaf, 0, -2)
    return leaf.reshape(*leaf.shape[:-2], chunks * width)[..., :size]
