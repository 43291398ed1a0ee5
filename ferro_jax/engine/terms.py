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
    ``bonds`` is None where all bonds have the factor 1. What else drives the lattice, each None without it:
    ``amplitudes`` (time, k, b) of ``patterns`` (k, 2, sites, b), ``site_field`` (time, 2, sites, b), and ``alpha1``
    (time, 1, b) in the place of ``params.alpha1``.
    """

    polarization: Array
    visible: Array
    projected: Array
    applied: Array
    local_field: Array
    params: Params
    bonds: Array | None
    closed_over: list[Any]
    amplitudes: Array | None = None
    patterns: Array | None = None
    site_field: Array | None = None
    alpha1: Array | None = None


class Drive(NamedTuple):
    """What changes with time, times dt · mobility: (time, ...) for a run, without the first axis for one step.

    ``uniform`` (time, 2, b) is the field on all sites. None without them: ``amplitudes`` (time, k, b) of the patterns,
    ``site_field`` (time, 2, sites, b) and ``linear`` (time, 1, b), which is added to the linear coefficient.
    """

    uniform: Array
    amplitudes: Array | None
    site_field: Array | None
    linear: Array | None


class Constants(NamedTuple):
    """Coefficients of the force times dt · mobility, signs included, each (1, b).

    rate = p (linear + cubic p² + mixed p'²) + coupling Σ neighbours + depolarization <p> + local + drive, with p' the
    other component. ``linear`` includes the share of the site itself in its bonds, so it is (sites, b) where their
    number differs. ``local`` (2, sites, b); ``weights``, the factors of the bonds, (4, sites, b) or None; ``patterns``
    (k, 2, sites, b), without dt · mobility, or None.
    """

    linear: Array
    cubic: Array
    mixed: Array
    coupling: Array
    depolarization: Array
    local: Array
    weights: Array | None
    patterns: Array | None


class Wanted(NamedTuple):
    """Which cotangents of ``Constants`` a backward pass must add up, by its fields.

    Each costs a pass over the sites in every step, because XLA does not drop a sum that nobody reads from a loop in a
    loop.
    """

    linear: bool = False
    cubic: bool = False
    mixed: bool = False
    coupling: bool = False
    depolarization: bool = False
    local: bool = False
    weights: bool = False
    patterns: bool = False

    @property
    def params(self) -> bool:
        """Whether a sum of products with the polarization is wanted: any but those of the fields."""
        return any(self._replace(local=False, patterns=False))

    @property
    def neighbours(self) -> bool:
        """Whether a sum is wanted that reads what a step took from other sites."""
        return self.coupling or self.depolarization or self.weights


def wanted_of(inputs: Any) -> Wanted:
    """Return the cotangents of ``constants`` that those of the inputs need.

    ``inputs`` is an ``Inputs`` of booleans, True for what is differentiated (any tree of them for a field).
    """
    p, bonds = inputs.params, any(jax.tree.leaves(inputs.bonds))
    scale = p.dt or p.mobility
    return Wanted(
        linear=scale or p.alpha1 or p.coupling or bonds,
        cubic=scale or p.alpha2,
        mixed=scale or p.alpha3,
        coupling=scale or p.coupling,
        depolarization=scale or p.depolarization,
        local=scale or inputs.local_field,
        weights=bonds,
        patterns=any(jax.tree.leaves(inputs.patterns)),
    )


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


def constants(inputs: Inputs, lattice: Lattice) -> tuple[Constants, Drive]:
    """Return the coefficients and the drive of the whole run."""
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
        patterns=inputs.patterns,
    )
    drive = Drive(
        uniform=inputs.applied * scale[None],
        amplitudes=None if inputs.amplitudes is None else inputs.amplitudes * scale[None],
        site_field=None if inputs.site_field is None else inputs.site_field * scale[None, None],
        linear=None if inputs.alpha1 is None else -2 * (inputs.alpha1 - jnp.asarray(p.alpha1)[None]) * scale[None],
    )
    return factors, drive


def push(drive: Drive, means: tuple[Array, Array], c: Constants, component: int) -> Array:
    """Return the fields on a component in one step, times dt · mobility, (sites, b); ``c`` and ``drive.site_field``
    may have only some of the sites. ``means`` are those of px and py."""
    total = c.local[component] + (drive.uniform[component][None] + c.depolarization * means[component])
    if drive.amplitudes is not None and c.patterns is not None:
        for amplitude, pattern in zip(drive.amplitudes, c.patterns, strict=True):
            total = total + amplitude[None] * pattern[component]
    return total if drive.site_field is None else total + drive.site_field[component]


def rows_of_drive(drive: Drive, rows_of: Callable[[Array, Lattice], Array], lattice: Lattice) -> Drive:
    """Return the drive with ``site_field`` in the rows of a placement."""
    site_field = drive.site_field
    return drive if site_field is None else drive._replace(site_field=rows_of(site_field, lattice))


def linear_of(drive: Drive, c: Constants) -> Array:
    """Return the linear coefficient in one step."""
    return c.linear if drive.linear is None else c.linear + drive.linear


def on_drive(
    drive: Drive, c: Constants, sums: tuple[Array, Array], g: tuple[Array, Array], on_linear: Array
) -> tuple[Drive, Array | None]:
    """Return the cotangents of the drive of one step and of ``c.patterns``, from those of the rates.

    ``sums`` are those of the rates' cotangents ``g`` over the sites; ``on_linear`` is what ``shares`` returns first.
    """
    amplitudes = patterns = None
    if drive.amplitudes is not None and c.patterns is not None:
        pairs = [sum_rows(pattern[0] * g[0] + pattern[1] * g[1]) for pattern in c.patterns]
        amplitudes = jnp.concatenate(pairs)
        patterns = drive.amplitudes[:, None, None] * jnp.stack(g)[None]
    return Drive(
        uniform=jnp.concatenate(sums),
        amplitudes=amplitudes,
        site_field=None if drive.site_field is None else jnp.stack(g),
        linear=None if drive.linear is None else sum_rows(on_linear),
    ), patterns


def sum_rows(f: Array) -> Array:
    """Return the sum over the rows, (1, b)."""
    return jnp.sum(f, 0, keepdims=True)


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
