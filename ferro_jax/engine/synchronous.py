"""The synchronous update with the batch last: every site moves at every step.

px and py are two arrays: together with the sum inside the step that stops XLA from fusing one step into the gathers
of the next, which costs a factor of 20 and more. The order in which a step's terms are added matters for the same
reason: sums in parentheses stay as they are.
"""

from collections.abc import Callable
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
from ferro_jax.types import Lattice

Carry = tuple[Array, Array]


def start(schedule: None, inputs: Inputs, lattice: Lattice) -> tuple[Carry, Constants, Array]:
    """(px, py), constants and the drive of the steps to come."""
    c, drive = constants(inputs, lattice)
    return (inputs.polarization[0], inputs.polarization[1]), c, drive


def tables(schedule: None) -> None:
    return None


def make_step(c: Constants, lattice: Lattice, reverse: bool) -> Callable[..., tuple[Carry, Any]]:
    """(carry, (None, field (2, b)), kick (2, sites, b) or None) -> (carry, what ``pull`` needs of the step)."""
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


def view(schedule: None, carry: Carry, lattice: Lattice) -> tuple[Array, Array, Array]:
    """(polarization, seen, projected), all the same."""
    p = jnp.stack(carry)
    return p, p, p


def cotangents(carry: Carry, lattice: Lattice, wanted: Wanted) -> tuple[Carry, Any]:
    """Where the backward pass starts, with zero for what it adds up: row by row of ``linear``, ``cubic``, ``mixed``
    and ``coupling``, then of the depolarization; of the local field."""
    zero = jnp.zeros_like(carry[0])
    params = ((zero, zero, zero, zero), zero[:1]) if wanted.params else None
    return carry, (params, (zero, zero) if wanted.local else None)


def pull_unroll(wanted: Wanted) -> int:
    """Steps of ``pull`` in one turn of the loop: two save a copy of the state, but with the sums for the parameters in
    it XLA would fuse across the two and take five times as long."""
    return 1 if wanted.params else 2


def make_pull(c: Constants, lattice: Lattice) -> Callable[..., Any]:
    """The adjoint of a step: (cotangents, (None, saved)) -> (cotangents, that of the drive (2, b))."""
    total, sites = neighbour_total(lattice, None, clamped(lattice, None)), lattice.sites

    def pull(carry: Any, xs: Any) -> tuple[Any, Array]:
        (lx, ly), (params, local) = carry
        (x, y), means = xs[1]
        gx, gy = lx if lattice.axes == "xy" else jnp.zeros_like(lx), ly
        sum_x, sum_y = mean(gx), mean(gy)
        tx, ty = total(gx), total(gy)
        along_x, along_y = slopes(x, y, gx, gy, c.linear, c, lattice)
        new_x = lx + (along_x + (c.coupling * tx + c.depolarization * sum_x))
        new_y = ly + (along_y + (c.coupling * ty + c.depolarization * sum_y))
        if params is not None:
            rows, depolarization = params
            # gx · total(x) equals x · tx, but that has XLA compute the steps before it again: four times the time
            parts = (*shares(x, y, gx, gy, lattice), gx * total(x) + gy * total(y))
            rows = tuple(row + part for row, part in zip(rows, parts, strict=True))
            params = rows, depolarization + sites * (sum_x * means[0] + sum_y * means[1])
        if local is not None:
            local = (local[0] + gx, local[1] + gy)
        return ((new_x, new_y), (params, local)), sites * jnp.concatenate([sum_x, sum_y])

    return pull


def carry_at_start(carry: Carry, lattice: Lattice) -> Carry:
    """Cotangents of the carry as ``start`` returns it."""
    return carry
