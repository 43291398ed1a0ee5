"""The random-subset update with the batch last, touching only the rows that move.

Of each component the carry is z = [p; projected; 0]. Nobody stores ``seen``: a neighbour's seen value is its row of p
if it moved at the step before, else its row of ``projected``. The first two steps of a run, when none or all of the
sites move, are done with all sites at hand (``start``).
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import Array

from ferro_jax.engine.subsets import Schedule
from ferro_jax.engine.terms import (
    Constants,
    Inputs,
    Wanted,
    clip,
    constants,
    mean,
    neighbour_total,
    put,
    rates,
    shares,
    slopes,
    take,
)
from ferro_jax.types import Lattice

Carry = tuple[Array, Array, Array, Array]  # z of x, z of y, <px>, <py>
Views = list[tuple[Array, Array, Array]]


def first_steps(
    schedule: Schedule, inputs: Inputs, lattice: Lattice, *, reverse: bool = False
) -> tuple[Carry, Constants, Array, Views]:
    """The carry after the steps with ``schedule.full`` masks, constants, the drive of the steps to come, and
    (p, seen, projected) after each step done."""
    c, drive = constants(inputs, lattice)
    total = neighbour_total(lattice, c.weights, False, reverse=reverse)
    p, seen, projected = inputs.polarization, inputs.seen, inputs.projected
    views = []
    for moves, field in zip(schedule.full, drive, strict=False):
        gx, gy = rates(clip(p[0], lattice), clip(p[1], lattice), total(seen[0]), total(seen[1]), c.linear, c)
        gx = gx + (c.local[0] + (field[0][None] + c.depolarization * mean(p[0])))
        gy = gy + (c.local[1] + (field[1][None] + c.depolarization * mean(p[1])))
        rate = jnp.stack([gx if lattice.axes == "xy" else jnp.zeros_like(gx), gy])
        moves = moves[None, :, None]
        projected = jnp.where(moves, p + 2 * rate, projected)
        p = jnp.where(moves, p + rate, p)
        seen = jnp.where(moves, p, projected)
        views.append((p, seen, projected))
    z = jnp.concatenate([p, projected, jnp.zeros_like(p[:, :1])], axis=1)
    return (z[0], z[1], mean(p[0]), mean(p[1])), c, drive[len(views) :], views


def start(schedule: Schedule, inputs: Inputs, lattice: Lattice) -> tuple[Carry, Constants, Array]:
    """``first_steps`` without what observers see of them."""
    return first_steps(schedule, inputs, lattice)[:3]


def tables(schedule: Schedule) -> Any:
    return schedule.rows, schedule.targets, schedule.sources


def make_step(c: Constants, lattice: Lattice, reverse: bool) -> Callable[..., tuple[Carry, Any]]:
    """(carry, (tables, field (2, b))) -> (carry, what ``pull`` needs of the step)."""
    del reverse  # nothing here is its own adjoint
    ones = jnp.full((1, lattice.subset_size), 1 / lattice.sites, c.cubic.dtype)

    def step(carry: Carry, xs: Any, kick: None = None) -> tuple[Carry, Any]:
        zx, zy, mean_x, mean_y = carry
        (rows, targets, sources), field = xs
        x, y = take(zx, rows), take(zy, rows)
        linear = _of_rows(c.linear, rows)
        nx, ny = _seen(zx, rows, sources, c.weights), _seen(zy, rows, sources, c.weights)
        gx, gy = rates(clip(x, lattice), clip(y, lattice), nx, ny, linear, c)
        gx = gx + (take(c.local[0], rows) + (field[0][None] + c.depolarization * mean_x))
        gy = gy + (take(c.local[1], rows) + (field[1][None] + c.depolarization * mean_y))
        saved = ((x, y), (nx, ny, mean_x, mean_y))
        if lattice.axes == "xy":
            zx = put(zx, targets, jnp.concatenate([x + gx, x + 2 * gx]))
            mean_x = mean_x + jnp.matmul(ones, gx, precision="highest")
        zy = put(zy, targets, jnp.concatenate([y + gy, y + 2 * gy]))
        mean_y = mean_y + jnp.matmul(ones, gy, precision="highest")
        return (zx, zy, mean_x, mean_y), saved

    return step


def _of_rows(f: Array, rows: Array) -> Array:
    return f if f.shape[0] == 1 else take(f, rows)


def _seen(z: Array, rows: Array, sources: Array, weights: Array | None) -> Array:
    """What the neighbours of the moving rows show, summed."""
    four = [take(z, source) for source in sources]
    if weights is not None:
        four = [take(weight, rows) * f for weight, f in zip(weights, four, strict=True)]
    return (four[0] + four[1]) + (four[2] + four[3])


def view(schedule: Schedule, carry: Carry, lattice: Lattice) -> tuple[Array, Array, Array]:
    """(polarization, seen, projected) after the last of the schedule's steps."""
    return view_after(schedule.rows[-1], carry, lattice)


def view_after(rows: Array, carry: Carry, lattice: Lattice) -> tuple[Array, Array, Array]:
    """The same after a step in which ``rows`` moved."""
    z = jnp.stack(carry[:2])
    p, projected = z[:, : lattice.sites], z[:, lattice.sites : 2 * lattice.sites]
    return p, projected.at[:, rows].set(p[:, rows]), projected


def cotangents(carry: Carry, lattice: Lattice, wanted: Wanted) -> tuple[Carry, Any]:
    """Where the backward pass starts, with zero for what it adds up (as in ``synchronous.py``). Each missing neighbour
    gets a row of its own to scatter to, instead of the forward pass's one row of zeros: the rows must differ."""
    zx, zy, mean_x, mean_y = carry
    zeros = jnp.zeros((lattice.subset_size, zx.shape[1]), zx.dtype)
    zx, zy = (jnp.concatenate([z[: 2 * lattice.sites], zeros]) for z in (zx, zy))
    local = jnp.zeros_like(zx[: lattice.sites])
    own = local if lattice.boundary == "open" else zeros  # as ``linear``: one row per site, or one for all
    params = ((own, zeros, zeros, zeros), zeros[:1]) if wanted.params else None
    return (zx, zy, mean_x, mean_y), (params, (local, local) if wanted.local else None)


def pull_unroll(wanted: Wanted) -> int:
    """Steps of ``pull`` in one turn of the loop; more gain nothing here."""
    return 1


def make_pull(c: Constants, lattice: Lattice) -> Callable[..., Any]:
    """The adjoint of a step: (cotangents, (tables, saved)) -> (cotangents, that of the drive (2, b))."""
    sites, quarter = lattice.sites, lattice.subset_size
    ones = jnp.ones((1, quarter), c.cubic.dtype)
    own_row = 2 * sites + jnp.arange(quarter)

    def pull(carry: Any, xs: Any) -> tuple[Any, Array]:
        (zx, zy, mean_x, mean_y), (params, local) = carry
        (rows, targets, sources), ((x, y), more) = xs
        linear = _of_rows(c.linear, rows)
        ends_x, ends_y = take(zx, targets), take(zy, targets)
        ax, bx, ay, by = ends_x[:quarter], ends_x[quarter:], ends_y[:quarter], ends_y[quarter:]
        gx, gy = ax + (2 * bx + mean_x / sites), ay + (2 * by + mean_y / sites)
        if lattice.axes == "y":
            gx = jnp.zeros_like(gx)
        sum_x, sum_y = (jnp.matmul(ones, g, precision="highest") for g in (gx, gy))
        along_x, along_y = slopes(x, y, gx, gy, linear, c, lattice)
        none = jnp.zeros_like(gx)
        if lattice.axes == "xy":
            zx = put(zx, targets, jnp.concatenate([(ax + bx) + along_x, none]))
        else:
            zx = zx.at[rows].add(along_x, unique_indices=True, mode="promise_in_bounds")
        zy = put(zy, targets, jnp.concatenate([(ay + by) + along_y, none]))
        for k in range(4):
            where = jnp.where(sources[k] == 2 * sites, own_row, sources[k])
            zx = zx.at[where].add(c.coupling * gx, unique_indices=True, mode="promise_in_bounds")
            zy = zy.at[where].add(c.coupling * gy, unique_indices=True, mode="promise_in_bounds")
        mean_x, mean_y = mean_x + c.depolarization * sum_x, mean_y + c.depolarization * sum_y
        if params is not None:
            (own, cubic, mixed, coupling), depolarization = params
            nx, ny, at_x, at_y = more
            on_linear, on_cubic, on_mixed = shares(x, y, gx, gy, lattice)
            own = own + on_linear if c.linear.shape[0] == 1 else put(own, rows, take(own, rows) + on_linear)
            parts = (own, cubic + on_cubic, mixed + on_mixed, coupling + (gx * nx + gy * ny))
            params = parts, depolarization + (sum_x * at_x + sum_y * at_y)
        if local is not None:
            local = tuple(put(f, rows, take(f, rows) + g) for f, g in zip(local, (gx, gy), strict=True))
        return ((zx, zy, mean_x, mean_y), (params, local)), jnp.concatenate([sum_x, sum_y])

    return pull


def carry_at_start(carry: Carry, lattice: Lattice) -> Carry:
    """Cotangents of the carry as ``start`` returns it."""
    zx, zy, mean_x, mean_y = carry
    zx, zy = (jnp.concatenate([z[: 2 * lattice.sites], jnp.zeros_like(z[:1])]) for z in (zx, zy))
    return zx, zy, mean_x, mean_y
