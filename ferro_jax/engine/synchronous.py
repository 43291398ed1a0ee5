"""The synchronous update with the batch last: every site moves at every step.

px and py are two arrays: together with the sum inside the step that stops XLA from fusing one step into the gathers
of the next, which costs a factor of 20 and more. The order in which a step's terms are added matters for the same
reason: sums in parentheses stay as they are.
"""

from typing import Any

import jax.numpy as jnp
from jax import Array

from ferro_jax.engine.terms import (
    Constants,
    Inputs,
    Wanted,
    clamped,
    clip,
    constants,
    mean,
    neighbour_total,
    rates,
    shares,
    slopes,
)
from ferro_jax.engine.update import Backward, Carry, Fields, Start, Step, Sums, Update
from ferro_jax.types import Lattice


def _start(schedule: None, inputs: Inputs, lattice: Lattice, reverse: bool) -> Start:
    """The carry (px, py) of the state at the start; no step is done before the loop."""
    del reverse
    factors, drive = constants(inputs, lattice)
    return Start((inputs.polarization[0], inputs.polarization[1]), factors, drive, [])


def _no_tables(schedule: None) -> None:
    return None


def _make_step(c: Constants, lattice: Lattice, reverse: bool) -> Step:
    total = neighbour_total(lattice, c.weights, clamped(lattice, c.weights), reverse=reverse)

    def step(carry: Carry, xs: tuple[None, Array], kick: Array | None = None) -> tuple[Carry, Any]:
        x, y = carry
        field = xs[1]
        mean_x, mean_y = mean(x), mean(y)
        gx, gy = rates(clip(x, lattice), clip(y, lattice), total(x), total(y), c.linear, c)
        gx = gx + (c.local[0] + (field[0][None] + c.depolarization * mean_x))
        gy = gy + (c.local[1] + (field[1][None] + c.depolarization * mean_y))
        if kick is not None:
            gx, gy = gx + kick[0], gy + kick[1]
        moved = (x + gx if lattice.axes == "xy" else x, y + gy)
        return moved, ((x, y), (mean_x, mean_y))

    return step


def _view(tables_or_schedule: None, carry: Carry, lattice: Lattice) -> Fields:
    """The three fields, all the polarization."""
    p = jnp.stack(carry)
    return p, p, p


def _backward_from(carry: Carry, lattice: Lattice, wanted: Wanted) -> Backward:
    zero = jnp.zeros_like(carry[0])
    params = Sums(zero, zero, zero, zero, zero[:1]) if wanted.params else None
    return Backward(carry, params, (zero, zero) if wanted.local else None)


def _make_adjoint(c: Constants, lattice: Lattice) -> Any:
    total, sites = neighbour_total(lattice, None, clamped(lattice, None)), lattice.sites

    def adjoint_step(backward: Backward, xs: Any) -> tuple[Backward, Array]:
        (lx, ly), params, local = backward
        (x, y), means = xs[1]
        gx, gy = lx if lattice.axes == "xy" else jnp.zeros_like(lx), ly
        sum_x, sum_y = mean(gx), mean(gy)
        tx, ty = total(gx), total(gy)
        along_x, along_y = slopes(x, y, gx, gy, c.linear, c, lattice)
        new_x = lx + (along_x + (c.coupling * tx + c.depolarization * sum_x))
        new_y = ly + (along_y + (c.coupling * ty + c.depolarization * sum_y))
        if params is not None:
            on_linear, on_cubic, on_mixed = shares(x, y, gx, gy, lattice)
            # x · tx would be equal, but with it XLA computes the steps before this one again: four times the time
            on_coupling = gx * total(x) + gy * total(y)
            params = Sums(
                linear=params.linear + on_linear,
                cubic=params.cubic + on_cubic,
                mixed=params.mixed + on_mixed,
                coupling=params.coupling + on_coupling,
                depolarization=params.depolarization + sites * (sum_x * means[0] + sum_y * means[1]),
            )
        if local is not None:
            local = (local[0] + gx, local[1] + gy)
        return Backward((new_x, new_y), params, local), sites * jnp.concatenate([sum_x, sum_y])

    return adjoint_step


def _adjoint_unroll(wanted: Wanted) -> int:
    """Two steps save a copy of the state; but with the sums for the parameters in them XLA would fuse across the two
    and take five times as long."""
    return 1 if wanted.params else 2


def _carry_at_start(carry: Carry, lattice: Lattice) -> Carry:
    return carry


UPDATE = Update(
    start=_start,
    tables=_no_tables,
    make_step=_make_step,
    view=_view,
    view_after=_view,
    backward_from=_backward_from,
    make_adjoint=_make_adjoint,
    adjoint_unroll=_adjoint_unroll,
    carry_at_start=_carry_at_start,
)
