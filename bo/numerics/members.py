"""What the members of a vmapped function have in common: their turn, one after another, and one number for all."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap, sequential_vmap
from jaxtyping import Array, Bool, Int


def one_after_another(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return JAX's ``sequential_vmap`` of a function, which keeps its trace for all batches of the same shapes.

    JAX's rule traces the function anew for every batch and, in a scan, until it is known what is batched: five times in
    a study of many seeds. The inner ``jit`` keeps the trace and leaves the program as it is.
    """
    return sequential_vmap(jax.jit(function, inline=True))


@custom_vmap
def largest(number: Int[Array, ""] | Bool[Array, ""]) -> Int[Array, ""] | Bool[Array, ""]:
    """Return the largest ``number`` of all members of all batches around, True for a flag that any of them raises.

    It is one for all, at any depth of vmap.
    """
    return number


@largest.def_vmap
def _largest_batched(axis_size, in_batched, number):
    del axis_size, in_batched
    return largest(jnp.max(number, axis=0)), False
