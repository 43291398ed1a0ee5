"""The rollout with the batch last: many lattices side by side, one vector instruction for a row of them.

All arrays of ``Inputs`` end in a batch axis of size 1 (shared by all lanes) or of the batch size; sites are
flattened, so a neighbour is a row. The synchronous update keeps px and py as two arrays: together with the sum
inside the step that stops XLA from fusing one step into the gathers of the next. The random-subset update keeps, of
each component, z = [p; projected; 0] and touches only the rows that move: nobody stores ``seen``, because a
neighbour's seen value is its row of p if it moved at the step before, else its row of ``projected``.
"""

from collections.abc import Callable
from math import isqrt
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ferro_jax.lattice import bonds_of_site, neighbour_table
from ferro_jax.subsets import Schedule
from ferro_jax.types import Lattice, Params

# (polarization, seen, projected, steps done in this run, the inputs' closed_over) -> observations, batch last
Observe = Callable[[Array, Array, Array, Array, list[Any]], Any]


class Inputs(NamedTuple):
    """Everything of a run that can be differentiated: (2, sites, b) arrays, applied (time, 2, b), params (b,), and
    the values that ``observe`` closes over."""

    polarization: Array
    seen: Array
    projected: Array
    applied: Array
    local_field: Array
    params: Params
    closed_over: list[Any]


def batch_size(inputs: Any) -> int:
    return max(leaf.shape[-1] for leaf in jax.tree.leaves(inputs))


def _clip(p: Array, lattice: Lattice) -> Array:
    return p if lattice.clip is None else jnp.clip(p, -lattice.clip, lattice.clip)


def _take(f: Array, rows: Array | np.ndarray) -> Array:
    return f.at[rows].get(mode="promise_in_bounds")


def _put(f: Array, rows: Array, values: Array) -> Array:
    return f.at[rows].set(values, unique_indices=True, indices_are_sorted=True, mode="promise_in_bounds")


class Coefficients(NamedTuple):
    """The force's coefficients times dt · mobility (``scale``), signs included, each (1, b)."""

    linear: Array
    cubic: Array
    mixed: Array
    coupling: Array
    depolarization: Array
    scale: Array


def _coefficients(params: Params) -> Coefficients:
    p = Params(*(jnp.reshape(leaf, (1, -1)) for leaf in params))
    scale = jnp.asarray(p.dt * p.mobility)
    factors = (-2 * p.alpha1, -4 * p.alpha2, -2 * p.alpha3, 2 * p.coupling, -p.depolarization, 1.0)
    return Coefficients(*(factor * scale for factor in factors))


def _rates(x: Array, y: Array, nx: Array, ny: Array, linear: Array, c: Coefficients) -> tuple[Array, Array]:
    """dt · rate of rows of both components, without the field; ``nx``, ``ny`` the neighbour sums."""
    x2, y2 = x * x, y * y
    gx = x * (linear + c.cubic * x2 + c.mixed * y2) + c.coupling * nx
    gy = y * (linear + c.cubic * y2 + c.mixed * x2) + c.coupling * ny
    return gx, gy


def _neighbour_sum(lattice: Lattice) -> Callable[[Array], Array]:
    """Clamped neighbour sum of (sites, b) by constant gathers. The operator is symmetric: it is its own adjoint."""
    index = neighbour_table(lattice).site

    @jax.custom_vjp
    def total(f: Array) -> Array:
        below, above, right, left = (_take(f, i) for i in index)
        return (below + above) + (right + left)

    total.defvjp(lambda f: (total(f), None), lambda _, cotangent: (total(cotangent),))
    return total


def _mean(f: Array) -> Array:
    ones = jnp.full((1, f.shape[0]), 1 / f.shape[0], f.dtype)
    return jnp.matmul(ones, f, precision=jax.lax.Precision.HIGHEST)


def _scan(body: Callable, carry: Any, xs: Any, *, segmented: bool, unroll: int) -> tuple[Any, Any]:
    """``lax.scan``; segmented, only every √T-th carry is kept for the backward pass and the rest computed again."""
    length = jax.tree.leaves(xs)[0].shape[0]
    if length == 0 or not segmented:
        return jax.lax.scan(body, carry, xs, unroll=unroll if length else 1)
    size = max(1, isqrt(length))
    count = length // size
    inner = jax.checkpoint(lambda c, x: jax.lax.scan(body, c, x), prevent_cse=False)
    main = jax.tree.map(lambda x: x[: count * size].reshape(count, size, *x.shape[1:]), xs)
    carry, ys = jax.lax.scan(inner, carry, main)
    ys = jax.tree.map(lambda y: y.reshape(count * size, *y.shape[2:]), ys)
    if count * size < length:
        carry, rest = inner(carry, jax.tree.map(lambda x: x[count * size :], xs))
        ys = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), ys, rest)
    return carry, ys


def rollout(
    schedule: Schedule | None,
    inputs: Inputs,
    lattice: Lattice,
    observe: Observe | None = None,
    *,
    segmented: bool = False,
    unroll: int = 2,
) -> tuple[tuple[Array, Array, Array], Any]:
    """Final (polarization, seen, projected), each (2, sites, B), and the observations (time, ..., B)."""
    width = batch_size(inputs)
    inputs = inputs._replace(
        **{
            name: jnp.broadcast_to(getattr(inputs, name), (2, lattice.sites, width))
            for name in ("polarization", "seen", "projected")
        }
    )
    c = _coefficients(inputs.params)
    local = inputs.local_field * c.scale[None]
    drive = inputs.applied * c.scale[None]
    observing = observe if observe is not None else lambda *state: None
    common = (inputs, lattice, c, local, drive, observing, segmented, unroll)
    return _synchronous(*common) if schedule is None else _random_subset(schedule, *common)


def _full_step_rates(lattice: Lattice, c: Coefficients, local: Array) -> Callable:
    """(p, what neighbours see or None for p itself, field) of all sites → dt · rate, two (sites, b) arrays."""
    total = _neighbour_sum(lattice)
    missing = jnp.asarray(neighbour_table(lattice).absent.sum(0)[:, None], c.scale.dtype)
    grounded = lattice.boundary == "grounded"

    def rates(x: Array, y: Array, seen: tuple[Array, Array] | None, field: Array) -> tuple[Array, Array]:
        if seen is None and lattice.clip is None:
            # A site stands in for its missing neighbours: right on an open edge, undone by the coefficient elsewhere.
            linear = c.linear - c.coupling * (4 + missing if grounded else 4)
            nx, ny = total(x), total(y)
        else:
            linear = c.linear - c.coupling * (4 if grounded else 4 - missing)
            seen_x, seen_y = (x, y) if seen is None else seen
            nx, ny = total(seen_x) - missing * seen_x, total(seen_y) - missing * seen_y
        gx, gy = _rates(_clip(x, lattice), _clip(y, lattice), nx, ny, linear, c)
        return (
            gx + (local[0] + (field[0][None] + c.depolarization * _mean(x))),
            gy + (local[1] + (field[1][None] + c.depolarization * _mean(y))),
        )

    return rates


def _synchronous(
    inputs: Inputs,
    lattice: Lattice,
    c: Coefficients,
    local: Array,
    drive: Array,
    observe: Observe,
    segmented: bool,
    unroll: int,
) -> tuple[tuple[Array, Array, Array], Any]:
    rates = _full_step_rates(lattice, c, local)

    def body(carry: tuple[Array, Array], xs: tuple[Array, Array]) -> tuple[tuple[Array, Array], Any]:
        x, y = carry
        field, done = xs
        gx, gy = rates(x, y, None, field)
        x, y = x + gx, y + gy
        p = jnp.stack([x, y])
        return (x, y), observe(p, p, p, done, inputs.closed_over)

    start = (inputs.polarization[0], inputs.polarization[1])
    steps_done = jnp.arange(1, len(drive) + 1)
    final, observations = _scan(body, start, (drive, steps_done), segmented=segmented, unroll=unroll)
    final = jnp.stack(final)
    return (final, final, final), observations


def _random_subset(
    schedule: Schedule,
    inputs: Inputs,
    lattice: Lattice,
    c: Coefficients,
    local: Array,
    drive: Array,
    observe: Observe,
    segmented: bool,
    unroll: int,
) -> tuple[tuple[Array, Array, Array], Any]:
    sites = lattice.sites
    rates = _full_step_rates(lattice, c, local)
    width = inputs.polarization.shape[-1]
    p, seen, projected = inputs.polarization, inputs.seen, inputs.projected
    observations = []
    for moves, field in zip(schedule.full, drive, strict=False):  # at most two steps, with all sites at hand
        rate = jnp.stack(rates(p[0], p[1], (seen[0], seen[1]), field))
        moves = moves[None, :, None]
        projected = jnp.where(moves, p + 2 * rate, projected)
        p = jnp.where(moves, p + rate, p)
        seen = jnp.where(moves, p, projected)
        observations.append(observe(p, seen, projected, jnp.asarray(len(observations) + 1), inputs.closed_over))
    peeled = len(observations)
    later = drive[peeled:]
    observations = jax.tree.map(lambda *leaves: jnp.stack(leaves), *observations)
    if len(later) == 0:
        return (p, seen, projected), observations

    bonds = jnp.asarray(bonds_of_site(lattice).reshape(-1, 1), p.dtype)
    same_bonds = lattice.boundary != "open"
    ones = jnp.full((1, lattice.subset_size), 1 / sites, p.dtype)

    def body(carry: tuple[Array, ...], xs: tuple[Array, ...]) -> tuple[tuple[Array, ...], Any]:
        zx, zy, mean_x, mean_y = carry
        rows, targets, sources, field, done = xs
        x, y = _take(zx, rows), _take(zy, rows)
        nx = (_take(zx, sources[0]) + _take(zx, sources[1])) + (_take(zx, sources[2]) + _take(zx, sources[3]))
        ny = (_take(zy, sources[0]) + _take(zy, sources[1])) + (_take(zy, sources[2]) + _take(zy, sources[3]))
        linear = c.linear - c.coupling * (4 if same_bonds else _take(bonds, rows))
        gx, gy = _rates(_clip(x, lattice), _clip(y, lattice), nx, ny, linear, c)
        gx = gx + (_take(local[0], rows) + (field[0][None] + c.depolarization * mean_x))
        gy = gy + (_take(local[1], rows) + (field[1][None] + c.depolarization * mean_y))
        zx = _put(zx, targets, jnp.concatenate([x + gx, x + 2 * gx]))
        zy = _put(zy, targets, jnp.concatenate([y + gy, y + 2 * gy]))
        mean_x = mean_x + jnp.matmul(ones, gx, precision=jax.lax.Precision.HIGHEST)
        mean_y = mean_y + jnp.matmul(ones, gy, precision=jax.lax.Precision.HIGHEST)
        now = jnp.stack([zx, zy])
        return (zx, zy, mean_x, mean_y), observe(*unpack(now, rows), done, inputs.closed_over)

    def unpack(z: Array, rows: Array) -> tuple[Array, Array, Array]:
        p, projected = z[:, :sites], z[:, sites : 2 * sites]
        return p, projected.at[:, rows].set(p[:, rows]), projected

    z = jnp.concatenate([p, projected, jnp.zeros((2, 1, width), p.dtype)], axis=1)
    carry = (z[0], z[1], _mean(p[0]), _mean(p[1]))
    xs = (schedule.rows, schedule.targets, schedule.sources, later, jnp.arange(peeled + 1, len(drive) + 1))
    (zx, zy, _, _), rest = _scan(body, carry, xs, segmented=segmented, unroll=unroll)
    observations = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), observations, rest)
    return unpack(jnp.stack([zx, zy]), schedule.rows[-1]), observations
