"""Simulate the maps, the loops of chosen points, and single cells one by one; nothing is recorded here."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from experiments.lab.checkpoints import nothing_kept, once
from experiments.lab.parallel import over_devices
from experiments.lab.run import RunError
from experiments.shared.lattices.parameter_map import RESPONSES, Problem

POINTS = ("A", "B", "C", "D", "E")  # the corners, row by row, and the centre
SINGLE_CALLS = 8
SLOWER = 4  # times as slow are the cycles that show how far the loops depend on the rate


class Clocks(NamedTuple):
    """Seconds, of the wall clock and of the processor."""

    wall: float
    processor: float


def clocks() -> Clocks:
    """Read both clocks."""
    return Clocks(time.perf_counter(), time.process_time())


class Maps(NamedTuple):
    """The responses of all cells, and what a vmapped call over all cells of a map took."""

    values: dict[str, np.ndarray]  # of each response (realisation, lane), and the loop's error of closure
    first_call: Clocks  # with compilation
    call: Clocks  # median of the others


@once
def simulate_maps(problem: Problem, progress: Callable[[int], Any]) -> Maps:
    """Simulate every cell under every random field: one vmapped call a map, all by the same compiled program.

    RunError where a response is not finite that is always defined.
    """
    count, cells = len(problem.local), len(problem.coupling)
    ends = [clocks()]

    def after_map(done: int) -> None:
        ends.append(clocks())
        progress(done)

    with nothing_kept():  # because a map that is read takes no time
        values = over_devices(problem.numbers, -(-cells // jax.local_device_count()))(
            np.tile(problem.coupling, count),
            np.tile(problem.depolarization, count),
            np.repeat(np.arange(count, dtype=np.int32), cells),
            progress=after_map,
        )
    maps = {name: value.reshape(count, cells) for name, value in values.items()}
    for name in RESPONSES:
        bad = ~np.isfinite(maps[name])
        if bad.any() and name not in ("remnant", "coercive"):  # these two are undefined where a loop never crosses
            raise RunError(f"{name} went non-finite in {bad.sum()} of {bad.size} simulations")
    calls = np.diff(ends, axis=0)
    return Maps(maps, Clocks(*calls[0]), Clocks(*np.median(calls[1:], axis=0)))


def site_updates(problem: Problem) -> int:
    """Count the site updates of all maps."""
    sweep, lattice = problem.sweep, problem.setup.lattice
    moving = lattice.sites if lattice.update == "synchronous" else lattice.subset_size
    return len(problem.local) * len(problem.coupling) * sweep.cycles * sweep.steps_per_cycle * moving


def lanes_of_points(problem: Problem) -> np.ndarray:
    """Return the lanes of POINTS: the corners (low K first, then low depolarization) and the centre."""
    n = problem.sweep.grid_points
    return np.array([0, n - 1, n * (n - 1), n * n - 1, n * (n // 2) + n // 2])


class Loops(NamedTuple):
    """Responses, loops and remnant states of POINTS, each value (realisation, point, …), ``field`` (time,)."""

    fast: dict[str, np.ndarray]
    slow: dict[str, np.ndarray]  # of a cycle that takes SLOWER times as long


def loops_at_points(problem: Problem) -> Loops:
    """Simulate the chosen points again and keep their loops, also when the cycle is SLOWER times as slow."""
    lanes, count = lanes_of_points(problem), len(problem.local)
    arguments = (
        np.tile(problem.coupling[lanes], count),
        np.tile(problem.depolarization[lanes], count),
        np.repeat(np.arange(count, dtype=np.int32), len(lanes)),
    )

    def split(values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        parts = {name: value.reshape(count, len(lanes), *value.shape[1:]) for name, value in values.items()}
        return parts | {"field": values["field"][0]}

    fast = over_devices(problem.respond)(*arguments)
    slow = over_devices(lambda *lane: problem.respond(*lane, slower=SLOWER))(*arguments)
    return Loops(split(fast), split(slow))


class SingleCalls(NamedTuple):
    """What single simulations took, one by one, and how far their responses lie from the map's."""

    call: Clocks  # median
    largest_difference: dict[str, float]  # of each response


@once
def single_calls(problem: Problem, maps: Maps) -> SingleCalls:
    """Time single simulations one by one, and compare their responses with the map's."""
    lanes = np.linspace(0, len(problem.coupling) - 1, SINGLE_CALLS).round().astype(int)
    call = jax.jit(problem.numbers)

    def simulate(lane: int) -> dict[str, Any]:
        responses = call(problem.coupling[lane], problem.depolarization[lane], np.int32(0))
        return jax.tree.map(np.asarray, jax.block_until_ready(responses))

    simulate(int(lanes[0]))  # compiles
    seconds, worst = [], {name: 0.0 for name in RESPONSES}
    for lane in map(int, lanes):
        begin = clocks()
        responses = simulate(lane)
        seconds.append(np.subtract(clocks(), begin))
        for name in RESPONSES:
            difference = abs(float(responses[name]) - float(maps.values[name][0, lane]))
            worst[name] = max(worst[name], difference if np.isfinite(difference) else 0.0)
    return SingleCalls(Clocks(*np.median(seconds, axis=0)), worst)
