"""Simulate every cell once: the maps that campaigns look values up in, and what draws the seeds."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.lab.designs import random_orders
from experiments.lab.parallel import over_devices
from experiments.lab.run import RunError
from experiments.parameter_bo.config import Config
from experiments.shared.lattices import parameter_map


class Problem(NamedTuple):
    """The maps and what draws the seeds."""

    simulation: parameter_map.Problem
    simulate: Callable[[Any, Any], dict[str, Any]]  # (coupling, depolarization) -> responses
    pool: np.ndarray  # (cell, parameter): coupling, depolarization; coupling varies fastest
    tables: np.ndarray  # (response, cell)
    orders: np.ndarray  # (seed, evaluation) random cells; their first are every campaign's initial design
    keys: jax.Array  # (seed,)
    config: Config

    def good(self) -> np.ndarray:
        """Return the cells within the tolerance of each response's best, (response, cell)."""
        best, low = self.tables.max(1, keepdims=True), self.tables.min(1, keepdims=True)
        return self.tables >= best - self.config.tolerance * (best - low)


def prepare(config: Config) -> Problem:
    """Simulate every cell under one random field.

    ValueError for a box that the time step cannot carry, RunError where a response is not finite.
    """
    simulation = parameter_map.prepare(config.seed, config.sweep, realisations=2)  # the first of them is used
    simulate = responses_of(simulation, config)
    cells = len(simulation.coupling)
    values = over_devices(simulate, -(-cells // jax.local_device_count()))(
        simulation.coupling, simulation.depolarization
    )
    tables = np.stack([values[name] for name in config.responses]).astype(float)
    if not np.isfinite(tables).all():
        raise RunError(f"a response went non-finite in {(~np.isfinite(tables)).any(0).sum()} of {cells} cells")
    generators = [np.random.default_rng(config.seed)] * config.campaigns
    orders = random_orders(generators, cells, config.evaluations)
    keys = jax.random.split(jax.random.key(config.seed), config.campaigns)
    pool = np.stack([simulation.coupling, simulation.depolarization], axis=1).astype(float)
    return Problem(simulation, simulate, pool, tables, orders.astype(np.int32), keys, config)


def responses_of(simulation: parameter_map.Problem, config: Config) -> Callable[[Any, Any], dict[str, Any]]:
    """Return the function (coupling, depolarization) -> value of each of the responses asked for."""
    preset = simulation.setup.params
    loop = jax.jit(simulation.respond)(preset.coupling, preset.depolarization, jnp.int32(0))["polarization"]

    def simulate(coupling: Any, depolarization: Any) -> dict[str, Any]:
        responses = simulation.respond(coupling, depolarization, jnp.int32(0))
        values = {name: responses[name] for name in config.responses if name != "match"}
        if "match" in config.responses:
            values["match"] = -jnp.sqrt(jnp.mean((responses["polarization"] - loop) ** 2))
        return values

    return simulate


def description(problem: Problem) -> dict[str, Any]:
    """Return the numbers that describe each map: range, good cells, where the best cell lies."""
    n, cells, numbers = problem.config.grid_points, len(problem.pool), {}
    for name, table, good in zip(problem.config.responses, problem.tables, problem.good(), strict=True):
        best = int(table.argmax())
        row, column = divmod(best, n)
        numbers |= {
            f"{name}_min": table.min(),
            f"{name}_max": table.max(),
            f"{name}_good_cells": int(good.sum()),
            f"{name}_optimum_coupling": problem.pool[best, 0],
            f"{name}_optimum_depolarization": problem.pool[best, 1],
            f"{name}_optimum_cells_from_edge": min(row, column, n - 1 - row, n - 1 - column),
            f"{name}_random_expected_evaluations": (cells + 1) / (good.sum() + 1),
        }
    return numbers


def lanes(problem: Problem, *arrays: Any) -> tuple[Any, ...]:
    """Repeat tables and per-seed arrays to one lane per response and seed, seeds varying fastest."""
    responses, seeds = len(problem.tables), problem.config.campaigns
    repeated = [jnp.tile(a, (responses,) + (1,) * (a.ndim - 1)) for a in map(jnp.asarray, arrays)]
    return (np.repeat(problem.tables, seeds, axis=0), *repeated)


def by_response(problem: Problem, tree: Any) -> Any:
    """Reshape (response · seed, …) leaves to (response, seed, …)."""
    shape = (len(problem.tables), problem.config.campaigns)
    return jax.tree.map(lambda leaf: leaf.reshape(*shape, *leaf.shape[1:]), tree)
