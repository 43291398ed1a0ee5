"""Shared by the two updates: inputs with the batch last, coefficients of the force, sums over neighbours.

All arrays of ``Inputs`` end in a batch axis of size 1 (shared by all lanes) or of the batch size; sites are
flattened, so a neighbour is a row. b stands for the batch axis.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ferro_jax.lattice import bond_weights, neighbour_table
from ferro_jax.types import Lattice, Params


class Inputs(NamedTuple):
    """Everything of a run that can be differentiated.

    Arrays (2, sites, b), ``applied`` (time, 2, b), ``params`` (b,) and the values that ``observe`` closes over.
    ``bonds`` is None where all bonds have the factor 1.
    """

    polarization: Array
    visible: Array
    projected: Array
    applied: Array
    local_field: Array
    params: Params
    bonds: Array | None
    closed_over: list[Any]


class Constants(NamedTuple):
    """Coefficients of the force times dt · mobility, signs included, each (1, b).

    rate = p (linear + cubic p² + mixed p'²) + coupling Σ neighbours + depolarization <p> + local + drive, with p' the
    other component. ``linear`` includes the share of the site itself in its bonds, so it is (sites, b) where their
    number differs. ``local`` (2, sites, b); ``weights``, the factors of the bonds, (4, sites, b) or None.
    """

    linear: Array
    cubic: Array
    mixed: Array
    coupling: Array
    depolarization: Array
    local: Array
    weights: Array | None


class Wanted(NamedTuple):
    """The derivatives that a backward pass must add up, beyond those of state and applied field."""

    local: bool
    params: bool


def batch_size(inputs: Any) -> int:
    """Return the size of the batch axis of a tree of arrays; leaves of size 1 are shared by all lanes."""
    return max(leaf.shape[-1] for leaf in jax.tree.leaves(inputs))


def broadcast_batch(tree: Any, width: int) -> Any:
    """Return the tree with the batch axis of every leaf broadcast to ``width`` lanes."""
    return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (*leaf.shape[:-1], width)), tree)


def take(f: Array, rows: Array | np.ndarray) -> Array:
    """Return the given rows of f, whose numbers must lie within it."""
    return f.at[rows].get(mode="promise_in_bounds")


def put(f: Array, rows: Array, values: Array) -> Array:
    """Return f with the given rows replaced; their numbers must be sorted, different and within f."""
    return f.at[rows].set(values, unique_indices=True, indices_are_sorted=True, mode="promise_in_bounds")


def clip(p: Array, lattice: Lattice) -> Array:
    """Return p within ±``lattice.clip``, or p itself without one."""
    return p if lattice.clip is None else jnp.clip(p, -lattice.clip, lattice.clip)


def mean(f: Array) -> Array:
    """Return the mean over the rows, (1, b). A product with ones is quicker than a sum along the first axis."""
    ones = jnp.full((1, f.shape[0]), 1 / f.shape[0], f.dtype)
    return jnp.matmul(ones, f, precision=jax.lax.Precision.HIGHEST)


def clamped(lattice: Lattice, weights: Array | None) -> bool:
    """Whether a site may stand in for its missing neighbours: right on an open edge, undone by ``linear`` elsewhere.

    Not with a clipped p, nor where a neighbour shows another value than its polarization, nor with bond disorder.
    """
    return lattice.update == "synchronous" and lattice.clip is None and weights is None


def missing_neighbours(lattice: Lattice, dtype: Any) -> Array:
    """Return the number of missing neighbours of each site, (sites, 1)."""
    return jnp.asarray(neighbour_table(lattice).absent.sum(0)[:, None], dtype)


def constants(inputs: Inputs, lattice: Lattice) -> tuple[Constants, Array]:
    """Return the coefficients, and the applied field times dt · mobility, (time, 2, b)."""
    p = Params(*(jnp.reshape(leaf, (1, -1)) for leaf in inputs.params))
    scale = jnp.asarray(p.dt * p.mobility)
    weights = None if inputs.bonds is None else bond_weights(inputs.bonds, lattice)
    missing, grounded = missing_neighbours(lattice, scale.dtype), lattice.boundary == "grounded"
    if weights is not None:
        count = weights.sum(0) + (missing if grounded else 0)
    elif clamped(lattice, weights):
        count = 4 + missing if grounded else 4
    elif lattice.boundary == "open":
        count = 4 - missing
    else:
        count = 4
    factors = Constants(
        linear=scale * (-2 * p.alpha1 - 2 * p.coupling * count),
        cubic=scale * (-4 * p.alpha2),
        mixed=scale * (-2 * p.alpha3),
        coupling=scale * (2 * p.coupling),
        depolarization=scale * -p.depolarization,
        local=inputs.local_field * scale[None],
        weights=weights,
    )
    return factors, inputs.applied * scale[None]


def neighbour_total(
    lattice: Lattice, weights: Array | None, clamp: bool, *, reverse: bool = False
) -> Callable[[Array], Array]:
    """Return the function that sums over the neighbours of each site, (sites, b) to (sites, b), by constant gathers.

    It is a symmetric operator, so its own adjoint. ``reverse`` makes reverse mode use that instead of scattering; then
    there is no forward mode. ``clamp`` counts the site itself in the place of each missing neighbour.
    """
    index = neighbour_table(lattice).site
    if weights is not None:
        return lambda f: sum((weights[k] * take(f, rows) for k, rows in enumerate(index)), jnp.zeros_like(f))

    def total(f: Array) -> Array:
        below, above, right, left = (take(f, rows) for rows in index)
        clamped_sum = (below + above) + (right + left)
        return clamped_sum if clamp else clamped_sum - missing_neighbours(lattice, f.dtype) * f

    if not reverse:
        return total
    symmetric = jax.custom_vjp(total)
    symmetric.defvjp(lambda f: (total(f), None), lambda _, cotangent: (total(cotangent),))
    return symmetric


def rates(x: Array, y: Array, nx: Array, ny: Array, linear: Array, c: Constants) -> tuple[Array, Array]:
    """Return dt · rate of rows of both components, without the fields; ``nx`` and ``ny`` are the neighbour sums."""
    x2, y2 = x * x, y * y
    gx = x * (linear + c.cubic * x2 + c.mixed * y2) + c.coupling * nx
    gy = y * (linear + c.cubic * y2 + c.mixed * x2) + c.coupling * ny
    return gx, gy


def slopes(
    x: Array, y: Array, gx: Array, gy: Array, linear: Array, c: Constants, lattice: Lattice
) -> tuple[Array, Array]:
    """Return the transposed derivative of the local terms of ``rates`` at (x, y), before clipping, times the cotangents
    (gx, gy)."""
    a, b = clip(x, lattice), clip(y, lattice)
    a2, b2, cross = a * a, b * b, 2 * c.mixed * (a * b)
    along_x = (linear + 3 * c.cubic * a2 + c.mixed * b2) * gx + cross * gy
    along_y = (linear + 3 * c.cubic * b2 + c.mixed * a2) * gy + cross * gx
    if lattice.clip is not None:
        along_x = jnp.where(jnp.abs(x) <= lattice.clip, along_x, 0)
        along_y = jnp.where(jnp.abs(y) <= lattice.clip, along_y, 0)
    return along_x, along_y


def shares(x: Array, y: Array, gx: Array, gy: Array, lattice: Lattice) -> tuple[Array, Array, Array]:
    """Return the cotangents of ``linear``, ``cubic`` and ``mixed``, row by row, from those of the rates (gx, gy)."""
    a, b = clip(x, lattice), clip(y, lattice)
    ax, by = a * gx, b * gy
    return ax + by, a * a * ax + b * b * by, b * b * ax + a * a * by
