"""Change one choice after the other: time step, update rule, hold, edges, seeds of the subsets, precision.

Each function adds the targets of its choices, (realisation, history) by name, to the dictionary ``targets``.
"""

import itertools
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np

import ferro_jax as ferro
from experiments.convergence.comparison import correlations, rms
from experiments.convergence.config import COARSE
from experiments.convergence.simulation import Problem, coarsened, lengthened, refined, simulate
from experiments.lab.parallel import over_devices
from experiments.lab.run import Outcome
from experiments.lab.scores import rank_correlation
from experiments.lab.summaries import spread
from experiments.shared.lattices.setups import synchronous

SMALL = 0.05  # of the spread over histories: what counts as settled
Targets = dict[str, np.ndarray]


def _refinements(problem: Problem) -> list[int]:
    """Divisors of the time step."""
    return [2**n for n in range(problem.config.refinements + 1)]


def time_step(problem: Problem, targets: Targets) -> Outcome:
    """Synchronous update: longer and shorter time steps for the same history, and the order of convergence."""
    setup, levels = problem.synchronous, _refinements(problem)
    for times in levels:
        targets[f"synchronous_{times}"] = simulate(problem, refined(setup, times))["target"]
    finest = targets["synchronous_finest"] = targets[f"synchronous_{levels[-1]}"]
    coarse = targets["synchronous_double"] = simulate(problem, coarsened(setup))["target"]
    numbers = {"time_step_double_finite_share": np.isfinite(coarse).mean()}
    errors = np.stack([rms(values - finest) for values in (coarse, *(targets[f"synchronous_{t}"] for t in levels))])
    # differences of successive levels fall by 2^order; those to the finest level fall faster near it
    steps = [targets[f"synchronous_{a}"] - targets[f"synchronous_{b}"] for a, b in itertools.pairwise(levels)]
    for (a, b), level in zip(itertools.pairwise(steps), levels[2:], strict=False):
        numbers |= spread(f"time_step_order_rms_to_{level}", np.log2(rms(a) / rms(b)))
        ratio = np.median(np.abs(a), axis=-1) / np.median(np.abs(b), axis=-1)
        numbers |= spread(f"time_step_order_typical_to_{level}", np.log2(ratio))
    numbers |= spread("time_step_order", np.log2(rms(steps[-2]) / rms(steps[-1])))
    numbers |= spread("time_step_largest_error", np.abs(targets["synchronous_1"] - finest).max(axis=-1))
    arrays = {"relative_time_step": [COARSE, *(1 / t for t in levels)], "time_step_error": errors}
    return Outcome(arrays, numbers)


def update_rule(problem: Problem, targets: Targets) -> Outcome:
    """Random subset and synchronous update: same steps, same site updates, same rate, and the limit of short steps."""
    setup, levels = problem.setup, _refinements(problem)
    quarter = problem.synchronous._replace(params=setup.params._replace(mobility=setup.params.mobility / 4))
    extrapolation = []
    for times in levels:
        simulated = simulate(problem, refined(setup, times))
        targets[f"random_{times}"], targets[f"unprojected_{times}"] = simulated["target"], simulated["unprojected"]
        extrapolation.append(rms(simulated["extrapolation"]))
    targets["random_finest"], targets["random_unprojected"] = targets[f"random_{levels[-1]}"], targets["unprojected_1"]
    targets["random_stretched"] = simulate(problem, lengthened(setup, 4))["target"]
    for times in (1, levels[-1]):
        targets[f"quarter_{times}"] = simulate(problem, refined(quarter, times))["target"]
    limit = targets["quarter_finest"] = targets[f"quarter_{levels[-1]}"]
    rows = [targets[f"random_{times}"] for times in levels]
    compared = {
        "difference": [rms(row - limit) for row in rows],
        "shift": [(row - limit).mean(-1) for row in rows],
        "spearman": [rank_correlation(row, limit) for row in rows],
        "correlation": [correlations(row, limit) for row in rows],
    }
    numbers = {}
    for name, values in (*compared.items(), ("extrapolation", extrapolation)):
        label = "extrapolation_size" if name == "extrapolation" else f"update_limit_{name}"
        for times, value in zip(levels, values, strict=True):
            numbers |= spread(f"{label}_dt_over_{times}", value)
    slope = np.polyfit(np.log(levels), np.log(np.array([rms(row - limit) for row in rows])), 1)[0]
    numbers |= spread("update_limit_order", -slope)
    arrays = {"refinement": levels, "extrapolation_size": extrapolation}
    return Outcome(arrays | {f"update_{name}": values for name, values in compared.items()}, numbers)


def hold(problem: Problem, targets: Targets) -> Outcome:
    """Hold the last field, under both updates."""
    longest = problem.config.longest_hold
    shown = np.unique([0, 50, longest, *np.geomspace(1, longest, 40).round().astype(int)])
    arrays, numbers = {"hold": shown}, {"longest_hold_steps": longest, "settled_share_of_std": SMALL}
    for name, setup in (("random", problem.setup), ("synchronous", problem.synchronous)):
        series = held_targets(problem, setup, shown)
        end = targets[f"{name}_held"] = series[..., -1]
        distance = np.stack([rms(series[..., n] - end) for n in range(len(shown))])
        ranks = np.stack([rank_correlation(series[..., n], end) for n in range(len(shown))])
        arrays |= {f"hold_{name}_target": series, f"hold_{name}_rms": distance, f"hold_{name}_spearman": ranks}
        for steps in (0, problem.setup.hold_steps, longest // 4, longest // 2):
            nearest = int(np.argmin(np.abs(shown - steps)))
            numbers |= spread(f"hold_{name}_{'none' if not steps else _part(steps, longest)}_rms", distance[nearest])
        published = list(shown).index(50)
        numbers |= spread(f"hold_{name}_mean_loss", series[..., published].mean(-1) - end.mean(-1))
        numbers |= spread(f"hold_{name}_spearman_after_lecture", ranks[published])
        unsettled = distance > SMALL * end.std(-1)  # (hold, realisation)
        first = [int(np.flatnonzero(column)[-1]) + 1 for column in unsettled.T]  # the hold after the last unsettled one
        numbers |= spread(f"hold_{name}_settled_after_steps", shown[first])
    return Outcome(arrays, numbers)


def held_targets(problem: Problem, setup: ferro.Setup, shown: np.ndarray) -> np.ndarray:
    """Return the target after each of the holds ``shown`` (from 0 on), (realisation, history, hold)."""
    setup, longest = setup._replace(hold_steps=0), int(shown[-1])

    def respond(curve: jax.Array, local: jax.Array) -> tuple[jax.Array, jax.Array]:
        end = ferro.simulate(problem.keys[0], curve, local, setup, check=False)
        held = end.applied[-1:].repeat(longest, axis=0)
        _, values = ferro.run(
            problem.keys[0],
            end.state,
            held,
            local,
            setup.params,
            setup.lattice,
            observe=lambda state: ferro.target(state, setup),
            check=False,
        )
        return ferro.target(end.state, setup), values[shown[1:] - 1]

    start, values = over_devices(respond)(*problem.lanes())
    series = np.concatenate([start[:, None], values], axis=1).astype(float)
    return series.reshape(len(problem.defects), len(problem.curves), len(shown))


def _part(steps: int, longest: int) -> str:
    """Name of a hold in the numbers."""
    return {longest // 4: "quarter_of_longest", longest // 2: "half_of_longest"}.get(steps, "lecture")


def edges(problem: Problem, targets: Targets) -> None:
    """Open and periodic edges instead of grounded ones."""
    for boundary in ("open", "periodic"):
        setup = problem.setup._replace(lattice=replace(problem.setup.lattice, boundary=boundary))
        targets[boundary] = simulate(problem, setup)["target"]


def subset_seeds(problem: Problem, targets: Targets) -> None:
    """Other seeds of the random subsets."""
    for number, key in enumerate(problem.keys[1:], start=2):
        targets[f"subset_seed_{number}"] = simulate(problem, problem.setup, key=key)["target"]


def precision(problem: Problem, targets: Targets) -> None:
    """Double precision for the same histories and random fields, under both updates."""
    double = ferro.lecture(jnp.float64)
    for name, setup in (("random", double), ("synchronous", synchronous(double))):
        targets[f"{name}_float64"] = simulate(problem, setup)["target"]
