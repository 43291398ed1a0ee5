"""The synchronous update with the batch last: every site moves at every step. In two kernels: gathers and slices.

px and py are two arrays: together with the sum inside the step that stops XLA from fusing one step into the gathers
of the next, which costs a factor of 20 and more. The order in which a step's terms are added matters for the same
reason: sums in parentheses stay as they are.
"""

from functools import partial
from typing import Any

import jax.numpy as jnp
from jax import Array

from ferro_jax.engine import placement, slices
from ferro_jax.engine.placement import Placement
from ferro_jax.engine.terms import (
    Constants,
    Drive,
    Inputs,
    Wanted,
    clip,
    linear_of,
    on_drive,
    push,
    rates,
    rows_of_drive,
    shares,
    slopes,
)
from ferro_jax.engine.update import Backward, Carry, Fields, Mark, Start, Step, Sums, Update, added, no_sums
from ferro_jax.types import Lattice


def _start(at: Placement, schedule: None, inputs: Inputs, lattice: Lattice, reverse: bool) -> Start:
    """The carry (px, py, and these a step before where the placement has two buffers); no step is done here."""
    del schedule, reverse
    factors, drive = at.constants(inputs, lattice)
    return Start(_resume(at, (inputs.polarization,), None, lattice), factors, drive, [])


def _no_tables(schedule: None) -> None:
    return None


def _make_step(at: Placement, c: Constants, lattice: Lattice, reverse: bool) -> Step:
    total = at.make_total(lattice, c.weights, reverse)

    def step(carry: Carry, xs: tuple[None, Drive], kick: Array | None = None) -> tuple[Carry, Any]:
        drive, (px, py) = rows_of_drive(xs[1], at.rows_of, lattice), carry[:2]
        x, y = at.read(px, lattice), at.read(py, lattice)
        means = at.mean(px, lattice), at.mean(py, lattice)
        gx, gy = rates(clip(x, lattice), clip(y, lattice), total(px), total(py), linear_of(drive, c), c)
        gx, gy = gx + push(drive, means, c, 0), gy + push(drive, means, c, 1)
        if kick is not None:
            gx, gy = gx + at.rows_of(kick[0], lattice), gy + at.rows_of(kick[1], lattice)
        other_x, other_y = carry[-2:]
        if lattice.axes == "xy":
            other_x = at.write(other_x, x + gx, lattice)
        other_y = at.write(other_y, y + gy, lattice)
        return (other_x, other_y, px, py)[: len(carry)], ((x, y), means, None)

    return step


def _view(tables: None, mark: Mark, lattice: Lattice) -> Fields:
    """The three fields, all the polarization."""
    return mark[0], mark[0], mark[0]


def _mark(at: Placement, carry: Carry, lattice: Lattice) -> Mark:
    return (jnp.stack([at.sites_of(at.read(buffer, lattice), lattice) for buffer in carry[:2]]),)


def _resume(at: Placement, mark: Mark, tables: None, lattice: Lattice) -> Carry:
    """Both pairs of buffers hold the state, because the one to be written keeps px if only py moves."""
    x, y = (at.new(at.rows_of(f, lattice), lattice) for f in mark[0])
    return (x, y, x, y) if at.twice else (x, y)


def _add_mark(at: Placement, carry: Carry, mark: Mark, lattice: Lattice) -> Carry:
    sums = [
        at.write(buffer, at.read(buffer, lattice) + at.rows_of(f, lattice), lattice)
        for buffer, f in zip(carry[:2], mark[0], strict=True)
    ]
    return (*sums, *carry[2:])


def _backward_from(at: Placement, mark: Mark, lattice: Lattice, c: Constants, wanted: Wanted) -> Backward:
    carry = _resume(at, mark, None, lattice)
    zero = jnp.zeros_like(at.read(carry[0], lattice))
    copies = (jnp.zeros_like(carry[0]), jnp.zeros_like(carry[0])) if wanted.params and at.twice else None
    return Backward(carry, no_sums(wanted, c, zero, zero), copies)


def _copied(at: Placement, copies: Any, x: Array, y: Array, lattice: Lattice) -> tuple[Any, Array, Array]:
    """Return the copies with x and y in them, and x and y read from there; all as they are where there are no copies.

    XLA does not vectorise a loop that adds to an array in place and reads another one, of all steps, at a place that is
    known only when it runs. The sums for the parameters are such loops, and took two thirds longer than with copies.
    """
    if copies is None:
        return None, x, y
    copies = at.write(copies[0], x, lattice), at.write(copies[1], y, lattice)
    return copies, at.read(copies[0], lattice), at.read(copies[1], lattice)


def _make_adjoint(at: Placement, c: Constants, lattice: Lattice, wanted: Wanted) -> Any:
    total, sites = at.make_total(lattice, c.weights, False), lattice.sites

    def adjoint_step(backward: Backward, xs: Any) -> tuple[Backward, Drive]:
        (from_x, from_y, *_), sums, copies = backward
        _, drive, ((x, y), means, _) = xs
        copies, x, y = _copied(at, copies, x, y, lattice)
        drive = rows_of_drive(drive, at.rows_of, lattice)
        lx, ly = at.read(from_x, lattice), at.read(from_y, lattice)
        sum_x, sum_y, tx, ty = at.mean(from_x, lattice), at.mean(from_y, lattice), total(from_x), total(from_y)
        gx, gy = lx, ly
        if lattice.axes == "y":
            gx, sum_x, tx = jnp.zeros_like(lx), jnp.zeros_like(sum_x), jnp.zeros_like(tx)
        along_x, along_y = slopes(x, y, gx, gy, linear_of(drive, c), c, lattice)
        other_x, other_y = backward.carry[-2:]
        new_x = at.write(other_x, lx + (along_x + (c.coupling * tx + c.depolarization * sum_x)), lattice)
        new_y = at.write(other_y, ly + (along_y + (c.coupling * ty + c.depolarization * sum_y)), lattice)
        on_linear, on_cubic, on_mixed = shares(x, y, gx, gy, lattice)
        cotangent, on_patterns = on_drive(drive, c, (sites * sum_x, sites * sum_y), (gx, gy), on_linear)
        if cotangent.site_field is not None:
            field = jnp.stack([at.sites_of(g, lattice) for g in (gx, gy)])
            cotangent = cotangent._replace(site_field=field)
        terms = Sums(
            linear=on_linear,
            cubic=on_cubic,
            mixed=on_mixed,
            # x · tx would be equal, but with it XLA computes the steps before this one again: four times the time
            coupling=x * tx + y * ty if at.twice else gx * total(x) + gy * total(y),
            depolarization=None if means is None else sites * (sum_x * means[0] + sum_y * means[1]),
            local=(gx, gy),
            weights=_on_weights(at, (gx, gy), (x, y), copies, c, lattice) if wanted.weights else None,
            patterns=on_patterns,
        )
        carry = (new_x, new_y, from_x, from_y)[: len(backward.carry)]
        return Backward(carry, added(sums, terms), copies), cotangent

    return adjoint_step


def _on_weights(
    at: Placement, g: tuple[Array, Array], xy: tuple[Array, Array], copies: Any, c: Constants, lattice: Lattice
) -> tuple[Array, ...]:
    """Return the cotangents of the factors of the bonds in one step, from those of the rates and from (px, py)."""
    buffers = copies or tuple(at.new(f, lattice) for f in xy)
    around = zip(*(at.neighbours(buffer, lattice) for buffer in buffers), strict=True)
    return tuple(c.coupling * (g[0] * x + g[1] * y) for x, y in around)


def _adjoint_unroll(at: Placement, wanted: Wanted) -> int:
    """Two steps save a copy of the state; but with the sums for the parameters in them XLA would fuse the gathers of
    two steps and take five times as long."""
    return 2 if at.twice or not wanted.params else 1


def _carry_at_start(at: Placement, carry: Carry, c: Constants, lattice: Lattice) -> Carry:
    """The buffers that the first step overwrites have no influence, nor has what stands beyond the sites."""
    if not at.twice:
        return carry
    x, y = (slices.only_sites(buffer, lattice) for buffer in carry[:2])
    return x, y, jnp.zeros_like(x), jnp.zeros_like(y)


def _update(at: Placement) -> Update:
    return Update(
        start=partial(_start, at),
        tables=_no_tables,
        make_step=partial(_make_step, at),
        mark=partial(_mark, at),
        resume=partial(_resume, at),
        view=_view,
        backward_from=partial(_backward_from, at),
        add_mark=partial(_add_mark, at),
        make_adjoint=partial(_make_adjoint, at),
        adjoint_unroll=partial(_adjoint_unroll, at),
        carry_at_start=partial(_carry_at_start, at),
    )


GATHERED, SLICED = _update(placement.GATHERS), _update(slices.SLICES)
