"""Compute and record both maps, the campaigns of three methods, and their scores at equal cost."""

from typing import NamedTuple

import numpy as np

from experiments.lab.run import Array, Run
from experiments.multifidelity_ferrosim.campaigns import Campaigns, with_proxy, without_proxy
from experiments.multifidelity_ferrosim.config import COST, METHODS, SHAPES, START_ALONE, Config
from experiments.multifidelity_ferrosim.maps import Maps, simulate_maps

ARRAYS = {
    **{
        f"{name}_map": Array(
            ("frequency", "growth"), "model unit", f"sum of |curl P| per site of the {rows} × {columns} lattice"
        )
        for name, (rows, columns) in SHAPES.items()
    },
    "growth": Array(("growth",), "1 / unit of time", "growth alpha of the drive", coordinate=True),
    "frequency": Array(("frequency",), "rad / unit of time", "frequency omega of the drive", coordinate=True),
    "cost": Array(("cost",), "simulations of the target", "cost so far", coordinate=True),
    **{
        f"{method}_{name}": Array(("seed", "cost"), "model unit", f"{text}: {meaning}")
        for method, text in METHODS.items()
        for name, meaning in (("rmse", "RMSE over the grid"), ("regret", "distance to the largest value"))
    },
}


def compute(run: Run, config: Config) -> None:
    """Simulate both maps, run the campaigns, score them."""
    with run.stage("maps"):
        maps = simulate_maps(config)
        record_maps(run, maps, config)
    with run.stage("with_proxy"):
        campaigns = {"two_fidelities": with_proxy(maps, config)}
    with run.stage("without_proxy"):
        alone = without_proxy(maps, config)
        campaigns["target_alone"] = alone.rows(slice(None, config.seeds))
        campaigns["random"] = alone.rows(slice(config.seeds, None))
    with run.stage("scores"):
        record_scores(run, maps, campaigns, config)


def record_maps(run: Run, maps: Maps, config: Config) -> None:
    """Record the maps, their axes, and how the proxy compares with the target."""
    square = (config.grid_points, -1)
    arrays = {"low_map": maps.low.reshape(square), "high_map": maps.high.reshape(square)}
    run.add_all(ARRAYS, {**arrays, "growth": maps.growth, "frequency": maps.frequency})
    run.record(
        cost_of_proxy=COST,
        cells=len(maps.x),
        seeds=config.seeds,
        budget=config.budget,
        correlation_of_maps=np.corrcoef(maps.low, maps.high)[0, 1],
        std_of_target_map=maps.high.std(),
        std_of_difference_of_maps=(maps.high - maps.low).std(),
    )


class Curves(NamedTuple):
    """Scores of a method along a common axis of cost, and what its seeds had done at the end of the axis."""

    rmse: np.ndarray  # (seed, cost)
    regret: np.ndarray  # (seed, cost); NaN before there is a value of the target
    spent: list[float]  # (seed,)
    evaluations: list[int]  # (seed,)
    target_share: list[float]  # (seed,) share of the evaluations that were of the target


def curves_of(campaigns: Campaigns, cost: np.ndarray, largest: float) -> Curves:
    """Read the scores of a method's campaigns at the given costs."""
    rows = [np.searchsorted(each, cost + 1e-9, side="right") - 1 for each in campaigns.cost]
    rmse, best = (np.stack([values[i, row] for i, row in enumerate(rows)]) for values in campaigns[1:3])
    return Curves(
        rmse,
        np.where(np.isfinite(best), largest - best, np.nan),
        [each[row[-1]] for each, row in zip(campaigns.cost, rows, strict=True)],
        [row[-1] + 1 for row in rows],
        [campaigns.target[seed, : row[-1] + 1].mean() for seed, row in enumerate(rows)],
    )


def record_scores(run: Run, maps: Maps, campaigns: dict[str, Campaigns], config: Config) -> None:
    """Record curves over a common axis of cost, and the numbers of the summary."""
    cost = np.arange(int(np.ceil(START_ALONE)), int(config.budget) + 1, dtype=float)
    run.add_all(ARRAYS, {"cost": cost})
    curves = {method: curves_of(campaigns[method], cost, maps.high.max()) for method in METHODS}
    for method, each in curves.items():
        run.add_all(ARRAYS, {f"{method}_rmse": each.rmse, f"{method}_regret": each.regret})
        for name, values in (("rmse", each.rmse), ("regret", each.regret)):
            half, end = np.median(values[:, [len(cost) // 2, -1]], axis=0)
            run.record(**{f"{method}_{name}_at_half_median": half, f"{method}_{name}_at_end_median": end})
        run.record(**{f"{method}_cost_spent_median": np.median(each.spent)})
        run.record(**{f"{method}_evaluations_median": np.median(each.evaluations)})
        run.record(**{f"{method}_share_of_target_evaluations": np.mean(each.target_share)})
    proxy, alone = curves["two_fidelities"].rmse, curves["target_alone"].rmse
    level = np.median(alone[:, -1])
    for method, each in curves.items():
        below = np.median(each.rmse, axis=0) <= level
        run.record(**{f"{method}_cost_to_final_rmse_of_target_alone": cost[below.argmax()] if below.any() else np.inf})
    half = len(cost) // 2
    run.record(
        rmse_ratio_at_half=np.median(proxy[:, half]) / np.median(alone[:, half]),
        rmse_ratio_at_end=np.median(proxy[:, -1]) / np.median(alone[:, -1]),
        half_cost=cost[half],
        share_of_seeds_with_lower_rmse=(proxy[:, -1] < alone[:, -1]).mean(),
    )
