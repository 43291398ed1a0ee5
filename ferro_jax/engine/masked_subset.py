"""The random-subset update on flat rows: all sites are computed, and masks say which of them move.

What neighbours see stands in the two buffers of ``slices.py``; p and the last change h = dt · rate of every site are
plain rows, replaced element by element. A site that moves takes a new h; it shows p + h, and a site that moves goes
there. ``random_subset.py`` touches the moving sites alone, by tables of indices, which pays for many lanes.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from ferro_jax.engine.random_subset import first_steps
from ferro_jax.engine.slices import SLICES, only_sites, put
from ferro_jax.engine.subsets import Schedule
from ferro_jax.engine.terms import (
    Constants,
    Drive,
    Inputs,
    Wanted,
    clip,
    constants,
    linear_of,
    on_drive,
    push,
    rates,
    rows_of_drive,
    shares,
    slopes,
    sum_rows,
)
from ferro_jax.engine.update import Backward, Carry, Fields, Mark, Start, Step, Sums, Tables, Update, added, no_sums
from ferro_jax.types import Lattice


def _start(schedule: Schedule, inputs: Inputs, lattice: Lattice, reverse: bool) -> Start:
    """The carry (px, py, hx, hy, what neighbours see of x and of y, and these two a step before)."""
    c, drive = constants(inputs, lattice)
    done = first_steps(schedule, inputs, lattice, c, drive, reverse)
    rest = jax.tree.map(lambda leaf: leaf[len(done) :], drive)
    mark = done[-1][0], done[-1][2]
    ghosted, _ = SLICES.constants(inputs, lattice)
    moved = SLICES.rows_of(schedule.full[-1][:, None], lattice)
    return Start(_seen_from(mark, moved, lattice), ghosted, rest, done)


def _tables(schedule: Schedule) -> Tables:
    """Masks of the sites that move at each step, and of those that moved at the step before."""
    first = len(schedule.full)
    return schedule.moves[first:], schedule.moves[first - 1 : len(schedule.moves) - 1]


def _make_step(c: Constants, lattice: Lattice, reverse: bool) -> Step:
    total = SLICES.make_total(lattice, c.weights, reverse)

    def step(carry: Carry, xs: Any, kick: None = None) -> tuple[Carry, Any]:
        x, y, hx, hy, seen_x, seen_y, other_x, other_y = carry
        (moves, _), drive = xs
        moves, drive = moves[:, None], rows_of_drive(drive, SLICES.rows_of, lattice)
        means = sum_rows(x) / lattice.sites, sum_rows(y) / lattice.sites
        nx, ny = total(seen_x), total(seen_y)
        gx, gy = rates(clip(x, lattice), clip(y, lattice), nx, ny, linear_of(drive, c), c)
        gx, gy = gx + push(drive, means, c, 0), gy + push(drive, means, c, 1)
        if lattice.axes == "y":
            gx = jnp.zeros_like(gx)
        hx, hy = jnp.where(moves, gx, hx), jnp.where(moves, gy, hy)
        shown_x, shown_y = x + hx, y + hy
        shown = put(other_x, shown_x, lattice), put(other_y, shown_y, lattice)
        moved = jnp.where(moves, shown_x, x), jnp.where(moves, shown_y, y)
        seen = SLICES.read(seen_x, lattice), SLICES.read(seen_y, lattice)
        return (*moved, hx, hy, *shown, seen_x, seen_y), ((x, y), (*seen, *means), None)

    return step


def _view(tables: Tables, mark: Mark, lattice: Lattice) -> Fields:
    """The fields after a step in which ``tables[0]`` moved."""
    p, projected = mark
    moves = SLICES.sites_of(tables[0][:, None], lattice)
    return p, jnp.where(moves[None], p, projected), projected


def _mark(carry: Carry, lattice: Lattice) -> Mark:
    """The polarization and ``projected``."""
    x, y, hx, hy = (SLICES.sites_of(f, lattice) for f in carry[:4])
    return jnp.stack([x, y]), jnp.stack([x + hx, y + hy])


def _resume(mark: Mark, tables: Tables, lattice: Lattice) -> Carry:
    return _seen_from(mark, tables[1][0][:, None], lattice)


def _seen_from(mark: Mark, moved: Array, lattice: Lattice) -> Carry:
    """The carry after a step in which ``moved`` (rows, 1) did."""
    p, projected = (SLICES.rows_of(f, lattice) for f in mark)
    x, y = (SLICES.new(f, lattice) for f in jnp.where(moved[None], p, projected))
    hx, hy = projected - p
    return p[0], p[1], hx, hy, x, y, jnp.zeros_like(x), jnp.zeros_like(y)


def _backward_from(mark: Mark, lattice: Lattice, c: Constants, wanted: Wanted) -> Backward:
    """The carry has the cotangents of p, of h and of the rates, each in two pairs of buffers.

    Only the rates' ones have neighbours. The others are in buffers because XLA would otherwise compute them again, in
    the next of the two steps of a turn, wherever they are read.
    """
    zero = jnp.zeros_like(SLICES.rows_of(mark[0][0], lattice))
    carry = _add_mark((SLICES.new(zero, lattice),) * 12, mark, lattice)
    return Backward(carry, no_sums(wanted, c, zero, zero))


def _add_mark(carry: Carry, mark: Mark, lattice: Lattice) -> Carry:
    """A mark is (p, p + h)."""
    p, projected = (SLICES.rows_of(f, lattice) for f in mark)
    more = *(p + projected), *projected
    sums = [put(f, SLICES.read(f, lattice) + m, lattice) for f, m in zip(carry[:4], more, strict=True)]
    return *sums, *carry[4:]


def _make_adjoint(c: Constants, lattice: Lattice, wanted: Wanted) -> Any:
    total = SLICES.make_total(lattice, c.weights, False)

    def adjoint_step(backward: Backward, xs: Any) -> tuple[Backward, Drive]:
        carry = backward.carry
        lx, ly, hx, hy = (SLICES.read(f, lattice) for f in carry[:4])
        from_x, from_y, other = carry[4], carry[5], carry[6:]
        (moves, _), drive, ((x, y), for_params, _) = xs
        moves, drive = moves[:, None], rows_of_drive(drive, SLICES.rows_of, lattice)
        vx, vy = c.coupling * total(from_x), c.coupling * total(from_y)  # cotangents of what neighbours saw
        on_hx, on_hy = hx + (vx + jnp.where(moves, lx, 0)), hy + (vy + jnp.where(moves, ly, 0))
        on_gx, on_gy = jnp.where(moves, on_hx, 0), jnp.where(moves, on_hy, 0)
        new_x = put(other[4], on_gx if lattice.axes == "xy" else jnp.zeros_like(on_gx), lattice)
        new_y = put(other[5], on_gy, lattice)
        gx, gy = SLICES.read(new_x, lattice), SLICES.read(new_y, lattice)
        sum_x, sum_y = (lattice.sites * SLICES.mean(f, lattice) for f in (new_x, new_y))
        along_x, along_y = slopes(x, y, gx, gy, linear_of(drive, c), c, lattice)
        factor = c.depolarization / lattice.sites
        # ghosts never move, so what these hold at ghosts goes nowhere
        next_x = (lx + vx) + (along_x + factor * sum_x)
        next_y = (ly + vy) + (along_y + factor * sum_y)
        on_linear, on_cubic, on_mixed = shares(x, y, gx, gy, lattice)
        coupling = depolarization = weights = None
        if for_params is not None:
            seen_x, seen_y, *means = for_params
            coupling = seen_x * total(new_x) + seen_y * total(new_y)
            depolarization = sum_x * means[0] + sum_y * means[1]
            if wanted.weights:
                around = (SLICES.neighbours(SLICES.new(f, lattice), lattice) for f in (seen_x, seen_y))
                weights = tuple(c.coupling * (gx * fx + gy * fy) for fx, fy in zip(*around, strict=True))
        cotangent, on_patterns = on_drive(drive, c, (sum_x, sum_y), (gx, gy), on_linear)
        if cotangent.site_field is not None:
            field = jnp.stack([SLICES.sites_of(g, lattice) for g in (gx, gy)])
            cotangent = cotangent._replace(site_field=field)
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
        going = next_x, next_y, jnp.where(moves, 0, on_hx), jnp.where(moves, 0, on_hy)
        written = [put(into, f, lattice) for into, f in zip(other[:4], going, strict=True)]
        return Backward((*written, new_x, new_y, *carry[:6]), added(backward.sums, terms)), cotangent

    return adjoint_step


def _adjoint_unroll(wanted: Wanted) -> int:
    """Two steps, after which the buffers are back in their places."""
    return 2


def _carry_at_start(carry: Carry, c: Constants, lattice: Lattice) -> Carry:
    total = SLICES.make_total(lattice, c.weights, False)
    zeros = jnp.zeros_like(carry[0])
    seen = [only_sites(SLICES.write(zeros, c.coupling * total(buffer), lattice), lattice) for buffer in carry[4:6]]
    return *(SLICES.read(f, lattice) for f in carry[:4]), *seen, zeros, zeros


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
