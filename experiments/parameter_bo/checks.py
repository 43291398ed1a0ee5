"""Compare campaigns with simulations on demand, and show the surface of one campaign per response."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import bo
from bo.campaigns.cube import unit_cube
from bo.surrogates.base import Prediction
from experiments.lab.checkpoints import once
from experiments.lab.parallel import over_devices
from experiments.parameter_bo.campaigns import Evaluated, acquisitions, campaign_of, surrogate
from experiments.parameter_bo.problem import Problem

SAME_CALL = 8  # single simulations compared with the map
LIVE_SEED = 0  # of the campaigns that simulate on demand and of those that are shown


@once
def single_differences(problem: Problem) -> dict[str, float]:
    """Return the largest difference of single simulations from each map."""
    cells = np.linspace(0, len(problem.pool) - 1, SAME_CALL).round().astype(int)
    call = jax.jit(problem.simulate)
    single = [call(*problem.pool[cell].astype(np.float32)) for cell in cells]
    values = {name: np.array([float(each[name]) for each in single]) for name in problem.config.responses}
    return {
        name: np.abs(values[name] - problem.tables[number, cells]).max()
        for number, name in enumerate(problem.config.responses)
    }


class Live(NamedTuple):
    """How campaigns that simulate on demand compare with those that look values up."""

    largest_difference: float  # of a value, over the map's range
    same_cells: float  # share of evaluations at the same cell


def live(problem: Problem, evaluated: dict[str, Evaluated]) -> Live:
    """Run one campaign per response that simulates on demand."""
    config = problem.config

    def one_response(table: Any, number: Any) -> tuple[jax.Array, jax.Array]:
        def objective(key: Any, x: jax.Array) -> jax.Array:
            values = problem.simulate(*x.astype(jnp.float32))
            return jnp.stack([values[name] for name in config.responses])[number]

        initial = problem.orders[LIVE_SEED, : config.initial_points]
        rule = acquisitions(config)["logei"]
        campaign = campaign_of(problem, rule, config.refit_every, table, initial, objective)
        info = bo.run(problem.keys[LIVE_SEED], campaign)[1]
        return info.index, info.value

    index, value = over_devices(one_response)(problem.tables, np.arange(len(problem.tables)))
    looked_up = np.take_along_axis(problem.tables, index, axis=1)
    spans = np.ptp(problem.tables, axis=1)[:, None]
    same = np.mean(index == evaluated["logei"].cells[:, LIVE_SEED])
    return Live((np.abs(value - looked_up) / spans).max(), same)


class Surfaces(NamedTuple):
    """Surfaces of one campaign per response after some numbers of evaluations."""

    budgets: jax.Array  # (budget,)
    mean: np.ndarray  # (response, budget, depolarization, coupling)
    std: np.ndarray  # the same


@once
def surfaces(problem: Problem, evaluated: dict[str, Evaluated]) -> Surfaces:
    """Predict the map from the first evaluations of one campaign, with the hyperparameters it had then."""
    config, model, info = problem.config, surrogate(), evaluated["logei"].info
    assert info is not None
    ends = sorted({max(config.evaluations // share, config.initial_points) for share in (8, 4, 2, 1)})
    pool = unit_cube(jnp.asarray(problem.pool), jnp.float64)
    shown = jax.tree.map(lambda leaf: jnp.asarray(leaf[:, LIVE_SEED]), info._replace(observed=None))

    def predict(number: Any, count: Any) -> Prediction:
        index, value = shown.index[number], shown.value[number]
        params = jax.tree.map(lambda leaf: leaf[number, count - 1], shown.params)
        return model.predict(params, bo.observations(pool[index], value, jnp.arange(len(index)) < count), pool)

    numbers, budgets = jnp.arange(len(problem.tables)), jnp.asarray(ends)
    prediction = jax.jit(jax.vmap(jax.vmap(predict, (None, 0)), (0, None)))(numbers, budgets)
    shape = (len(problem.tables), len(ends), config.grid_points, config.grid_points)
    return Surfaces(budgets, prediction.mean.reshape(shape), prediction.std.reshape(shape))
