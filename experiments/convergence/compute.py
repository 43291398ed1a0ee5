"""Compute and record the targets under every choice, and how far they differ."""

import numpy as np

import ferro_jax as ferro
from experiments.convergence import stages
from experiments.convergence.comparison import compare_all
from experiments.convergence.config import COARSE, Config
from experiments.convergence.simulation import Problem, prepare
from experiments.lab.run import Array, Run
from experiments.shared.lattices.setups import attributes

TARGET = "sum of |curl P| of the final state"
LIMIT = (
    "of the random subset's target and that of the synchronous update with a quarter of the mobility and the finest "
    "time step"
)
ARRAYS = {
    "curve": Array(("history", "sample"), "1", "field histories, scaled to their own range"),
    "local_field": Array(
        ("realisation", "component", "row", "column"), "coercive field", "random field of the defects"
    ),
    "subset": Array(("step", "row", "column"), "1", "site moves in this step: random subset, published time step"),
    "relative_time_step": Array(("level",), "1", "time step over the published one"),
    "time_step_error": Array(
        ("level", "realisation"),
        "model unit",
        f"rms over histories of the difference to the finest time step: {TARGET}, synchronous",
    ),
    "refinement": Array(("refinement",), "1", "published time step over the one used", coordinate=True),
    "extrapolation_size": Array(
        ("refinement", "realisation"),
        "1",
        "rms of (projected - polarization) over rms polarization at the end, rms over histories",
    ),
    "hold": Array(("hold",), "1", "steps after the field stops", coordinate=True),
    "choice": Array(("choice",), "1", "how it was simulated", coordinate=True),
    "target": Array(("choice", "realisation", "history"), "model unit", TARGET),
}
for name, units, text in (
    ("difference", "model unit", "rms difference"),
    ("shift", "model unit", "mean difference"),
    ("spearman", "1", "rank correlation"),
    ("correlation", "1", "correlation"),
):
    ARRAYS[f"update_{name}"] = Array(("refinement", "realisation"), units, f"{text} {LIMIT}")
for name in ("random", "synchronous"):
    of_hold = f"of the target after a hold against that after the longest, {name}"
    ARRAYS |= {
        f"hold_{name}_target": Array(("realisation", "history", "hold"), "model unit", f"{TARGET}: {name}"),
        f"hold_{name}_rms": Array(("hold", "realisation"), "model unit", f"rms difference {of_hold}"),
        f"hold_{name}_spearman": Array(("hold", "realisation"), "1", f"rank correlation {of_hold}"),
    }


def compute(run: Run, config: Config) -> None:
    """Draw the histories, simulate them under every choice, compare."""
    targets: stages.Targets = {}
    with run.stage("histories"):
        problem = prepare(config)
        record_histories(run, problem)
    for name in ("time_step", "update_rule", "hold"):
        with run.stage(name):
            run.keep(ARRAYS, getattr(stages, name)(problem, targets))
    for name in ("edges", "subset_seeds", "precision"):
        with run.stage(name):
            getattr(stages, name)(problem, targets)
    with run.stage("comparison"):
        run.keep(ARRAYS, compare_all(targets, config.subset_seeds))


def record_histories(run: Run, problem: Problem) -> None:
    """Record histories, random fields and subsets, and how the time step compares with the stability bound."""
    setup, config, dt = problem.setup, problem.config, float(problem.setup.params.dt)
    strongest = np.linalg.norm(problem.defects, axis=1).max()
    largest = setup.coercive_field * (setup.field_scale * np.abs(problem.curves).max() + strongest)
    bound = ferro.stability_bound(setup.params, setup.lattice, float(largest))
    masks = ferro.subset_masks(problem.keys[0], setup.drive_steps + setup.hold_steps, setup.lattice)
    run.results.attrs |= attributes(setup)
    run.add_all(ARRAYS, {"curve": problem.curves, "local_field": problem.defects, "subset": np.asarray(masks)})
    run.record(
        histories=config.histories,
        realisations=config.realisations,
        dt_model_units=dt,
        drive_steps=setup.drive_steps,
        hold_steps=setup.hold_steps,
        dt_over_stability_bound=dt / bound,
        coarse=COARSE,
        dt_double_over_stability_bound=COARSE * dt / bound,
        finest=2**config.refinements,
    )
