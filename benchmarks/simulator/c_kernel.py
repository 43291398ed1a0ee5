"""The C kernel (kernel.c), called through ctypes, its width tuned for each job."""

import ctypes
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from benchmarks.simulator.cases import Problem, coefficients
from benchmarks.simulator.compiler import library

WIDTHS = (1, 8, 16, 32, 64)  # lanes per block that are tried


class IndexLists:
    """The sites that move at each step, and the rows of z = [p; projected; 0] with their neighbours' visible values."""

    shifts = ((-1, 0), (1, 0), (0, -1), (0, 1))

    def __init__(self, moves: np.ndarray) -> None:
        steps, rows, columns = moves.shape
        sites = rows * columns
        padded = np.full((rows + 2, columns + 2), -1, np.int32)
        padded[1:-1, 1:-1] = np.arange(sites).reshape(rows, columns)
        around = [padded[1 + i : 1 + i + rows, 1 + j : 1 + j + columns].ravel() for i, j in self.shifts]
        neighbours = np.stack(around, axis=-1)
        flat = moves.reshape(steps, sites)
        moved = [np.flatnonzero(mask).astype(np.int32) for mask in flat]
        self.offset = np.concatenate([[0], np.cumsum([len(m) for m in moved])]).astype(np.int64)
        self.moved = np.concatenate(moved)
        before = np.concatenate([np.zeros((1, sites), bool), flat[:-1]])
        sources = []
        for mask, sites_now in zip(before, moved, strict=True):
            neighbour = neighbours[sites_now]
            visible_at = np.where(mask[neighbour], neighbour, neighbour + sites)
            sources.append(np.where(neighbour < 0, 2 * sites, visible_at))
        self.sources = np.ascontiguousarray(np.concatenate(sources), np.int32)


def _pointer(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def rollout(problem: Problem, lanes: int, threads: int = 1) -> Any:
    """Return a function without arguments that runs the problem in blocks of ``lanes``, shared out over ``threads``."""
    (rows, columns), batch, lattice = problem.shape, problem.batch, problem.setup.lattice
    dtype = problem.local.dtype
    code = library(dtype.name, lanes)
    drive, local = np.ascontiguousarray(problem.applied), np.ascontiguousarray(problem.local)
    factors = np.array(coefficients(problem))
    lists = None if problem.moves is None else IndexLists(problem.moves)
    if lattice.boundary == "periodic" or (lists is None and lattice.clip) or (lists and lattice.boundary == "open"):
        raise ValueError(f"{lattice}: the C kernel has random subsets on grounded lattices, and all sites without clip")
    final = np.zeros((2, 2, rows, columns, batch), dtype)
    blocks = -(-batch // lanes)
    cuts = [min(batch, lanes * (blocks * i // threads)) for i in range(threads + 1)]
    whole = [ctypes.c_long(value) for value in (rows, columns, batch, problem.steps)]

    def part(first: int, last: int) -> None:
        span = (ctypes.c_long(first), ctypes.c_long(last))
        arrays = (_pointer(factors), _pointer(drive), _pointer(local))
        if lists is None:
            grounded = ctypes.c_int(lattice.boundary == "grounded")
            failed = code.synchronous(*whole[:3], *span, whole[3], grounded, *arrays, _pointer(final))
        else:
            tables = (_pointer(lists.offset), _pointer(lists.moved), _pointer(lists.sources))
            sites = ctypes.c_long(rows * columns)
            failed = code.listed(sites, whole[2], *span, whole[3], *arrays, *tables, _pointer(final))
        if failed:
            raise MemoryError("the C kernel could not allocate its state")

    def call() -> tuple[np.ndarray, np.ndarray]:
        if threads == 1:
            part(0, batch)
        else:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(part, cuts[:-1], cuts[1:]))
        return final[0], final[1]

    return call


def fastest_width(problem: Problem, updates: float = 4e6, rounds: int = 3) -> int:
    """Return the fastest number of lanes per block, from a trial on a few steps of the first lanes.

    Blocks much wider than the batch are left out.
    """
    lanes = min(problem.batch, max(WIDTHS))
    steps = max(3, min(problem.steps, round(updates / lanes / problem.setup.lattice.sites)))
    trial, best = problem.part(steps, lanes), {}
    for width in WIDTHS:
        if width == 1 or width < 2 * problem.batch:
            call = rollout(trial, width)
            call()
            for _ in range(rounds):
                start = time.process_time()
                call()
                best[width] = min(best.get(width, np.inf), time.process_time() - start)
    return min(best, key=best.__getitem__)


def prepare(problem: Problem) -> Any:
    """Return the fastest function for the problem; its attribute ``width`` is the number of lanes per block."""
    width = fastest_width(problem)
    call = rollout(problem, width)
    call.width = width
    return call
