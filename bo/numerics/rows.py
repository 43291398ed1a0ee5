"""Linear algebra on the rows in use of arrays that have room for more.

A campaign's arrays have room for all of its evaluations. What costs n² · pool or n³ is therefore computed at one of a
few sizes, the smallest with room for the rows in use, and what costs n · pool goes through the rows in use alone. Both
are for CPUs. Accelerators compute the whole arrays, because a loop over rows would leave most of them idle. For the
same reason CPUs of many cores multiply where those of few cores solve or go from row to row.
"""

from collections.abc import Callable
from functools import partial

import jax.numpy as jnp
from jax import lax
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Bool, Float, Int

from bo.numerics.members import largest
from ferro_jax import before_xla

SMALL = 200  # rows up to which there is one size, because each further one has to be compiled
SIZES = 6
FEW_CORES = 3  # up to which a solve or a loop on one core ends sooner than a product on all
GROUP = 8  # rows that one turn of a loop adds, so that the sum is read and written once for all of them


def in_use(mask: Bool[Array, "n"]) -> Int[Array, ""]:
    """Return the number of the last true row of ``mask``, counted from 1: the largest of all members of a batch."""
    return largest(jnp.max(jnp.where(mask, jnp.arange(1, mask.shape[0] + 1), 0), initial=0))


def sizes(capacity: int) -> tuple[int, ...]:
    """Return the sizes, in growing order, at which arrays with room for ``capacity`` rows are computed."""
    return (capacity,) if capacity <= SMALL else tuple(-(-capacity * part // SIZES) for part in range(1, SIZES + 1))


def at_size(function: Callable[[int], Array], used: Int[Array, ""], capacity: int) -> Array:
    """Return ``function(size)`` for the smallest size with room for ``used`` rows; every size must give one shape."""
    steps = sizes(capacity)
    if len(steps) == 1:
        return function(capacity)
    place = jnp.sum(used > jnp.asarray(steps[:-1]))
    branches = [partial(_without_operands, function, size) for size in steps]
    return lax.platform_dependent(cpu=lambda: lax.switch(place, branches), default=branches[-1])


def _without_operands(function: Callable[[int], Array], size: int) -> Array:
    return function(size)


def solve(factor: Float[Array, "n n"], right: Float[Array, "n pool"], used: Int[Array, ""]) -> Float[Array, "n pool"]:
    """Solve L X = B for X, (n, pool), where rows of B beyond the first ``used`` are zero and those of L the identity's.

    On few cores it is written as Xᵀ Lᵀ = Bᵀ, because LAPACK counts along columns, and those of Bᵀ are rows of B:
    nothing is transposed in memory. Elsewhere it is a product with L⁻¹, which takes a third more processor time.
    """
    whole = factor.shape[0]

    def product(size):
        inverse = solve_triangular(factor[:size, :size], jnp.eye(size, dtype=factor.dtype), lower=True)
        return jnp.pad(inverse @ right[:size], ((0, whole - size), (0, 0)))

    def solution(size):
        turned = lax.linalg.triangular_solve(
            factor[:size, :size], right[:size].T, left_side=False, lower=True, transpose_a=True
        )
        return jnp.pad(turned.T, ((0, whole - size), (0, 0)))

    return lax.platform_dependent(
        cpu=lambda: at_size(solution if _few_cores() else product, used, whole), default=lambda: product(whole)
    )


def weighted_sum(
    weights: Float[Array, "n"], matrix: Float[Array, "n pool"], used: Int[Array, ""]
) -> Float[Array, "pool"]:
    """Sum the first ``used`` rows with their weights, (pool,); the weights of all others must be 0."""
    return _where_few_cores(
        lambda: _by_groups(lambda row: row, weights, matrix, used), default=lambda: weights @ matrix
    )


def sum_of_squares(matrix: Float[Array, "n pool"], used: Int[Array, ""]) -> Float[Array, "pool"]:
    """Sum the squares of the first ``used`` rows, (pool,); all others must be 0."""
    ones = jnp.ones(matrix.shape[0], matrix.dtype)
    return _where_few_cores(lambda: _by_groups(jnp.square, ones, matrix, used), default=lambda: ones @ matrix**2)


def _few_cores() -> bool:
    return before_xla.cores() <= FEW_CORES


def _where_few_cores(function: Callable[[], Array], default: Callable[[], Array]) -> Array:
    return lax.platform_dependent(cpu=function if _few_cores() else default, default=default)


def _by_groups(
    function: Callable[[Array], Array], weights: Array, matrix: Array, used: Int[Array, ""]
) -> Float[Array, "pool"]:
    capacity = matrix.shape[0]
    group = min(GROUP, capacity)

    def turn(number, total):
        first = number * group
        start = jnp.minimum(first, capacity - group)  # the last group may begin with rows of the one before
        own = lax.dynamic_slice_in_dim(weights, start, group)
        own = jnp.where(start + jnp.arange(group) >= first, own, 0)
        part = lax.dynamic_slice_in_dim(matrix, start, group)
        return total + sum(own[i] * function(part[i]) for i in range(group))

    return lax.fori_loop(0, -(-largest(used) // group), turn, jnp.zeros(matrix.shape[1:], matrix.dtype))
