"""The same rollout as others would write it: in pure Python, in NumPy, and in JAX with vmap, roll and scan.

Each ``*_rollout`` follows the formulas in its own way and shares no code with ``ferro_jax``. Under the random-subset
update a site that moves gets p + g·dt. One that does not move shows its neighbours (``visible``) p + g·dt with the g
that it computed when it last moved.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from benchmarks.simulator.cases import Problem, coefficients
from ferro_jax import Setup

LANES = 64  # batches are cut into chunks of so many histories, so that the state of a chunk stays in the cache


# ---- pure Python, one site at a time ----


def python_step(p: list, visible: list, last: list, field: tuple, local: list, moves: Any, setup: dict) -> tuple:
    """Return (p, visible, last) after one step; p[i][j] = (x, y), ``moves`` is None where all sites move."""
    n, dt = len(p), setup["dt"]
    mean_x = sum(site[0] for row in p for site in row) / n**2
    mean_y = sum(site[1] for row in p for site in row) / n**2
    drive = (field[0] - setup["depolarization"] * mean_x, field[1] - setup["depolarization"] * mean_y)
    new_p, new_visible, new_last = [], [], []
    for i in range(n):
        rows: tuple[list, list, list] = ([], [], [])
        for j in range(n):
            x, y = p[i][j]
            if moves is None or moves[i][j]:
                gx, gy = python_rate(p, visible, i, j, drive, local, setup)
                here = there = (x + dt * gx, y + dt * gy)
            else:
                gx, gy = last[i][j]
                here, there = (x, y), (x + dt * gx, y + dt * gy)
            for row, value in zip(rows, (here, there, (gx, gy)), strict=True):
                row.append(value)
        for lattice, row in zip((new_p, new_visible, new_last), rows, strict=True):
            lattice.append(row)
    return new_p, new_visible, new_last


def python_rate(p: list, visible: list, i: int, j: int, drive: tuple, local: list, setup: dict) -> tuple[float, float]:
    """Return dp/dt of one site."""
    n, (x, y) = len(p), p[i][j]
    if setup["clip"]:
        x, y = (max(-setup["clip"], min(setup["clip"], f)) for f in (x, y))
    bonds_x = bonds_y = 0.0
    for a, b in ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)):
        if 0 <= a < n and 0 <= b < n:
            bonds_x += x - visible[a][b][0]
            bonds_y += y - visible[a][b][1]
        elif setup["grounded"]:
            bonds_x += x
            bonds_y += y
    landau_x = 2 * setup["alpha1"] * x + 4 * setup["alpha2"] * x**3 + 2 * setup["alpha3"] * x * y**2
    landau_y = 2 * setup["alpha1"] * y + 4 * setup["alpha2"] * y**3 + 2 * setup["alpha3"] * y * x**2
    return (
        setup["mobility"] * (drive[0] + local[i][j][0] - landau_x - 2 * setup["coupling"] * bonds_x),
        setup["mobility"] * (drive[1] + local[i][j][1] - landau_y - 2 * setup["coupling"] * bonds_y),
    )


def prepare_python(problem: Problem) -> Any:
    """Return the function that runs one history after the other, in double precision whatever the dtype."""
    lattice, (n, _) = problem.setup.lattice, problem.shape
    setup = {name: float(value) for name, value in problem.setup.params._asdict().items()}
    setup |= {"clip": lattice.clip, "grounded": lattice.boundary == "grounded"}
    local = np.moveaxis(problem.local, 0, -1).tolist()
    moves = [None] * problem.steps if problem.moves is None else problem.moves.tolist()
    drives = np.moveaxis(problem.applied, 2, 0).tolist()

    def of_history(fields: list) -> tuple[list, list]:
        p = visible = last = [[(0.0, 0.0)] * n for _ in range(n)]
        for field, mask in zip(fields, moves, strict=True):
            p, visible, last = python_step(p, visible, last, field, local, mask, setup)
        return p, visible

    def call() -> tuple[np.ndarray, np.ndarray]:
        lanes = np.array([of_history(fields) for fields in drives])
        p, visible = np.moveaxis(lanes, [0, 1, -1], [-1, 0, 1])
        return p, visible

    return call


# ---- NumPy, batch last ----


def numpy_rollout(applied: np.ndarray, local: np.ndarray, moves: Any, factors: list, grounded: bool) -> tuple:
    """Return (p, visible) at the end of a batch of histories; arrays (2, n, n, batch)."""
    linear, cubic, mixed, coupling, depolarization, scale, clip = (np.asarray(f, local.dtype) for f in factors)
    p = np.zeros((*local.shape, applied.shape[2]), local.dtype)
    visible, projected = p, p
    for t, field in enumerate(applied):
        ends = [(0, 0), (1, 1), (1, 1), (0, 0)]
        padded = np.pad(visible, ends) if grounded else np.pad(visible, ends, mode="edge")
        neighbours = padded[:, :-2, 1:-1] + padded[:, 2:, 1:-1] + padded[:, 1:-1, :-2] + padded[:, 1:-1, 2:]
        force_at = np.clip(p, -clip, clip) if clip else p
        square = force_at * force_at
        push = scale * field[:, None, None] + depolarization * p.mean((1, 2), keepdims=True)
        change = force_at * (linear + cubic * square + mixed * square[::-1]) + coupling * neighbours
        change += push + scale * local[..., None]
        if moves is None:
            p = visible = p + change
        else:
            mask = moves[t][None, :, :, None]
            moved = p + change
            projected = np.where(mask, moved + change, projected)
            p = np.where(mask, moved, p)
            visible = np.where(mask, p, projected)
    return p, visible


def in_lanes(problem: Problem, rollout: Any) -> Any:
    """Return the function that calls ``rollout(applied, moves) -> (p, visible)`` for one chunk after another."""

    def call() -> tuple[np.ndarray, np.ndarray]:
        cuts = range(0, problem.batch, LANES)
        parts = [rollout(np.ascontiguousarray(problem.applied[:, :, a : a + LANES]), problem.moves) for a in cuts]
        p, visible = (np.concatenate(chunks, axis=-1) for chunks in zip(*parts, strict=True))
        return p, visible

    return call


def prepare_numpy(problem: Problem) -> Any:
    """Return the function that runs ``numpy_rollout`` in chunks."""
    factors, grounded = coefficients(problem), problem.setup.lattice.boundary == "grounded"
    return in_lanes(problem, lambda a, moves: numpy_rollout(a, problem.local, moves, factors, grounded))


# ---- JAX, what one writes first ----


def naive_rollout(setup: Setup, moves: Array | None, local_field: Array, applied: Array) -> tuple[Array, Array]:
    """Return (polarization, visible) at the end of one history.

    Arrays (2, n, n), shifted neighbours, a mask of the sites that move (``moves`` None where all do), ``lax.scan`` over
    ``applied`` (time, 2). Batches by ``jax.vmap``.
    """
    p, lattice = setup.params, setup.lattice
    grounded, bound = lattice.boundary == "grounded", lattice.clip

    def shifted(f: Array, by: int, axis: int) -> Array:
        edge = 0 if by > 0 else f.shape[axis] - 1
        index = jnp.arange(f.shape[axis]).reshape([-1 if a == axis else 1 for a in range(3)])
        return jnp.where(index == edge, 0.0 if grounded else f, jnp.roll(f, by, axis))

    def step(carry: tuple[Array, Array, Array], xs: tuple[Array, Any]) -> tuple[tuple[Array, Array, Array], None]:
        polarization, visible, last = carry
        field, moving = xs
        total = shifted(visible, 1, 1) + shifted(visible, -1, 1) + shifted(visible, 1, 2) + shifted(visible, -1, 2)
        f = polarization if bound is None else jnp.clip(polarization, -bound, bound)
        mean = polarization.mean((1, 2), keepdims=True)
        landau = 2 * p.alpha1 * f + 4 * p.alpha2 * f**3 + 2 * p.alpha3 * f * f[::-1] ** 2
        force = field[:, None, None] + local_field - p.depolarization * mean - landau
        rate = p.mobility * (force - 2 * p.coupling * (4 * f - total))
        new = polarization + p.dt * rate
        if moving is None:
            return (new, new, rate), None
        visible = jnp.where(moving[None], new, polarization + p.dt * last)
        new = jnp.where(moving[None], new, polarization)
        return (new, visible, jnp.where(moving[None], rate, last)), None

    zero = jnp.zeros((2, *lattice.shape), setup.dtype)
    (polarization, visible, _), _ = jax.lax.scan(step, (zero, zero, zero), (applied, moves))
    return polarization, visible


def prepare_naive(problem: Problem) -> Any:
    """Return the compiled function that runs ``naive_rollout`` in chunks."""
    applied = jnp.asarray(np.moveaxis(problem.applied, 2, 0))
    moves = None if problem.moves is None else jnp.asarray(problem.moves)

    def batch(moves: Array | None, local: Array, applied: Array) -> tuple[Array, Array]:
        def of_history(field: Array) -> tuple[Array, Array]:
            return naive_rollout(problem.setup, moves, local, field)

        return jax.lax.map(of_history, applied, batch_size=min(LANES, problem.batch))

    compiled = jax.jit(batch).lower(moves, problem.local, applied).compile()
    return lambda: compiled(moves, problem.local, applied)
