"""Which kernel computes a rollout: by the lattice, the number of lanes and the device, never by the user.

Slices of flat rows (``slices.py``) suit single lattices, and any number of lanes of the synchronous update. Gathers
with the batch last suit many lanes of the random-subset update, where they touch the moving sites alone, and devices
that are no CPU. XLA cuts gathers of all sites into pieces for its pool of threads, and slices it does not: 64 lanes of
20 × 20 sites by gathers took five times the processor time of slices with 16 threads, and 0.8 of it with one.
"""

from typing import Any

import jax
import jax.numpy as jnp

from ferro_jax.engine import masked_subset, random_subset, synchronous
from ferro_jax.engine.update import Update
from ferro_jax.types import Lattice

# Measured on a core with AVX2, for the random-subset update.
FEW_LANES = 4  # up to here one lane after the other in slices is quicker than gathers on any lattice
LARGE = 128 * 128  # sites from which it is quicker for any number of lanes
CACHE = 1 << 18  # bytes of one component of a chunk of lanes in slices
MOST_LANES = 16  # of such a chunk
GATHERED_CACHE = 1 << 17  # the same for lanes by gathers: 64 lanes of 32 × 32 sites took three times as long as 32
GATHERED_BYTES = 32, 256  # of one site of all lanes of a chunk by gathers, at least and at most: one vector to eight


def _may_slice(by_jax: bool) -> bool:
    return jax.default_backend() == "cpu" and not by_jax


def sliced_always(lattice: Lattice, by_jax: bool = False) -> bool:
    """Return whether any number of lanes of the lattice is computed by slices, so that it needs no index tables.

    ``by_jax`` says that JAX will differentiate the steps in reverse mode, for which only gathers are prepared.
    """
    return _may_slice(by_jax) and (lattice.update == "synchronous" or lattice.sites >= LARGE)


def _sliced(lattice: Lattice, lanes: int, by_jax: bool) -> bool:
    return sliced_always(lattice, by_jax) or (_may_slice(by_jax) and lanes <= FEW_LANES)


def update_of(lattice: Lattice, lanes: int, by_jax: bool = False) -> Update:
    """Return the update that the lattice is configured for, in the kernel that suits ``lanes`` side by side."""
    sliced = _sliced(lattice, lanes, by_jax)
    if lattice.update == "synchronous":
        return synchronous.SLICED if sliced else synchronous.GATHERED
    return masked_subset.UPDATE if sliced else random_subset.UPDATE


def chunk_width(lattice: Lattice, dtype: Any, lanes: int, by_jax: bool = False) -> int:
    """Return how many of ``lanes`` run side by side: those whose state stays in a core's cache, or all on a device that
    is no CPU. Masks of many lanes are slow, so these go one after the other."""
    if jax.default_backend() != "cpu":
        return 1 << 30
    size = jnp.dtype(dtype).itemsize
    if not _sliced(lattice, lanes, by_jax):
        least, most = (limit // size for limit in GATHERED_BYTES)
        return max(least, min(most, _power_of_two(GATHERED_CACHE // (size * lattice.sites))))
    if lattice.update == "random_subset":
        return 1
    return max(1, min(MOST_LANES, _power_of_two(CACHE // (size * lattice.sites))))


def _power_of_two(number: int) -> int:
    """Return the largest power of two up to ``number``, 1 for 0."""
    return 1 << max(0, number.bit_length() - 1)


def start_over_step(lattice: Lattice) -> float:
    """Return the memory of a mark over that of what a step saves, from which follows the length of a segment.

    The same for both kernels of an update, because one may take over the marks of the other.
    """
    if lattice.update == "synchronous":
        return 1.0
    return 2.0 if lattice.sites >= LARGE else 6.0  # a quarter of the sites is saved by gathers, all of them by slices
