"""Stages of ``experiments/convergence/compute.py``: each changes one choice, records its numbers and saves its arrays."""

import itertools
from dataclasses import replace
from typing import Any

import jax.numpy as jnp
import numpy as np

import ferro_jax as ferro
from experiments.convergence.comparison import TARGET, correlations, rms
from experiments.convergence.simulation import COARSE, Problem, coarsened, lengthened, refined, simulate
from experiments.lab.parallel import over_devices
from experiments.lab.run import Run
from experiments.lab.scores import rank_correlation
from experiments.lab.summaries import record_spread
from experiments.shared.lattices.setups import synchronous

SMALL = 0.05  # of the spread over histories: what counts as settled


def _refinements(problem: Problem) -> list[int]:
    return [2**n for n in range(problem.config.refinements + 1)]


def time_step(run: Run, problem: Problem) -> None:
    """Synchronous update: the same field history with longer and shorter time steps, and the order of convergence."""
    setup, targets, levels = problem.synchronous, problem.targets, _refinements(problem)
    for times in levels:
        targets[f"synchronous_{times}"] = simulate(problem, refined(setup, times))["target"]
    targets["synchronous_finest"] = targets[f"synchronous_{levels[-1]}"]
    coarse = simulate(problem, coarsened(setup))["target"]
    run.record(time_step_double_finite_share=np.isfinite(coarse).mean())
    targets["synchronous_double"] = coarse
    finest = targets["synchronous_finest"]
    errors = np.stack([rms(values - finest) for values in (coarse, *(targets[f"synchronous_{t}"] for t in levels))])
    run.add("relative_time_step", ("level",), [COARSE, *(1 / t for t in levels)], "1", "time step over the lecture's")
    run.add("time_step_error", ("level", "realisation"), errors, "model unit",
            f"rms over histories of the difference to the finest time step: {TARGET}, synchronous")  # fmt: skip
    # differences of successive levels fall by 2^order; those to the finest level fall faster near it
    steps = [targets[f"synchronous_{a}"] - targets[f"synchronous_{b}"] for a, b in itertools.pairwise(levels)]
    for (a, b), level in zip(itertools.pairwise(steps), levels[2:], strict=False):
        record_spread(run, f"time_step_order_rms_to_{level}", np.log2(rms(a) / rms(b)))
        ratio = np.median(np.abs(a), axis=-1) / np.median(np.abs(b), axis=-1)
        record_spread(run, f"time_step_order_typical_to_{level}", np.log2(ratio))
    record_spread(run, "time_step_order", np.log2(rms(steps[-2]) / rms(steps[-1])))
    largest = np.abs(targets["synchronous_1"] - finest).max(axis=-1)
    record_spread(run, "time_step_largest_error", largest)


def update_rule(run: Run, problem: Problem) -> None:
    """Random subset against synchronous: same steps, same site updates, same rate, and the limit of short steps."""
    setup, targets, levels = problem.setup, problem.targets, _refinements(problem)
    quarter = problem.synchronous._replace(params=setup.params._replace(mobility=setup.params.mobility / 4))

    extrapolation = []
    for times in levels:
        found = simulate(problem, refined(setup, times))
        targets[f"random_{times}"], targets[f"unprojected_{times}"] = found["target"], found["unprojected"]
        extrapolation.append(rms(found["extrapolation"]))
    targets["random_finest"], targets["random_unprojected"] = targets[f"random_{levels[-1]}"], targets["unprojected_1"]
    targets["random_stretched"] = simulate(problem, lengthened(setup, 4))["target"]
    for times in (1, levels[-1]):
        targets[f"quarter_{times}"] = simulate(problem, refined(quarter, times))["target"]
    limit = targets["quarter_finest"] = targets[f"quarter_{levels[-1]}"]
    run.add("refinement", ("refinement",), levels, "1", "lecture's time step over the one used", coordinate=True)
    run.add("extrapolation_size", ("refinement", "realisation"), extrapolation, "1",
            "rms of (projected - polarization) over rms polarization at the end, rms over histories")  # fmt: skip
    rows = [targets[f"random_{times}"] for times in levels]
    for name, values, text in (
        ("difference", [rms(row - limit) for row in rows], "rms difference"),
        ("shift", [(row - limit).mean(-1) for row in rows], "mean difference"),
        ("spearman", [rank_correlation(row, limit) for row in rows], "rank correlation"),
        ("correlation", [correlations(row, limit) for row in rows], "correlation"),
    ):
        units = "1" if name in ("correlation", "spearman") else "model unit"
        run.add(f"update_{name}", ("refinement", "realisation"), values, units,
                f"{text} of the random subset's target and that of the synchronous update with a quarter of the "
                "mobility and the finest time step")  # fmt: skip
        for times, value in zip(levels, values, strict=True):
            record_spread(run, f"update_limit_{name}_dt_over_{times}", value)
    differences = np.array([rms(row - limit) for row in rows])
    slope = np.polyfit(np.log(levels), np.log(differences), 1)[0]
    record_spread(run, "update_limit_order", -slope)
    for times, value in zip(levels, extrapolation, strict=True):
        record_spread(run, f"extrapolation_size_dt_over_{times}", value)


def hold(run: Run, problem: Problem) -> None:
    """The target while the last field is held, both updates."""
    config, targets = problem.config, problem.targets
    longest = config.longest_hold
    shown = np.unique([0, 50, longest, *np.geomspace(1, longest, 40).round().astype(int)])
    run.add("hold", ("hold",), shown, "1", "steps after the field stops", coordinate=True)
    for name, setup in (("random", problem.setup), ("synchronous", problem.synchronous)):
        held_setup = setup._replace(hold_steps=0)

        def one(curve: Any, local: Any, setup: Any = held_setup) -> Any:
            end = ferro.simulate(problem.keys[0], curve, local, setup, check=False)
            held = end.applied[-1:].repeat(longest, axis=0)
            _, values = ferro.run(
                problem.keys[0], end.state, held, local, setup.params, setup.lattice,
                observe=lambda state: ferro.target(state, setup), check=False,
            )  # fmt: skip
            return ferro.target(end.state, setup), values[shown[1:] - 1]

        start, values = over_devices(one)(*problem.lanes())
        series = np.concatenate([start[:, None], values], axis=1).astype(float)
        series = series.reshape(config.realisations, config.histories, len(shown))
        targets[f"{name}_held"] = end = series[..., -1]
        run.add(f"hold_{name}_target", ("realisation", "history", "hold"), series, "model unit", f"{TARGET}: {name}")
        distance = np.stack([rms(series[..., n] - end) for n in range(len(shown))])
        ranks = np.stack([rank_correlation(series[..., n], end) for n in range(len(shown))])
        text = f"target after a hold against that after the longest, {name}"
        run.add(f"hold_{name}_rms", ("hold", "realisation"), distance, "model unit", f"rms difference of the {text}")
        run.add(f"hold_{name}_spearman", ("hold", "realisation"), ranks, "1", f"rank correlation of the {text}")
        for steps in (0, problem.setup.hold_steps, longest // 4, longest // 2):
            nearest = int(np.argmin(np.abs(shown - steps)))
            record_spread(run, f"hold_{name}_{'none' if not steps else _part(steps, longest)}_rms", distance[nearest])
        record_spread(run, f"hold_{name}_mean_loss", series[..., list(shown).index(50)].mean(-1) - end.mean(-1))
        record_spread(run, f"hold_{name}_spearman_after_lecture", ranks[list(shown).index(50)])
        unsettled = distance > SMALL * end.std(
            -1
        )  # (hold, realisation); the first hold after the last that is not settled
        first = [int(np.flatnonzero(column)[-1]) + 1 for column in unsettled.T]
        record_spread(run, f"hold_{name}_settled_after_steps", shown[first])
    run.record(longest_hold_steps=longest, settled_share_of_std=SMALL)


def _part(steps: int, longest: int) -> str:
    return {longest // 4: "quarter_of_longest", longest // 2: "half_of_longest"}.get(steps, "lecture")


def edges(problem: Problem) -> None:
    """Open and periodic edges instead of grounded ones."""
    for boundary in ("open", "periodic"):
        setup = problem.setup._replace(lattice=replace(problem.setup.lattice, boundary=boundary))
        problem.targets[boundary] = simulate(problem, setup)["target"]


def subset_seeds(problem: Problem) -> None:
    """Other seeds of the random subsets."""
    for number, key in enumerate(problem.keys[1:], start=2):
        problem.targets[f"subset_seed_{number}"] = simulate(problem, problem.setup, key=key)["target"]


def precision(problem: Problem) -> None:
    """The same histories and random fields in double precision, both updates."""
    double = ferro.lecture(jnp.float64)
    for name, setup in (("random", double), ("synchronous", synchronous(double))):
        problem.targets[f"{name}_float64"] = simulate(problem, setup)["target"]
