"""Compute and record the maps, the loops of chosen points, the cost of single calls, and the scores."""

import jax
import numpy as np

from experiments.ferrosim_parameters.config import Config
from experiments.ferrosim_parameters.scores import score
from experiments.ferrosim_parameters.simulation import (
    POINTS,
    SINGLE_CALLS,
    SLOWER,
    Maps,
    lanes_of_points,
    loops_at_points,
    simulate_maps,
    single_calls,
    site_updates,
)
from experiments.lab.progress import advance
from experiments.lab.run import Array, Run
from experiments.shared.lattices import parameter_map
from experiments.shared.lattices.parameter_map import RESPONSES, Problem
from experiments.shared.lattices.setups import attributes

GRID = ("depolarization", "coupling")
ARRAYS = parameter_map.ARRAYS | {
    "local_field": Array(
        ("realisation", "component", "row", "column"), "coercive field", "random field of the defects"
    ),
    "point": Array(("point",), "1", "chosen point of the grid", coordinate=True),
    "point_coupling": Array(("point",), "1", "coupling at the chosen point"),
    "point_depolarization": Array(("point",), "1", "depolarization at the chosen point"),
    "state": Array(
        ("realisation", "point", "component", "row", "column"),
        "model unit",
        "P at the end of the last cycle, field zero",
    ),
    "state_curl": Array(("realisation", "point", "row", "column"), "model unit", "curl P of that state"),
}
for prefix in ("", "slow_"):
    axes = ("realisation", "point", f"{prefix}time")
    ARRAYS[f"{prefix}loop_field"] = Array(axes[2:], "coercive field", "field of the last cycle")
    ARRAYS[f"{prefix}loop_polarization"] = Array(axes, "model unit", "mean polarization along the field")
for name, (units, text) in RESPONSES.items():
    ARRAYS[name] = Array(("realisation", *GRID), units, text)
    ARRAYS[f"{name}_median"] = Array(GRID, units, f"{text}: median of the random fields")
    ARRAYS[f"{name}_std"] = Array(GRID, units, f"{text}: std over the random fields")


def compute(run: Run, config: Config) -> None:
    """Draw, simulate the maps, the loops of chosen points and single cells, score."""
    with run.stage("defects"):
        problem = parameter_map.prepare(config.seed, config.sweep, config.realisations)
        run.add_all(ARRAYS, {**problem.axes, "local_field": problem.defects})
        run.record(**problem.description(), realisations=config.realisations)
    with run.stage("maps"):
        maps = record_maps(run, problem)
    with run.stage("loops"):
        record_loops(run, problem)
    with run.stage("single_calls"):
        single, cells = single_calls(problem, maps), len(problem.coupling)
        differences = single.largest_difference.items()
        run.record(
            single_calls_timed=SINGLE_CALLS,
            single_call_s=single.call.wall,
            python_loop_extrapolated_s=single.call.wall * cells,
            python_loop_over_vmapped=single.call.wall * cells / maps.call.wall,
            python_loop_over_vmapped_processor_time=single.call.processor * cells / maps.call.processor,
            **{f"single_against_map_{name}_max_difference": value for name, value in differences},
        )
    with run.stage("scores"):
        for name in RESPONSES:
            scored = score(problem, name, maps.values[name])
            run.add_all(ARRAYS, {f"{name}_median": scored.median, f"{name}_std": scored.std})
            run.record(**scored.numbers)


def record_maps(run: Run, problem: Problem) -> Maps:
    """Simulate and record the maps, what a call took, and how well the loops close."""
    count, cells, n = len(problem.local), len(problem.coupling), problem.sweep.grid_points
    with run.progress(count * cells, "simulation") as bar:
        maps = simulate_maps(problem, advance(bar))
    run.add_all(ARRAYS, {name: maps.values[name].reshape(count, n, n) for name in RESPONSES})
    run.record(
        simulations=count * cells,
        cells=cells,
        site_updates=site_updates(problem),
        undefined_loops=int(np.isnan(maps.values["coercive"]).sum() + np.isnan(maps.values["remnant"]).sum()),
        vmapped_call_with_compilation_s=maps.first_call.wall,
        vmapped_call_s=maps.call.wall,
        vmapped_call_processor_s=maps.call.processor,
        devices=jax.local_device_count(),
        loop_closure_error_max_model_units=maps.values["closure"].max(),
        loop_closure_error_median_model_units=np.median(maps.values["closure"]),
    )
    return maps


def record_loops(run: Run, problem: Problem) -> None:
    """Simulate and record loops and remnant states of the chosen points, and how they change with the rate."""
    lanes, loops = lanes_of_points(problem), loops_at_points(problem)
    arrays = {
        "point": np.array(POINTS, dtype=object),
        "point_coupling": problem.coupling[lanes],
        "point_depolarization": problem.depolarization[lanes],
        "state": loops.fast["state"],
        "state_curl": loops.fast["state_curl"],
    }
    for prefix, values in (("", loops.fast), ("slow_", loops.slow)):
        arrays |= {
            f"{prefix}loop_field": values["field"],
            f"{prefix}loop_polarization": values["polarization"],
        }
    run.add_all(ARRAYS, arrays)
    for name in ("area", "coercive"):
        ratio = loops.slow[name] / loops.fast[name]
        for point, value in zip(POINTS, np.median(ratio, axis=0), strict=True):
            run.record(**{f"slow_over_fast_{name}_point_{point}": value})
        run.record(**{f"slow_over_fast_{name}_median": np.median(ratio)})
    sizes = np.linalg.norm(loops.fast["state"], axis=2)
    run.results.attrs |= attributes(problem.setup) | {"x_axis": problem.setup.curl_x_axis}
    run.record(slower=SLOWER, arrow_model_units=np.quantile(sizes, 0.85))
