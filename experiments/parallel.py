"""Independent work side by side: the leading axis of some arrays, spread over the devices and done in chunks."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, PartitionSpec


def over_devices(function: Callable[..., Any], chunk: int = 0) -> Callable[..., Any]:
    """``jit(vmap(function))`` with the mapped axis split over all local devices; the results are NumPy arrays.

    Each device compiles and runs its share alone (``shard_map``): XLA's automatic partitioning would gather the
    operands of factorisations on every device. With ``chunk`` (entries per device) the work is done in equal pieces by
    one compiled program, and ``call(..., progress=)`` is told after each how many entries are done. The last entry is
    repeated where the length does not fit. Every leaf of the arguments needs the same leading length.
    """
    devices = jax.local_devices()
    mesh = jax.make_mesh((len(devices),), ("work",), axis_types=(AxisType.Auto,), devices=devices)
    shares = PartitionSpec("work")
    spread = jax.jit(jax.shard_map(jax.vmap(function), mesh=mesh, in_specs=shares, out_specs=shares, check_vma=False))

    def call(*arguments: Any, progress: Callable[[int], Any] | None = None) -> Any:
        length = len(jax.tree.leaves(arguments)[0])
        size = min(chunk * mesh.size if chunk else length, length)
        size += -size % mesh.size
        pieces = []
        for start in range(0, length, size):
            rows = np.minimum(np.arange(start, start + size), length - 1)
            piece = spread(*jax.tree.map(lambda x, rows=rows: jnp.asarray(x)[rows], arguments))
            pieces.append(jax.tree.map(np.asarray, piece))
            if progress is not None:
                progress(min(start + size, length))
        return jax.tree.map(lambda *parts: np.concatenate(parts)[:length], *pieces)

    return call
