"""Functions whose members run one after another under vmap."""

from collections.abc import Callable
from typing import Any

import jax
from jax.custom_batching import sequential_vmap


def one_after_another(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return JAX's ``sequential_vmap`` of a function, which keeps its trace for all batches of the same shapes.

    JAX's rule traces the function anew for every batch and, in a scan, until it is known what is batched: five times in
    a study of many seeds. The inner ``jit`` keeps the trace and leaves the program as it is.
    """
    return sequential_vmap(jax.jit(function, inline=True))
