"""The random-subset update with the batch last, touching only the rows that move.

Of each component the carry is z = [p; projected; 0], and the mean <p> is carried along. The visible field is not
stored: the value that a site shows to its neighbours is its row of p if it moved at the step before, else its row of
``projected``. The first two steps of a run, when none or all of the sites move, are done with all sites at hand.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from ferro_jax.engine.subsets import Schedule
from ferro_jax.engine.terms import (
    Constants,
    Drive,
    Inputs,
    Wanted,
    clip,
    constants,
    linear_of,
    mean,
    neighbour_total,
    on_drive,
    push,
    put,
    rates,
    shares,
    slopes,
    take,
)
from ferro_jax.engine.update import Backward, Carry, Fields, Mark, Start, Step, Sums, Tables, Update, added, no_sums
from ferro_jax.types import Lattice


def first_steps(
    schedule: Schedule, inputs: Inputs, lattice: Lattice, c: Constants, drive: Drive, reverse: bool
) -> list[Fields]:
    """Return the fields after each step that has a mask in ``schedule.full``."""
    total = neighbour_total(lattice, c.weights, False, reverse=reverse)
    p, visible, projected = inputs.polarization, inputs.visible, inputs.projected
    done = []
    for n, moves in enumerate(schedule.full):
        now = jax.tree.map(lambda leaf, n=n: leaf[n], drive)
        means = mean(p[0]), mean(p[1])
        linear = linear_of(now, c)
        gx, gy = rates(clip(p[0], lattice), clip(p[1], lattice), total(visible[0]), total(visible[1]), linear, c)
        gx, gy = gx + push(now, means, c, 0), gy + push(now, means, c, 1)
        rate = jnp.stack([gx if lattice.axes == "xy" else jnp.zeros_like(gx), gy])
        moves = moves[None, :, None]
        projected = jnp.where(moves, p + 2 * rate, projected)
        p = jnp.where(moves, p + rate, p)
        visible = jnp.where(moves, p, projected)
        done.append((p, visible, projected))
    return done


def _start(schedule: Schedule, inputs: Inputs, lattice: Lattice, reverse: bool) -> Start:
    """The carry (z of x, z of y, <px>, <py>) after the steps with ``schedule.full`` masks."""
    c, drive = constants(inputs, lattice)
    done = first_steps(schedule, inputs, lattice, c, drive, reverse)
    rest = jax.tree.map(lambda leaf: leaf[len(done) :], drive)
    return Start(_resume((done[-1][0], done[-1][2]), None, lattice), c, rest, done)


def _tables(schedule: Schedule) -> Tables:
    return schedule.rows, schedule.targets, schedule.sources


def _make_step(c: Constants, lattice: Lattice, reverse: bool) -> Step:
    del reverse  # nothing here is its own adjoint
    ones = jnp.full((1, lattice.subset_size), 1 / lattice.sites, c.cubic.dtype)

    def step(carry: Carry, xs: Any, kick: None = None) -> tuple[Carry, Any]:
        zx, zy, mean_x, mean_y = carry
        (rows, targets, sources), drive = xs
        here, drive = _moving(c, drive, rows)
        x, y = take(zx, rows), take(zy, rows)
        around_x, around_y = _neighbours(zx, sources), _neighbours(zy, sources)
        nx, ny = _total(around_x, here.weights), _total(around_y, here.weights)
        gx, gy = rates(clip(x, lattice), clip(y, lattice), nx, ny, linear_of(drive, here), c)
        gx, gy = gx + push(drive, (mean_x, mean_y), here, 0), gy + push(drive, (mean_x, mean_y), here, 1)
        saved = ((x, y), (nx, ny, mean_x, mean_y), (around_x, around_y))
        if lattice.axes == "xy":
            zx = put(zx, targets, jnp.concatenate([x + gx, x + 2 * gx]))
            mean_x = mean_x + jnp.matmul(ones, gx, precision="highest")
        zy = put(zy, targets, jnp.concatenate([y + gy, y + 2 * gy]))
        mean_y = mean_y + jnp.matmul(ones, gy, precision="highest")
        return (zx, zy, mean_x, mean_y), saved

    return step


def _moving(c: Constants, drive: Drive, rows: Array) -> tuple[Constants, Drive]:
    """Return the coefficients and the drive of the rows that move."""

    def of_rows(f: Array | None) -> Array | None:
        return None if f is None else jnp.moveaxis(take(jnp.moveaxis(f, -2, 0), rows), 0, -2)

    here = c._replace(
        linear=c.linear if c.linear.shape[0] == 1 else take(c.linear, rows),
        local=jnp.stack([take(c.local[0], rows), take(c.local[1], rows)]),
        weights=of_rows(c.weights),
        patterns=of_rows(c.patterns),
    )
    return here, drive._replace(site_field=of_rows(drive.site_field))


def _neighbours(z: Array, sources: Array) -> list[Array]:
    """The values that the four neighbours of each moving row show."""
    return [take(z, source) for source in sources]


def _total(four: list[Array], weights: Array | None) -> Array:
    if weights is not None:
        four = [weight * f for weight, f in zip(weights, four, strict=True)]
    return (four[0] + four[1]) + (four[2] + four[3])


def _view(tables: Tables, mark: Mark, lattice: Lattice) -> Fields:
    """The fields after a step in which ``tables[0]`` moved."""
    p, projected = mark
    rows = tables[0]
    return p, projected.at[:, rows].set(p[:, rows]), projected


def _mark(carry: Carry, lattice: Lattice) -> Mark:
    """The polarization and ``projected``."""
    z = jnp.stack(carry[:2])
    return z[:, : lattice.sites], z[:, lattice.sites : 2 * lattice.sites]


def _resume(mark: Mark, tables: Tables, lattice: Lattice) -> Carry:
    p, projected = mark
    z = jnp.concatenate([p, projected, jnp.zeros_like(p[:, :1])], axis=1)
    return z[0], z[1], mean(p[0]), mean(p[1])


def _backward_from(mark: Mark, lattice: Lattice, c: Constants, wanted: Wanted) -> Backward:
    """Each missing neighbour gets a row of its own to scatter to, instead of the forward pass's one row of zeros,
    because the rows of one scatter must differ."""
    sites, zeros = mark[0][0], jnp.zeros((lattice.subset_size, mark[0].shape[-1]), mark[0].dtype)
    zx, zy = (jnp.concatenate([p, projected, zeros]) for p, projected in zip(*mark, strict=True))
    return Backward((zx, zy, zeros[:1], zeros[:1]), no_sums(wanted, c, jnp.zeros_like(sites), zeros))


def _add_mark(carry: Carry, mark: Mark, lattice: Lattice) -> Carry:
    sites = lattice.sites
    zx, zy = (
        z.at[:sites].add(p).at[sites : 2 * sites].add(projected)
        for z, p, projected in zip(carry[:2], *mark, strict=True)
    )
    return zx, zy, *carry[2:]


def _make_adjoint(c: Constants, lattice: Lattice, wanted: Wanted) -> Callable[..., tuple[Backward, Drive]]:
    sites, quarter = lattice.sites, lattice.subset_size
    ones = jnp.ones((1, quarter), c.cubic.dtype)
    row_of_missing = 2 * sites + jnp.arange(quarter)

    def adjoint_step(backward: Backward, xs: Any) -> tuple[Backward, Drive]:
        zx, zy, mean_x, mean_y = backward.carry
        (rows, targets, sources), drive, ((x, y), for_params, around) = xs
        whole = drive.site_field
        here, drive = _moving(c, drive, rows)
        ends_x, ends_y = take(zx, targets), take(zy, targets)
        ax, bx, ay, by = ends_x[:quarter], ends_x[quarter:], ends_y[:quarter], ends_y[quarter:]
        gx, gy = ax + (2 * bx + mean_x / sites), ay + (2 * by + mean_y / sites)
        if lattice.axes == "y":
            gx = jnp.zeros_like(gx)
        sum_x, sum_y = (jnp.matmul(ones, g, precision="highest") for g in (gx, gy))
        along_x, along_y = slopes(x, y, gx, gy, linear_of(drive, here), c, lattice)
        none = jnp.zeros_like(gx)
        if lattice.axes == "xy":
            zx = put(zx, targets, jnp.concatenate([(ax + bx) + along_x, none]))
        else:
            zx = zx.at[rows].add(along_x, unique_indices=True, mode="promise_in_bounds")
        zy = put(zy, targets, jnp.concatenate([(ay + by) + along_y, none]))
        for k in range(4):
            where = jnp.where(sources[k] == 2 * sites, row_of_missing, sources[k])
            factor = c.coupling if here.weights is None else c.coupling * here.weights[k]
            zx = zx.at[where].add(factor * gx, unique_indices=True, mode="promise_in_bounds")
            zy = zy.at[where].add(factor * gy, unique_indices=True, mode="promise_in_bounds")
        mean_x, mean_y = mean_x + c.depolarization * sum_x, mean_y + c.depolarization * sum_y
        on_linear, on_cubic, on_mixed = shares(x, y, gx, gy, lattice)
        coupling = depolarization = weights = None
        if for_params is not None:
            nx, ny, at_x, at_y = for_params
            coupling, depolarization = gx * nx + gy * ny, sum_x * at_x + sum_y * at_y
        if around is not None:
            weights = tuple(c.coupling * (gx * fx + gy * fy) for fx, fy in zip(*around, strict=True))
        cotangent, on_patterns = on_drive(drive, here, (sum_x, sum_y), (gx, gy), on_linear)
        if whole is not None:
            still = jnp.zeros((sites, gx.shape[-1]), gx.dtype)
            cotangent = cotangent._replace(site_field=jnp.stack([put(still, rows, gx), put(still, rows, gy)]))
        terms = Sums(
            linear=on_linear,
            cubic=on_cubic,
            mixed=on_mixed,
            coupling=coupling,
            depolarization=depolarization,
            local=(gx, gy),
            weights=weights,
            patterns=on_patterns,
        )
        return Backward((zx, zy, mean_x, mean_y), added(backward.sums, terms, partial(_at, rows))), cotangent

    return adjoint_step


def _at(rows: Array, total: Array, term: Array) -> Array:
    """Return the total with a term of the rows that moved added, to these rows where the total has all sites."""
    if total.shape == term.shape:
        return total + term
    if total.ndim > 2:
        return total.at[:, :, rows].add(term, unique_indices=True, mode="promise_in_bounds")
    return put(total, rows, take(total, rows) + term)


def _adjoint_unroll(wanted: Wanted) -> int:
    """One: more gain nothing here."""
    return 1


def _carry_at_start(carry: Carry, c: Constants, lattice: Lattice) -> Carry:
    """The rows of missing neighbours become the forward pass's row of zeros, whose cotangent is zero."""
    zx, zy, mean_x, mean_y = carry
    zx, zy = (jnp.concatenate([z[: 2 * lattice.sites], jnp.zeros_like(z[:1])]) for z in (zx, zy))
    return zx, zy, mean_x, mean_y


UPDATE = Update(
    start=_start,
    tables=_tables,
    make_step=_make_step,
    mark=_mark,
    resume=_resume,
    view=_view,
    backward_from=_backward_from,
    add_mark=_add_mark,
    make_adjoint=_make_adjoint,
    adjoint_unroll=_adjoint_unroll,
    carry_at_start=_carry_at_start,
)
