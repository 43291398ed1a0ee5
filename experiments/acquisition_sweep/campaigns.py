"""Stages of ``experiments/acquisition_sweep/compute.py``: the campaigns of all weights and rules, and what they needed."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from bo.acquisitions import analytic, combined, lookahead
from bo.acquisitions import weights as acquisition_weights
from bo.acquisitions.base import Acquisition
from bo.campaigns import running
from bo.campaigns.pool import campaign
from bo.campaigns.records import CampaignConfig
from bo.campaigns.rules import anywhere
from bo.surrogates import gp
from experiments.acquisition_sweep.config import Config
from experiments.acquisition_sweep.landscapes import Landscape
from experiments.lab import designs
from experiments.lab.objectives import look_up
from experiments.lab.parallel import over_devices
from experiments.lab.progress import advance
from experiments.lab.run import Run

LANES = 32  # campaigns of each device and call: memory is what limits them, 5 MB each on the largest pool
BLIND = ("random", "sobol")
CALIBRATION = {"weight": 10.0, "memory": 50.0}  # observations: of the prior, and the time constant of forgetting
Found = dict[tuple[str, str], Any]  # (landscape, method) -> chosen candidates and z-scores, (seed, evaluation)


def kappa_name(kappa: float) -> str:
    """Name of a swept weight among the methods."""
    return f"kappa_{kappa:g}"


def rule(name: str, kappa: Any, size: int, config: "Config") -> Acquisition:
    """The acquisition of that name for a pool of ``size``; ``kappa`` is the swept weight, for the rule of that name."""
    weights = acquisition_weights
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
    """Rule ``number``, which may be traced: under vmap the rules that no lane has chosen are not computed."""

    def score(key, prediction, state, view):
        total = jnp.zeros_like(prediction.mean)
        for own, candidate in enumerate(rules):
            mine = number == own
            values = lax.cond(
                anywhere(mine),
                lambda candidate=candidate: candidate(key, prediction, state, view).astype(prediction.mean.dtype),
                lambda: jnp.zeros_like(prediction.mean),
            )
            total = jnp.where(mine, values, total)
        return total

    return score


def sweep(run: Run, places: Sequence[Landscape], config: "Config") -> Found:
    """All weights, rules and seeds of a landscape as lanes of one program, lanes of one method side by side."""
    names = ("kappa", *config.rules)
    methods = [(kappa_name(kappa), 0, kappa) for kappa in config.kappas]
    methods += [(name, number, 0.0) for number, name in enumerate(config.rules, start=1)]
    settings = CampaignConfig(config.initial_points, config.steps, config.refit_every, buckets=2)

    def one(number: Any, kappa: Any, key: Any, initial: Any, pool: Any, table: Any) -> Any:
        rules = [rule(name, kappa, len(table), config) for name in names]
        search = campaign(
            look_up(pool, table), pool, gp.gaussian_process(), chosen_rule(number, rules), settings, initial=initial
        )
        state, info = running.run(key, search)
        return info.index, info.z_score, info.retries.sum(), state.params

    seeds = config.campaigns
    keys = jnp.tile(jax.random.split(jax.random.key(config.seed), seeds), len(methods))
    number, kappa = (np.repeat([method[part] for method in methods], seeds) for part in (1, 2))
    call, found, retries = over_devices(one, LANES), {}, 0
    with run.progress(len(places) * len(number), "campaign") as bar:
        for place in places:
            initial = orders(place, config)[:, : config.initial_points].astype(np.int32)
            per_lane = [np.broadcast_to(array, (len(number), *array.shape)) for array in (place.pool, place.table)]
            index, z_score, again, params = call(
                number, kappa, keys, np.tile(initial, (len(methods), 1)), *per_lane,
                progress=advance(bar, bar.n),
            )  # fmt: skip
            retries += int(again.sum())
            split = (len(methods), seeds)
            for (name, *_), cells, z in zip(
                methods, index.reshape(*split, -1), z_score.reshape(*split, -1), strict=True
            ):
                found[place.name, name] = cells, z
            run.record(**{f"{place.name}_noise_to_signal_median": np.median(params.noise)})
    run.record(gram_retries=retries, campaigns=seeds, evaluations=config.evaluations)
    return found


def orders(place: Landscape, config: "Config") -> np.ndarray:
    """Random orders, (seed, evaluation): their first candidates open all campaigns of the seed."""
    return designs.orders(config.seed, config.campaigns, len(place.table), config.evaluations)


def blind(places: Sequence[Landscape], config: "Config") -> Found:
    """Random and Sobol orders, which look at nothing that they find."""
    found = {}
    for place in places:
        sobol = [designs.sobol_order(place.pool, config.evaluations, config.seed + s) for s in range(config.campaigns)]
        nothing = np.full((config.campaigns, config.evaluations), np.nan)
        found[place.name, "random"] = orders(place, config), nothing
        found[place.name, "sobol"] = np.stack(sobol), nothing
    return found
