"""Campaigns over the candidates of a process, beside random orders of the candidates and of the generated histories."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import bo
from experiments.lab import designs, scores, summaries
from experiments.lab.objectives import look_up
from experiments.lab.parallel import over_devices
from experiments.lab.run import Outcome, RunError
from experiments.shared.processes.learning import Candidates, Evaluated
from experiments.shared.processes.options import ProcessSettings

METHODS = {
    "log_ei": "log expected improvement",
    "ucb": "μ + κσ",
    "random": "random candidates",
    "family": "random generated histories",
}


class Found(NamedTuple):
    """What the campaigns of a method evaluated, (seed, evaluation) each: row of its table, and value (NaN: failed)."""

    row: Any
    value: Any


def all_methods(
    key: jax.Array,
    candidates: Candidates,
    generated: Evaluated,
    settings: ProcessSettings,
    progress: Callable[[int], Any],
) -> dict[str, Found]:
    """Run the campaigns, and follow random orders of the candidates and of the generated histories beside them."""
    tables = {"random": candidates.evaluated.value, "family": generated.value}
    return campaigns(key, candidates, settings, progress) | blind(settings.seed, tables, settings)


def campaigns(
    key: jax.Array, candidates: Candidates, settings: ProcessSettings, progress: Callable[[int], Any]
) -> dict[str, Found]:
    """Run the campaigns of both acquisitions, all seeds; values come from the candidates' table."""
    pool, values = jnp.asarray(candidates.z, float), jnp.asarray(candidates.evaluated.value, float)
    if len(values) < settings.evaluations:
        raise RunError(f"{len(values)} cells lie inside the support, {settings.evaluations} are to be evaluated: "
                       "raise --cells or lower --steps")  # fmt: skip
    plan = bo.CampaignConfig(settings.initial_points, settings.steps, refit_every=5)
    acquisitions = {
        "log_ei": bo.log_expected_improvement(),
        "ucb": bo.upper_confidence_bound(settings.kappa),
    }
    found, keys = {}, jax.random.split(key, settings.campaigns)
    for number, (name, acquisition) in enumerate(acquisitions.items()):
        search = bo.campaign(look_up(pool, values), pool, bo.gaussian_process(), acquisition, plan)
        call = over_devices(lambda key, search=search: _row_and_value(bo.run(key, search)[1]), 1, bo.compiler_options())
        done = number * settings.campaigns
        found[name] = call(keys, progress=lambda count, done=done: progress(done + count))
    return found


def _row_and_value(info: bo.Info) -> Found:
    """Return what a campaign evaluated."""
    return Found(info.index, info.value)


def blind(seed: int, tables: dict[str, np.ndarray], settings: ProcessSettings) -> dict[str, Found]:
    """Follow random orders of each table of values at the budget of the campaigns, as many as these."""
    found = {}
    for number, (name, values) in enumerate(tables.items()):
        generators = (np.random.default_rng([seed, number, member]) for member in range(settings.campaigns))
        rows = designs.random_orders(generators, len(values), settings.evaluations)
        found[name] = Found(rows, values[rows])
    return found


def scored(found: dict[str, Found], candidates: Candidates) -> Outcome:
    """Return paths and ends of all methods as arrays by ``METHOD_name``, and quartiles of the seeds as numbers."""
    best = np.nanmax(candidates.evaluated.value)
    arrays, numbers = {}, {}
    for name, (row, value) in found.items():
        path = scores.best_so_far(value)
        arrays |= {
            f"{name}_row": row,
            f"{name}_value": value,
            f"{name}_best": np.where(np.isfinite(path), path, np.nan),
        }
        numbers |= _quartiles_of_best(f"{name}_best", path[:, -1])
        numbers |= _quartiles_of_best(f"{name}_best_half_way", path[:, path.shape[1] // 2 - 1])
        within = path >= best - 0.01 * abs(best)
        numbers |= summaries.quartiles(f"{name}_evaluations_to_1_percent", scores.evaluations_to(within))
        numbers[f"{name}_failed_share"] = np.isnan(value).mean()
    count, evaluations = next(iter(found.values())).row.shape
    return Outcome(arrays, {**numbers, "campaigns": count, "evaluations": evaluations})


def _quartiles_of_best(name: str, best: np.ndarray) -> dict[str, float]:
    """Return the quartiles of the best of each seed; a seed without a success has −∞, which counts as the smallest."""
    ends = ("q75", "median", "q25")
    quantiles = summaries.quantile(-best, [0.25, 0.5, 0.75])  # the rule of ``summaries`` is for +∞
    return {f"{name}_{end}": -value for end, value in zip(ends, quantiles, strict=True)}
