"""Searches over the cells of a map, whose values are known to nobody else: campaigns, random and Sobol orders."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

import bo
from experiments.gradient_latent.accounting import Search
from experiments.gradient_latent.config import CAMPAIGNS, KAPPA, Config
from experiments.lab import designs
from experiments.lab.objectives import look_up
from experiments.lab.parallel import over_devices

REFIT_EVERY, BUCKETS = 29, 1  # evaluations between fits of the hyperparameters, sizes of the arrays


def campaign_of(name: str, objective: Callable[..., Any], pool: Any, initial: Any, config: Config) -> bo.Campaign:
    """Return the campaign of that name over a pool, opened by ``initial`` rows."""
    acquisition = {"log_ei": bo.log_expected_improvement, "ucb": lambda: bo.upper_confidence_bound(KAPPA)}[name]()
    plan = bo.CampaignConfig(config.initial_points, config.budget - config.initial_points, REFIT_EVERY, BUCKETS)
    return bo.campaign(objective, pool, bo.gaussian_process(), acquisition, plan, initial=initial)


def campaign_programs(config: Config) -> dict[str, Callable[..., Any]]:
    """Return for each campaign the program (key, initial rows, pool, values), one each a lane, -> chosen rows.

    Each device runs one lane after the other, because side by side their posteriors push each other out of the cache.
    """

    def program(name: str) -> Callable[..., Any]:
        def lane(key: Any, initial: Any, pool: Any, values: Any) -> Any:
            return bo.run(key, campaign_of(name, look_up(pool, values), pool, initial, config))[1].index

        return over_devices(lane, 1)

    return {name: program(name) for name in CAMPAIGNS}


def chosen(
    programs: dict[str, Callable[..., Any]],
    cells: Float[np.ndarray, "cell latent"],
    values: Float[np.ndarray, " cell"],
    config: Config,
) -> dict[str, Int[np.ndarray, "seed evaluation"]]:
    """Return the cells that campaigns and orders evaluate; the campaigns of a seed begin as its random order does."""
    seeds = range(config.seed, config.seed + config.seeds)
    random = designs.orders(config.seed, config.seeds, len(cells), config.budget)
    keys = jnp.stack([jax.random.key(seed) for seed in seeds])
    initial = random[:, : config.initial_points].astype(np.int32)
    alike = [np.broadcast_to(array, (config.seeds, *array.shape)) for array in (cells.astype(float), values)]
    orders = {name: np.asarray(program(keys, initial, *alike)) for name, program in programs.items()}
    sobol = np.stack([designs.sobol_order(cells, config.budget, seed) for seed in seeds])
    return orders | {"sobol": sobol, "random": random}


def over_cells(
    order: Int[np.ndarray, "seed evaluation"], cells: Float[np.ndarray, "cell latent"], values: np.ndarray
) -> Search:
    """Return the search that evaluates cells in these orders."""
    return Search(values[order], np.zeros(order.shape[1], bool), cells[order])
