"""The rollout as plain loops under numba: sites outside, lanes innermost. Needs the ``bench`` extra."""

from typing import Any

import numba
import numpy as np

from benchmarks.simulator.cases import Problem, coefficients
from benchmarks.simulator.plain_rollouts import in_lanes


@numba.njit(fastmath=True, cache=True)
def step(p, visible, projected, new_p, new_visible, push, local, moves, factors, grounded):
    """One step of all sites where ``moves`` is true; ``push`` (2, lanes) is dt · the field that all sites feel."""
    linear, cubic, mixed, coupling, _, scale, clip = factors
    _, n, m, lanes = p.shape
    for i in range(n):
        for j in range(m):
            if not moves[i, j]:
                for c in range(2):
                    for l in range(lanes):
                        new_p[c, i, j, l] = p[c, i, j, l]
                        new_visible[c, i, j, l] = projected[c, i, j, l]
                continue
            up, down, left, right = max(i - 1, 0), min(i + 1, n - 1), max(j - 1, 0), min(j + 1, m - 1)
            missing = (i == 0) + (i == n - 1) + (j == 0) + (j == m - 1) if grounded else 0
            absent = p.dtype.type(missing)
            for c in range(2):
                local_push = scale * local[c, i, j]
                for l in range(lanes):
                    f, g = p[c, i, j, l], p[1 - c, i, j, l]
                    if clip > 0:
                        f, g = max(-clip, min(clip, f)), max(-clip, min(clip, g))
                    vertical = visible[c, up, j, l] + visible[c, down, j, l]
                    around = vertical + (visible[c, i, left, l] + visible[c, i, right, l])
                    around -= absent * visible[c, i, j, l]
                    landau = f * (linear + cubic * f * f + mixed * g * g)
                    change = landau + coupling * around + (local_push + push[c, l])
                    moved = p[c, i, j, l] + change
                    new_p[c, i, j, l] = moved
                    new_visible[c, i, j, l] = moved
                    projected[c, i, j, l] = moved + change


@numba.njit(fastmath=True, cache=True)
def rollout(applied, local, moves, factors, grounded):
    """Return (p, visible) at the end of a batch of histories; arrays (2, n, n, lanes)."""
    _, n, m = local.shape
    lanes = applied.shape[2]
    p = np.zeros((2, n, m, lanes), local.dtype)
    visible, projected, new_p, new_visible = p.copy(), p.copy(), p.copy(), p.copy()
    push = np.zeros((2, lanes), local.dtype)
    for t in range(applied.shape[0]):
        for c in range(2):
            push[c] = 0
            for i in range(n):
                for j in range(m):
                    for l in range(lanes):
                        push[c, l] += p[c, i, j, l]
            for l in range(lanes):
                push[c, l] = factors[5] * applied[t, c, l] + factors[4] * push[c, l] / local.dtype.type(n * m)
        step(p, visible, projected, new_p, new_visible, push, local, moves[t], factors, grounded)
        p, new_p, visible, new_visible = new_p, p, new_visible, visible
    return p, visible


def prepare(problem: Problem) -> Any:
    """Return the function that runs ``rollout`` in chunks."""
    factors = tuple(problem.local.dtype.type(value) for value in coefficients(problem))
    grounded = problem.setup.lattice.boundary == "grounded"
    all_move = np.broadcast_to(np.ones((1, 1, 1), bool), (problem.steps, *problem.shape))

    def chunk(applied: np.ndarray, moves: np.ndarray | None) -> Any:
        return rollout(applied, problem.local, all_move.copy() if moves is None else moves, factors, grounded)

    return in_lanes(problem, chunk)
