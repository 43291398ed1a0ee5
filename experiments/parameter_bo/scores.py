"""What the campaigns of ``experiments/parameter_bo/compute.py`` are held against: single simulations, all cells, each other."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bo.campaigns import running
from bo.campaigns.pool import unit_cube
from bo.data import observations
from experiments.lab import scores
from experiments.lab.parallel import over_devices
from experiments.lab.run import Run
from experiments.parameter_bo.stages import LIVE_SEED, Problem, Search, rules_of, search_for, surrogate

SAME_CALL = 8  # single simulations held against the map


def live(run: Run, problem: Problem, searches: dict[str, Search]) -> None:
    """Hold single simulations against the maps, and campaigns that simulate on demand against those that look up."""
    config = problem.config
    cells = np.linspace(0, len(problem.pool) - 1, SAME_CALL).round().astype(int)
    call = jax.jit(problem.simulate)
    single = [call(*problem.pool[cell].astype(np.float32)) for cell in cells]
    for number, name in enumerate(config.responses):
        found = np.array([float(each[name]) for each in single])
        run.record(**{f"{name}_single_against_map_max_difference": np.abs(found - problem.tables[number, cells]).max()})

    def one(table: Any, number: Any) -> Any:
        def objective(key: Any, x: Any) -> Any:
            values = problem.simulate(*x.astype(jnp.float32))
            return jnp.stack([values[name] for name in config.responses])[number]

        initial = problem.orders[LIVE_SEED, : config.initial_points]
        rule = rules_of(config)["logei"]
        search, _ = search_for(problem, rule, config.refit_every, table, initial, objective)
        info = running.run(problem.keys[LIVE_SEED], search)[1]
        return info.index, info.value

    index, value = over_devices(one)(problem.tables, np.arange(len(problem.tables)))
    looked_up = np.take_along_axis(problem.tables, index, axis=1)
    spans = np.ptp(problem.tables, axis=1)[:, None]
    run.record(
        live_against_map_max_difference_over_range=(np.abs(value - looked_up) / spans).max(),
        live_same_cells_share=np.mean(index == searches["logei"].cells[:, LIVE_SEED]),
    )


def surfaces(run: Run, problem: Problem, searches: dict[str, Search]) -> None:
    """Posterior of one campaign per response after some numbers of evaluations, from its saved hyperparameters."""
    config, model = problem.config, surrogate()
    ends = sorted({max(config.evaluations // share, config.initial_points) for share in (8, 4, 2, 1)})
    pool = unit_cube(jnp.asarray(problem.pool), jnp.float64)
    shown = jax.tree.map(lambda leaf: leaf[:, LIVE_SEED], searches["logei"].info._replace(observed=None))

    def one(number: Any, count: Any) -> Any:
        index, value = shown.index[number], shown.value[number]
        params = jax.tree.map(lambda leaf: leaf[number, count - 1], shown.params)
        return model.predict(params, observations(pool[index], value, jnp.arange(len(index)) < count), pool)

    shown = jax.tree.map(jnp.asarray, shown)
    numbers, budgets = jnp.arange(len(problem.tables)), jnp.asarray(ends)
    prediction = jax.jit(jax.vmap(jax.vmap(one, (None, 0)), (0, None)))(numbers, budgets)
    shape = (len(problem.tables), len(ends), config.grid_points, config.grid_points)
    dims = ("response", "budget", "depolarization", "coupling")
    run.add("budget", ("budget",), budgets, "1", "evaluations of the surfaces shown", coordinate=True)
    for name, values in prediction._asdict().items():
        run.add(f"surface_{name}", dims, values.reshape(shape), "as the response",
                f"posterior {name}, log expected improvement, first seed")  # fmt: skip


def score(run: Run, problem: Problem, searches: dict[str, Search]) -> None:
    """Evaluations to a good cell, gap to the best and error of the surface, over the seeds of every method."""
    config, good = problem.config, problem.good()
    names = np.array(config.responses, dtype=object)
    run.add("response", ("response",), names, "1", "what is maximised", coordinate=True)
    axes, spans = ("response", "seed", "evaluation"), np.ptp(problem.tables, axis=1)
    grids = run.results.smallest_grid.to_numpy() ** 2
    for method, search in searches.items():
        values = np.stack([table[index] for table, index in zip(problem.tables, search.cells, strict=True)])
        gap = (problem.tables.max(1)[:, None, None] - scores.best_so_far(values)) / spans[:, None, None]
        needed = scores.evaluations_to(np.stack([g[i] for g, i in zip(good, search.cells, strict=True)]))
        run.add(f"{method}_cell", axes, search.cells, "1", f"{method}: cell evaluated (row · side + column)")
        run.add(f"{method}_gap", axes, gap, "1", f"{method}: maximum minus best so far, over the map's range")
        run.add(f"{method}_evaluations", axes[:2], needed, "1", f"{method}: evaluations to a good cell")
        for name, own, last in zip(config.responses, needed, gap[..., -1], strict=True):
            run.record(**_spread(f"{name}_{method}", own))
            run.record(**{f"{name}_{method}_never_share": np.isinf(own).mean()})
            run.record(**{f"{name}_{method}_last_gap_median": np.median(last)})
        if search.rmse is not None:
            run.add(
                f"{method}_surface_rmse", axes, search.rmse, "as the response", f"{method}: rms error of the surface"
            )
            for name, own, span in zip(config.responses, search.rmse, spans, strict=True):
                run.record(**{f"{name}_{method}_last_rmse_over_range_median": np.median(own[:, -1]) / span})
    fitted = run.results.grid_surface_rmse.to_numpy()
    refined = run.results.smallest_grid_refined.to_numpy()
    for number, name in enumerate(config.responses):
        run.record(**_spread(f"{name}_grid", grids[number]), **_spread(f"{name}_refined_grid", refined[number]))
        logei = run.metrics[f"{name}_logei_evaluations_median"]
        run.record(**{
            f"{name}_grid_over_logei_evaluations": run.metrics[f"{name}_grid_evaluations_median"] / logei,
            f"{name}_grid_last_rmse_over_range_median": np.median(fitted[number, -1]) / spans[number],
        })  # fmt: skip


def _spread(prefix: str, needed: np.ndarray) -> dict[str, float]:
    """Median and quartiles of evaluations; a quantile that falls on a seed that never got there is infinite."""
    quantiles = np.quantile(needed, [0.25, 0.5, 0.75], method="inverted_cdf")
    return {f"{prefix}_evaluations_{part}": q for part, q in zip(("q25", "median", "q75"), quantiles, strict=True)}
