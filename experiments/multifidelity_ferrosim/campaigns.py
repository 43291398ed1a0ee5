"""Run the campaigns: with the proxy, with the target alone, and at random target points."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import bo
from bo.campaigns.protocols import Campaign
from bo.surrogates.multifidelity import both
from experiments.lab.objectives import look_up
from experiments.lab.parallel import over_devices
from experiments.multifidelity_ferrosim.config import COST, REFIT, START_ALONE, START_HIGH, START_LOW, Config
from experiments.multifidelity_ferrosim.maps import Maps


class Campaigns(NamedTuple):
    """What the campaigns of one method did, each array (seed, evaluation)."""

    cost: np.ndarray  # so far, in simulations of the target
    rmse: np.ndarray  # of the surface over the target's grid; NaN before the initial design is complete
    best: np.ndarray  # largest value of the target so far; −∞ before there is one
    target: np.ndarray  # whether the evaluation was one of the target

    def rows(self, seeds: slice) -> "Campaigns":
        """Return the campaigns of some seeds."""
        return Campaigns(*(values[seeds] for values in self))


def with_proxy(maps: Maps, config: Config) -> Campaigns:
    """Run campaigns of ``config.seeds`` seeds that choose candidate and fidelity."""
    x, high = jnp.asarray(maps.x), jnp.asarray(maps.high)
    pool, truth = both(x), jnp.concatenate([jnp.asarray(maps.low), high])
    rule, steps = bo.two_fidelity_upper_confidence_bound(config.kappa, COST), int(4 * config.budget)
    surrogate = bo.two_fidelities(bo.GPConfig(starts=2))

    def one_seed(key: jax.Array, _: Any) -> tuple[jax.Array, jax.Array]:
        key_start, key_run = jax.random.split(key)
        initial = START_LOW + START_HIGH
        start = jax.random.choice(key_start, len(high), (initial,), replace=False)
        start = start + jnp.where(jnp.arange(initial) < START_LOW, 0, len(high))
        campaign = bo.campaign(look_up(pool, truth), pool, surrogate, rule, schedule(initial, steps), initial=start)
        return evaluated(key_run, campaign, high)

    return _scored(one_seed, maps, config, config.seeds, START_LOW + START_HIGH, len(pool))


def without_proxy(maps: Maps, config: Config) -> Campaigns:
    """Run campaigns over the target alone: ``config.seeds`` that choose by the bound, then as many at random."""
    pool, high = jnp.asarray(maps.x), jnp.asarray(maps.high)
    surrogate, steps = bo.gaussian_process(bo.GPConfig(starts=2)), int(config.budget) - START_ALONE
    by_chance, by_bound = bo.at_random(), bo.upper_confidence_bound(config.kappa)

    def one_seed(key: jax.Array, random: jax.Array) -> tuple[jax.Array, jax.Array]:
        key_start, key_run = jax.random.split(key)
        start = jax.random.choice(key_start, len(high), (START_ALONE,), replace=False)

        def rule(*given: Any) -> jax.Array:
            return jnp.where(random, by_chance(*given), by_bound(*given))

        campaign = bo.campaign(look_up(pool, high), pool, surrogate, rule, schedule(START_ALONE, steps), initial=start)
        return evaluated(key_run, campaign, high)

    return _scored(one_seed, maps, config, 2 * config.seeds, START_ALONE, len(pool))


def schedule(initial: int, steps: int) -> bo.CampaignConfig:
    """Return the budget of a campaign, its steps rounded up to whole cycles of REFIT."""
    return bo.CampaignConfig(initial_points=initial, steps=-(-steps // REFIT) * REFIT, refit_every=REFIT)


def evaluated(key: jax.Array, campaign: Campaign, high: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Run a campaign; returns candidate and RMSE over the target's grid of every evaluation."""

    def error(prediction: Any, state: Any) -> jax.Array:
        del state
        return jnp.sqrt(jnp.mean((prediction.mean[-len(high) :] - high) ** 2))

    _, info = bo.run(key, campaign, observe=error)
    return info.index, info.observed


def _scored(one_seed: Any, maps: Maps, config: Config, count: int, initial: int, pool: int) -> Campaigns:
    """Run ``one_seed`` for ``count`` keys in one program and add up cost and best value."""
    keys, cells = jax.random.split(jax.random.key(config.seed + 1), count), len(maps.high)
    index, rmse = over_devices(one_seed, options=bo.compiler_options())(keys, np.arange(count) >= config.seeds)
    target = index >= pool - cells
    best = np.maximum.accumulate(np.where(target, maps.high[index % cells], -np.inf), axis=1)
    rmse[:, : initial - 1] = np.nan
    return Campaigns(np.cumsum(np.where(target, 1.0, COST), axis=1), rmse, best, target)
