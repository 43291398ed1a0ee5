"""The random-subset update with the batch last, touching only the rows that move.

Of each component the carry is z = [p; projected; 0], and the mean <p> is carried along. The visible field is not
stored: the value that a site shows to its neighbours is its row of p if it moved at the step before, else its row of
``projected``. The first two steps of a run, when none or all of the sites move, are done with all sites at hand.
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
from ferro_jax.engine.update import Backward, Carry, Fields, Start, Step, Sums, Tables, Update
from ferro_jax.types import Lattice


def _start(schedule: Schedule, inputs: Inputs, lattice: Lattice, reverse: bool) -> Start:
    """The carry (z of x, z of y, <px>, <py>) after the steps with ``schedule.full`` masks."""
    c, drive = constants(inputs, lattice)
    total = neighbour_total(lattice, c.weights, False, reverse=reverse)
    p, visible, projected = inputs.polarization, inputs.visible, inputs.projected
    done = []
    for moves, field in zip(schedule.full, drive, strict=False):
        gx, gy = rates(clip(p[0], lattice), clip(p[1], lattice), total(visible[0]), total(visible[1]), c.linear, c)
        gx = gx + (c.local[0] + (field[0][None] + c.depolarization * mean(p[0])))
        gy = gy + (c.local[1] + (field[1][None] + c.depolarization * mean(p[1])))
        rate = jnp.stack([gx if lattice.axes == "xy" else jnp.zeros_like(gx), gy])
        moves = moves[None, :, None]
        projected = jnp.where(moves, p + 2 * rate, projected)
        p = jnp.where(moves, p + rate, p)
        visible = jnp.where(moves, p, projected)
        done.append((p, visible, projected))
    z = jnp.concatenate([p, projected, jnp.zeros_like(p[:, :1])], axis=1)
    return Start((z[0], z[1], mean(p[0]), mean(p[1])), c, drive[len(done) :], done)


def _tables(schedule: Schedule) -> Tables:
    return schedule.rows, schedule.targets, schedule.sources


def _make_step(c: Constants, lattice: Lattice, reverse: bool) -> Step:
    del reverse  # nothing here is its own adjoint
    ones = jnp.full((1, lattice.subset_size), 1 / lattice.sites, c.cubic.dtype)

    def step(carry: Carry, xs: Any, kick: None = None) -> tuple[Carry, Any]:
        zx, zy, mean_x, mean_y = carry
        (rows, targets, sources), field = xs
        x, y = take(zx, rows), take(zy, rows)
        linear = _of_rows(c.linear, rows)
        nx, ny = _neighbours(zx, rows, sources, c.weights), _neighbours(zy, rows, sources, c.weights)
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
    """The coefficient of each of the rows; ``f`` has one row per site or one for all."""
    return f if f.shape[0] == 1 else take(f, rows)


def _neighbours(z: Array, rows: Array, sources: Array, weights: Array | None) -> Array:
    """Sum of the values that the neighbours of the moving rows show."""
    four = [take(z, source) for source in sources]
    if weights is not None:
        four = [take(weight, rows) * f for weight, f in zip(weights, four, strict=True)]
    return (four[0] + four[1]) + (four[2] + four[3])


def _view(schedule: Schedule, carry: Carry, lattice: Lattice) -> Fields:
    return _fields(schedule.rows[-1], carry, lattice)


def _view_after(tables: Tables, carry: Carry, lattice: Lattice) -> Fields:
    return _fields(tables[0], carry, lattice)


def _fields(rows: Array, carry: Carry, lattice: Lattice) -> Fields:
    """The fields after a step in which ``rows`` moved."""
    z = jnp.stack(carry[:2])
    p, projected = z[:, : lattice.sites], z[:, lattice.sites : 2 * lattice.sites]
    return p, projected.at[:, rows].set(p[:, rows]), projected


def _backward_from(carry: Carry, lattice: Lattice, wanted: Wanted) -> Backward:
    """Each missing neighbour gets a row of its own to scatter to, instead of the forward pass's one row of zeros,
    because the rows of one scatter must differ."""
    zx, zy, mean_x, mean_y = carry
    zeros = jnp.zeros((lattice.subset_size, zx.shape[1]), zx.dtype)
    zx, zy = (jnp.concatenate([z[: 2 * lattice.sites], zeros]) for z in (zx, zy))
    local = jnp.zeros_like(zx[: lattice.sites])
    linear = local if lattice.boundary == "open" else zeros  # as in ``Constants``: one row per site, or one for all
    params = Sums(linear, zeros, zeros, zeros, zeros[:1]) if wanted.params else None
    return Backward((zx, zy, mean_x, mean_y), params, (local, local) if wanted.local else None)


def _make_adjoint(c: Constants, lattice: Lattice) -> Callable[..., tuple[Backward, Array]]:
    sites, quarter = lattice.sites, lattice.subset_size
    ones = jnp.ones((1, quarter), c.cubic.dtype)
    row_of_missing = 2 * sites + jnp.arange(quarter)

    def adjoint_step(backward: Backward, xs: Any) -> tuple[Backward, Array]:
        (zx, zy, mean_x, mean_y), params, local = backward
        (rows, targets, sources), ((x, y), for_params) = xs
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
            where = jnp.where(sources[k] == 2 * sites, row_of_missing, sources[k])
            zx = zx.at[where].add(c.coupling * gx, unique_indices=True, mode="promise_in_bounds")
            zy = zy.at[where].add(c.coupling * gy, unique_indices=True, mode="promise_in_bounds")
        mean_x, mean_y = mean_x + c.depolarization * sum_x, mean_y + c.depolarization * sum_y
        if params is not None:
            nx, ny, at_x, at_y = for_params
            on_linear, on_cubic, on_mixed = shares(x, y, gx, gy, lattice)
            total = params.linear
            total = total + on_linear if c.linear.shape[0] == 1 else put(total, rows, take(total, rows) + on_linear)
            params = Sums(
                linear=total,
                cubic=params.cubic + on_cubic,
                mixed=params.mixed + on_mixed,
                coupling=params.coupling + (gx * nx + gy * ny),
                depolarization=params.depolarization + (sum_x * at_x + sum_y * at_y),
            )
        if local is not None:
            local = (put(local[0], rows, take(local[0], rows) + gx), put(local[1], rows, take(local[1], rows) + gy))
        return Backward((zx, zy, mean_x, mean_y), params, local), jnp.concatenate([sum_x, sum_y])

    return adjoint_step


def _adjoint_unroll(wanted: Wanted) -> int:
    """One: more gain nothing here."""
    return 1


def _carry_at_start(carry: Carry, lattice: Lattice) -> Carry:
    """The rows of missing neighbours become the forward pass's row of zeros, whose cotangent is zero."""
    zx, zy, mean_x, mean_y = carry
    zx, zy = (jnp.concatenate([z[: 2 * lattice.sites], jnp.zeros_like(z[:1])]) for z in (zx, zy))
    return zx, zy, mean_x, mean_y


UPDATE = Update(
    start=_start,
    tables=_tables,
    make_step=_make_step,
    view=_view,
    view_after=_view_after,
    backward_from=_backward_from,
    make_adjoint=_make_adjoint,
    adjoint_unroll=_adjoint_unroll,
    carry_at_start=_carry_at_start,
)
