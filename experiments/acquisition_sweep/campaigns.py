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
from experiments.acquisition_sweep import candidates
from experiments.acquisition_sweep.config import CALIBRATION, MIXED, Config, kappa_name
from experiments.acquisition_sweep.landscapes import Landscape
from experiments.lab import designs
from experiments.lab.objectives import look_up
from experiments.lab.parallel import over_devices

LANES = 32  # campaigns of each device and call: memory is what limits them, 5 MB each on the largest pool
MIXED_LANES = 4  # the same with a mixture, whose members have that memory each


class Choices(NamedTuple):
    """What the seeds of a method evaluated."""

    cells: np.ndarray  # (seed, evaluation) candidates
    z_score: np.ndarray  # (seed, evaluation) one-step-ahead; NaN for the initial design and blind orders


class Sweep(NamedTuple):
    """Campaigns of all methods on one landscape."""

    choices: dict[str, Choices]  # by method
    noise: np.ndarray  # noise variance of the surrogates, in units of the pool's variance
    retries: int  # Gram matrices that needed more jitter


class Method(NamedTuple):
    """A swept weight, or a rule, whose κ is not used."""

    name: str
    rule: str
    kappa: float


class Family(NamedTuple):
    """Methods with one kind of surrogate, and the program of their lanes."""

    methods: list[Method]
    call: Callable[..., Any]


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
        "top_two": lambda: candidates.top_two_expected_improvement(config.top_two_share),
        "logei_calibrated": lambda: candidates.calibrated_log_expected_improvement(**CALIBRATION),
        "logei_mixture": analytic.log_expected_improvement,
        "pi_mixture": analytic.log_probability_of_improvement,
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


def families(config: Config) -> list[Family]:
    """Return all methods by the surrogate they need, each kind with one program for all landscapes."""
    swept = [Method(kappa_name(kappa), "kappa", kappa) for kappa in config.kappas]
    plain = [Method(name, name, 0.0) for name in config.rules if name not in MIXED]
    mixed = [Method(name, name, 0.0) for name in config.rules if name in MIXED]
    found = [Family(swept + plain, program([*swept, *plain], bo.gaussian_process(), LANES, config))]
    if mixed:
        surrogate = bo.laplace_particles(members=config.members)
        found.append(Family(mixed, program(mixed, surrogate, MIXED_LANES, config)))
    return found


def rules_of(methods: Sequence[Method]) -> list[str]:
    """Return the names of the rules of methods, once each."""
    return list(dict.fromkeys(method.rule for method in methods))


def program(methods: Sequence[Method], surrogate: bo.Surrogate, lanes: int, config: Config) -> Callable[..., Any]:
    """Return the program of all lanes: (number of the rule, κ, key, initial design, pool, table), one each per lane."""
    names = rules_of(methods)
    settings = bo.CampaignConfig(config.initial_points, config.steps, config.refit_every)

    def run_lane(number: Any, kappa: Any, key: Any, initial: Any, pool: Any, table: Any) -> Any:
        acquisition = chosen_rule(number, [rule(name, kappa, len(table), config) for name in names])
        campaign = bo.campaign(look_up(pool, table), pool, surrogate, acquisition, settings, initial=initial)
        state, info = bo.run(key, campaign)
        return info.index, info.z_score, info.retries.sum(), surrogate.noise(state.params) / jnp.var(table)

    return over_devices(run_lane, lanes, bo.compiler_options())


def sweep(
    found: Sequence[Family], place: Landscape, config: Config, progress: Callable[[int], Any] = lambda done: None
) -> Sweep:
    """Run all weights, rules and seeds on a landscape, lanes of one method side by side."""
    choices, noises, retries, before = {}, [], 0, 0
    for family in found:
        lanes = lanes_of(family.methods, place, config)
        index, z_score, retried, noise = family.call(
            *lanes, progress=lambda done, before=before: progress(before + done)
        )
        split = (len(family.methods), config.campaigns, -1)
        for method, cells, scores in zip(family.methods, index.reshape(split), z_score.reshape(split), strict=True):
            choices[method.name] = Choices(cells, scores)
        noises.append(noise)
        retries, before = retries + int(retried.sum()), before + len(index)
    return Sweep(choices, np.concatenate(noises), retries)


def lanes_of(methods: Sequence[Method], place: Landscape, config: Config) -> tuple[Any, ...]:
    """Return the arguments of the program for all seeds of all methods on a landscape."""
    names, seeds = rules_of(methods), config.campaigns
    number = np.repeat([names.index(method.rule) for method in methods], seeds)
    kappa = np.repeat([method.kappa for method in methods], seeds)
    keys = jnp.tile(jax.random.split(jax.random.key(config.seed), seeds), len(methods))
    initial = orders(place, config)[:, : config.initial_points].astype(np.int32)
    per_lane = [np.broadcast_to(array, (len(number), *array.shape)) for array in (place.pool, place.table)]
    return number, kappa, keys, np.tile(initial, (len(methods), 1)), *per_lane


def orders(place: Landscape, config: Config) -> np.ndarray:
    """Return random orders (seed, evaluation): their first candidates open all campaigns of the seed."""
    return designs.orders(config.seed, config.campaigns, len(place.table), config.evaluations)


def blind(place: Landscape, config: Config) -> dict[str, Choices]:
    """Return random and Sobol orders of a landscape, which depend on no value."""
    seeds = range(config.seed, config.seed + config.campaigns)
    sobol = np.stack([designs.sobol_order(place.pool, config.evaluations, seed) for seed in seeds])
    nothing = np.full((config.campaigns, config.evaluations), np.nan)
    return {"random": Choices(orders(place, config), nothing), "sobol": Choices(sobol, nothing)}
