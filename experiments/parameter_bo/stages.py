"""Stages of ``experiments/parameter_bo/compute.py``: each computes, records its numbers and saves its arrays."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bo.acquisitions import analytic
from bo.campaigns import running
from bo.campaigns.pool import campaign, unit_cube
from bo.campaigns.records import CampaignConfig
from bo.data import observations
from bo.surrogates import gp, process_types
from bo.surrogates.base import Surrogate
from experiments import ferrosim_parameters
from experiments.lab import designs as lab_designs
from experiments.lab import grid_search
from experiments.lab.objectives import look_up
from experiments.lab.parallel import over_devices
from experiments.lab.run import Run, RunError
from experiments.parameter_bo.config import Config
from experiments.shared.lattices import parameter_map as parameters

MATCH = ("model unit", "minus the rms distance of the loop from that of the preset's coupling and depolarization")
MODELS = ("logei", "ucb", "random", "sobol")  # methods whose surface is a Gaussian process at every budget
GRIDS = (4, 8)  # sides of the plain grids to whose values a Gaussian process is fitted
LIVE_SEED = 0  # of the campaigns that simulate on demand and of those that are shown


class Problem(NamedTuple):
    """The maps and what draws the seeds."""

    simulation: parameters.Problem
    simulate: Callable[[Any, Any], dict[str, Any]]  # (coupling, depolarization) -> responses
    pool: np.ndarray  # (cell, parameter): coupling, depolarization; coupling varies fastest
    tables: np.ndarray  # (response, cell)
    orders: np.ndarray  # (seed, evaluation) random cells; their first are every campaign's initial design
    keys: jax.Array  # (seed,)
    config: "Config"

    def good(self) -> np.ndarray:
        """Cells within the tolerance of each response's best, (response, cell)."""
        best, low = self.tables.max(1, keepdims=True), self.tables.min(1, keepdims=True)
        return self.tables >= best - self.config.tolerance * (best - low)


class Search(NamedTuple):
    """What a method evaluated; surfaces only where a Gaussian process goes with it."""

    cells: np.ndarray  # (response, seed, evaluation)
    rmse: np.ndarray | None = None  # of the surface over all cells
    info: Any = None


def maps(run: Run, config: "Config") -> Problem:
    """Simulate every cell once; refuse a box that the time step cannot carry."""
    parts = {name: getattr(config, name) for name in ("preset", "grid_points", "coupling_max", "depolarization_max",
                                                      "steps_per_cycle", "seed")}  # fmt: skip
    simulation = parameters.prepare(run, ferrosim_parameters.Config(**parts, realisations=2))
    run.results = run.results.drop_vars("local_field")
    run.add("local_field", ("component", "row", "column"), simulation.local[0] / simulation.setup.coercive_field,
            "coercive field", "random field of the defects, the same in every cell")  # fmt: skip
    run.record(
        realisations=1, campaigns=config.campaigns, evaluations=config.evaluations, tolerance_share=config.tolerance
    )
    preset = simulation.setup.params
    loop = jax.jit(simulation.respond)(preset.coupling, preset.depolarization, jnp.int32(0))["polarization"]

    def simulate(coupling: Any, depolarization: Any) -> dict[str, Any]:
        every = simulation.respond(coupling, depolarization, jnp.int32(0))
        found = {name: every[name] for name in config.responses if name != "match"}
        if "match" in config.responses:
            found["match"] = -jnp.sqrt(jnp.mean((every["polarization"] - loop) ** 2))
        return found

    cells = len(simulation.coupling)
    values = over_devices(simulate, -(-cells // jax.local_device_count()))(
        simulation.coupling, simulation.depolarization
    )
    tables = np.stack([values[name] for name in config.responses]).astype(float)
    if not np.isfinite(tables).all():
        raise RunError(f"a response went non-finite in {(~np.isfinite(tables)).any(0).sum()} of {cells} cells")
    n = config.grid_points
    for name, table in zip(config.responses, tables, strict=True):
        units, text = MATCH if name == "match" else parameters.RESPONSES[name]
        run.add(name, ("depolarization", "coupling"), table.reshape(n, n), units, text)
    generators = [np.random.default_rng(config.seed)] * config.campaigns
    orders = lab_designs.random_orders(generators, cells, config.evaluations)
    keys = jax.random.split(jax.random.key(config.seed), config.campaigns)
    pool = np.stack([simulation.coupling, simulation.depolarization], axis=1).astype(float)
    problem = Problem(simulation, simulate, pool, tables, orders.astype(np.int32), keys, config)
    for name, table, good in zip(config.responses, tables, problem.good(), strict=True):
        best = int(table.argmax())
        row, column = divmod(best, n)
        run.record(**{
            f"{name}_min": table.min(), f"{name}_max": table.max(), f"{name}_good_cells": int(good.sum()),
            f"{name}_optimum_coupling": pool[best, 0], f"{name}_optimum_depolarization": pool[best, 1],
            f"{name}_optimum_cells_from_edge": min(row, column, n - 1 - row, n - 1 - column),
            f"{name}_random_expected_evaluations": (cells + 1) / (good.sum() + 1),
        })  # fmt: skip
    return problem


def surrogate(starts: int = 4) -> Surrogate:
    """Simulations without noise: its prior sits at 1e-4 of the targets' variance and below, not at 2 %."""
    return gp.gaussian_process(process_types.GPConfig(noise_prior=(-10.0, 3.0), noise_floor=1e-8, starts=starts))


def _lanes(problem: Problem, *arrays: Any) -> tuple[Any, ...]:
    """Tables and per-seed arrays, one lane per response and seed, seeds varying fastest."""
    responses, seeds = len(problem.tables), problem.config.campaigns
    repeated = [jnp.tile(a, (responses,) + (1,) * (a.ndim - 1)) for a in map(jnp.asarray, arrays)]
    return (np.repeat(problem.tables, seeds, axis=0), *repeated)


def _split(problem: Problem, tree: Any) -> Any:
    """(response · seed, ...) leaves as (response, seed, ...)."""
    shape = (len(problem.tables), problem.config.campaigns)
    return jax.tree.map(lambda leaf: leaf.reshape(*shape, *leaf.shape[1:]), tree)


def search_for(problem: Problem, rule: Any, refit_every: int, table: Any, initial: Any, objective: Any = None) -> Any:
    """The campaign of one lane and its observer, which scores the surface the campaign never sees."""
    config, pool = problem.config, jnp.asarray(problem.pool)
    settings = CampaignConfig(config.initial_points, config.steps, refit_every, buckets=2)
    search = campaign(objective or look_up(pool, table), pool, surrogate(), rule, settings, initial=initial)
    return search, lambda prediction, state: jnp.sqrt(jnp.mean((prediction.mean - table) ** 2))


def rules_of(config: "Config") -> dict[str, Any]:
    return {
        "logei": analytic.log_expected_improvement(),
        "ucb": analytic.upper_confidence_bound(config.kappa),
    }


def campaigns(run: Run, problem: Problem) -> dict[str, Search]:
    """Both acquisitions, all responses and seeds of one in a single vmapped program."""
    found = {}
    for name, rule in rules_of(problem.config).items():

        def one(table: Any, key: Any, order: Any, rule: Any = rule) -> Any:
            initial = order[: problem.config.initial_points]
            search, observe = search_for(problem, rule, problem.config.refit_every, table, initial)
            return running.run(key, search, observe=observe)[1]

        info = _split(problem, over_devices(one)(*_lanes(problem, problem.keys, problem.orders)))
        found[name] = Search(info.index, info.observed, info)
        z = info.z_score[..., problem.config.initial_points :]
        run.add(f"{name}_z_score", ("response", "seed", "step"), z, "1", f"{name}: one-step-ahead z-score")
        run.record(**{
            f"{name}_z_within_1_96_share": np.mean(np.abs(z) < 1.96), f"{name}_gram_retries": int(info.retries.sum()),
        })  # fmt: skip
    return found


def designs(run: Run, problem: Problem) -> dict[str, Search]:
    """Random and Sobol orders, blind to what they find; a Gaussian process follows them for its surface alone.

    Refitted a third as often as the campaigns, since nothing depends on it but the surface's score.
    """
    config, count = problem.config, problem.config.evaluations
    sobol = np.stack([lab_designs.sobol_order(problem.pool, count, config.seed + s) for s in range(config.campaigns)])

    def one(table: Any, key: Any, order: Any) -> Any:
        rule, initial = analytic.in_order(order), order[: config.initial_points]
        search, observe = search_for(problem, rule, 3 * config.refit_every, table, initial)
        info = running.run(key, search, observe=observe)[1]
        return info.index, info.observed

    call, found = over_devices(one), {}
    for name, orders in (("random", problem.orders), ("sobol", sobol.astype(np.int32))):
        found[name] = Search(*_split(problem, call(*_lanes(problem, problem.keys, orders))))
    return found


def _shifts(config: "Config") -> np.ndarray:
    return np.random.default_rng(config.seed + 1).random((config.campaigns, 2))


def zooming(problem: Problem) -> dict[str, Search]:
    """Coarse-to-fine grid search with every seed's own shift."""
    config = problem.config
    random = np.random.default_rng(config.seed + 2)
    return {"zoom": Search(np.array([
        [grid_search.coarse_to_fine(random, table, config.zoom, shift, config.evaluations) for shift in _shifts(config)]
        for table in problem.tables
    ]))}  # fmt: skip


def plain_grids(run: Run, problem: Problem) -> None:
    """k × k grids: the smallest that holds a good cell, the best cell of each, surfaces fitted to some of them."""
    config, n, shifts = problem.config, problem.config.grid_points, _shifts(problem.config)
    sides = [k for k in range(3, n + 1) if k * k <= config.evaluations]
    run.add("grid_side", ("grid",), sides, "1", "points per axis of a plain grid", coordinate=True)
    cells = [[grid_search.shifted_grid(n, k, shift) for shift in shifts] for k in sides]
    best = np.array([[[table[own].max() for own in of_k] for of_k in cells] for table in problem.tables])
    run.add("grid_best", ("response", "grid", "seed"), best, "as the response", "best cell of a shifted k × k grid")
    smallest = np.array([[grid_search.smallest_grid(good, shift) for shift in shifts] for good in problem.good()])
    run.add("smallest_grid", ("response", "seed"), smallest[..., 0], "1",
            "k of the smallest shifted k × k grid that holds a good cell")  # fmt: skip
    run.add("smallest_grid_refined", ("response", "seed"), smallest[..., 1], "1",
            "distinct cells of all grids from 3 × 3 up to that one")  # fmt: skip
    for name, good in zip(config.responses, problem.good(), strict=True):
        run.record(**{f"{name}_smallest_grid_with_ends": grid_search.smallest_grid(good, least=2)[0]})

    fitted, capacity = [k for k in GRIDS if k in sides], config.evaluations
    model, pool = surrogate(starts=2), unit_cube(jnp.asarray(problem.pool), jnp.float64)

    def one(table: Any, key: Any, chosen: Any, count: Any) -> Any:
        mask = jnp.arange(capacity) < count
        data = observations(pool[chosen], jnp.where(mask, table[chosen], 0), mask)
        mean = model.predict(model.init(key, data), data, pool).mean
        return jnp.sqrt(jnp.mean((mean - table) ** 2))

    call, rmse = over_devices(one), []
    for k in fitted:
        chosen = np.stack([np.pad(own, (0, capacity - k * k)) for own in cells[sides.index(k)]])
        rmse.append(_split(problem, call(*_lanes(problem, problem.keys, chosen, np.full(config.campaigns, k * k)))))
    run.add("fitted_grid_side", ("fitted_grid",), fitted, "1", "points per axis of a grid with a fit", coordinate=True)
    run.add("grid_surface_rmse", ("response", "fitted_grid", "seed"), np.stack(rmse, axis=1), "as the response",
            "rms error over all cells of a Gaussian process fitted to a shifted k × k grid")  # fmt: skip
