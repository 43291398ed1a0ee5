"""Map a function over the leading axis of arrays, spread over all devices and done in chunks."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from bo.devices import mesh_of, over_mesh, place
from experiments.lab import runtime
from experiments.lab.checkpoints import once


def over_devices(
    function: Callable[..., Any], chunk: int = 0, options: dict[str, Any] | None = None
) -> Callable[..., Any]:
    """Return ``jit(vmap(function))`` with the mapped axis split over the run's devices; its results are NumPy arrays.

    Each device compiles and runs its share alone (``bo.devices``). With ``chunk`` (entries per device) one compiled
    program does the work in equal pieces, and ``call(..., progress=)`` gets the number of finished entries after each.
    The last entry is repeated where the length does not fit. Every leaf of the arguments needs the same leading length.

    ``options`` are those of the compiler (``bo.compiler_options()`` for campaigns).

    In a run of several processes the devices are those of all processes. Each process must make the same calls in the
    same order with the same arguments, and each gets the whole result.

    In a run, the result and until then every piece is kept (``experiments.lab.checkpoints``).
    """
    mesh = mesh_of(runtime.devices())
    spread = over_mesh(function, mesh, options=options)

    @once
    def piece_of(*arguments: Any) -> Any:
        return multihost_utils.process_allgather(spread(*place(arguments, mesh)), tiled=True)

    @once
    def over_all(*arguments: Any, progress: Callable[[int], Any] | None = None) -> Any:
        length = len(jax.tree.leaves(arguments)[0])
        size = min(chunk * mesh.size if chunk else length, length)
        size += -size % mesh.size
        pieces = []
        for start in range(0, length, size):
            rows = np.minimum(np.arange(start, start + size), length - 1)
            pieces.append(piece_of(*jax.tree.map(lambda x, rows=rows: x[rows], arguments)))
            if progress is not None:
                progress(min(start + size, length))
        return jax.tree.map(lambda *parts: np.concatenate(parts)[:length], *pieces)

    return over_all
