"""Stages of ``experiments/ferrosim_parameters/compute.py``: each computes, records its numbers and saves its arrays."""

import itertools
import time
from typing import Any

import jax
import numpy as np

from experiments.lab.parallel import over_devices
from experiments.lab.run import Run, RunError
from experiments.lab.scores import rank_correlation
from experiments.shared.lattices.parameter_map import RESPONSES, Problem

POINTS = ("A", "B", "C", "D", "E")  # the corners, row by row, and the centre
SINGLE_CALLS = 8
SLOWER = 4  # times as slow are the cycles that show how far the loops depend on the rate


def simulate_maps(run: Run, problem: Problem) -> dict[str, np.ndarray]:
    """Every response (realisation, lane): one vmapped call a map, all by the same compiled program."""
    count, cells = problem.config.realisations, len(problem.coupling)
    devices = jax.local_device_count()
    ends = [_clocks()]
    with run.progress(count * cells, "simulation") as bar:

        def told(done: int) -> None:
            ends.append(_clocks())
            bar.update(done - bar.n)

        values = over_devices(problem.numbers, -(-cells // devices))(
            np.tile(problem.coupling, count), np.tile(problem.depolarization, count),
            np.repeat(np.arange(count, dtype=np.int32), cells), progress=told,
        )  # fmt: skip
    maps = {name: value.reshape(count, cells) for name, value in values.items()}
    for name in RESPONSES:
        bad = ~np.isfinite(maps[name])
        if bad.any() and name not in ("remnant", "coercive"):  # these two are undefined where a loop never crosses
            raise RunError(f"{name} went non-finite in {bad.sum()} of {bad.size} simulations")
    grid = (count, problem.config.grid_points, problem.config.grid_points)
    for name, (units, text) in RESPONSES.items():
        run.add(name, ("realisation", "depolarization", "coupling"), maps[name].reshape(grid), units, text)
    calls = np.diff(ends, axis=0)
    wall, processor = np.median(calls[1:], axis=0)
    run.record(
        simulations=count * cells, cells=cells, site_updates=_site_updates(problem),
        undefined_loops=int(np.isnan(maps["coercive"]).sum() + np.isnan(maps["remnant"]).sum()),
        vmapped_call_with_compilation_s=calls[0, 0], vmapped_call_s=wall, vmapped_call_processor_s=processor,
        devices=devices,
        loop_closure_error_max_model_units=maps["closure"].max(),
        loop_closure_error_median_model_units=np.median(maps["closure"]),
    )  # fmt: skip
    return maps


def _clocks() -> tuple[float, float]:
    """Wall and processor seconds."""
    return time.perf_counter(), time.process_time()


def _site_updates(problem: Problem) -> int:
    """Site updates of all maps."""
    config, lattice = problem.config, problem.setup.lattice
    moving = lattice.sites if lattice.update == "synchronous" else lattice.subset_size
    return config.realisations * len(problem.coupling) * config.cycles * config.steps_per_cycle * moving


def _points(problem: Problem) -> np.ndarray:
    """Lanes of the corners (low K first, then low depolarization) and of the centre."""
    n = problem.config.grid_points
    return np.array([0, n - 1, n * (n - 1), n * n - 1, n * (n // 2) + n // 2])


def loops_at_points(run: Run, problem: Problem) -> None:
    """Loops and remnant states of the chosen points, and their loops when the cycle is ``SLOWER`` times as slow."""
    lanes, count = _points(problem), problem.config.realisations
    arguments = (
        np.tile(problem.coupling[lanes], count), np.tile(problem.depolarization[lanes], count),
        np.repeat(np.arange(count, dtype=np.int32), len(lanes)),
    )  # fmt: skip
    every = over_devices(problem.respond)(*arguments)
    slow = over_devices(lambda *lane: problem.respond(*lane, slower=SLOWER))(*arguments)
    run.add("point", ("point",), np.array(POINTS, dtype=object), "1", "chosen point of the grid", coordinate=True)
    for name, values in (("coupling", problem.coupling), ("depolarization", problem.depolarization)):
        run.add(f"point_{name}", ("point",), values[lanes], "1", f"{name} at the chosen point")
    split = (count, len(lanes))
    for prefix, values in (("", every), ("slow_", slow)):
        time_axis = f"{prefix}time"
        run.add(f"{prefix}loop_field", (time_axis,), values["field"][0], "coercive field", "field of the last cycle")
        run.add(f"{prefix}loop_polarization", ("realisation", "point", time_axis),
                values["polarization"].reshape(*split, -1), "model unit",
                "mean polarization along the field")  # fmt: skip
    for name, dims, text in (("state", ("component", "row", "column"), "P at the end of the last cycle, field zero"),
                             ("state_curl", ("row", "column"), "curl P of that state")):  # fmt: skip
        shape = every[name].shape[1:]
        run.add(name, ("realisation", "point", *dims), every[name].reshape(*split, *shape), "model unit", text)
    for name in ("area", "coercive"):
        ratio = (slow[name] / every[name]).reshape(split)
        for point, values in zip(POINTS, np.median(ratio, axis=0), strict=True):
            run.record(**{f"slow_over_fast_{name}_point_{point}": values})
        run.record(**{f"slow_over_fast_{name}_median": np.median(ratio)})
    sizes = np.linalg.norm(every["state"], axis=1)
    run.describe(problem.setup)
    run.results.attrs["x_axis"] = problem.setup.curl_x_axis
    run.record(slower=SLOWER, arrow_model_units=np.quantile(sizes, 0.85))


def single_calls(run: Run, problem: Problem, maps: dict[str, np.ndarray]) -> None:
    """Time single simulations one by one, and hold their responses against the map's."""
    cells = len(problem.coupling)
    lanes = np.linspace(0, cells - 1, SINGLE_CALLS).round().astype(int)
    call = jax.jit(problem.numbers)

    def one(lane: int) -> dict[str, Any]:
        found = call(problem.coupling[lane], problem.depolarization[lane], np.int32(0))
        return jax.tree.map(np.asarray, jax.block_until_ready(found))

    one(int(lanes[0]))  # compiles
    seconds, worst = [], {name: 0.0 for name in RESPONSES}
    for lane in map(int, lanes):
        begin = _clocks()
        found = one(lane)
        seconds.append(np.subtract(_clocks(), begin))
        for name in RESPONSES:
            difference = abs(float(found[name]) - float(maps[name][0, lane]))
            worst[name] = max(worst[name], difference if np.isfinite(difference) else 0.0)
    wall, processor = np.median(seconds, axis=0)
    run.record(
        single_calls_timed=SINGLE_CALLS, single_call_s=wall, python_loop_extrapolated_s=wall * cells,
        python_loop_over_vmapped=wall * cells / run.metrics["vmapped_call_s"],
        python_loop_over_vmapped_processor_time=processor * cells / run.metrics["vmapped_call_processor_s"],
        **{f"single_against_map_{name}_max_difference": value for name, value in worst.items()},
    )  # fmt: skip


def score(run: Run, problem: Problem, maps: dict[str, np.ndarray]) -> None:
    """Median maps, spread over the random fields, dependence on the two parameters, places of the extremes."""
    n = problem.config.grid_points
    for name, (units, text) in RESPONSES.items():
        grids = maps[name].reshape(-1, n, n)
        median, std = np.median(grids, axis=0), np.std(grids, axis=0, ddof=1)
        if not np.isfinite(median).any(axis=0).all() or not np.isfinite(median).any(axis=1).all():
            raise RunError(
                f"{name}: whole rows of the map have no loop that crosses zero; raise --amplitude or --steps-per-cycle"
            )
        level = float(np.nanmean(np.abs(median)))
        run.add(f"{name}_median", ("depolarization", "coupling"), median, units, f"{text}: median of the random fields")
        run.add(f"{name}_std", ("depolarization", "coupling"), std, units, f"{text}: std over the random fields")
        run.record(**{
            f"{name}_min": np.nanmin(median), f"{name}_max": np.nanmax(median),
            f"{name}_relative_spread": np.nanmean(std) / level,
            f"{name}_relative_variation_over_grid": np.nanstd(median) / level,
        })  # fmt: skip
        known = np.isfinite(median.ravel())
        for parameter, values in (("coupling", problem.coupling), ("depolarization", problem.depolarization)):
            run.record(**{f"{name}_spearman_{parameter}": rank_correlation(values[known], median.ravel()[known])})
        shares = variance_shares(median)
        run.record(**{f"{name}_variance_share_{part}": value for part, value in shares.items()})
        for extreme, place in (("max", np.nanargmax), ("min", np.nanargmin)):
            row, column = np.unravel_index(int(place(median)), median.shape)
            inside = 0 < row < n - 1 and 0 < column < n - 1
            each = [np.unravel_index(int(place(grid)), grid.shape) for grid in grids]
            apart = max(max(abs(a[0] - b[0]), abs(a[1] - b[1])) for a, b in itertools.combinations(each, 2))
            run.record(**{
                f"{name}_{extreme}_coupling": problem.coupling[column],
                f"{name}_{extreme}_depolarization": problem.depolarization[row * n],
                f"{name}_{extreme}_inside": int(inside),
                f"{name}_{extreme}_largest_distance_cells": int(apart),
            })  # fmt: skip


def variance_shares(grid: np.ndarray) -> dict[str, float]:
    """Shares of a map's variance (depolarization, coupling) explained by a function of K alone, of the depolarization
    alone, and by neither (interaction); they sum to 1. NaN cells are left out of the means."""
    mean = np.nanmean(grid)
    by_coupling, by_depolarization = np.nanmean(grid, axis=0), np.nanmean(grid, axis=1)
    total = np.nanmean((grid - mean) ** 2)
    main = {"coupling": by_coupling, "depolarization": by_depolarization}
    shares = {name: float(np.nanmean((values - mean) ** 2) / total) for name, values in main.items()}
    return shares | {"interaction": 1 - sum(shares.values())}
