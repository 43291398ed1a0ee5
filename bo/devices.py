"""Functions mapped over the devices of a mesh: of one process or of several."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec


def mesh_of(devices: Sequence[Any] | None = None) -> Mesh:
    """Return a line of devices named "seed"; by default of all there are, those of other processes included."""
    devices = jax.devices() if devices is None else devices
    return jax.make_mesh((len(devices),), ("seed",), axis_types=(AxisType.Auto,), devices=devices)


def place(tree: Any, mesh: Mesh) -> Any:
    """Place the arrays of ``tree`` with their leading axis split over a mesh of one axis (``mesh_of``).

    In a run of several processes each passes the same arrays. ValueError when an axis does not divide evenly.
    """
    for leaf in jax.tree.leaves(tree):
        if leaf.shape[0] % mesh.size:
            raise ValueError(
                f"{leaf.shape[0]} seeds do not split evenly over {mesh.size} devices: "
                "ask for a multiple, or give mesh_of(devices) fewer of them"
            )
    sharding = NamedSharding(mesh, PartitionSpec(mesh.axis_names[0]))

    def put(leaf):
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return jax.random.wrap_key_data(put(jax.random.key_data(leaf)), impl=jax.random.key_impl(leaf))
        rows = np.asarray(leaf, jax.dtypes.canonicalize_dtype(leaf.dtype))
        return jax.make_array_from_callback(rows.shape, sharding, lambda index: rows[index])

    return jax.tree.map(put, tree)


def lanes(function: Callable[..., Any], side_by_side: int | None = None) -> Callable[..., Any]:
    """Return ``vmap(function)``, ``side_by_side`` entries at a time; a batch of one is computed without the batch axis.

    With a batch axis of length one, XLA sees the posterior's V both as [1, n, m] and as [n, m], writes its new row in
    both and copies all of V twice a step.
    """

    def call(*arguments):
        length = jax.tree.leaves(arguments)[0].shape[0]
        if side_by_side is not None and side_by_side < length:
            size = {} if side_by_side == 1 else {"batch_size": side_by_side}
            return jax.lax.map(lambda entry: function(*entry), arguments, **size)
        if length > 1:
            return jax.vmap(function)(*arguments)
        single = function(*jax.tree.map(lambda leaf: leaf[0], arguments))
        return jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], single)

    return call


def over_mesh(
    function: Callable[..., Any], mesh: Mesh, side_by_side: int | None = None, options: dict[str, Any] | None = None
) -> Callable[..., Any]:
    """Return ``jit(vmap(function))`` whose mapped axis, leading in all arguments' leaves, is split over ``mesh``.

    ``options`` are those of the compiler (``bo.compiler_options()`` for campaigns).
    """
    shares, share = PartitionSpec(mesh.axis_names[0]), lanes(function, side_by_side)
    mapped = jax.shard_map(share, mesh=mesh, in_specs=shares, out_specs=shares, check_vma=False)
    return jax.jit(mapped, compiler_options=options)
