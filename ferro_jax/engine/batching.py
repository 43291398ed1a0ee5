"""How ``jax.vmap(run)`` reaches the batch-last kernel, and how it is differentiated.

``run`` adds a trailing batch axis of size 1 to all its inputs and calls the function made here. Its batching rule
folds the axis that vmap maps over into that trailing one and calls the same function again, so nested vmaps fold
too. Lanes with subsets of their own (a batched key or ``State.step``) cannot share index tables: they run one after
the other. Batches wider than what stays in a CPU's cache are cut into chunks.

Reverse mode has three ways: ``adjoint`` (by hand, ``adjoint.py``), ``checkpoint`` (JAX's, storing nothing of the
forward pass: the backward pass repeats it keeping every √T-th state, and each segment from there) and ``plain``
(JAX's, storing every step). Runs with observations, bond disorder or noise take ``checkpoint`` where ``adjoint`` is
asked for. ``forward`` gives up reverse mode for forward mode (``jvp``, ``jacfwd``), whose tangents are lanes of the
kernel too; products with the Hessian are the ``jvp`` of a gradient by ``adjoint``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.custom_batching import custom_vmap
from jax.custom_derivatives import SymbolicZero

from ferro_jax.engine import adjoint
from ferro_jax.engine.kernel import Noise, Observe, rollout
from ferro_jax.engine.terms import Inputs, Wanted, batch_size
from ferro_jax.types import Lattice

GRADIENTS = ("adjoint", "checkpoint", "plain", "forward")
Extras = dict[str, list[Any]]


def _is_float(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jnp.floating)


def _foldable(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function(shared, batched)``, its batched leaves and all outputs ending in the batch axis, made vmappable.

    The custom rule sees lists of arrays: JAX's forward mode of such rules cannot cope with a None in a tree."""

    def call(shared: Any, batched: Any) -> Any:
        shared_leaves, shared_tree = jax.tree.flatten(shared)
        batched_leaves, batched_tree = jax.tree.flatten(batched)
        out_trees = []

        def flat(shared: list[Array], batched: list[Array]) -> list[Array]:
            out = function(jax.tree.unflatten(shared_tree, shared), jax.tree.unflatten(batched_tree, batched))
            leaves, tree = jax.tree.flatten(out)
            out_trees.append(tree)
            return leaves

        leaves = _folded(flat)(shared_leaves, batched_leaves)
        return jax.tree.unflatten(out_trees[0], leaves)

    return call


def _folded(function: Callable[..., list[Array]]) -> Callable[..., list[Array]]:
    folded = custom_vmap(function)

    @folded.def_vmap
    def rule(axis_size: int, in_batched: Any, shared: list[Array], batched: list[Array]) -> tuple[Any, Any]:
        flags_shared, flags = in_batched
        if any(flags_shared):
            every, all_flags, count = [*shared, *batched], [*flags_shared, *flags], len(shared)
            mapped = [leaf for leaf, flag in zip(every, all_flags, strict=True) if flag]

            def lane(mapped: list[Array]) -> list[Array]:
                remaining = iter(mapped)
                own = [next(remaining) if flag else leaf for leaf, flag in zip(every, all_flags, strict=True)]
                return folded(own[:count], own[count:])

            out = jax.lax.map(lane, mapped)
            return out, [True] * len(out)
        if not any(flags):  # only tangents depend on the new axis; calling folded again would recurse for ever
            out = function(shared, batched)
            return out, [False] * len(out)

        inner = max(leaf.shape[-1] for leaf in batched)

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

        wide = [fold(leaf, flag) for leaf, flag in zip(batched, flags, strict=True)]
        out = [unfold(leaf) for leaf in folded(shared, wide)]
        return out, [True] * len(out)

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
    vector = 32 // jnp.dtype(dtype).itemsize  # a chunk of 50 lanes takes longer than one of 56
    width = vector * -(-size // (chunks * vector))
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


def batchable_rollout(
    lattice: Lattice, observe: Callable[..., Any] | None = None, gradient: str = "adjoint"
) -> Callable[..., Any]:
    """``(schedule, extras, inputs) -> (final, observations)``; ``extras`` are values without a derivative: those that
    ``observe`` needs (integers, keys) and, on a thermal lattice, ``noise``: key and step at the start. All arrays but
    the schedule's end in the batch axis. ``gradient`` is one of ``GRADIENTS``."""

    def hooks(extras: Extras, inputs: Inputs) -> tuple[Observe | None, Noise | None]:
        watch = noise = None
        if observe is not None:
            with_extras = observe
            watch = lambda p, seen, projected, done, values: with_extras(  # noqa: E731
                p, seen, projected, done, (extras["observe"], values)
            )
        if lattice.thermal:
            noise = thermal_noise(extras["noise"], inputs, lattice)
        return watch, noise

    def forward(schedule: Any, batched: tuple[Extras, Inputs]) -> Any:
        def chunk(part: tuple[Extras, Inputs]) -> Any:
            extras, inputs = part
            p = inputs.polarization  # wide even where only the keys of the noise differ from lane to lane
            inputs = inputs._replace(polarization=jnp.broadcast_to(p, (*p.shape[:-1], batch_size(part))))
            return rollout(schedule, inputs, lattice, *hooks(extras, inputs))

        return _in_chunks(chunk, batched, batched[1].polarization.dtype)

    def backward_by_jax(schedule: Any, batched: tuple[Extras, Inputs, list[Array]]) -> Any:
        def chunk(part: tuple[Extras, Inputs, list[Array]]) -> Any:
            extras, inputs, cotangents = part
            width = batch_size(part)

            def differentiable(inputs: Inputs) -> list[Array]:
                segmented = gradient != "plain"
                out = rollout(schedule, inputs, lattice, *hooks(extras, inputs), reverse=True, segmented=segmented)
                return [leaf for leaf in jax.tree.leaves(out) if _is_float(leaf)]

            # every lane has a derivative of its own, even with respect to what the lanes share
            inputs = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (*leaf.shape[:-1], width)), inputs)
            cotangents = [jnp.broadcast_to(leaf, (*leaf.shape[:-1], width)) for leaf in cotangents]
            return jax.vjp(differentiable, inputs)[1](cotangents)[0]

        return _in_chunks(chunk, batched, batched[1].polarization.dtype)

    @lru_cache
    def by_hand(wanted: Wanted) -> tuple[Callable[..., Any], Callable[..., Any]]:
        def forward(schedule: Any, inputs: Inputs) -> Any:
            def chunk(part: Inputs) -> Any:
                return adjoint.forward(schedule, part, lattice, wanted)

            return _in_chunks(chunk, inputs, inputs.polarization.dtype)

        def backward(schedule: Any, batched: tuple[Inputs, Any, Any]) -> Any:
            def chunk(part: tuple[Inputs, Any, Any]) -> Any:
                inputs, marks, cotangents = part
                width = batch_size(part)
                cotangents = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (*leaf.shape[:-1], width)), cotangents)
                return adjoint.backward(schedule, inputs, marks, cotangents, lattice, wanted)

            return _in_chunks(chunk, batched, batched[0].polarization.dtype)

        return _foldable(forward), _foldable(backward)

    def tangent(schedule: Any, batched: tuple[Extras, Inputs, Inputs]) -> Any:
        def chunk(part: tuple[Extras, Inputs, Inputs]) -> Any:
            extras, inputs, change = part
            width = batch_size(part)
            wide = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (*leaf.shape[:-1], width)), (inputs, change))
            _, moved = jax.jvp(lambda i: rollout(schedule, i, lattice, *hooks(extras, i)), wide[:1], wide[1:])
            return [leaf for leaf in jax.tree.leaves(moved) if leaf.dtype != jax.dtypes.float0]

        return _in_chunks(chunk, batched, batched[1].polarization.dtype)

    forward_folded = _foldable(forward)
    if gradient == "forward":
        tangent_folded = _foldable(tangent)

        @jax.custom_jvp
        def run_forward_mode(schedule: Any, extras: Extras, inputs: Inputs) -> Any:
            return forward_folded(schedule, (extras, inputs))

        @run_forward_mode.defjvp
        def rule(primals: Any, tangents: Any) -> tuple[Any, Any]:
            schedule, extras, inputs = primals
            # apart from the tangents, of which there may be many for one value
            out = forward_folded(schedule, (extras, inputs))
            remaining = iter(tangent_folded(schedule, (extras, inputs, tangents[2])))
            return out, jax.tree.map(
                lambda leaf: next(remaining) if _is_float(leaf) else np.zeros(leaf.shape, jax.dtypes.float0), out
            )

        return run_forward_mode

    @jax.custom_vjp
    def run(schedule: Any, extras: Extras, inputs: Inputs) -> Any:
        return forward_folded(schedule, (extras, inputs))

    by_jax_backward = _foldable(backward_by_jax)

    def run_forward(*primals: Any) -> tuple[Any, Any]:
        schedule, extras, inputs = jax.tree.map(lambda leaf: leaf.value, primals)
        params_wanted = any(leaf.perturbed for leaf in primals[2].params)
        wanted = Wanted(local=params_wanted or primals[2].local_field.perturbed, params=params_wanted)
        steps_enough = inputs.applied.shape[0] > 8  # the first two random-subset steps are in no scan
        if gradient == "adjoint" and observe is None and not lattice.thermal and inputs.bonds is None and steps_enough:
            out, marks = by_hand(wanted)[0](schedule, inputs)
            return out, (schedule, extras, inputs, (_Static(wanted), marks))
        return forward_folded(schedule, (extras, inputs)), (schedule, extras, inputs, None)

    def run_backward(residuals: Any, cotangent: Any) -> tuple[None, None, Inputs]:
        schedule, extras, inputs, saved = residuals
        if saved is not None:
            wanted, marks = saved
            return None, None, by_hand(wanted.value)[1](schedule, (inputs, marks, _instantiate(cotangent[0])))
        cotangents = [leaf for leaf in jax.tree.leaves(_instantiate(cotangent)) if leaf.dtype != jax.dtypes.float0]
        return None, None, by_jax_backward(schedule, (extras, inputs, cotangents))

    run.defvjp(run_forward, run_backward, symbolic_zeros=True)
    return run


@jax.tree_util.register_static
@dataclass(frozen=True)
class _Static:
    """A Python value among residuals, which otherwise are arrays."""

    value: Any


def _instantiate(cotangent: Any) -> Any:
    """Cotangents as arrays: zero where JAX only knows that they are."""

    def one(leaf: Any) -> Any:
        if not isinstance(leaf, SymbolicZero):
            return leaf
        of: Any = leaf.aval
        return jnp.zeros(of.shape, of.dtype)

    return jax.tree.map(one, cotangent, is_leaf=lambda leaf: isinstance(leaf, SymbolicZero))


def thermal_noise(extras: list[Any], inputs: Inputs, lattice: Lattice) -> Noise:
    """Steps done → (2, sites, b) normal numbers of variance 2 · mobility · thermal_energy · dt. Step t of a run draws
    from ``fold_in(key, t)``, so chunks equal one long run, and a lane's draws do not depend on its batch."""
    key, start = extras
    p = inputs.params
    std = jnp.sqrt(2 * p.mobility * p.thermal_energy * p.dt)

    def one(key: Array, start: Array, done: Array) -> Array:
        return jax.random.normal(jax.random.fold_in(key, start + done), (2, lattice.sites), std.dtype)

    axes = [None if leaf.shape[-1] == 1 else -1 for leaf in (key, start)]
    key, start = (leaf[..., 0] if axis is None else leaf for leaf, axis in zip((key, start), axes, strict=True))

    def draw(done: Array) -> Array:
        if axes == [None, None]:
            normal = one(key, start, done)[..., None]
        else:
            normal = jax.vmap(one, in_axes=(*axes, None), out_axes=-1)(key, start, done)
        return normal * std[None, None]

    return draw
