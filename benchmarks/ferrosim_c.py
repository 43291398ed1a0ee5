"""The C kernel (ferrosim_kernel.c): compiled when first used, called through ctypes, width tuned per job."""

import ctypes
import hashlib
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.ferrosim_cases import Problem, coefficients

SOURCE = Path(__file__).with_name("ferrosim_kernel.c")
CACHE = Path(__file__).parent.parent / ".cache" / "ferrosim"
FLAGS = ("-O3", "-march=native", "-ffast-math", "-std=gnu11", "-shared", "-fPIC")
WIDTHS = (1, 8, 16, 32, 64)
C_TYPES = {"float32": "float", "float64": "double"}


def compiler() -> str | None:
    return shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


def description() -> str:
    """The compiler's first line about itself, and the flags."""
    path = compiler()
    if path is None:
        return "no C compiler"
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=True, timeout=60)
    version = done.stdout.split("\n")[0]
    return f"{version}; {' '.join(FLAGS[:4])}"


@lru_cache
def library(dtype: str, lanes: int) -> ctypes.CDLL:
    text = SOURCE.read_bytes() + repr((FLAGS, description())).encode()
    path = CACHE / f"{hashlib.sha256(text).hexdigest()[:16]}-{dtype}-{lanes}.so"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        defines = [f"-DREAL={C_TYPES[dtype]}", f"-DLANES={lanes}"]
        subprocess.run([compiler() or "cc", *FLAGS, *defines, str(SOURCE), "-o", str(path)], check=True, timeout=300)
    return ctypes.CDLL(str(path))


class IndexLists:
    """Which sites move at each step, and where in z = [p; projected; 0] their neighbours are seen."""

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
            seen_at = np.where(mask[neighbour], neighbour, neighbour + sites)
            sources.append(np.where(neighbour < 0, 2 * sites, seen_at))
        self.sources = np.ascontiguousarray(np.concatenate(sources), np.int32)

    shifts = ((-1, 0), (1, 0), (0, -1), (0, 1))


def _pointer(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def rollout(problem: Problem, lanes: int, threads: int = 1) -> Any:
    """A function without arguments that runs the problem in blocks of ``lanes``, shared out over ``threads``."""
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
    """Lanes per block, by trial on a few steps of the first lanes; blocks much wider than the batch are left out."""
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
    width = fastest_width(problem)
    call = rollout(problem, width)
    call.width = width
    return call
