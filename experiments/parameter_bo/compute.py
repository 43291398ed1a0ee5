"""Compute and record the maps, the campaigns, the blind designs and grid searches, their checks and scores."""

import numpy as np

from experiments.lab.run import Array, Run
from experiments.lab.scores import best_so_far, evaluations_to
from experiments.lab.summaries import quartiles
from experiments.parameter_bo import campaigns, checks, grids
from experiments.parameter_bo.campaigns import Evaluated
from experiments.parameter_bo.config import METHODS, Config
from experiments.parameter_bo.grids import PlainGrids
from experiments.parameter_bo.problem import Problem, description, prepare
from experiments.shared.lattices import parameter_map

MATCH = ("model unit", "minus the rms distance of the loop from that of the preset's coupling and depolarization")
SURFACE = ("response", "budget", "depolarization", "coupling")
ARRAYS = parameter_map.ARRAYS | {
    "local_field": Array(
        ("component", "row", "column"), "coercive field", "random field of the defects, the same in every cell"
    ),
    "grid_side": Array(("grid",), "1", "points per axis of a plain grid", coordinate=True),
    "grid_best": Array(("response", "grid", "seed"), "as the response", "best cell of a shifted k × k grid"),
    "smallest_grid": Array(("response", "seed"), "1", "k of the smallest shifted k × k grid that holds a good cell"),
    "smallest_grid_refined": Array(("response", "seed"), "1", "distinct cells of all grids from 3 × 3 up to that one"),
    "fitted_grid_side": Array(("fitted_grid",), "1", "points per axis of a grid with a fit", coordinate=True),
    "grid_surface_rmse": Array(
        ("response", "fitted_grid", "seed"),
        "as the response",
        "rms error over all cells of a Gaussian process fitted to a shifted k × k grid",
    ),
    "budget": Array(("budget",), "1", "evaluations of the surfaces shown", coordinate=True),
    "surface_mean": Array(SURFACE, "as the response", "posterior mean, log expected improvement, first seed"),
    "surface_std": Array(SURFACE, "as the response", "posterior std, log expected improvement, first seed"),
    "response": Array(("response",), "1", "what is maximised", coordinate=True),
}
for name, (units, text) in (parameter_map.RESPONSES | {"match": MATCH}).items():
    ARRAYS[name] = Array(("depolarization", "coupling"), units, text)
for method in METHODS:
    axes = ("response", "seed", "evaluation")
    ARRAYS |= {
        f"{method}_cell": Array(axes, "1", f"{method}: cell evaluated (row · side + column)"),
        f"{method}_gap": Array(axes, "1", f"{method}: maximum minus best so far, over the map's range"),
        f"{method}_evaluations": Array(axes[:2], "1", f"{method}: evaluations to a good cell"),
        f"{method}_surface_rmse": Array(axes, "as the response", f"{method}: rms error of the surface"),
        f"{method}_z_score": Array(("response", "seed", "step"), "1", f"{method}: one-step-ahead z-score"),
    }


def compute(run: Run, config: Config) -> None:
    """Do the job stage by stage."""
    with run.stage("maps"):
        problem = prepare(config)
        record_maps(run, problem)
    with run.stage("campaigns"):
        evaluated = campaigns.campaigns(problem)
        record_calibration(run, problem, evaluated)
    with run.stage("designs"):
        evaluated |= campaigns.designs(problem)
    with run.stage("grids"):
        evaluated |= grids.zooming(problem)
        plain = grids.plain_grids(problem)
        record_grids(run, plain)
    with run.stage("live"):
        singles = checks.single_differences(problem)
        run.record(**{f"{name}_single_against_map_max_difference": value for name, value in singles.items()})
        live = checks.live(problem, evaluated)
        run.record(
            live_against_map_max_difference_over_range=live.largest_difference, live_same_cells_share=live.same_cells
        )
    with run.stage("surfaces"):
        shown = checks.surfaces(problem, evaluated)
        run.add_all(ARRAYS, {"budget": shown.budgets, "surface_mean": shown.mean, "surface_std": shown.std})
    with run.stage("scores"):
        run.add_all(ARRAYS, {"response": np.array(config.responses, dtype=object)})
        for method in METHODS:
            record_scores(run, problem, method, evaluated[method])
        record_grid_scores(run, problem, plain)


def record_maps(run: Run, problem: Problem) -> None:
    """Record the maps, their axes and random field, and where their best cells lie."""
    config, simulation, n = problem.config, problem.simulation, problem.config.grid_points
    field = simulation.local[0] / simulation.setup.coercive_field
    run.add_all(ARRAYS, {**simulation.axes, "local_field": field})
    run.add_all(ARRAYS, {name: t.reshape(n, n) for name, t in zip(config.responses, problem.tables, strict=True)})
    run.record(
        **simulation.description(),
        realisations=1,
        campaigns=config.campaigns,
        evaluations=config.evaluations,
        tolerance_share=config.tolerance,
        **description(problem),
    )


def record_calibration(run: Run, problem: Problem, evaluated: dict[str, Evaluated]) -> None:
    """Record the one-step-ahead z-scores of the campaigns."""
    for name, each in evaluated.items():
        assert each.info is not None
        z = each.info.z_score[..., problem.config.initial_points :]
        run.add_all(ARRAYS, {f"{name}_z_score": z})
        run.record(**{
            f"{name}_z_within_1_96_share": np.mean(np.abs(z) < 1.96),
            f"{name}_gram_retries": int(each.info.retries.sum()),
        })  # fmt: skip


def record_grids(run: Run, plain: PlainGrids) -> None:
    """Record what plain grids reach."""
    arrays = {
        "grid_side": plain.sides,
        "grid_best": plain.best,
        "smallest_grid": plain.smallest,
        "smallest_grid_refined": plain.refined,
        "fitted_grid_side": plain.fitted_sides,
        "grid_surface_rmse": plain.fitted_rmse,
    }
    run.add_all(ARRAYS, arrays)
    run.record(**{f"{name}_smallest_grid_with_ends": k for name, k in plain.smallest_with_ends.items()})


def record_scores(run: Run, problem: Problem, method: str, evaluated: Evaluated) -> None:
    """Record evaluations to a good cell, gap to the best and error of the surface, over the seeds of a method."""
    tables, cells, spans = problem.tables, evaluated.cells, np.ptp(problem.tables, axis=1)
    values = np.stack([table[index] for table, index in zip(tables, cells, strict=True)])
    gap = (tables.max(1)[:, None, None] - best_so_far(values)) / spans[:, None, None]
    needed = evaluations_to(np.stack([good[i] for good, i in zip(problem.good(), cells, strict=True)]))
    run.add_all(ARRAYS, {f"{method}_cell": cells, f"{method}_gap": gap, f"{method}_evaluations": needed})
    for name, of_response, last in zip(problem.config.responses, needed, gap[..., -1], strict=True):
        run.record(**quartiles(f"{name}_{method}_evaluations", of_response))
        run.record(**{f"{name}_{method}_never_share": np.isinf(of_response).mean()})
        run.record(**{f"{name}_{method}_last_gap_median": np.median(last)})
    if evaluated.rmse is not None:
        run.add_all(ARRAYS, {f"{method}_surface_rmse": evaluated.rmse})
        for name, rmse, span in zip(problem.config.responses, evaluated.rmse, spans, strict=True):
            run.record(**{f"{name}_{method}_last_rmse_over_range_median": np.median(rmse[:, -1]) / span})


def record_grid_scores(run: Run, problem: Problem, plain: PlainGrids) -> None:
    """Record what plain grids need beside the campaigns."""
    spans = np.ptp(problem.tables, axis=1)
    for number, name in enumerate(problem.config.responses):
        run.record(
            **quartiles(f"{name}_grid_evaluations", plain.smallest[number] ** 2),
            **quartiles(f"{name}_refined_grid_evaluations", plain.refined[number]),
        )
        logei = run.metrics[f"{name}_logei_evaluations_median"]
        run.record(**{
            f"{name}_grid_over_logei_evaluations": run.metrics[f"{name}_grid_evaluations_median"] / logei,
            f"{name}_grid_last_rmse_over_range_median": np.median(plain.fitted_rmse[number, -1]) / spans[number],
        })  # fmt: skip
