"""TODO docstring of experiments.multifidelity_ferrosim.compute.compute"""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import ferro_jax as ferro
from bo.acquisitions import analytic, fidelity
from bo.campaigns import running
from bo.campaigns.pool import campaign
from bo.campaigns.records import CampaignConfig
from bo.surrogates import gp, multifidelity, process_types
from experiments.lab.objectives import look_up
from experiments.lab.parallel import over_devices
from experiments.lab.run import Run, RunError
from experiments.multifidelity_ferrosim.config import (
    COST,
    METHODS,
    REFIT,
    SHAPES,
    START_ALONE,
    START_HIGH,
    START_LOW,
    Config,
)


def compute(run: "Run", config: Config) -> None:
    """Do the job stage by stage."""
    with run.stage("maps"):
        maps = simulate_maps(run, config)
    with run.stage("with_proxy"):
        found = {"two_fidelities": campaigns(maps, config, proxy=True)}
    with run.stage("without_proxy"):
        both = campaigns(maps, config, proxy=False)
        for half, method in ((slice(None, config.seeds), "target_alone"), (slice(config.seeds, None), "random")):
            found[method] = {name: values[half] for name, values in both.items()}
    with run.stage("scores"):
        score(run, maps, found, config)


def simulate_maps(run: "Run", config: Config) -> dict[str, np.ndarray]:
    """The response on the whole grid at both fidelities: what campaigns look up, and what they are judged by."""

    setup = ferro.physical(jnp.float32)._replace(settle=None)
    local = setup.coercive_field * ferro.random_field(jax.random.key(config.seed), setup.lattice)
    axes = [np.linspace(-2.75, 2.75, config.grid_points), np.linspace(2 * np.pi, 8 * np.pi / 3, config.grid_points)]
    growth, frequency = (values.ravel()[:, None] for values in np.meshgrid(*axes))
    time = np.linspace(0, 4, 1200)[None]  # as the published histories, of which the first 900 samples drive
    shape = np.exp(growth * time) * np.cos(frequency * time)
    low, high = shape.min(1, keepdims=True), shape.max(1, keepdims=True)
    curves = (2 * (shape - low) / (high - low) - 1)[:, : setup.drive_steps].astype(np.float32)
    maps = {}
    for name, (rows, columns) in SHAPES.items():
        small = setup._replace(lattice=replace(setup.lattice, shape=(rows, columns)))
        field = local[:, :rows, :columns]

        def respond(curve: Any, small: Any = small, field: Any = field) -> Any:
            return ferro.target(ferro.simulate(None, curve, field, small, check=False).state, small)

        maps[name] = over_devices(respond)(curves).astype(float) / (rows * columns)
        if not np.isfinite(maps[name]).all():
            count = (~np.isfinite(maps[name])).sum()
            raise RunError(f"{count} simulations of the {rows} × {columns} lattice went non-finite")
        run.add(f"{name}_map", ("frequency", "growth"), maps[name].reshape(config.grid_points, -1), "model unit",
                f"sum of |curl P| per site of the {rows} × {columns} lattice")  # fmt: skip
    run.add("growth", ("growth",), axes[0], "1 / unit of time", "growth alpha of the drive", coordinate=True)
    run.add("frequency", ("frequency",), axes[1], "rad / unit of time", "frequency omega of the drive", coordinate=True)
    run.record(
        cost_of_proxy=COST, cells=len(growth), seeds=config.seeds, budget=config.budget,
        correlation_of_maps=np.corrcoef(maps["low"], maps["high"])[0, 1], std_of_target_map=maps["high"].std(),
        std_of_difference_of_maps=(maps["high"] - maps["low"]).std(),
    )  # fmt: skip
    return {**maps, "x": np.concatenate([growth, frequency], axis=1)}


def campaigns(maps: dict[str, np.ndarray], config: Config, *, proxy: bool) -> dict[str, np.ndarray]:
    """Cost, RMSE over the target's grid and best target value after every evaluation, for all seeds in one program.

    Without the proxy there are twice as many: the second half takes random points.
    """

    x, high, settings = jnp.asarray(maps["x"]), jnp.asarray(maps["high"]), process_types.GPConfig(starts=2)
    cells = len(high)
    if proxy:
        pool, truth = multifidelity.both(x), jnp.concatenate([jnp.asarray(maps["low"]), high])
        surrogate = multifidelity.two_fidelities(settings)
        steps, initial = int(4 * config.budget), START_LOW + START_HIGH
    else:
        pool, truth, surrogate = x, high, gp.gaussian_process(settings)
        steps, initial = int(config.budget) - START_ALONE, START_ALONE
    schedule = CampaignConfig(initial_points=initial, steps=-(-steps // REFIT) * REFIT, refit_every=REFIT, buckets=1)

    def error(prediction: Any, state: Any) -> Any:
        del state
        return jnp.sqrt(jnp.mean((prediction.mean[-cells:] - high) ** 2))

    def one(key: Any, random: Any) -> tuple[Any, Any]:
        key_start, key_run = jax.random.split(key)
        start = jax.random.choice(key_start, cells, (initial,), replace=False)
        if proxy:
            rule = fidelity.upper_confidence_bound(config.kappa, COST)
            start = start + jnp.where(jnp.arange(initial) < START_LOW, 0, cells)
        else:
            by_chance, by_bound = analytic.at_random(), analytic.upper_confidence_bound(config.kappa)

            def rule(*given: Any) -> Any:
                return jnp.where(random, by_chance(*given), by_bound(*given))

        search = campaign(look_up(pool, truth), pool, surrogate, rule, schedule, initial=start)
        _, info = running.run(key_run, search, observe=error)
        return info.index, info.observed

    keys = jax.random.split(jax.random.key(config.seed + 1), config.seeds if proxy else 2 * config.seeds)
    index, rmse = over_devices(one)(keys, np.arange(len(keys)) >= config.seeds)
    target = index >= len(pool) - cells
    best = np.maximum.accumulate(np.where(target, maps["high"][index % cells], -np.inf), axis=1)
    rmse[:, : initial - 1] = np.nan  # there is no surface before the initial design is complete
    return {"cost": np.cumsum(np.where(target, 1.0, COST), axis=1), "rmse": rmse, "best": best, "target": target}


def score(run: "Run", maps: dict[str, np.ndarray], found: dict[str, dict[str, np.ndarray]], config: Config) -> None:
    """Curves over a common axis of cost, and the numbers of the summary."""
    least = int(np.ceil(START_ALONE))
    cost = np.arange(least, int(config.budget) + 1, dtype=float)
    run.add("cost", ("cost",), cost, "simulations of the target", "cost so far", coordinate=True)
    top = maps["high"].max()
    curves = {}
    for method, text in METHODS.items():
        own = found[method]
        rows = [np.searchsorted(each, cost + 1e-9, side="right") - 1 for each in own["cost"]]
        rmse, best = (np.stack([own[name][i, row] for i, row in enumerate(rows)]) for name in ("rmse", "best"))
        regret = np.where(np.isfinite(best), top - best, np.nan)
        for name, values, meaning in (
            ("rmse", rmse, "RMSE over the grid"),
            ("regret", regret, "distance to the largest value"),
        ):
            curves[method, name] = values
            run.add(f"{method}_{name}", ("seed", "cost"), values, "model unit", f"{text}: {meaning}")
            half, end = np.median(values[:, [len(cost) // 2, -1]], axis=0)
            run.record(**{f"{method}_{name}_at_half_median": half, f"{method}_{name}_at_end_median": end})
        reached = [each[row[-1]] for each, row in zip(own["cost"], rows, strict=True)]
        run.record(**{f"{method}_cost_spent_median": np.median(reached)})
        run.record(**{f"{method}_evaluations_median": np.median([row[-1] + 1 for row in rows])})
        shares = [own["target"][seed, : row[-1] + 1].mean() for seed, row in enumerate(rows)]
        run.record(**{f"{method}_share_of_target_evaluations": np.mean(shares)})
    level = np.median(curves["target_alone", "rmse"][:, -1])
    for method in METHODS:
        below = np.median(curves[method, "rmse"], axis=0) <= level
        run.record(**{f"{method}_cost_to_final_rmse_of_target_alone": cost[below.argmax()] if below.any() else np.inf})
    for name in ("at_half", "at_end"):
        run.record(**{f"rmse_ratio_{name}": run.metrics[f"two_fidelities_rmse_{name}_median"]
                      / run.metrics[f"target_alone_rmse_{name}_median"]})  # fmt: skip
    run.record(half_cost=cost[len(cost) // 2])
    lower = curves["two_fidelities", "rmse"][:, -1] < curves["target_alone", "rmse"][:, -1]
    run.record(share_of_seeds_with_lower_rmse=lower.mean())
