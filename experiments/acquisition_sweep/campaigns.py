"""Campaigns with all swept weights and all rules, and blind orders beside them."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

import bo
from bo.acquisitions import analytic, combined, lookahead, weights
from bo.acquisitions.base import Acquisition
from bo.campaigns.rules import anywhere
from experiments.acquisition_sweep.config import CALIBRATION, Config, kappa_name
from experiments.acquisition_sweep.landscapes import Landscape
from experiments.lab import designs
from experiments.lab.objectives import look_up
from experiments.lab.parallel import over_devices

LANES = 32  # campaigns of each device and call: memory is what limits them, 5 MB each on the largest pool


class Choices(NamedTuple):
    """What the seeds of a method evaluated."""

    cells: np.ndarray  # (seed, evaluation) candidates
    z_score: np.ndarray  # (seed, evaluation) one-step-ahead; NaN for the initial design and blind orders


class Sweep(NamedTuple):
    """Campaigns of all methods on one landscape."""

    choices: dict[str, Choices]  # by method
    noise: np.ndarray  # noise variance of the surrogates, in units of the targets' variance
    retries: int  # Gram matrices that needed more jitter


def rule(name: str, kappa: Any, size: int, config: Config) -> Acquisition:
    """Return the acquisition of that name for a pool of ``size``; "kappa" is the one with the swept weight."""
    return {
        "kappa": lambda: analytic.upper_confidence_bound(kappa),
        "logei": analytic.log_expected_improvement,
        "pi": analytic.log_probability_of_improvement,
        "scheduled": lambda: weights.scheduled_upper_confidence_bound(size),
        "randomised": weights.randomised_upper_confidence_bound,
        "calibrated": lambda: weights.calibrated_upper_confidence_bound(config.calibrated_kappa, **CALIBRATION),
        "quantile": lambda: weights.quantile_upper_confidence_bound(config.quantile_level),
        "portfolio": lambda: combined.portfolio([analytic.upper_confidence_bound(kappa) for kappa in config.portfolio]),
        "max_value_entropy": lookahead.max_value_entropy,
        "thompson": analytic.thompson,
    }[name]()


def chosen_rule(number: Any, rules: Sequence[Acquisition]) -> Acquisition:
    """Return rule ``number``, which may be traced: under vmap the rules that no lane has chosen are not computed."""

    def score(key, prediction, state, view):
        total = jnp.zeros_like(prediction.mean)
        for position, candidate in enumerate(rules):
            chosen = number == position
            values = lax.cond(
                anywhere(chosen),
                lambda candidate=candidate: candidate(key, prediction, state, view).astype(prediction.mean.dtype),
                lambda: jnp.zeros_like(prediction.mean),
            )
            total = jnp.where(chosen, values, total)
        return total

    return score


def program(config: Config) -> Callable[..., Any]:
    """Return the program of all lanes: (number of the rule, κ, key, initial design, pool, table), one each per lane."""
    names = ("kappa", *config.rules)
    settings = bo.CampaignConfig(config.initial_points, config.steps, config.refit_every, buckets=2)

    def run_lane(number: Any, kappa: Any, key: Any, initial: Any, pool: Any, table: Any) -> Any:
        rules = [rule(name, kappa, len(table), config) for name in names]
        acquisition, surrogate = chosen_rule(number, rules), bo.gaussian_process()
        campaign = bo.campaign(look_up(pool, table), pool, surrogate, acquisition, settings, initial=initial)
        state, info = bo.run(key, campaign)
        return info.index, info.z_score, info.retries.sum(), state.params

    return over_devices(run_lane, LANES, bo.compiler_options())


def sweep(
    call: Callable[..., Any], place: Landscape, config: Config, progress: Callable[[int], Any] | None = None
) -> Sweep:
    """Run all weights, rules and seeds on a landscape by the program ``call``, lanes of one method side by side."""
    methods = [(kappa_name(kappa), 0, kappa) for kappa in config.kappas]
    methods += [(name, number, 0.0) for number, name in enumerate(config.rules, start=1)]
    seeds = config.campaigns
    keys = jnp.tile(jax.random.split(jax.random.key(config.seed), seeds), len(methods))
    number, kappa = (np.repeat([method[part] for method in methods], seeds) for part in (1, 2))
    initial = orders(place, config)[:, : config.initial_points].astype(np.int32)
    per_lane = [np.broadcast_to(array, (len(number), *array.shape)) for array in (place.pool, place.table)]
    lanes = (number, kappa, keys, np.tile(initial, (len(methods), 1)), *per_lane)
    index, z_score, retries, params = call(*lanes, progress=progress)
    split = (len(methods), seeds, -1)
    parts = zip(methods, index.reshape(split), z_score.reshape(split), strict=True)
    choices = {name: Choices(cells, z) for (name, *_), cells, z in parts}
    return Sweep(choices, params.noise, int(retries.sum()))


def orders(place: Landscape, config: Config) -> np.ndarray:
    """Return random orders (seed, evaluation): their first candidates open all campaigns of the seed."""
    return designs.orders(config.seed, config.campaigns, len(place.table), config.evaluations)


def blind(place: Landscape, config: Config) -> dict[str, Choices]:
    """Return random and Sobol orders of a landscape, which depend on no value."""
    seeds = range(config.seed, config.seed + config.campaigns)
    sobol = np.stack([designs.sobol_order(place.pool, config.evaluations, seed) for seed in seeds])
    nothing = np.full((config.campaigns, config.evaluations), np.nan)
    return {"random": Choices(orders(place, config), nothing), "sobol": Choices(sobol, nothing)}
